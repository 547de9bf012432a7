"""What ``kafkade import`` does: read files, convert them, hand the manifests over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.cli.manifests_out import check_names, counted, hand_over
from kafkade.cli.options import Manifest
from kafkade.cli.output import errors_reported, printable, warn
from kafkade.imports import jikkou, ns4kafka, strimzi, terraform, topicctl
from kafkade.imports.model import Imported, Remark, Target
from kafkade.local.documents import STDIN, Document, read
from kafkade.local.problems import Problem

_CONVERTERS: dict[str, Callable[[Sequence[Document], Target], Imported]] = {
    "strimzi": strimzi.convert,
    "jikkou": lambda documents, target: jikkou.convert(documents, target, included),
    "topicctl": topicctl.convert,
    "ns4kafka": lambda documents, target: ns4kafka.convert(documents, target, included),
    "terraform": terraform.convert,
}
_HCL = (".tf", ".tofu", ".hcl")
_SHOW = "terraform show -json > state.json makes JSON of the state, in which variables, loops and modules are resolved"
_TEMPLATES = (
    "files with templates ({{ … }}) are to be rendered first: jikkou validate --files … prints what they come to"
)


def import_command(
    tool: str,
    files: Sequence[str],
    namespace: str | None,
    cluster: str | None,
    out: Path | None,
    force: bool,
    output: Manifest,
) -> None:
    """Print or write the manifests; exit as it went."""
    with errors_reported():
        check_names(namespace, cluster)
        _check_files(tool, files)
        documents, problems = read(files)
        _stop_at(problems, tool)
        imported = _CONVERTERS[tool](documents, Target(namespace, cluster))
        drafts = imported.drafts()
        for warning in sorted(imported.warnings, key=lambda found: found.place):
            warn(str(warning))
        _stop_at(imported.problems, tool)
        if not drafts:
            raise InvalidSpec(f"there is nothing to import for {tool} in {', '.join(files)}")
        hand_over(drafts, out, force=force, output=output)
    typer.echo(f"imported: {counted(drafts)}", err=True)
    clusters = sorted({f"{draft.key.namespace}/{draft.spec['clusterRef']['name']}" for draft in drafts})
    typer.echo(f"they need the KafkaCluster {', '.join(clusters)}: kafkade export writes one", err=True)


def included(manifest: str, name: str) -> str | None:
    """The text of a file that a manifest names, from here or from the manifest's own folder; None where it is not there.

    Only files below these two are read, wherever links lead: somebody else may have written the manifest.
    """
    path = name.removeprefix("file://")
    folders = [Path()] if manifest.startswith("<") else [Path(), Path(manifest).parent]
    for folder in folders:
        try:
            file = (folder / path).resolve()
            if file.is_file() and any(file.is_relative_to(allowed.resolve()) for allowed in folders):
                return file.read_text(encoding="utf-8-sig")
        except (OSError, ValueError):  # ValueError: no UTF-8, or no name that a file can have
            continue
    return None


def _check_files(tool: str, files: Sequence[str]) -> None:
    """Raises InvalidSpec where Terraform's own language is given."""
    if tool != "terraform":
        return
    for name in files:
        path = Path(name)
        if name != STDIN and (
            path.suffix in _HCL or (path.is_dir() and any(path.glob("*.tf")) and not any(path.rglob("*.json")))
        ):
            raise InvalidSpec(f"{name} is in Terraform's own language, which is not read: {_SHOW}")


def _stop_at(problems: Sequence[Problem | Remark], tool: str) -> None:
    """Ends the command where a file is wrong: half an import would look whole."""
    if not problems:
        return
    for problem in sorted(problems, key=lambda found: found.place):
        typer.echo(f"error: {printable(str(problem))}", err=True)
    if tool == "jikkou" and any("not YAML" in problem.message for problem in problems):
        typer.echo(f"hint: {_TEMPLATES}", err=True)
    if tool == "terraform":
        typer.echo(f"hint: {_SHOW}", err=True)
    raise typer.Exit(1)
