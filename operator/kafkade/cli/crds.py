"""``kafkade crds``: write the CustomResourceDefinitions, or say whether those on disk are stale."""

from __future__ import annotations

import difflib
from collections.abc import Container
from pathlib import Path
from typing import Any

import typer
import yaml

from kafkade.api.crd import crds

HEADER = "# Generated from the types in operator/kafkade/api by `kafkade crds`. Do not edit.\n"
"""First line of every file; a file without it is not ours and never removed."""


class _Dumper(yaml.SafeDumper):
    """No anchors, whatever objects are shared; lists are indented below their key."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def render() -> dict[str, str]:
    """File name to YAML text of every CRD; the same text on every machine."""
    return {
        f"{plural}.yaml": HEADER
        + yaml.dump(crd, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120)
        for plural, crd in crds().items()
    }


def differences(directory: Path) -> str:
    """Unified diff from what ``directory`` holds to what it should hold; empty when it is up to date."""
    wanted = render()
    found = {path.name: text for path, text in _ours(directory, wanted)}
    diffs: list[str] = []
    for name in sorted(wanted.keys() | found.keys()):
        old, new = found.get(name, ""), wanted.get(name, "")
        diffs += difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            str(directory / name) if name in found else "/dev/null",
            f"generated/{name}" if name in wanted else "/dev/null",
        )
    return "".join(diffs)


def write(directory: Path) -> list[Path]:
    """Write what is new or changed, remove generated files of kinds that are no more; the paths that were touched."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted, touched = render(), []
    for name, text in wanted.items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            touched.append(path)
    for path, _ in _ours(directory, wanted):
        if path.name not in wanted:
            path.unlink()
            touched.append(path)
    return touched


def _ours(directory: Path, wanted: Container[str]) -> list[tuple[Path, str]]:
    """The files there that carry our header or a name of ours, with their text; others are not our business."""
    files = ((path, path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.yaml")))
    return [(path, text) for path, text in files if path.name in wanted or text.startswith(HEADER)]


def crds_command(directory: Path, check: bool) -> None:
    """Write ``crds/*.yaml`` to ``directory``; with ``check`` write nothing, print the diff and exit 1 when stale."""
    if check:
        if diff := differences(directory):
            typer.echo(diff, nl=False)
            typer.echo(f"error: {directory} is not what the types say", err=True)
            typer.echo("hint: run `make crds` and commit the result", err=True)
            raise typer.Exit(1)
        return
    for path in write(directory):
        typer.echo(path)
