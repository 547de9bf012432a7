"""Waiting until something holds."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(test: Callable[[], object], what: str | Callable[[], str], timeout: float = 60, pause: float = 0.1) -> None:
    """Poll until a test holds; ``what`` is told if it never does, ``timeout`` and ``pause`` are seconds."""
    deadline = time.monotonic() + timeout
    while not test():
        assert time.monotonic() < deadline, f"not so within {timeout} s: {what if isinstance(what, str) else what()}"
        time.sleep(pause)
