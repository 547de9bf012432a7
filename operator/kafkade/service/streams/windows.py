"""Windows of event time over one partition, whose state is nothing but offsets. Pure.

A window is open until the partition's time, the latest timestamp seen, has passed its end and the grace behind it; then it is
emitted, once, and what comes for it later is late. The group's offset of the partition is committed as the first record that an
open window holds, and beside it, as the offset's metadata, how far the partition was read and its time. A service that starts
again reads from there: records up to that place were counted in already, and belong to the windows that are open at that time,
all others were emitted or were late. So the offsets, which are committed with what was emitted in one transaction, are the
whole state: there is no store and no changelog topic, and the topic must only keep records for as long as a window and its
grace (``retention.ms``).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

NEVER = -1
"""The time of a partition before its first record, in ms since 1970."""


class Period(NamedTuple):
    """The time of a window: from ``start`` to before ``end``, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A window that is closed: the group's key and all its events in the order of their offsets."""

    key: Any
    period: Period
    events: tuple[Any, ...]


class Mark(NamedTuple):
    """What is committed of a partition. ``base``: the offset; ``position`` and ``time`` (ms) are its metadata."""

    base: int
    position: int
    time: int

    def metadata(self) -> str:
        """As text."""
        return f"kafkade/1 position={self.position} time={self.time}"

    @classmethod
    def of(cls, offset: int, metadata: str | None) -> Mark:
        """Of an offset and its metadata. An offset that somebody else set (kafka-consumer-groups --reset-offsets) starts anew."""
        try:
            form, position, time = (metadata or "").split(" ")
            if form == "kafkade/1":
                mark = cls(offset, int(position.removeprefix("position=")), int(time.removeprefix("time=")))
                if mark.position >= offset:
                    return mark
        except ValueError:
            pass
        return cls(offset, offset, NEVER)


class _Span:
    """The windows of one start: a list of events for each key, and the offset of the first of all."""

    __slots__ = ("events", "first")

    def __init__(self, first: int) -> None:
        self.first = first
        self.events: dict[str, list[Any]] = {}


class Windows:
    """The windows of one partition. ``size`` and ``grace`` in ms; windows are aligned to 1970 in UTC."""

    def __init__(self, size: int, grace: int, mark: Mark) -> None:
        self._size = size
        self._grace = grace
        self.position = mark.base
        """The offset behind the last record that was taken."""
        self.time = mark.time
        self._replayed = mark.position
        self._open: dict[int, _Span] = {}
        self._starts: list[int] = []
        """A heap of the keys of ``_open``."""

    @property
    def replaying(self) -> bool:
        """Whether it still reads what was counted in before the last commit."""
        return self.position < self._replayed

    def add(self, offset: int, timestamp: int, key: str, event: Any) -> bool:
        """Count a record in; whether it came in time. ``key``: the group's, as JSON, which sorts and compares.

        While it is replaying that is always so: what was late has been told before.
        """
        replaying = offset < self._replayed
        self.position = offset + 1
        start = timestamp - timestamp % self._size
        if self._closed(start):
            return replaying
        if not replaying:
            self.time = max(self.time, timestamp)
        span = self._open.get(start)
        if span is None:
            span = self._open[start] = _Span(offset)
            heapq.heappush(self._starts, start)
        span.events.setdefault(key, []).append(event)
        return True

    def skip(self, offset: int) -> None:
        """A record that belongs to no window."""
        self.position = offset + 1

    def advance(self, time: int) -> None:
        """Let the time be at least this one, in ms, without a record."""
        self.time = max(self.time, time)

    def closed(self) -> Iterator[tuple[str, int, tuple[Any, ...]]]:
        """Take out the windows that are over by now: key, start in ms and events, in the order of time and key."""
        if self.replaying:
            return
        while self._starts and self._closed(self._starts[0]):
            start = heapq.heappop(self._starts)
            for key, events in sorted(self._open.pop(start).events.items()):
                yield key, start, tuple(events)

    def mark(self) -> Mark:
        """What to commit, so that these very windows can be had again."""
        position = max(self.position, self._replayed)
        return Mark(min((span.first for span in self._open.values()), default=position), position, self.time)

    def __len__(self) -> int:
        """Windows that are open."""
        return sum(len(span.events) for span in self._open.values())

    def _closed(self, start: int) -> bool:
        return start + self._size + self._grace <= self.time


def period(start: int, size: int) -> Period:
    """The period of a window by its start and size in ms."""
    return Period(datetime.fromtimestamp(start / 1000, UTC), datetime.fromtimestamp((start + size) / 1000, UTC))
