"""A deduped queue that hands out micro-batches; one lane a cluster and kind, so that neighbours never wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from kafkade.api.objects import Key

LINGER = 0.02
"""Seconds that a lane waits for company before it hands out a batch."""


class Lane:
    """Keys wait here at most once each. A key that is being worked on waits until that work is done (exclusion).

    ``process`` gets up to ``limit`` keys in the order of arrival; it must not raise. Memory: one entry a known key.
    """

    def __init__(self, process: Callable[[list[Key]], Awaitable[None]], limit: int, linger: float = LINGER) -> None:
        self._process = process
        self._limit = limit
        self._linger = linger
        self._waiting: dict[Key, None] = {}
        self._active: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._active)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is worked on, or is due later."""
        return not (self._waiting or self._active or self._timers)

    def add(self, keys: Iterable[Key]) -> None:
        """Ask for a look at once; a later appointment for the same key is dropped."""
        for key in keys:
            self._cancel(key)
            self._waiting[key] = None
        self._wake.set()

    def later(self, key: Key, delay: float) -> None:
        """Ask for a look in ``delay`` seconds, unless one is wanted sooner."""
        if key in self._waiting:
            return
        now = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= now.time() + delay:
            return
        self._cancel(key)
        self._timers[key] = now.call_later(delay, self._due, key)

    def forget(self, key: Key) -> None:
        """Drop a key that is gone."""
        self._waiting.pop(key, None)
        self._cancel(key)

    async def run(self) -> None:
        """Hand out batches until cancelled."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(self._linger)
                batch = list(self._waiting)[: self._limit]
                for key in batch:
                    del self._waiting[key]
                if not self._waiting:
                    self._wake.clear()
                self._active.update(batch)
                try:
                    if batch:
                        await self._process(batch)
                finally:
                    self._active.difference_update(batch)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add([key])

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
