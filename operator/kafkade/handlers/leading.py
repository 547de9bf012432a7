"""One of several operators acts: the others wait for the Lease, and whoever loses it ends its process."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

import kopf

from kafkade.api.errors import ApiForbidden, ApiNotFound
from kafkade.api.lease import LeaseName
from kafkade.clients.kube import KubeClient
from kafkade.engine.leadership import ATTEMPT, Leadership

log = logging.getLogger("kafkade")


class Leading:
    """This process's part in it. ``kube`` is the client that the Lease is read and written with."""

    def __init__(self, name: LeaseName, login: Callable[[], Awaitable[object]]) -> None:
        self.kube = KubeClient(concurrency=1, timeout=ATTEMPT, fence=None)
        self.ended_waiting = False
        """The process was told to end before it led."""
        self._leadership = Leadership(self.kube, name, login)
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Wait until this operator leads; from then on it ends the process when it does so no more.

        Raises:
            kopf.PermanentError: it never can: the rights or the namespace are missing.
        """
        name = self._leadership.name
        try:
            await self._leadership.acquire()
        except ApiForbidden as error:
            raise kopf.PermanentError(f"missing rights on Lease {name}, see deploy/rbac/: {error.message}") from error
        except ApiNotFound as error:
            raise kopf.PermanentError(
                f"Lease {name} cannot be created, its namespace must exist: {error.message}"
            ) from error
        except asyncio.CancelledError:
            self.ended_waiting = True
            raise
        self._keeping = asyncio.create_task(self._leadership.keep(), name="lease")
        self._keeping.add_done_callback(_end_process)

    async def end(self) -> None:
        """Nothing is done any more: another one may go on at once."""
        if self._keeping is not None:
            self._keeping.remove_done_callback(_end_process)
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
            await self._leadership.release()
        await self.kube.close()


def _end_process(keeping: asyncio.Task[None]) -> None:
    """At once, whatever is under way: another operator may have begun with it."""
    if not keeping.cancelled() and (error := keeping.exception()) is not None:
        log.critical("the Lease is not renewed any more: %r", error, exc_info=error)
    os._exit(1)
