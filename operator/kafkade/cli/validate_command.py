"""What ``kafkade validate`` does: the checks, and how what they find is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from kafkade.cli.junit import junit
from kafkade.cli.options import Output
from kafkade.cli.output import new_table, print_data, printable, warn, with_progress
from kafkade.cli.sarif import sarif
from kafkade.cli.validate import ValidateOutput
from kafkade.local.checks.run import Checked, Sources, check
from kafkade.local.documents import STDIN, Document
from kafkade.local.git import GitFailed, Revision
from kafkade.local.problems import Problem

PROBLEMS = 1
"""Exit code where something was found."""


def validate_command(
    paths: tuple[str, ...],
    namespace: str,
    against: str | None,
    output: ValidateOutput,
    *,
    partial: bool,
    strict: bool,
) -> None:
    """Print what was found; exit as it is."""
    if against is not None and STDIN in paths:
        raise typer.BadParameter("stdin is at no git revision: give files or folders", param_hint="--against")
    try:
        revision = None if against is None else Revision.find(against, paths)
        checked = check(Sources(paths, namespace, partial, _watched), revision)
    except GitFailed as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--against") from error
    if not checked.resources and not checked.problems:
        warn("none of the files has a resource of kafkade")
    _print(checked, output)
    if checked.errors or (strict and checked.warnings):
        raise typer.Exit(PROBLEMS)


def _watched(documents: Sequence[Document]) -> Iterator[Document]:
    return with_progress(documents, "documents", of=len(documents))


def _print(checked: Checked, output: ValidateOutput) -> None:
    match output:
        case ValidateOutput.SARIF:
            print_data(sarif(checked), Output.JSON, Text)
        case ValidateOutput.JUNIT:
            sys.stdout.write(junit(checked))
        case ValidateOutput.TABLE:
            print_data(None, Output.TABLE, lambda: _table(checked))
        case ValidateOutput.JSON | ValidateOutput.YAML:
            print_data(data(checked), Output(output.value), Text)


def data(checked: Checked) -> dict[str, Any]:
    """For JSON and YAML."""
    return {
        "summary": {
            "resources": len(checked.resources),
            "errors": checked.errors,
            "warnings": checked.warnings,
            "othersLeftOut": checked.others,
        },
        "problems": [_entry(problem) for problem in checked.problems],
    }


def _entry(problem: Problem) -> Mapping[str, Any]:
    entry: dict[str, Any] = {
        "rule": problem.rule.value,
        "severity": problem.severity,
        "file": problem.place.file,
        "line": problem.place.line or None,
        "column": problem.place.column or None,
    }
    if problem.key is not None:
        entry |= {"kind": problem.key.kind, "namespace": problem.key.namespace, "name": problem.key.name}
    return entry | {"message": problem.message}


def summary(checked: Checked) -> str:
    """``12 resources, 2 problems, 1 warning``."""
    counts = ((len(checked.resources), "resource"), (checked.errors, "problem"), (checked.warnings, "warning"))
    told = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count or word == "resource"]
    return ", ".join(told) + ("" if checked.problems else ": nothing found") + "."


def _table(checked: Checked) -> RenderableType:
    """Problems by file; places are written such that a terminal and an editor can follow them."""
    return Group(*_lines(checked), Text(summary(checked), "bold red" if checked.errors else "bold"))


def _lines(checked: Checked) -> Iterator[RenderableType]:
    for file, problems in groupby(checked.problems, key=lambda problem: problem.place.file):
        yield Text(printable(file), "bold")
        table = new_table("place", "severity", "rule", "message")
        table.show_header = False
        for problem in problems:
            place = f"  {problem.place.line}:{problem.place.column}" if problem.place.line else "  -"
            style = "yellow" if problem.warning else "bold red"
            words = (place, "dim"), (problem.severity, style), (problem.rule.value, ""), (problem.message, "")
            table.add_row(*(Text(printable(text), style) for text, style in words))
        yield table
        yield Text()
