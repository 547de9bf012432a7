"""Work that goes on while a test looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def at_work(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """``work`` in a thread of its own until the end of the block, when the event that it is given is set."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
