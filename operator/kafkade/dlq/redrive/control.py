"""What can be asked of a running redrive from another thread, and how fast it may go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kafkade.dlq.redrive.progress import Progress

BURST = 1.0
"""Seconds of the rate that may be made up for after a delay, and no more."""


class Control:
    """The handle of one redrive. All of it may be used from any thread."""

    def __init__(self, rate_limit: int | None = None) -> None:
        self._changed = threading.Condition()
        self._cancelled = False
        self._paused = False
        self._rate = rate_limit
        self._progress = Progress()

    def cancel(self) -> None:
        """Stop for good after the transaction that runs; what is committed stays put back."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def pause(self, paused: bool = True) -> None:
        """Hold after the transaction that runs, or go on."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def set_rate(self, records_per_second: int | None) -> None:
        """Change the rate limit; None takes it away."""
        with self._changed:
            self._rate = records_per_second
            self._changed.notify_all()

    def snapshot(self) -> Progress:
        """What is committed by now."""
        with self._changed:
            return self._progress

    @property
    def cancelled(self) -> bool:
        """Whether to stop."""
        return self._cancelled

    @property
    def paused(self) -> bool:
        """Whether to hold."""
        return self._paused

    @property
    def rate(self) -> int | None:
        """Records a second, or None for as fast as it goes."""
        return self._rate

    def publish(self, progress: Progress) -> None:
        """Called by the redrive after each transaction."""
        with self._changed:
            self._progress = progress

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until something is asked for."""
        with self._changed:
            if not self._cancelled:
                self._changed.wait(seconds)

    def hold(self) -> None:
        """Wait while paused and not cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or not self._paused)


class TokenBucket:
    """Allows ``rate`` records a second. It begins empty, so that on the whole never more than the rate went.

    After a delay, what BURST seconds give may go at once.
    """

    def __init__(self, rate: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = rate
        self._tokens = 0.0
        self._at = clock()

    def set_rate(self, rate: int | None) -> None:
        """From now on ``rate``; None is no limit."""
        if rate != self._rate:
            self._fill()
            self._rate = rate

    def reset(self) -> None:
        """Time that passed until now gives nothing: after a pause."""
        self._at, self._tokens = self._clock(), 0.0

    def available(self) -> int | None:
        """How many records may go now; None: any number."""
        self._fill()
        return None if self._rate is None else max(0, int(self._tokens))

    def take(self, records: int) -> None:
        """So many went. More than were available is a debt that time has to pay."""
        if self._rate is not None:
            self._tokens -= records

    def wait(self, records: int) -> float:
        """Seconds until so many may go. More than BURST seconds of the rate, but at least one, never may at once."""
        self._fill()
        return 0.0 if self._rate is None else max(0.0, (records - self._tokens) / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        if self._rate is not None:
            most = max(1.0, self._rate * BURST)
            self._tokens = min(most, self._tokens + (now - self._at) * self._rate)
        self._at = now
