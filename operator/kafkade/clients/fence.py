"""Whether this process may write: one fence for all clients, so that none can be made without it.

It opens for a time only, which runs out by itself. A process that was suspended, or whose event loop hung, finds it shut when
it goes on, before anybody has told it that another operator leads now.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import aiohttp

from kafkade.api.errors import NotLeader

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_READS = frozenset({"GET", "HEAD"})


def monotonic() -> float:
    """Seconds that never go backwards and go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(_CLOCK)


class Fence:
    """Open for good until it is shut for the first time: an operator without a Lease is on its own.

    ``clock`` in seconds. Asked from several threads, told from the event loop.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = float("inf")

    @property
    def is_open(self) -> bool:
        """Whether writes are let through now."""
        return self._clock() < self._until

    def open_until(self, moment: float) -> None:
        """Let writes through before ``moment`` of the fence's clock."""
        self._until = moment

    def shut(self) -> None:
        """Let no write through until it is opened again."""
        self._until = float("-inf")

    def check(self) -> None:
        """Called right before each write.

        Raises:
            NotLeader: it must not be made.
        """
        if not self.is_open:
            raise NotLeader("this operator does not hold its Lease (any more): nothing is written")


FENCE = Fence()
"""This process's own."""


def fenced(fence: Fence = FENCE) -> aiohttp.TraceConfig:
    """For an HTTP session whose requests, reads excepted, have to pass the fence; NotLeader comes out of the request.

    It is asked when the connection stands, and nothing of the request is sent yet.
    """

    async def check(_session: Any, _context: Any, params: aiohttp.TraceRequestHeadersSentParams) -> None:
        if params.method not in _READS:
            fence.check()

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(check)
    return config
