"""One partition that a listener has: what was fetched and not worked on yet, and how far it is."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Share:
    """The consumer's thread hands records over and reads; the event loop works. Each attribute is written by one of the two."""

    __slots__ = (
        *("topic", "partition", "source", "buffer", "position", "attempt", "not_before", "trouble"),
        *("scheduled", "task", "gone", "handed", "done", "stored", "paused", "since", "begin", "end"),
    )

    def __init__(self, topic: str, partition: int, source: str) -> None:
        self.topic = topic
        self.partition = partition
        self.source = source
        """The topic that it is a retry topic of; itself where it is none."""
        # the event loop's
        self.buffer: deque[Any] = deque()
        self.position: int | None = None
        """Offset behind the last record that is done."""
        self.attempt = 0
        """The next attempt at the first record of the buffer; 0: it was not looked at yet."""
        self.not_before = 0.0
        """Time of the loop before which the first record is not worked on."""
        self.trouble = 0
        """How often in a row something failed that is no record's fault."""
        self.scheduled = False
        self.task: asyncio.Task[None] | None = None
        self.since: float | None = None
        """Time of the loop since which a handler is at the first record."""
        self.done = 0
        # the thread's
        self.handed = 0
        self.stored: int | None = None
        self.begin: int | None = None
        """What the group has committed, below 0 for nothing; None: nobody has asked."""
        self.paused = False
        self.end = 0
        """The end of the partition when it was read to it: behind the markers of transactions too, which are no records."""
        # either's, and never taken back
        self.gone = False

    @property
    def queued(self) -> int:
        """Records that were fetched and are not done."""
        return self.handed - self.done

    @property
    def delayed(self) -> bool:
        """Whether it is of a retry topic."""
        return self.source != self.topic
