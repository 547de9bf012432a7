"""What a scene does when it did not come out as told."""

from __future__ import annotations

import time
from collections.abc import Callable


class NotAsTold(Exception):
    """A scene did not come out as the story says."""


def expect(holds: bool, what: str, found: object = None) -> None:
    """Raises NotAsTold unless ``holds``."""
    if not holds:
        raise NotAsTold(f"{what}" + ("" if found is None else f"; found: {found}"))


def eventually(test: Callable[[], bool], what: str, timeout: float = 30) -> None:
    """Raises NotAsTold unless ``test`` holds in time."""
    deadline = time.monotonic() + timeout
    while not test():
        expect(time.monotonic() < deadline, f"not so within {timeout:.0f} s: {what}")
        time.sleep(0.1)
