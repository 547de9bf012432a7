"""Sees when resources are Ready by one watch: asking for lists again and again would keep the API server from its work.

A watch takes CPU itself, of the API server and of who reads it: where no more than the end is asked for, it begins with a list
once all is written.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bare import Bare

from kafkade.devstack import progress

_PAGE = 500
"""Resources a page of a list."""


class Following:
    """Which resources have been Ready, and which are gone."""

    def __init__(self) -> None:
        self.ready: dict[int, dict[str, float]] = defaultdict(dict)
        """By generation and name: when it was first seen Ready at it, on time.monotonic's clock."""
        self.gone: set[str] = set()
        self.failed: BaseException | None = None
        self.version = ""
        """resourceVersion of the last event."""
        self._changed = asyncio.Event()

    async def until(self, title: str, count: Callable[[], int], total: int) -> None:
        """Wait until that many are."""
        with progress.task(title, total=total, unit="resources") as task:
            while (done := count()) < total:
                task.done = done
                if self.failed is not None:
                    raise self.failed
                self._changed.clear()
                await self._changed.wait()

    def event(self, line: bytes) -> None:
        """One event of the watch."""
        event = json.loads(line)
        found = event["object"]
        if event["type"] == "ERROR":
            raise RuntimeError(f"the watch ended: {found}")
        self.version = found["metadata"]["resourceVersion"]
        if event["type"] == "BOOKMARK":
            return
        if event["type"] == "DELETED":
            self.gone.add(found["metadata"]["name"])
            self._changed.set()
        else:
            self.there(found)

    def there(self, found: dict[str, Any]) -> None:
        """A resource as it is."""
        name, generation = found["metadata"]["name"], found["metadata"]["generation"]
        if _ready(found.get("status", {}), generation):
            self.ready[generation].setdefault(name, time.monotonic())
            self._changed.set()

    def end(self, task: asyncio.Task[None]) -> None:
        """The watch is over: whoever waits is told."""
        if not task.cancelled():
            self.failed = task.exception() or RuntimeError("the watch ended")
            self._changed.set()


def _ready(status: dict[str, Any], generation: int) -> bool:
    return status.get("observedGeneration") == generation and any(
        c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ())
    )


async def _list(bare: Bare, plural: str, seen: Following) -> None:
    """See all that are there; each page is of the version that the first one was."""
    rest = ""
    while True:
        page = await bare.call("GET", f"/{plural}?limit={_PAGE}{rest}")
        for found in page["items"]:
            seen.there(found)
        seen.version = page["metadata"]["resourceVersion"]
        token = page["metadata"].get("continue")
        if not token:
            return
        rest = f"&continue={token}"


@asynccontextmanager
async def following(bare: Bare, plural: str, *, present: bool = False) -> AsyncIterator[Following]:
    """Watch all resources of a kind in the client's namespace, from now on; ``present``: those that are there are seen first."""
    seen = Following()
    if present:
        await _list(bare, plural, seen)
    else:
        listed = await bare.call("GET", f"/{plural}?limit=1")
        seen.version = listed["metadata"]["resourceVersion"]

    async def read() -> None:
        # an API server ends the watch of who does not keep up for a moment; it goes on where it ended
        while True:
            params = {"watch": "true", "timeoutSeconds": "7200", "resourceVersion": seen.version}
            async with bare.session.get(f"{bare.base}/{plural}", params=params) as response:
                assert response.status == 200, await response.text()
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        seen.event(line)

    task = asyncio.create_task(read())
    task.add_done_callback(seen.end)
    try:
        yield seen
    finally:
        task.cancel()


async def all_ready(bare: Bare, plural: str, title: str, generation: int, count: int) -> None:
    """Wait until that many are Ready at a generation, for who has written all of them."""
    async with following(bare, plural, present=True) as seen:
        await seen.until(title, lambda: len(seen.ready[generation]), count)
