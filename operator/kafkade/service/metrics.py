"""What a service counts: kafka.consumer.lag, kafka.messages and kafka.processing.duration.

Kept as plain numbers, since they are counted for each record; ``prometheus.py`` and ``otel.py`` hand them on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from enum import StrEnum

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the histogram of kafka.processing.duration."""


class Status(StrEnum):
    """The tag ``status`` of kafka.messages: what became of a record."""

    PUBLISHED = "published"
    PUBLISH_FAILED = "publish_failed"
    PROCESSED = "processed"
    RETRIED = "retried"
    DEAD_LETTER = "dead_letter"
    SKIPPED = "skipped"
    FAILED = "failed"
    LATE = "late"
    """Its window was emitted already."""


class Histogram:
    """Durations, counted by bucket."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0


class Metrics:
    """The figures of one service. Written by the event loop, but for lag, which threads of listeners and streams replace."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], int] = {}
        """By topic and status."""
        self.durations: dict[tuple[str, str], Histogram] = {}
        """By topic and handler."""
        self._lags: dict[int, tuple[str, dict[str, int]]] = {}
        """Of each listener and stream: its group, and lag by topic. One group may have several listeners."""
        self.on_duration: Callable[[float, str, str], None] | None = None
        """Told each duration, topic and handler, where somebody keeps his own histogram."""

    def count(self, topic: str, status: Status) -> None:
        """One record more."""
        key = (topic, status)
        self.messages[key] = self.messages.get(key, 0) + 1

    def took(self, topic: str, handler: str, seconds: float) -> None:
        """A handler was at a record for so long."""
        histogram = self.durations.get((topic, handler))
        if histogram is None:
            histogram = self.durations[topic, handler] = Histogram()
        histogram.counts[bisect_left(BUCKETS, seconds)] += 1
        histogram.total += seconds
        if self.on_duration is not None:
            self.on_duration(seconds, topic, handler)

    def lag(self, reader: object, group: str, lags: Mapping[str, int]) -> None:
        """The lag of the partitions that a listener or a stream has, by topic, in place of what it told before."""
        self._lags[id(reader)] = group, dict(lags)

    @property
    def lags(self) -> dict[tuple[str, str], int]:
        """By topic and group: records behind the end of the partitions that this instance has."""
        found: dict[tuple[str, str], int] = {}
        for group, lags in self._lags.copy().values():
            for topic, records in lags.items():
                found[topic, group] = found.get((topic, group), 0) + records
        return found
