"""What was found, as SARIF 2.1.0 (OASIS): the form that GitHub code scanning, GitLab and editors take."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from kafkade import __version__
from kafkade.local.checks.run import Checked
from kafkade.local.problems import RULES, WARNINGS, Place, Problem, Rule

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ORDER = list(RULES)


def sarif(checked: Checked) -> dict[str, Any]:
    """One run with all rules and a result for each problem."""
    driver = {
        "name": "kafkade validate",
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in RULES],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem) for problem in checked.problems],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    about = RULES[rule]
    return {
        "id": rule.value,
        "name": about.name,
        "shortDescription": {"text": about.text},
        "fullDescription": {"text": about.text},
        "help": {"text": about.text},
        "defaultConfiguration": {"level": "warning" if rule in WARNINGS else "error"},
    }


def _result(problem: Problem) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": _place(problem.place)}
    if problem.key is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": "/".join(problem.key), "kind": "resource"}]
    return {
        "ruleId": problem.rule.value,
        "ruleIndex": _ORDER.index(problem.rule),
        "level": problem.severity,
        "message": {"text": problem.message},
        "locations": [location],
    }


def _place(place: Place) -> dict[str, Any]:
    # a file as a whole is its first line: code scanning shows no result without one
    region = {"startLine": place.line or 1, "startColumn": place.column or 1}
    return {"artifactLocation": {"uri": _uri(place.file)}, "region": region}


def _uri(file: str) -> str:
    """Relative to where the command runs, which in CI is the repository's folder."""
    path = PurePath(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
