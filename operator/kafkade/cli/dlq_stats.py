"""What ``kafkade dlq stats`` counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table

from kafkade.cli.options import Output
from kafkade.cli.output import add_row, errors_reported, new_table, print_data, with_progress
from kafkade.cli.session import Session
from kafkade.clients.kafka_mover_model import Record
from kafkade.dlq.redrive.progress import bucket_of
from kafkade.dlq.shown import moment, waiting


class Stats:
    """Counts of records by error class, topic of origin and age at ``now`` (milliseconds since 1970)."""

    def __init__(self, now: int) -> None:
        self._now = now
        self.buckets: Counter[tuple[str, str, str]] = Counter()
        self.oldest: int | None = None
        self.newest: int | None = None

    def count(self, record: Record) -> None:
        """Count one more."""
        self.buckets[bucket_of(record.headers, record.timestamp, self._now)] += 1
        if record.timestamp >= 0:
            self.oldest = min(record.timestamp, record.timestamp if self.oldest is None else self.oldest)
            self.newest = max(record.timestamp, record.timestamp if self.newest is None else self.newest)

    @property
    def rows(self) -> list[tuple[tuple[str, str, str], int]]:
        """Buckets, the fullest first."""
        return sorted(self.buckets.items(), key=lambda item: (-item[1], item[0]))


def stats_data(topic: str, stats: Stats) -> dict[str, Any]:
    """The counts, as what JSON knows; the names are those of a KafkaDLQRedrive's status.histogram."""
    return {
        "topic": topic,
        "waiting": stats.buckets.total(),
        "oldest": moment(stats.oldest),
        "newest": moment(stats.newest),
        "histogram": [
            {"error": error, "origin": origin, "age": passed, "records": records}
            for (error, origin, passed), records in stats.rows
        ],
    }


def stats_command(bootstrap: str, command_config: Path | None, topic: str, output: Output) -> None:
    """Print what waits in ``topic``, counted."""
    with errors_reported(), Session(bootstrap, command_config) as session:
        offsets = session.offsets([topic], session.topics())[topic]
        gaps = waiting(offsets, session.ledgers([topic])[topic])
        ranges = {partition: (found[0][0], found[-1][1]) for partition, found in gaps.items() if found}
        records = session.reader.read(topic, ranges)
        counted = Stats(int(time.time() * 1000))
        most = sum(end - first for first, end in ranges.values())
        for record in with_progress(records, "records read", most):
            if any(first <= record.offset < end for first, end in gaps[record.partition]):
                counted.count(record)
    print_data(stats_data(topic, counted), output, lambda: histogram_table(counted.rows))


def histogram_table(rows: Iterable[tuple[tuple[str, str, str], int]]) -> Table:
    """Counts by error class, topic of origin and age, with the share that each has."""
    table = new_table("RECORDS", "SHARE", "ERROR", "ORIGIN", "AGE", right=("RECORDS", "SHARE"))
    rows = list(rows)
    total = sum(records for _, records in rows)
    for (error, origin, passed), records in rows:
        add_row(table, records, f"{100 * records / total:.1f} %", error or "(unknown)", origin or "(unknown)", passed)
    add_row(table, total, "", "in all")
    return table
