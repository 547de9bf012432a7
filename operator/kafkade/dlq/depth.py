"""How many dead letters wait, since when, and how fast they come. Pure, but for what it remembers of the last look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.clients.model import Committed, PartitionOffsets
from kafkade.dlq.redrive.ledger import Ledger

TopicPartition = tuple[str, int]
_NOTHING = Committed(0)


@dataclass(frozen=True, slots=True)
class Depth:
    """One dead-letter topic. ``waiting`` counts the records that are there and were not put back.

    Control records of transactional producers count as well, since offsets do not tell them apart. ``oldest`` is in
    milliseconds since 1970, None where nothing waits or its first record was put back already. ``arrived`` counts all
    records that ever came.
    """

    waiting: int
    oldest: int | None
    arrived: int


def depth(
    topic: str,
    offsets: Mapping[TopicPartition, PartitionOffsets],
    committed: Mapping[TopicPartition, Committed],
) -> Depth:
    """The depth of ``topic``; ``committed``: the ledger of what was put back.

    Raises:
        LedgerUnreadable: the ledger is not one that this kafkade can read.
    """
    waiting, arrived = 0, 0
    oldest: list[int] = []
    for (name, number), found in offsets.items():
        if name != topic:
            continue
        done = committed.get((name, number), _NOTHING)
        ledger = Ledger.read(done.offset, done.metadata)
        first = max(found.start, ledger.base)
        there = max(0, found.end - first - ledger.beyond(first))
        waiting += there
        arrived += found.end
        if there and first == found.start and found.first_timestamp is not None:
            oldest.append(found.first_timestamp)
    return Depth(waiting, min(oldest, default=None), arrived)


WINDOW = 10.0
"""Seconds that a rate is measured over at least."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    arrived: int
    rate: float | None = None


@dataclass(slots=True)
class Growth:
    """Remembers how many records had arrived some time ago, by policy and topic."""

    _samples: dict[str, dict[str, _Sample]] = field(default_factory=dict)

    def per_minute(self, policy: str, depths: Mapping[str, Depth], now: float) -> dict[str, float]:
        """Records a minute that come to each topic; nothing for one that was not watched for long enough.

        ``policy``: its uid. ``now``: seconds on a clock that never goes back.
        """
        before = self._samples.get(policy, {})
        samples = {topic: _measured(before.get(topic), found.arrived, now) for topic, found in depths.items()}
        self._samples[policy] = samples
        return {topic: sample.rate for topic, sample in samples.items() if sample.rate is not None}

    def forget(self, policy: str) -> None:
        """A policy is gone."""
        self._samples.pop(policy, None)


def _measured(before: _Sample | None, arrived: int, now: float) -> _Sample:
    if before is None or arrived < before.arrived:
        return _Sample(now, arrived)
    if now - before.at < WINDOW:
        return before
    return _Sample(now, arrived, (arrived - before.arrived) * 60.0 / (now - before.at))
