"""What ``kafkade export`` does: read, say it in resources, hand them over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.api.policy import INTERNAL_TOPICS
from kafkade.cli.connection import access_from
from kafkade.cli.manifests_out import check_names, counted, hand_over
from kafkade.cli.options import Manifest
from kafkade.cli.output import ProgressLine, errors_reported, printable, warn
from kafkade.cli.plan_command import quiet
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.registry import RegistryClient
from kafkade.clusters.connect import Access
from kafkade.exports import read
from kafkade.exports.cluster import cluster_draft
from kafkade.exports.dead_letters import SUFFIXES, Guessed, guess
from kafkade.exports.model import Exported, Target
from kafkade.exports.schemas import chosen, of_topics, schema_drafts
from kafkade.exports.select import Selection, internal
from kafkade.exports.topics import topic_drafts

_SUFFIX = re.compile(r"[._-][a-zA-Z0-9._-]{1,63}")


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be exported, and from where."""

    bootstrap: str
    command_config: Path | None
    topics: tuple[str, ...]
    exclude: tuple[str, ...]
    registry: str | None
    subjects: tuple[str, ...]
    dead_letters: bool
    dlq_suffixes: tuple[str, ...]
    internal: bool
    namespace: str
    cluster: str
    with_cluster: bool

    @property
    def target(self) -> Target:
        """Where resources go.

        Raises:
            InvalidSpec: one of the names is none that Kubernetes takes.
        """
        check_names(self.namespace, self.cluster)
        return Target(self.namespace, self.cluster, self.with_cluster)


def export_command(export: Export, out: Path | None, force: bool, output: Manifest) -> None:
    """Print or write the manifests; exit as it went."""
    quiet()
    with errors_reported():
        target = export.target
        selection = Selection.of(export.topics, export.exclude, "--topics")
        subjects = Selection.of(export.subjects, (), "--subjects") if export.subjects else None
        access = access_from(export.bootstrap, export.command_config, export.registry)
        if export.subjects and export.registry is None:
            raise InvalidSpec("--subjects needs --registry, which says where they are")
        found = asyncio.run(_exported(export, selection, subjects, target, access)).checked()
        for note in found.notes:
            typer.echo(f"note: {printable(note)}", err=True)
        for failed in found.failed:
            warn(failed)
        hand_over(found.drafts, out, force=force, output=output)
    typer.echo(f"exported: {counted(found.drafts)}", err=True)
    if found.failed:
        typer.echo(f"error: {len(found.failed)} could not be exported, so the export is not whole", err=True)
        raise typer.Exit(1)


async def _exported(
    export: Export, selection: Selection, subjects: Selection | None, target: Target, access: Access
) -> Exported:
    kafka, registry, line = KafkaAdmin(access.kafka), access.registry_client(), ProgressLine(bar=True)
    found = Exported()
    try:
        there = await kafka.topics()
        names = _chosen(there, selection, export, found)
        facts = await read.topic_facts(kafka, names, _telling(line, "topics"))
        if target.with_cluster:
            found.add(cluster_draft(access.kafka, access.registry, await read.settings(kafka, found), target))
        guessed = guess(facts, _suffixes(export), target) if export.dead_letters else Guessed()
        found.add(guessed.exported)
        others = {name: known for name, known in facts.items() if name not in guessed.kept}
        found.add(topic_drafts(others, target, frozenset(guessed.names)))
        if registry is not None:
            wanted = subjects if subjects is not None else (names if export.topics or export.exclude else None)
            found.add(await _schemas(registry, wanted, there, target, _telling(line, "subjects")))
    finally:
        line.end()
        await kafka.close()
        if registry is not None:
            await registry.close()
    return found


async def _schemas(
    client: RegistryClient,
    wanted: Selection | list[str] | None,
    topics: dict[str, int],
    target: Target,
    told: read.Told,
) -> Exported:
    """``wanted``: subjects, or topics whose subjects are meant, or (None) all."""
    found = Exported()
    registry = await read.registry(client)
    names = chosen(registry, found)
    if isinstance(wanted, Selection):
        names = [name for name in names if name in wanted]
        if not names:
            raise InvalidSpec(f"--subjects: no subject fits; the registry has {len(registry.subjects)}")
    elif wanted is not None:
        names = of_topics(names, wanted, topics)
    held = await read.subjects(client, names, told)
    if isinstance(wanted, list):
        held = await read.with_references(client, held, registry.subjects, told)
    found.add(schema_drafts(held, registry, target))
    return found


def _suffixes(export: Export) -> tuple[str, ...]:
    """What names of dead-letter topics end in.

    Raises:
        InvalidSpec: one is none that a policy can have.
    """
    for suffix in export.dlq_suffixes:
        if not _SUFFIX.fullmatch(suffix):
            raise InvalidSpec(f"--dlq-suffix {suffix}: begins with '.', '-' or '_', as in .dlq")
    return export.dlq_suffixes or SUFFIXES


def _chosen(there: dict[str, int], selection: Selection, export: Export, found: Exported) -> list[str]:
    """Names of the topics to export; what is left out is noted.

    Raises:
        InvalidSpec: patterns were given, and no topic fits them.
    """
    names = [name for name in there if name in selection and name not in INTERNAL_TOPICS]
    chosen = [name for name in names if export.internal or not internal(name)]
    if export.topics and not names:
        given = " ".join(export.topics)
        raise InvalidSpec(f"--topics {given}: no topic fits; {len(there)} can be seen at {export.bootstrap}")
    if len(chosen) < len(names):
        out = sorted(set(names) - set(chosen))
        shown = ", ".join(out[:5]) + (", …" if len(out) > 5 else "")
        found.notes.append(f"{len(out)} internal topics are left out (--internal takes them too): {shown}")
    return chosen


def _telling(line: ProgressLine, what: str) -> Callable[[int, int], None]:
    def told(done: int, of: int) -> None:
        if line.due:
            line.tell(f"{what}: {done} of {of}", done, of)

    return told
