"""The records of a dead-letter topic that are still to be decided about, partition by partition in their order.

What was put back before lies in between and is passed over: read and dropped, or jumped over where that is far.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from kafkade.clients.kafka_mover_client import TopicReader
from kafkade.clients.kafka_mover_model import Record

FAR = 5_000
"""Records that are rather read and dropped than jumped over."""

SHORT = 30.0
"""Seconds without a record after which a partition's end is believed that is before the one it had: a new leader may not
know for a moment how far its partition is committed; what it does not come to know was lost by an unclean election."""

_AT_ONCE, _BYTES, _TIMEOUT = 100, 8 * 1024 * 1024, 0.25
"""Records, bytes of their values, and seconds of one read: as many as fit when they are as large as those before.

A hundred are on their way again while they are still in the processor's cache: faster than a thousand by a sixth.
"""

_AT_FIRST = 20


@dataclass(slots=True)
class Wanted:
    """What is to be read of a partition: the ranges of offsets, and where the partition ended as the redrive began."""

    ranges: deque[tuple[int, int]]
    end: int


class Feed:
    """Hands out wanted records. ``went_back``: a record came again, so the topic may not be what it was."""

    def __init__(self, reader: TopicReader) -> None:
        self.went_back = False
        self._reader = reader
        self._wanted: dict[int, Wanted] = {}
        self._open: set[int] = set()
        self._next: dict[int, int] = {}
        self._ahead: deque[Record] = deque()
        self._ends: dict[int, int] = {}
        self._short: dict[int, float] = {}
        self._far = False
        self._at_once = _AT_FIRST

    @property
    def open(self) -> bool:
        """Whether something is still to be read."""
        return bool(self._open)

    def start(self, wanted: dict[int, Wanted]) -> None:
        """Read these from now on, and nothing else; what was read ahead is forgotten."""
        self._wanted = wanted
        self._open = {number for number, part in wanted.items() if part.ranges}
        self._next = {number: wanted[number].ranges[0][0] for number in self._open}
        self._short.clear()
        self._assign()

    def take(self, most: int) -> list[Record]:
        """The next records, ``most`` at most; reads when nothing was read ahead, and may find nothing for now.

        Raises:
            KafkadeError: as ``TopicReader.read``.
        """
        if self._far:
            self._assign()
        if not self._ahead:
            self._read()
        found: list[Record] = []
        ahead, wanted = self._ahead, {number: self._now(number) for number in self._open}
        while ahead and not self._far and len(found) < most:
            record = ahead.popleft()
            first, end = wanted.get(record.partition, (0, 0))
            # in the middle of what is to be read, as nearly all are; or looked at more closely
            if first <= record.offset < end - 1 or self._is_wanted(record):
                found.append(record)
        for record in found:
            self._next[record.partition] = record.offset + 1
        return found

    def _assign(self) -> None:
        self._ahead.clear()
        self._ends.clear()
        self._far = False
        self._reader.assign({number: self._now(number)[0] for number in self._open})

    def _now(self, number: int) -> tuple[int, int]:
        """What is left of the range that a partition is in, or comes to next."""
        first, end = self._wanted[number].ranges[0]
        return max(first, self._next[number]), end

    def _read(self) -> None:
        """Get records, once those that were read before are handed out: their partitions end behind them."""
        now = time.monotonic()
        for number, end in self._ends.items():
            if end < self._wanted[number].end:
                self._short.setdefault(number, now)
            else:
                self._close(number)
        self._ends.clear()
        for number in [number for number, since in self._short.items() if now - since > SHORT]:
            self._close(number)
        if not self._open:
            return
        records, self._ends = self._reader.read(self._at_once, _TIMEOUT)
        self._ahead.extend(records)
        if records:
            size = sum([len(record.value or b"") for record in records])
            self._at_once = max(1, min(_AT_ONCE, _BYTES * len(records) // max(1, size)))
        for record in records if self._short else ():
            self._short.pop(record.partition, None)

    def _is_wanted(self, record: Record) -> bool:
        """Whether the record is in what is still to be read; what lies between two ranges is passed over."""
        number, offset = record.partition, record.offset
        if number not in self._open:
            return False
        if offset < self._next[number]:
            self.went_back = True
            return False
        ranges = self._wanted[number].ranges
        while ranges and offset >= ranges[0][1]:
            ranges.popleft()
        if not ranges:
            self._close(number)
            return False
        if offset < ranges[0][0]:
            self._far = ranges[0][0] - offset > FAR
            return False
        if offset + 1 >= ranges[0][1] and len(ranges) == 1:
            self._close(number)
        return True

    def _close(self, number: int) -> None:
        """Everything of a partition was read."""
        self._short.pop(number, None)
        if number in self._open:
            self._open.discard(number)
            self._reader.leave(number)
