"""The engine over manifests and a state file, until everything is done or for as long as it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from kafkade.api.conditions import QUIET_REASONS, condition
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Key, Resource
from kafkade.engine.connections import AccessOf
from kafkade.engine.engine import Engine, Scope
from kafkade.engine.parts import now
from kafkade.local.kube import LocalKube
from kafkade.local.state import State

PATIENCE = 20.0
"""Seconds for which what fails is tried again before a run gives up on it."""

_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A resource that is not as declared."""

    key: Key
    reason: str
    message: str


class Runner:
    """An engine whose Kubernetes API are manifests and a state. ``async with`` starts and stops it."""

    def __init__(self, state: State, access: AccessOf) -> None:
        self.kube = LocalKube(state, now)
        self._engine = Engine(self.kube, Scope(), access, young=0.0)

    async def __aenter__(self) -> Runner:
        self.kube.seen, self.kube.gone = self._engine.seen, self._engine.gone
        await self._engine.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.stop()

    def check(self) -> None:
        """Raises KafkadeError when a part of the engine ended by a defect."""
        if self._engine.health.failed is not None:
            raise KafkadeError(f"an error in kafkade itself: {self._engine.health.failed!r}")

    async def settle(self, patience: float, stopped: Callable[[], bool]) -> list[Unfinished]:
        """Wait until a look at everything finds nothing to do, and say what is not as declared.

        What goes on without hands, such as moving replicas, is waited for for ``patience`` seconds, what fails is given
        up on earlier, and everything when ``stopped`` says so.
        """
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), -1

        def over() -> bool:
            waited = loop.time() - began
            return stopped() or waited > patience or (waited > PATIENCE and not self._goes_on())

        # what one resource came to may be another one's to follow, as a policy's topics do their source
        while seen != self.kube.version and not over():
            seen = self.kube.version
            self._engine.wake([resource.key for resource in self.kube.resources()])
            await self._quiet(over)
        return self.unfinished(stopped=stopped())

    async def _quiet(self, over: Callable[[], bool]) -> None:
        """Wait until the engine has nothing to do."""
        times = 0
        while times < 2 and not over():  # a change that was told of this moment is in no lane yet
            await asyncio.sleep(_LOOK)
            self.check()
            times = times + 1 if self._engine.idle else 0

    def _goes_on(self) -> bool:
        """Whether something is under way that has not failed."""
        return any(self._state(r)[0] == "under way" for r in self._engine.store)

    def unfinished(self, *, stopped: bool = False) -> list[Unfinished]:
        """What is not as declared, and why."""
        found = []
        for resource in self.kube.resources():
            state, reason, message = self._state(resource)
            if state != "done":
                told = "stopped before it was done" if stopped and state == "under way" else message
                found.append(Unfinished(resource.key, reason, told))
        return sorted(found, key=lambda u: u.key)

    @staticmethod
    def _state(resource: Resource) -> tuple[str, str, str]:
        """``done``, ``failed`` or ``under way``, with reason and message."""
        ready = condition(resource.status, "Ready")
        if ready is None or resource.status.get("observedGeneration") != resource.generation:
            return "under way", "Pending", "it was not looked at yet"
        reason, message = str(ready["reason"]), str(ready["message"])
        if resource.deleted is not None:
            return ("under way" if reason == "Deleting" else "failed"), reason, message
        moving = condition(resource.status, "Reconciling") or {}
        if reason in QUIET_REASONS and moving.get("status") == "True":
            return "under way", reason, message
        done = ready["status"] == "True" or reason in ("Observed", "Paused")
        return ("done" if done else "failed"), reason, message
