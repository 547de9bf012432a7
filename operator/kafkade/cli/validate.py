"""``kafkade validate``: what it takes. What it does is imported when it is called, so that other commands start fast."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from kafkade.cli.plan import Files, Namespace


class ValidateOutput(StrEnum):
    """Forms of what was found, on stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    SARIF = "sarif"
    JUNIT = "junit"


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="The same as -f, for tools that name files one after the other."),
    ] = None,
    filename: Files = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="REVISION",
            help="Compare with the same files at this git revision (origin/main, a tag, a commit; origin/main... for where"
            " this branch has left it): changed schemas must be compatible, fields that cannot change must not, and what would"
            " lose data is named. Nothing is checked out.",
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="The files are not all there is: what they name and do not have is taken for there."
        ),
    ] = False,
    namespace: Namespace = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems: exit code 1.")] = False,
    output: Annotated[
        ValidateOutput,
        typer.Option("--output", "-o", help="table is for people, sarif for code scanning, junit for test reports."),
    ] = ValidateOutput.TABLE,
) -> None:
    """Check manifests without Kafka, registry or Kubernetes: before a commit, and in CI.

    It says what an API server would refuse: unknown fields, wrong values, broken rules of the CRDs.
    It says what the operator would refuse: names, references, schemas that do not parse.
    With --against it says what would be refused as a change, or lose data.
    Each problem has its file, line and column, and a rule's id: docs/reference/rules.md.

    Examples:

        kafkade validate -f manifests/
        kafkade validate -f manifests/ --against origin/main
        helm template shop ./chart | kafkade validate -f -

    Exit codes: 0 nothing found, or only warnings; 1 problems; 2 the command is wrong, or --against names no revision.
    """
    from kafkade.cli.validate_command import validate_command

    paths = (*(files or ()), *(filename or ()))
    if not paths:
        raise typer.BadParameter("give manifests: -f FILE, -f FOLDER, or -f - for stdin", param_hint="--filename")
    validate_command(paths, namespace or "default", against, output, partial=partial, strict=strict)
