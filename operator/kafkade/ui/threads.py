"""Work of pages that blocks, in threads of the pages' own.

The event loop's threads look names up for everything else in the process: an operator must not wait there for a page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

AT_ONCE = 6
"""Pages that are made at the same time; others wait for their turn."""

_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="kafkade-ui")

T = TypeVar("T")


class GivenUp(Exception):
    """Nobody waits any more for what a thread is at."""


class Stop:
    """Says to a thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._told = Event()

    def tell(self) -> None:
        """Let the thread end at its next check."""
        self._told.set()

    def check(self) -> None:
        """
        Raises:
            GivenUp: there is nobody to go on for.
        """
        if self._told.is_set():
            raise GivenUp


async def aside(work: Callable[[Stop], T]) -> T:
    """What ``work`` returns. Whoever gives up waits until the thread has noticed, so that no second one takes its turn."""
    stop = Stop()
    running = asyncio.wrap_future(_THREADS.submit(work, stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.tell()
        try:
            await asyncio.wait({running})
        finally:
            if not running.cancel():
                running.exception()  # nobody else asks for it, which asyncio would complain of
        raise
