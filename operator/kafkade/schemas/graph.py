"""The order of a batch by its references, and rings of references. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from graphlib import TopologicalSorter

from kafkade.api.errors import ReferenceCycle
from kafkade.api.objects import Key

References = Callable[[Key], Iterable[Key]]
"""The KafkaSchemas that one names; empty for a key that is not known."""


def ring(key: Key, references: References) -> tuple[Key, ...] | None:
    """The shortest way from ``key`` back to itself along its references, or None. Looks beyond the batch."""
    came_from: dict[Key, Key] = {}
    queue = deque([key])
    while queue:
        here = queue.popleft()
        for there in references(here):
            if there == key:
                way = [here]
                while way[-1] != key:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return None


def cycle_error(way: tuple[Key, ...]) -> ReferenceCycle:
    """The error for a ring, with its members in order."""
    names = " -> ".join(f"{key.namespace}/{key.name}" for key in (*way, way[0]))
    return ReferenceCycle(f"KafkaSchemas reference each other in a circle: {names}; take one of these references out")


def waves(keys: Collection[Key], references: References) -> tuple[tuple[Key, ...], ...]:
    """``keys`` in groups: each group references only groups before it (or what is not in the batch).

    ``keys`` must hold no ring.
    """
    members = set(keys)
    sorter: TopologicalSorter[Key] = TopologicalSorter({k: [r for r in references(k) if r in members] for k in keys})
    sorter.prepare()
    order = {key: index for index, key in enumerate(keys)}
    result = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready(), key=order.__getitem__))
        result.append(ready)
        sorter.done(*ready)
    return tuple(result)
