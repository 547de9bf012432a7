"""Looks again and again at the groups and topics of one cluster, for Prometheus.

A look costs the same requests however many groups and topics there are: each broker is asked for its groups, for the offsets
that these have committed and twice (once more for partitions that no group reads) for the ends of logs. Records that wait are
read where their time is not known from the looks before: a round for each place of a partition that groups are at, and no more
than ``observe.MOST_PLACES`` a look. ``bounds`` keeps what an answer may be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from kafkade.clients.group_model import LogRange, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.groups.lag import Known
from kafkade.groups.observe import Lags, lags
from kafkade.groups.series import (
    Bounds,
    Pair,
    Told,
    bounded,
    groups_to_read,
    lag_by_pair,
    messages,
    states,
    with_others,
)

LOG_ENDS = 20
"""Kept of each partition: some 25 MB where ten thousand are written to. What came before them is fetched."""


class Watch:
    """``interval``: seconds between two looks. What was told of stays told of while there is more than may be."""

    def __init__(self, bounds: Bounds, interval: float, clock: Callable[[], float] = time.time) -> None:
        self._bounds = bounds
        self._clock = clock
        # two looks that are further apart than usual say too little of when a record between them came
        self._known = Known(spacing=round(2000 * interval), most=LOG_ENDS)
        self._groups: Collection[str] = ()
        self._pairs: Collection[Pair] = ()
        self._topics: Collection[str] = ()

    async def look(self, kafka: KafkaAdmin) -> Told:
        """What is so now.

        Raises:
            KafkaError: there was no answer.
        """
        started = time.perf_counter()
        listings = await kafka.list_groups()
        wanted = sum(map(self._bounds.wants_group, listings.values()))
        self._groups = groups_to_read(listings, self._bounds, self._groups)
        found = await lags(kafka, self._groups, known=self._known, clock=self._clock)
        lag, unknown = lag_by_pair(found.groups.values(), self._bounds)
        self._pairs = bounded(lag, self._pairs, self._bounds.most, lambda pair: (-lag[pair].records, pair))

        sizes = {name: size for name, size in (await kafka.topics()).items() if self._bounds.wants_topic(name)}
        self._topics = bounded(sizes, self._topics, self._bounds.most, lambda name: name)
        ranges = await self._ranges(kafka, {(t, n) for t in self._topics for n in range(sizes[t])}, found)
        counted = messages(sizes, ranges, list(self._topics))
        left_out = {
            "groups": wanted - len(self._groups),
            "pairs": len(lag) - len(self._pairs),
            "topics": len(sizes) - len(self._topics),
            "unknown": unknown + len(found.errors) + len(self._topics) - len(counted),
        }
        return Told(
            with_others(lag, self._pairs),
            counted,
            states(listings.values()),
            left_out,
            time.perf_counter() - started,
        )

    async def _ranges(
        self, kafka: KafkaAdmin, wanted: set[TopicPartition], found: Lags
    ) -> dict[TopicPartition, LogRange]:
        """The logs of topics: those that groups were at are known already."""
        known = {p.key: p.log for group in found.groups.values() for p in group.partitions if p.log is not None}
        asked = await kafka.log_ranges(wanted - known.keys() - found.logs.keys())
        return known | {key: log for key, log in asked.items() if isinstance(log, LogRange)}
