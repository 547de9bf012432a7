"""Holds the Lease for this process: takes it, renews it, loses it, gives it back. What to do is the election's to say."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from kafkade.api.errors import ApiConflict, ApiForbidden, ApiNotFound, ApiUnavailable, KubernetesError
from kafkade.api.lease import Lease, LeaseName
from kafkade.clients.fence import FENCE, Fence, monotonic
from kafkade.clients.kube import KubeClient
from kafkade.engine.election import Election, Step, Timing

log = logging.getLogger("kafkade.leadership")

T = TypeVar("T")

ATTEMPT = 4.0
"""Seconds that one request may take: two that get no answer fit into a deadline."""

RELEASE = 3.0
"""Seconds that giving it back may take at the end of the process."""


def new_identity() -> str:
    """The pod's name, and something that no other process has had: a container that is restarted is another holder."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


@dataclass(slots=True)
class Leadership:
    """This process and a Lease. The fence is shut from the beginning, and open while the Lease is held.

    ``login``: finds credentials anew, since a standby makes no other call that would notice that they have expired.
    ``kube`` is a client of its own, without a fence, which waits for no other call.
    """

    kube: KubeClient
    name: LeaseName
    login: Callable[[], Awaitable[object]]
    identity: str = field(default_factory=new_identity)
    timing: Timing = field(default_factory=Timing)
    fence: Fence = FENCE
    clock: Callable[[], float] = monotonic
    _election: Election = field(init=False)
    _trouble: str | None = None

    def __post_init__(self) -> None:
        self._election = Election(self.identity, self.timing)
        self.fence.shut()

    async def acquire(self) -> None:
        """Wait until this process leads.

        Raises:
            ApiForbidden: the rights on the Lease are missing.
            ApiNotFound: there is no such namespace.
        """
        told, had_answer = None, False
        while True:
            try:
                await self._try_to_take()
            except KubernetesError as error:
                # an API server that has just been started refuses everything for a moment: only the first answer tells
                if isinstance(error, ApiForbidden | ApiNotFound) and not had_answer:
                    raise
                self._election = self._election.unsure()
                self._complain(error)
            else:
                self._trouble, had_answer = None, True
            if self._election.leads(self.clock()):
                self.fence.open_until(self._election.until)
                log.info("holds Lease %s as %s", self.name, self.identity)
                return
            holder = self._election.seen.holder if self._election.seen else ""
            if holder not in ("", told, self.identity):
                log.info("standby: Lease %s is held by %s", self.name, holder)
                told = holder
            self._election = self._election.stood_down()
            await asyncio.sleep(self._pause(self._election.guard))

    async def keep(self) -> None:
        """Renew it; returns when it is lost, with the fence shut."""
        while True:
            await asyncio.sleep(self._pause(self._election.until))
            if not self._lost():
                await self._try_to_renew()
            if self._lost():
                self.fence.shut()
                log.critical("lost Lease %s: nothing more is done", self.name)
                return
            self.fence.open_until(self._election.until)

    async def release(self) -> None:
        """Give it back, so that another one need not wait; if that fails it expires."""
        self.fence.shut()
        self._election = self._election.stood_down()
        try:
            async with asyncio.timeout(RELEASE):
                held = await self.kube.get_lease(self.name)
                if held is not None and held.holder == self.identity:
                    await self.kube.write_lease(held.released(_now()))
                    log.info("gave Lease %s back", self.name)
        except (KubernetesError, TimeoutError) as error:
            log.warning("Lease %s is not given back, and expires: %s", self.name, error)

    async def _try_to_take(self) -> None:
        await self._look()
        if self._election.next(self.clock()) is Step.TAKE:
            await self._write()

    async def _try_to_renew(self) -> None:
        try:
            if self._election.next(self.clock()) is Step.LOOK:
                await self._look()
            if self._election.next(self.clock()) is Step.RENEW:
                await self._write()
        except KubernetesError as error:
            self._election = self._election.unsure()
            self._complain(error)
        else:
            self._trouble = None

    async def _look(self) -> None:
        lease = await self._call(lambda: self.kube.get_lease(self.name))
        self._election = self._election.observed(lease, self.clock())

    async def _write(self) -> None:
        lease = (self._election.seen or Lease(self.name)).held_by(self.identity, self.timing.duration, _now())
        begun = self.clock()
        try:
            written = await self._call(lambda: self.kube.write_lease(lease))
        except (ApiConflict, ApiNotFound) as error:
            if isinstance(error, ApiNotFound) and not lease.version:
                raise  # there is no such namespace
            self._election = self._election.unsure()
            await self._look()
            return
        self._election = self._election.wrote(written, begun)

    async def _call(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request in time; once more with new credentials where they may have expired."""
        try:
            async with asyncio.timeout(self._patience()):
                try:
                    return await request()
                except ApiForbidden:
                    await self.login()
                    return await request()
        except TimeoutError as error:
            raise ApiUnavailable(f"Lease {self.name}: no answer in time") from error

    def _patience(self) -> float:
        """A leader waits for no answer longer than it leads."""
        if self._election.renewed is None:
            return ATTEMPT
        return min(ATTEMPT, max(0.0, self._election.until - self.clock()))

    def _lost(self) -> bool:
        return self._election.next(self.clock()) is Step.LOST

    def _pause(self, at_most_until: float) -> float:
        """Seconds until the next try."""
        pause = self.timing.retry * random.uniform(1.0, 1.0 + self.timing.jitter)  # noqa: S311 -- so that not all come at once
        left = at_most_until - self.clock()
        return min(pause, left) if left > 0 else pause

    def _complain(self, error: KubernetesError) -> None:
        """Once, not every two seconds."""
        if error.message != self._trouble:
            self._trouble = error.message
            log.warning("Lease %s: %s", self.name, error.message)


def _now() -> str:
    """As MicroTime is written."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
