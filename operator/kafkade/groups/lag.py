"""How far a group is behind, in records and in seconds. Pure.

In records, lag is the log's end minus the committed offset, as kafka-consumer-groups.sh has it: offsets are counted, so
control records of transactions and records that compaction took away count too.

In seconds, lag is how long the oldest record that waits has been waiting: now, minus the timestamp of the first record at
the committed offset or after it; 0 where no record waits. That timestamp is read from the log itself, by a Fetch that is
bounded in bytes and of which only the batch's header is looked at (``KafkaAdmin.next_records``). It is exact at the first
look, and holds for producers that send seldom, where an interpolation between log ends seen before knows nothing or is far
off. Where offsets are left but no records (the control record of a transaction is the end of many logs), nothing waits.
What that costs is spared where it can be: ``Known`` keeps what was read for an offset, and what time the log's ends had
that were seen, so that a watcher who looks again and again fetches only where a group just fell behind. A time between two
ends is off by the time between those two looks at most.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kafkade.clients.group_model import LogRange, NextRecord, TopicPartition


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """A group at one partition.

    ``committed``: the next offset that it will read, None where it never committed one. ``records``: None where that or
    the log is not known. ``seconds``: None where the time of the next record is not known either.
    """

    topic: str
    partition: int
    committed: int | None
    log: LogRange | None
    records: int | None
    seconds: float | None

    @property
    def key(self) -> TopicPartition:
        """Topic and partition."""
        return self.topic, self.partition

    @property
    def lost(self) -> int:
        """Records that were deleted before the group had read them (by retention, or DeleteRecords)."""
        if self.committed is None or self.log is None:
            return 0
        return max(0, self.log.start - self.committed)


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A group at all its partitions. Sums leave out what is not known."""

    group: str
    partitions: tuple[PartitionLag, ...]

    @property
    def records(self) -> int:
        """Of all partitions."""
        return sum(p.records or 0 for p in self.partitions)

    @property
    def seconds(self) -> float | None:
        """Of the partition that is behind most; None where no partition's is known."""
        return max((p.seconds for p in self.partitions if p.seconds is not None), default=None)

    @property
    def unknown(self) -> int:
        """Partitions whose lag in records is not known."""
        return sum(p.records is None for p in self.partitions)


def records(committed: int | None, log: LogRange | None) -> int | None:
    """Offsets from the committed one to the log's end. Never negative: a log can have been cut, or made anew."""
    return None if committed is None or log is None else max(0, log.end - committed)


def seconds(lag: int | None, found: NextRecord | None, log: LogRange | None, now: int) -> float | None:
    """How long the next record has waited; ``now`` in milliseconds since 1970.

    A timestamp that lies ahead (a producer's clock) counts as now.
    """
    if lag is None:
        return None
    if lag == 0:
        return 0.0
    if found is None or log is None:
        return None
    if found.timestamp is None:
        return 0.0 if found.seen >= log.end else None
    return max(0.0, (now - found.timestamp) / 1000) if found.timestamp >= 0 else None


def partition_lag(
    key: TopicPartition, committed: int | None, log: LogRange | None, found: NextRecord | None, now: int
) -> PartitionLag:
    """All of one partition."""
    lag = records(committed, log)
    return PartitionLag(key[0], key[1], committed, log, lag, seconds(lag, found, log, now))


def read_from(committed: int, log: LogRange) -> int:
    """Where the next record is looked for: records that are gone do not wait any more."""
    return max(committed, log.start)


@dataclass(slots=True)
class _Partition:
    """``points``: offsets of log ends, when each was first and when it was last seen, all rising."""

    points: list[tuple[int, int, int]] = field(default_factory=list)
    read: dict[int, NextRecord] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """What one who looks again and again knows of the times of offsets, so that it need not be read.

    ``spacing``: milliseconds that two log ends may lie apart for the time between them to be told. ``most``: log ends kept of
    a partition, of some 120 bytes each.
    """

    spacing: int = 60_000
    most: int = 120
    _partitions: dict[TopicPartition, _Partition] = field(default_factory=dict)

    def look(self, ranges: Mapping[TopicPartition, LogRange], wanted: Mapping[TopicPartition, Collection[int]]) -> None:
        """Forget partitions that are not among ``ranges``, and what was read for offsets that are not ``wanted``."""
        self._partitions = {key: self._partitions.get(key, _Partition()) for key in ranges}
        for key, kept in self._partitions.items():
            kept.read = {offset: kept.read[offset] for offset in wanted.get(key, ()) if offset in kept.read}

    def ends(self, ranges: Mapping[TopicPartition, LogRange], now: int) -> None:
        """Remember where logs end now."""
        for key, log in ranges.items():
            points = self._partitions.setdefault(key, _Partition()).points
            if points and (log.end < points[-1][0] or now < points[-1][2]):
                points.clear()  # made anew under its name, or the clock went back
            if points and points[-1][0] == log.end:
                points[-1] = (log.end, points[-1][1], now)
            else:
                points.append((log.end, now, now))
            del points[: -self.most]

    def read(self, key: TopicPartition, offset: int, found: NextRecord) -> None:
        """Remember what stands at an offset."""
        self._partitions.setdefault(key, _Partition()).read[offset] = found

    def next_record(self, key: TopicPartition, offset: int, log: LogRange) -> NextRecord | None:
        """What stands at an offset or after it, as far as that is known."""
        kept = self._partitions.get(key)
        if kept is None:
            return None
        found = kept.read.get(offset)
        if found is not None and (found.timestamp is not None or found.seen >= log.end):
            return found
        timestamp = self._between(kept.points, offset)
        return None if timestamp is None else NextRecord(timestamp, offset + 1)

    def _between(self, points: list[tuple[int, int, int]], offset: int) -> int | None:
        """When the record at ``offset`` came: after the log was last seen to end there, before it first ended behind."""
        after = bisect_right(points, offset, key=lambda point: point[0])
        if after == 0 or after == len(points):
            return None
        (low, _, then), (high, later, _) = points[after - 1], points[after]
        if later - then > self.spacing:
            return None
        return then + round((later - then) * (offset - low + 1) / (high - low))
