"""What ``kafkade dlq ls`` says of topics."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from kafkade.cli.options import Output
from kafkade.cli.output import add_row, errors_reported, new_table, print_data, with_progress
from kafkade.cli.session import Session
from kafkade.clients.model import PartitionOffsets
from kafkade.dlq.headers import read
from kafkade.dlq.redrive.ledger import Ledger
from kafkade.dlq.shown import ago, moment, waiting

_SAMPLE = 20
"""Records of a partition that are looked at for source topics."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A dead-letter topic. ``oldest``: milliseconds since 1970; ``more_sources``: not all waiting records were looked at."""

    topic: str
    partitions: int
    waiting: int
    oldest: int | None
    sources: tuple[str, ...]
    more_sources: bool


def ls_command(bootstrap: str, command_config: Path | None, topics: Sequence[str], suffix: str, output: Output) -> None:
    """Print what there is of ``topics``, or of those that end in ``suffix`` when none is given."""
    with errors_reported(), Session(bootstrap, command_config) as session:
        partitions = session.topics()
        names = topics or sorted(name for name in partitions if name.endswith(suffix) and name != suffix)
        offsets, ledgers = session.offsets(names, partitions), session.ledgers(names)
        facts = [
            facts_of(session, name, offsets[name], ledgers[name]) for name in with_progress(names, "topics", len(names))
        ]
    if not facts and output is Output.TABLE:
        typer.echo(f"no topic's name ends in {suffix}; --suffix takes another ending, and names can be given", err=True)
        return
    print_data([topic_data(found) for found in facts], output, lambda: _table(facts))


def _table(facts: list[TopicFacts]) -> Table:
    table = new_table("TOPIC", "PARTITIONS", "WAITING", "OLDEST", "SOURCES", right=("PARTITIONS", "WAITING"))
    now = int(time.time() * 1000)
    for found in facts:
        sources = ", ".join(found.sources) + (", …" if found.more_sources else "")
        add_row(table, found.topic, found.partitions, found.waiting, ago(found.oldest, now), sources)
    return table


def facts_of(
    session: Session, topic: str, offsets: Mapping[int, PartitionOffsets], ledgers: Mapping[int, Ledger]
) -> TopicFacts:
    """Count what waits, and look at the oldest of it.

    Raises:
        KafkadeError: as the session.
    """
    gaps = waiting(offsets, ledgers)
    count = sum(end - first for ranges in gaps.values() for first, end in ranges)
    first = {p: (ranges[0][0], min(ranges[0][1], ranges[0][0] + _SAMPLE)) for p, ranges in gaps.items() if ranges}
    records = list(session.reader.read(topic, first)) if first else []
    origins = {letters[0].origin.topic for record in records if (letters := read(record.headers))}
    times = [record.timestamp for record in records if record.timestamp >= 0]
    return TopicFacts(
        topic,
        len(offsets),
        count,
        min(times, default=None),
        tuple(sorted(name for name in origins if name)),
        more_sources=count > sum(end - start for start, end in first.values()),
    )


def topic_data(facts: TopicFacts) -> dict[str, Any]:
    """The same, as what JSON knows."""
    return {
        "topic": facts.topic,
        "partitions": facts.partitions,
        "waiting": facts.waiting,
        "oldest": moment(facts.oldest),
        "sources": list(facts.sources),
        "moreSources": facts.more_sources,
    }
