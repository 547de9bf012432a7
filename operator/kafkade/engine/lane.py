"""A deduped queue that hands out batches; one lane a cluster and kind, so that neighbours never wait for each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from kafkade.api.objects import Key
from kafkade.engine.turns import Turns

LINGER = 0.02
"""Seconds that a lane waits for company before it hands out a batch."""

PACE = 1.0
"""Seconds that a batch of what changed is meant to take: the next one waits for it."""

FEWEST = 20
"""Keys that such a batch may always have: less would cost more in requests than it saves in waiting."""

AHEAD = 5
"""Batches of what changed that go before one of what is only looked at again, while both wait."""

UNDER_WAY = 2
"""Batches that may be under way at once: one that is worked on, and one of which only the last writes are left."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a lane hands out."""

    keys: list[Key]
    routine: bool = False
    """Whether nothing is known to have changed of them."""
    aside: bool = False
    """Whether it goes beside a larger one, so that who has little to do does not wait for another's thousands."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """To be set when nothing is left but to write down what came of it: the next batch may begin."""


class Lane:
    """Keys wait here at most once each. A key that is being worked on waits until that work is done (exclusion).

    What changed goes before what is only to be looked at again (routine), and namespaces take turns within a batch. A few
    keys at a time go aside of the batch at work: of what changed, those of namespaces that have no part in it, and all of
    them beside a routine one. So a new topic does not wait for ten thousand others, be they a neighbour's new ones or a
    resync, and those still go in batches that are large enough to cost Kafka little.

    ``overlapping``: whether the next batch begins when of the last one only the end is left to write down. ``aside``: whether
    few keys may go beside a batch at work, since none depends on another one's work.

    ``process`` gets up to ``limit`` keys that changed, fewer where as many took longer than PACE, or up to ``routine``
    others; it must not raise. Memory: one entry a known key.
    """

    def __init__(
        self,
        process: Callable[[Batch], Awaitable[None]],
        limit: int,
        linger: float = LINGER,
        *,
        routine: int | None = None,
        overlapping: bool = False,
        aside: bool = False,
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
        self._kept: frozenset[str] | None = None
        """Namespaces of which nothing goes aside of the batch at work; None when none is at work."""
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._overlapping = overlapping
        self._goes_aside = aside
        self._aside = asyncio.Event()

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
        self._tell()

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
            async with asyncio.TaskGroup() as tasks:
                if self._goes_aside:
                    tasks.create_task(self._run_aside())
                await self._run(tasks)
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _run(self, tasks: asyncio.TaskGroup) -> None:
        under_way: set[asyncio.Task[None]] = set()
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._linger if len(self._waiting) < self._size else 0)
            while len(under_way) >= UNDER_WAY:
                _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            changed, keys = self._next()
            if not keys:
                self._wake.clear()  # what waits is being worked on: its end wakes
                continue
            began, batch = time.monotonic(), self._begun(keys, routine=not changed)
            self._kept = frozenset(key.namespace for key in keys) if changed else frozenset()
            self._aside.set()
            task = tasks.create_task(self._work(batch))
            under_way.add(task)
            await (batch.settled.wait() if self._overlapping else asyncio.wait([task]))
            self._kept = None
            if changed and len(keys) == self._size:
                self._size = paced(self._size, time.monotonic() - began, self._limit)

    async def _run_aside(self) -> None:
        while True:
            await self._aside.wait()
            self._aside.clear()
            await asyncio.sleep(self._linger)
            while self._kept is not None and (keys := self._waiting.take(FEWEST, self._active, self._kept)):
                await self._work(self._begun(keys, aside=True))

    def _begun(self, keys: list[Key], *, routine: bool = False, aside: bool = False) -> Batch:
        self._active.update(keys)
        return Batch(keys, routine, aside)

    async def _work(self, batch: Batch) -> None:
        try:
            await self._process(batch)
        finally:
            self._active.difference_update(batch.keys)
            batch.settled.set()
            self._tell()

    def _tell(self) -> None:
        if self._waiting or self._routine:
            self._wake.set()
            self._aside.set()

    def _next(self) -> tuple[bool, list[Key]]:
        """The next batch, of what changed, and once in a while of what did not, which would never come otherwise."""
        if self._waiting and (self._ahead < AHEAD or not self._routine):
            keys = self._waiting.take(self._size, self._active)
            if keys or not self._routine:
                self._ahead += bool(self._routine)
                return True, keys
        self._ahead = 0
        return False, self._routine.take(self._routine_limit, self._active)

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
