"""A queue of keys in which namespaces take turns: who has one thing to do does not wait for who has thousands."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from kafkade.api.objects import Key


class Turns:
    """Keys wait at most once each, within their namespace in the order of arrival."""

    def __init__(self) -> None:
        self._by_namespace: dict[str, dict[Key, None]] = {}
        """In the order of their turns; none is empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: Key) -> bool:
        return key in self._by_namespace.get(key.namespace, ())

    def add(self, key: Key) -> None:
        """Let a key wait; one that waits keeps its place."""
        waiting = self._by_namespace.setdefault(key.namespace, {})
        if key not in waiting:
            waiting[key] = None
            self._count += 1

    def discard(self, key: Key) -> None:
        """Let a key wait no more."""
        waiting = self._by_namespace.get(key.namespace)
        if waiting is not None and key in waiting:
            del waiting[key]
            self._count -= 1
            if not waiting:
                del self._by_namespace[key.namespace]

    def take(self, limit: int, busy: Collection[Key] = (), without: Collection[str] = ()) -> list[Key]:
        """Up to ``limit`` keys: each namespace gets the same share, and what some do not need goes to the others.

        Who gets the odd ones has its turn behind the others the next time. ``busy`` keys and namespaces ``without`` go on
        waiting.
        """
        held = [key for key in busy if key in self]
        for key in held:
            self.discard(key)
        apart = {name: self._by_namespace.pop(name) for name in without if name in self._by_namespace}
        taken = self._take(limit)
        self._by_namespace = apart | self._by_namespace
        for key in held:
            self.add(key)
        return taken

    def _take(self, limit: int) -> list[Key]:
        taken: list[Key] = []
        while self._by_namespace and len(taken) < limit:
            share = max(1, (limit - len(taken)) // len(self._by_namespace))
            for namespace in list(islice(self._by_namespace, limit - len(taken))):
                waiting = self._by_namespace.pop(namespace)
                chosen = list(islice(waiting, min(share, limit - len(taken))))
                for key in chosen:
                    del waiting[key]
                taken += chosen
                if waiting:
                    self._by_namespace[namespace] = waiting
        self._count -= len(taken)
        return taken
