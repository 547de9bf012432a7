"""What ``kafkade dlq redrive`` has to say at its end, in the words of a KafkaDLQRedrive's status. Pure."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from kafkade.api.redrive import Counts, Phase
from kafkade.cli.dlq_stats import histogram_table
from kafkade.cli.output import add_row, new_table
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.progress import Progress

_COUNTS = tuple(Counts.model_fields)


def result_data(job: Job, phase: Phase, progress: Progress) -> dict[str, Any]:
    """The keys of a KafkaDLQRedrive's status, the run's id (None for a dry run, which cannot be gone on with), the topic."""
    return {
        "id": None if job.dry_run else job.uid,
        "topic": job.topic,
        "phase": phase.value,
        "counts": _data(progress.counts),
        "progress": [_data(item) for item in progress.partitions],
        "histogram": [_data(item) for item in progress.histogram],
        "failures": [_data(item) for item in progress.failures],
    }


def result_table(job: Job, phase: Phase, progress: Progress) -> RenderableType:
    """The same as tables; those that would be empty are left out."""
    counts = new_table("PHASE", *(name.upper() for name in _COUNTS), right=tuple(name.upper() for name in _COUNTS))
    add_row(counts, phase.value, *(getattr(progress.counts, name) for name in _COUNTS))
    parts: list[RenderableType] = [counts]
    if job.dry_run and progress.histogram:
        rows = [((item.error, item.origin, item.age), item.records) for item in progress.histogram]
        parts += ["", histogram_table(rows)]
    if progress.failures:
        parts += ["", _failures(progress)]
    return Group(*parts)


def _failures(progress: Progress) -> Table:
    table = new_table("PARTITION", "OFFSET", "FAILURE", right=("PARTITION", "OFFSET"))
    for failure in progress.failures:
        add_row(table, failure.partition, failure.offset, failure.reason)
    more = progress.counts.failed + progress.counts.lost - len(progress.failures)
    if more > 0:
        add_row(table, "", "", f"and {more} more")
    return table


def _data(item: Any) -> Any:
    return item.model_dump(by_alias=True)
