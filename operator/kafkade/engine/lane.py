"""A deduped queue that hands out micro-batches; one lane a cluster and kind, so that neighbours never wait for each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from kafkade.api.objects import Key
from kafkade.engine.turns import Turns

LINGER = 0.02
"""Seconds that a lane waits for company before it hands out a batch."""

PACE = 0.5
"""Seconds that a batch of what changed is meant to take: the next one waits for all of it."""

FEWEST = 20
"""Keys that such a batch may always have: less would cost more in requests than it saves in waiting."""

AHEAD = 5
"""Batches of what changed that go before one of what is only looked at again, while both wait."""


class Lane:
    """Keys wait here at most once each. A key that is being worked on waits until that work is done (exclusion).

    What changed goes before what is only to be looked at again (routine), and namespaces take turns within a batch: a new
    topic does not wait for ten thousand others, be they a neighbour's new ones or a resync. ``process`` gets up to ``limit``
    keys that changed, fewer where as many took longer than PACE, or up to ``routine`` others; it must not raise. Memory:
    one entry a known key.
    """

    def __init__(
        self,
        process: Callable[[list[Key]], Awaitable[None]],
        limit: int,
        linger: float = LINGER,
        *,
        routine: int | None = None,
    ) -> None:
        self._process = process
        self._limit = limit
        self._routine_limit = routine or limit
        self._size = min(limit, 5 * FEWEST)
        self._linger = linger
        self._waiting = Turns()
        self._routine = Turns()
        self._ahead = 0
        self._active: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._routine) + len(self._active)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is worked on, or is due later."""
        return not (self._waiting or self._routine or self._active or self._timers)

    def add(self, keys: Iterable[Key], *, routine: bool = False) -> None:
        """Ask for a look at once; a later appointment for the same key is dropped.

        ``routine``: nothing is known to have changed, so it may wait until what did is done.
        """
        for key in keys:
            self._cancel(key)
            if not routine:
                self._routine.discard(key)
                self._waiting.add(key)
            elif key not in self._waiting:
                self._routine.add(key)
        self._wake.set()

    def later(self, key: Key, delay: float) -> None:
        """Ask for a look in ``delay`` seconds, unless one is wanted sooner."""
        if key in self._waiting or key in self._routine:
            return
        now = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= now.time() + delay:
            return
        self._cancel(key)
        self._timers[key] = now.call_later(delay, self._due, key)

    def forget(self, key: Key) -> None:
        """Drop a key that is gone."""
        self._waiting.discard(key)
        self._routine.discard(key)
        self._cancel(key)

    async def run(self) -> None:
        """Hand out batches until cancelled."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(self._linger if len(self._waiting) < self._size else 0)
                changed, batch = self._next()
                began = time.monotonic()
                if not (self._waiting or self._routine):
                    self._wake.clear()
                self._active.update(batch)
                try:
                    if batch:
                        await self._process(batch)
                finally:
                    self._active.difference_update(batch)
                if changed and len(batch) == self._size:
                    self._size = paced(self._size, time.monotonic() - began, self._limit)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _next(self) -> tuple[bool, list[Key]]:
        """The next batch, of what changed, and once in a while of what did not, which would never come otherwise."""
        if self._waiting and (self._ahead < AHEAD or not self._routine):
            self._ahead += bool(self._routine)
            return True, self._waiting.take(self._size)
        self._ahead = 0
        return False, self._routine.take(self._routine_limit)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add([key])

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


def paced(size: int, seconds: float, limit: int) -> int:
    """How many keys the next batch has, after a full one of ``size`` took that long: at most twice as many."""
    fitting = int(size * PACE / seconds) if seconds > 0 else limit
    return min(limit, max(FEWEST, min(fitting, 2 * size)))
