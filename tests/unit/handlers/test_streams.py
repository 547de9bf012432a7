"""What the engine is told by a stream, whatever becomes of its watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from typing import Any, cast

from kafkade.api.errors import ApiGone, ApiUnavailable, KubernetesError
from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.clients.kube_api import Listing
from kafkade.clients.kube_stream import Change, Stream
from kafkade.engine.engine import Engine
from kafkade.handlers.streams import follow


def topic(name: str) -> Resource:
    """A KafkaTopic."""
    meta = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}
    return Resource.from_body(TOPIC, {"metadata": meta})


class Told:
    """In place of the engine: what it was told."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def known(self, kind: str, namespace: str | None) -> set[Key]:
        return {Key(kind, "shop", "old")}

    def listed(self, before: Collection[Key], listing: Listing) -> None:
        self.log.append(f"listed {[r.key.name for r in listing.resources]} after {[k.name for k in before]}")

    def seen(self, resource: Resource) -> None:
        self.log.append(f"seen {resource.key.name}")

    def gone(self, key: Key, version: str = "") -> None:
        self.log.append(f"gone {key.name} at {version}")


class Prepared:
    """A stream whose watches are these, one after the other; the last one lasts."""

    kind, namespace = TOPIC, None

    def __init__(self, *watches: Sequence[Change] | KubernetesError) -> None:
        self._watches = list(watches)
        self.goes_on = False

    async def listed(self) -> Listing:
        self.goes_on = True
        return Listing([topic("a")], "5")

    async def changes(self) -> AsyncIterator[Sequence[Change]]:
        if not self._watches:
            await asyncio.Event().wait()
        found = self._watches.pop(0)
        if isinstance(found, KubernetesError):
            self.goes_on = not isinstance(found, ApiGone)
            raise found
        yield found


async def test_lists_only_where_changes_were_lost() -> None:
    watches: list[Any] = [
        [Change("SET", topic("b"))],
        ApiUnavailable("away"),
        [Change("GONE", topic("b")), Change("SET", topic("c"))],
        ApiGone("too old"),
    ]
    told = Told()
    task = asyncio.create_task(follow(cast(Stream, Prepared(*watches)), cast(Engine, told)))
    async with asyncio.timeout(10):
        while len(told.log) < 5:  # noqa: ASYNC110 -- a list tells nobody
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    listed = "listed ['a'] after ['old']"
    assert told.log == [listed, "seen b", "gone b at 1", "seen c", listed]
