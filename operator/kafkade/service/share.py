"""One partition that a listener has: what was fetched and not worked on yet, and how far it is."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence, Sized
from typing import Any

from confluent_kafka import KafkaError

BYTES = 4_194_304
"""Bytes of values that a partition's buffer has about at most, beside what one fetch brings."""


class Share:
    """The consumer's thread hands records over and reads; the event loop works. Each attribute is written by one of the two."""

    __slots__ = (
        *("topic", "partition", "source", "buffer", "position", "attempt", "not_before", "trouble"),
        *("scheduled", "task", "gone", "handed", "done", "stored", "paused", "since", "delayed"),
        *("most", "high", "low", "begin", "end", "asks", "taken"),
    )

    def __init__(self, topic: str, partition: int, source: str, most: int) -> None:
        """``most``: records that are fetched ahead at most."""
        self.topic = topic
        self.partition = partition
        self.source = source
        """The topic that it is a retry topic of; itself where it is none."""
        self.delayed = source != topic
        """Whether it is of a retry topic."""
        # the event loop's
        self.buffer: deque[Any] = deque()
        self.position: int | None = None
        """Offset behind the last record that is done."""
        self.attempt = 0
        """The next attempt at the first record of the buffer; 0: it was not looked at yet, and is the first."""
        self.not_before = 0.0
        """Time of the loop before which the first record is not worked on."""
        self.trouble = 0
        """How often in a row something failed that is no record's fault."""
        self.scheduled = False
        self.task: asyncio.Task[None] | None = None
        self.since: float | None = None
        """Time of the loop since which a handler is at the first record."""
        self.done = 0
        self.asks: asyncio.Future[int | KafkaError | None] | None = None
        """The question to the thread where the group stands; None: nobody needs the answer any more."""
        # the thread's
        self.taken = time.monotonic()
        """When it came to this consumer."""
        self.handed = 0
        self.stored: int | None = None
        self.begin: int | None = None
        """What the group has committed, below 0 for nothing; None: nobody has asked."""
        self.paused = False
        self.end: int | None = None
        """The end of the partition when it was read to it: behind the markers of transactions too, which are no records; None:
        it was not read to its end yet."""
        self.most = most
        self.high = most
        """So many records that were fetched and are not done are enough."""
        self.low = most // 2
        """And with so few, more are wanted."""
        # either's, and never taken back
        self.gone = False

    def hand(self, messages: Sequence[Sized]) -> None:
        """Count what was fetched, and set the marks by its sizes."""
        self.handed += len(messages)
        self.high = max(1, min(self.most, BYTES * len(messages) // (1 + sum(map(len, messages)))))
        self.low = self.high // 2

    @property
    def queued(self) -> int:
        """Records that were fetched and are not done."""
        return self.handed - self.done
