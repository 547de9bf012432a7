"""The delays between the attempts at a record, as numbers. Pure."""

from __future__ import annotations

from kafkade.api.common import seconds
from kafkade.api.dlq import Retry

LONGEST = 2**63 - 1
"""Milliseconds that fit Java's long, which is what the software that reads them keeps them in."""


def milliseconds(duration: str) -> int:
    """A Duration of a spec (``"1m30s"``) in whole milliseconds, at most LONGEST."""
    return min(LONGEST, round(seconds(duration) * 1000))


def delays(retry: Retry) -> tuple[int, ...]:
    """Milliseconds before attempts 2 to maxAttempts: initial, then times multiplier each, none above maxDelay.

    Jitter is left out: who waits draws it.
    """
    longest = milliseconds(retry.backoff.max_delay)
    delay = float(min(milliseconds(retry.backoff.initial), longest))
    result = []
    for _ in range(retry.max_attempts - 1):
        result.append(min(longest, round(delay)))
        # stops at the longest, so that 99 multiplications do not leave a float's range
        delay = min(float(longest), delay * retry.backoff.multiplier)
    return tuple(result)
