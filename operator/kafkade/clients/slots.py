"""How many requests may be under way, shared fairly: who has one to make does not wait for another's thousands."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from contextvars import ContextVar
from types import TracebackType

ON_BEHALF: ContextVar[Hashable] = ContextVar("kafkade_on_behalf", default=None)
"""Whose work this is: tasks that are started by it inherit it."""


class Slots:
    """``async with`` holds one of ``number`` slots. Those on whose behalf it is asked for take turns, first come within one."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        """In the order of their turns; none is empty."""

    async def __aenter__(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        whose, turn = ON_BEHALF.get(), asyncio.get_running_loop().create_future()
        self._waiting.setdefault(whose, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()  # it was given one just as it was cancelled
            else:
                self._forget(whose, turn)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._release()

    def _release(self) -> None:
        """The slot goes to who is next, else it is free."""
        while self._waiting:
            whose = next(iter(self._waiting))
            queue = self._waiting.pop(whose)
            turn = queue.popleft()
            if queue:
                self._waiting[whose] = queue  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, whose: Hashable, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(whose)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[whose]
