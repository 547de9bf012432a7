"""What is committed of each partition of a redrive, and what the open transaction adds to it. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from kafkade.clients.kafka_mover_model import Positions, Record
from kafkade.clients.model import Committed
from kafkade.dlq.redrive.decide import Decision, Fail, Lost, Skip
from kafkade.dlq.redrive.feed import Wanted
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.ledger import MAX_METADATA, Ledger
from kafkade.dlq.redrive.progress import Progress, Tally, bucket_of, progress, total

_METADATA = MAX_METADATA - 1
"""librdkafka's Python client adds a zero byte."""


@dataclass(slots=True)
class Stretch:
    """Records of a partition that are moved, one after another: from ``first`` to before ``end``."""

    partition: int = -1
    first: int = 0
    end: int = 0
    quarantine: bool = False

    @property
    def records(self) -> int:
        """How many they are."""
        return self.end - self.first


@dataclass(slots=True)
class _Partition:
    ledger: Ledger
    tally: Tally
    changed: bool = False


class Account:
    """The account of one run. A dry run keeps no ledger."""

    def __init__(self, job: Job, began: float) -> None:
        self._job = job
        self._began = int(began * 1000)
        self._partitions: dict[int, _Partition] = {}
        self._histogram: Counter[tuple[str, str, str]] = Counter()

    def load(self, bounds: Mapping[int, tuple[int, int]], ledgers: Positions, tallies: Positions) -> dict[int, Wanted]:
        """Take what is committed for the truth; returns what is to be read.

        ``bounds``: first offset and end of each partition.

        Raises:
            LedgerUnreadable, ProgressUnreadable: what is committed was not written by this kafkade.
        """
        self._histogram.clear()
        self._partitions = {}
        wanted: dict[int, Wanted] = {}
        for number, (start, end) in bounds.items():
            known = tallies.get(number)
            tally = Tally(start, end) if known is None else Tally.from_metadata(known.offset, known.metadata)
            written = ledgers.get(number, Committed(start, ""))
            ledger = Ledger.read(written.offset, written.metadata)
            ledger.raise_to(start)
            windows = self._job.filter.windows(number, max(tally.next, start), tally.end)
            ranges = deque(gap for first, last in windows for gap in ledger.gaps(first, last))
            # where each partition ends is settled by the first transaction, which also keeps the ledger from expiring
            self._partitions[number] = _Partition(ledger, tally, changed=known is None)
            wanted[number] = Wanted(ranges, tally.end)
        return wanted

    @property
    def changed(self) -> bool:
        """Whether there is something to commit."""
        return any(partition.changed for partition in self._partitions.values())

    @property
    def left(self) -> int | None:
        """How many records may still be moved; None: any number."""
        if self._job.max_records is None:
            return None
        return max(0, self._job.max_records - total(p.tally for p in self._partitions.values()).moved)

    def has_room(self, record: Record) -> bool:
        """Whether the ledger can take in this record besides all others."""
        return self._job.dry_run or self._partitions[record.partition].ledger.has_room(record.offset, _METADATA)

    def moved(self, run: Stretch) -> None:
        """Write down that records are moved."""
        partition = self._partitions[run.partition]
        tally = partition.tally
        tally.read += run.records
        if run.quarantine:
            tally.quarantined += run.records
        else:
            tally.moved += run.records
        tally.next = run.end
        partition.changed = True
        if not self._job.dry_run:
            partition.ledger.add(run.first, run.end)

    def stays(self, record: Record, decision: Decision) -> None:
        """Write down that a record is not moved, and why."""
        partition = self._partitions[record.partition]
        tally = partition.tally
        tally.read += 1
        tally.next = record.offset + 1
        partition.changed = True
        match decision:
            case Skip():
                tally.skipped += 1
            case Fail(reason):
                tally.failed += 1
                tally.fail(record.offset, reason)
            case Lost():
                tally.lost += 1
                tally.fail(record.offset, "Lost")

    def note(self, record: Record, original: Record | None) -> None:
        """Count a record in the histogram of a dry run. ``original``: what it points to."""
        stamp = record.timestamp if original is None else original.timestamp
        self._histogram[bucket_of(record.headers, stamp, self._began)] += 1

    def finish(self) -> None:
        """Nothing is left to be read, where the end of a partition has no record either."""
        for partition in self._partitions.values():
            if partition.tally.next < partition.tally.end:
                partition.tally.next = partition.tally.end
                partition.changed = True

    def positions(self) -> tuple[Positions, Positions]:
        """What is to be committed for the ledger's group and for the redrive's own."""
        changed = {number: partition for number, partition in self._partitions.items() if partition.changed}
        return (
            {n: Committed(p.ledger.base, p.ledger.metadata()) for n, p in changed.items()},
            {n: Committed(p.tally.next, p.tally.metadata()) for n, p in changed.items()},
        )

    def committed(self) -> None:
        """All of it is committed."""
        for partition in self._partitions.values():
            partition.changed = False

    def progress(self) -> Progress:
        """The account as it stands."""
        tallies = {number: partition.tally for number, partition in self._partitions.items()}
        return progress(self._job.topic, tallies, self._histogram, "")
