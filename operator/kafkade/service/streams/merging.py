"""Records of several partitions in the order of their timestamps, as far as that can be known. Pure.

Each partition keeps its own order. The earliest of the next records comes first; a partition that has nothing at hand is waited
for unless it was read to its end. So two topics that are read from the beginning go on side by side, and not one after the other,
which would make all of the second one late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)
R = TypeVar("R")


class Merge(Generic[P, R]):
    """Buffers of partitions. ``limit``: records after which a partition is ``full`` and should not be read on for a while."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffers: dict[P, deque[tuple[int, R]]] = {}
        self._ended: set[P] = set()

    def open(self, partition: P) -> None:
        """A partition that records may come from."""
        self._buffers[partition] = deque()
        self._ended.discard(partition)

    def close(self, partition: P) -> None:
        """A partition is another one's now; what is buffered of it goes."""
        self._buffers.pop(partition, None)
        self._ended.discard(partition)

    def put(self, partition: P, timestamp: int, record: R) -> None:
        """The next record of a partition."""
        self._buffers[partition].append((timestamp, record))
        self._ended.discard(partition)

    def end(self, partition: P) -> None:
        """A partition was read to its end."""
        if partition in self._buffers:
            self._ended.add(partition)

    def full(self, partition: P) -> bool:
        """Whether a partition waits for others."""
        return len(self._buffers[partition]) >= self._limit

    @property
    def partitions(self) -> tuple[P, ...]:
        """All that are open."""
        return tuple(self._buffers)

    @property
    def waits_for(self) -> tuple[P, ...]:
        """The partitions that hold others' records up."""
        if not any(self._buffers.values()):
            return ()
        return tuple(p for p, buffer in self._buffers.items() if not buffer and p not in self._ended)

    def take(self, most: int, *, wait: bool = True) -> Iterator[tuple[P, R]]:
        """Take out up to ``most`` records, for as long as no partition has to be waited for; not ``wait``: all the same."""
        for _ in range(most):
            if wait and self.waits_for:
                return
            waiting = [(buffer[0][0], number, p) for number, (p, buffer) in enumerate(self._buffers.items()) if buffer]
            if not waiting:
                return
            _, _, partition = min(waiting)
            yield partition, self._buffers[partition].popleft()[1]
