"""What a reconcile writes through its view of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import Resource
from kafkade.clients.kube_api import KubeApi
from kafkade.engine.engine import Engine, Scope


class Counting:
    """An API server that counts what is written."""

    def __init__(self) -> None:
        self.written: list[Mapping[str, Any]] = []

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        self.written.append(status)
        return replace(resource, status=status)

    async def close(self) -> None:
        pass


async def test_what_is_announced_already_is_not_written_again() -> None:
    """A setting that brokers refuse is tried at each resync."""
    kube = Counting()
    engine = Engine(cast(KubeApi, kube), Scope())
    cluster = Resource.from_body(CLUSTER, {"metadata": {"name": "main", "namespace": "shop", "uid": "u"}, "spec": {}})
    engine.store.put(cluster)
    try:
        await engine._view.announce(cluster, {"brokerConfigAnnounced": {"log.retention.ms": "1"}})
        await engine._view.announce(cluster, {"brokerConfigAnnounced": {"log.retention.ms": "1"}})
        assert len(kube.written) == 1
        await engine._view.announce(cluster, {"brokerConfigAnnounced": {"log.retention.ms": "2"}})
        assert [status["brokerConfigAnnounced"] for status in kube.written] == [
            {"log.retention.ms": "1"},
            {"log.retention.ms": "2"},
        ]
    finally:
        await engine.stop()


class Overtaking(Counting):
    """An API server on which somebody has just changed the spec."""

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        return replace(await super().patch_status(resource, status), generation=2, spec={"changed": True})


async def test_a_spec_that_comes_with_the_answer_is_looked_at() -> None:
    """The watch's own event of it tells nothing new by then."""
    engine = Engine(cast(KubeApi, Overtaking()), Scope())
    cluster = Resource.from_body(
        CLUSTER, {"metadata": {"name": "main", "namespace": "shop", "uid": "u", "generation": 1}, "spec": {}}
    )
    engine.store.put(cluster)
    try:
        assert engine.idle
        await engine._view.announce(cluster, {"brokerConfigAnnounced": {"log.retention.ms": "1"}})
        assert not engine.idle
    finally:
        await engine.stop()
