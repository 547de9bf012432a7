"""What was found, as JUnit XML: a suite a file, a case a resource, as CI servers show tests."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from kafkade.local.checks.run import Checked
from kafkade.local.problems import Problem

_NOT_SHOWN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""What XML does not take, what a terminal would obey, and what turns text around."""
_FILE = "the file"
"""The case of what is about no resource."""


def junit(checked: Checked) -> str:
    """The document. Errors are failures; warnings stand in the case's output."""
    suites = ElementTree.Element("testsuites", name="kafkade validate")
    totals = [_suite(suites, file, cases) for file, cases in sorted(_files(checked).items())]
    for name, count in (("tests", sum(t for t, _ in totals)), ("failures", sum(f for _, f in totals))):
        suites.set(name, str(count))
    suites.set("errors", "0")
    ElementTree.indent(suites)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ElementTree.tostring(suites, encoding='unicode')}\n"


def _files(checked: Checked) -> Mapping[str, Mapping[str, list[Problem]]]:
    """By file its resources, with what was found in it for each."""
    files: dict[str, dict[str, list[Problem]]] = defaultdict(dict)
    for key, place in checked.resources:
        files[place.file][str(key)] = []
    for problem in checked.problems:
        case = _FILE if problem.key is None else str(problem.key)
        files[problem.place.file].setdefault(case, []).append(problem)
    return files


def _suite(suites: ElementTree.Element, file: str, cases: Mapping[str, Sequence[Problem]]) -> tuple[int, int]:
    """Adds a suite; how many cases it has, and how many of them fail."""
    suite = ElementTree.SubElement(suites, "testsuite", name=_text(file), tests=str(len(cases)))
    failures = 0
    for name, problems in cases.items():
        case = ElementTree.SubElement(suite, "testcase", name=_text(name), classname=_text(file), time="0")
        errors = [problem for problem in problems if not problem.warning]
        warnings = [problem for problem in problems if problem.warning]
        if errors:
            failures += 1
            failure = ElementTree.SubElement(case, "failure")
            failure.set("type", errors[0].rule.value)
            failure.set("message", _text(errors[0].message))
            failure.text = _told(errors)
        if warnings:
            ElementTree.SubElement(case, "system-out").text = _told(warnings)
    for name, count in (("failures", failures), ("errors", 0), ("skipped", 0)):
        suite.set(name, str(count))
    suite.set("time", "0")
    return len(cases), failures


def _told(problems: Sequence[Problem]) -> str:
    return "\n".join(_text(f"{problem.place}: {problem.rule.value}: {problem.message}") for problem in problems)


def _text(value: str) -> str:
    """Text that XML can hold."""
    return _NOT_SHOWN.sub("�", value)
