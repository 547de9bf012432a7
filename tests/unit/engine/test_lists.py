"""What the engine lists, and when: events alone do not tell of everything."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Resource
from kafkade.clients.kube_api import KubeApi
from kafkade.engine import engine as module
from kafkade.engine.engine import Engine, Scope


class Vanishing:
    """An API server with one topic in its last moments, which is gone at the second list."""

    def __init__(self) -> None:
        self.lists = 0

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> list[Resource]:
        if kind != TOPIC:
            return []
        self.lists += 1
        meta = {"name": "last", "namespace": "shop", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"}
        body = {"metadata": meta, "spec": {"clusterRef": {"name": "main"}}}
        return [Resource.from_body(kind, body)] if self.lists == 1 else []

    async def close(self) -> None:
        pass


async def test_what_goes_before_the_watches_begin_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No watch tells of it, and a KafkaCluster in deletion would wait for it."""
    monkeypatch.setattr(module, "SETTLED", 0.01)
    kube = Vanishing()
    engine = Engine(cast(KubeApi, kube), Scope())
    await engine.start()
    try:
        assert len(engine.store) == 1
        async with asyncio.timeout(5):
            while len(engine.store):  # noqa: ASYNC110 -- the store tells nobody
                await asyncio.sleep(0.01)
        assert kube.lists == 2, "the next one is minutes away"
    finally:
        await engine.stop()
