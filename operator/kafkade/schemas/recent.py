"""Versions that were read or registered lately, for the batches that come next: many schemas reference the same few.

A version never changes, unless its subject is deleted for good and made anew. So nothing is kept for long, nothing that is
kept here tells whether a subject is as declared, and whoever comes to an error with it must clear it and look again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from kafkade.api.objects import Key, Resource
from kafkade.clients.registry import Reference, Registered, RegistryClient

KEPT = 300.0
"""Seconds. Thousands of schemas that come together are registered layer by layer: what the last ones reference, directly or
not, was registered minutes before, and reading it again for each batch cost more than registering."""

ROOM = 4_000_000
"""What is kept for one registry, in bytes by a rough count; the oldest go first."""

OVERHEAD = 600
"""What a version takes besides its text, likewise."""


@dataclass(frozen=True, slots=True)
class UpToDate:
    """A resource as it was, and what others may reference of it (the name is not used)."""

    uid: str
    generation: int
    reference: Reference

    def is_of(self, resource: Resource | None) -> bool:
        """Whether the resource is still as it was."""
        seen = (self.uid, self.generation, None)
        return resource is not None and (resource.uid, resource.generation, resource.deleted) == seen


class Recent:
    """The versions of one registry by subject and number; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, int], tuple[float, Registered]] = {}
        """In the order of their time."""
        self._size = 0
        self.names = 0
        """How many subjects there were when they were last listed."""
        self.last: dict[Key, UpToDate] = {}
        """What the last batch brought up to date: the next one may begin before its statuses tell of that."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, subject: str, version: int) -> Registered | None:
        """The version, if it came in lately."""
        self._drop(lambda at: at <= self._clock() - KEPT)
        found = self._kept.get((subject, version))
        return found[1] if found else None

    def put(self, subject: str, held: Registered) -> None:
        """A version came in."""
        self._forget((subject, held.version))
        self._kept[subject, held.version] = (self._clock(), held)
        self._size += _weight(held)
        self._drop(lambda at: self._size > ROOM or at <= self._clock() - KEPT)

    def take_last(self) -> dict[Key, UpToDate]:
        """What the last batch brought up to date, for the one that comes after it and for no other."""
        last, self.last = self.last, {}
        return last

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._size = 0

    def _drop(self, wanted: Callable[[float], bool]) -> None:
        while self._kept:
            oldest = next(iter(self._kept))
            if not wanted(self._kept[oldest][0]):
                return
            self._forget(oldest)

    def _forget(self, key: tuple[str, int]) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._size -= _weight(found[1])


def _weight(held: Registered) -> int:
    return len(held.schema) + OVERHEAD


_BY_CLIENT: WeakKeyDictionary[RegistryClient, Recent] = WeakKeyDictionary()


def recent_of(client: RegistryClient) -> Recent:
    """What came in from this registry; it goes with the client."""
    return _BY_CLIENT.setdefault(client, Recent())
