"""The signals that ask a command for its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asking_for_the_end() -> Iterator[list[int]]:
    """Collects the first SIGINT or SIGTERM; the next one does what it does by default, which is to end at once."""
    found: list[int] = []

    def take(number: int, _: FrameType | None) -> None:
        found.append(number)
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)

    before = {one: signal.signal(one, take) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield found
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
