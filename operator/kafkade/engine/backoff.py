"""Exponential backoff with jitter, a counter a key."""

from __future__ import annotations

import random

from kafkade.api.objects import Key


class Backoff:
    """Delays in seconds: ``base`` doubling to ``cap``, each drawn from its upper half so that failures spread out."""

    def __init__(self, base: float = 0.5, cap: float = 60.0, chance: random.Random | None = None) -> None:
        self._base, self._cap = base, cap
        self._chance = chance or random.Random()  # noqa: S311 -- jitter is no secret
        self._failures: dict[Key, int] = {}

    def next(self, key: Key) -> float:
        """The delay before the next try of ``key``, after one more failure."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._cap, self._base * 2.0 ** min(failures, 32))
        return delay * self._chance.uniform(0.5, 1.0)

    def reset(self, key: Key) -> None:
        """Forget the failures of ``key``."""
        self._failures.pop(key, None)
