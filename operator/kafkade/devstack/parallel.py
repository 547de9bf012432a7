"""Does several things side by side; when one fails, or we are interrupted, the others end soon.

A thread cannot be stopped from outside, so what takes long asks ``check()`` now and then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import ContextVar, copy_context
from typing import TypeVar

T = TypeVar("T")

# the events of all the gatherings, one within the other, that the current code runs in
_ends: ContextVar[tuple[threading.Event, ...]] = ContextVar("ends", default=())


class _Cancelled(Exception):
    """Ends a call whose result nobody waits for; ``gather`` lets it pass no further."""


def check() -> None:
    """End the current call if it was cancelled."""
    if any(end.is_set() for end in _ends.get()):
        raise _Cancelled


def gather(*calls: Callable[[], T], limit: int | None = None) -> list[T]:
    """Make the calls in threads, at most ``limit`` at once, and return their results in order.

    Returns or raises only when no call is running any more; raises the first call's error.
    """
    if not calls:
        return []
    end = threading.Event()

    def run(call: Callable[[], T]) -> T:
        _ends.set((*_ends.get(), end))
        check()
        return call()

    with ThreadPoolExecutor(limit or len(calls)) as pool:
        futures = [pool.submit(copy_context().run, run, call) for call in calls]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # all are done, one has failed, or this is Ctrl-C
            if not all(future.done() and future.exception() is None for future in futures):
                end.set()
    errors = [error for future in futures if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, _Cancelled)):
        raise error
    return [future.result() for future in futures]
