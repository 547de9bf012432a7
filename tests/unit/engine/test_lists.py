"""What the engine lists, and when: events alone do not tell of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from kafkade.api import FINALIZER
from kafkade.api.errors import ApiUnavailable
from kafkade.api.kinds import CLUSTER, TOPIC
from kafkade.api.objects import Key, Report, Resource
from kafkade.clients.kube_api import KubeApi, Listing
from kafkade.engine import connections
from kafkade.engine import engine as module
from kafkade.engine.engine import Engine, Scope
from kafkade.engine.reporter import Reporter


class Vanishing:
    """An API server with one topic in its last moments, which is gone at the second list."""

    def __init__(self) -> None:
        self.lists = 0

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing:
        if kind != TOPIC:
            return Listing([])
        self.lists += 1
        meta = {"name": "last", "namespace": "shop", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"}
        body = {"metadata": meta, "spec": {"clusterRef": {"name": "main"}}}
        return Listing([Resource.from_body(kind, body)] if self.lists == 1 else [])

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


class Behind:
    """An API server whose lists are all as of version 10."""

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing:
        return Listing([topic("old", 5), topic("deleted", 6)] if kind == TOPIC else [], "10")

    async def close(self) -> None:
        pass


def topic(name: str, version: int) -> Resource:
    meta = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": str(version)}
    return Resource.from_body(TOPIC, {"metadata": meta, "spec": {"clusterRef": {"name": "main"}}})


async def test_a_list_that_is_behind_undoes_nothing() -> None:
    """It lacks what was made since, and shows what was deleted since, which would be made in Kafka once more."""
    engine = Engine(cast(KubeApi, Behind()), Scope())
    await engine.start()
    try:
        engine.seen(topic("new", 11))
        engine.gone(topic("deleted", 6).key, "12")
        await engine._relist()
        assert sorted(r.key.name for r in engine.store) == ["new", "old"]
    finally:
        await engine.stop()


async def test_a_deletion_that_is_told_late_is_not_of_who_got_the_name_since() -> None:
    """A list or the answer of a write was faster than the watch: for as long as the new one is unknown, others could take its
    topic, and what was announced for it would be taken away.
    """
    engine = Engine(cast(KubeApi, Behind()), Scope())
    await engine.start()
    try:
        engine.seen(replace(topic("again", 13), uid="the new one"))
        engine.gone(topic("again", 6).key, "12")
        found = engine.store.get(topic("again", 6).key)
        assert found is not None
        assert found.uid == "the new one"
        engine.gone(topic("again", 6).key, "14")
        assert engine.store.get(topic("again", 6).key) is None
    finally:
        await engine.stop()


class Losing:
    """An API server with a topic that goes without a word."""

    def __init__(self) -> None:
        self.there = True
        self.away = False

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing:
        if self.away:
            raise ApiUnavailable("away")
        if self.there:
            return Listing([topic("kept", 5)] if kind == TOPIC else [], "10")
        return Listing([], "20")

    async def close(self) -> None:
        pass


async def test_what_goes_while_watches_are_interrupted_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOGETHER", 0.01)
    monkeypatch.setattr(module, "SETTLED", 0.05)
    kube = Losing()
    engine = Engine(cast(KubeApi, kube), Scope())
    await engine.start()
    try:
        await asyncio.sleep(0.2)
        assert len(engine.store) == 1, "the next list is minutes away"
        kube.there, kube.away = False, True
        engine.interrupted()
        await asyncio.sleep(0.05)
        kube.away = False  # a list that failed is made again soon, and not in minutes
        async with asyncio.timeout(5):
            while len(engine.store):  # noqa: ASYNC110 -- the store tells nobody
                await asyncio.sleep(0.01)
    finally:
        await engine.stop()


class Overtaken:
    """An API server where a resource is changed right before each write of the operator's: the answer holds that change."""

    async def patch_status(self, resource: Resource, status: dict[str, object]) -> Resource:
        return later(resource, status=status)

    async def add_finalizer(self, resource: Resource) -> Resource:
        return later(resource, finalizers=(FINALIZER,))

    async def close(self) -> None:
        pass


def later(resource: Resource, **changes: object) -> Resource:
    spec = {**resource.spec, "partitions": 7}
    version = str(int(resource.resource_version) + 1)
    return replace(resource, generation=resource.generation + 1, spec=spec, resource_version=version, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("write", ["status", "finalizer"])
async def test_a_change_that_a_writes_answer_brings_is_not_missed(write: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch's event of it comes afterwards and has nothing new: nobody would look at it before the next resync."""
    engine = Engine(cast(KubeApi, Overtaken()), Scope())
    woken: list[Key] = []
    monkeypatch.setattr(engine, "wake", lambda keys, **_: woken.extend(keys))
    first = topic("orders", 5)
    engine.store.put(first)
    engine.reporter = Reporter(
        engine.kube, engine.store, lambda *_: None, engine.seen, engine.wake, lambda: "now", lambda _: None
    )
    if write == "status":
        await engine.reporter.write([first], [Report(first.key, {"observedGeneration": first.generation})])
    else:
        await engine._view.add_finalizer(first)
    known = engine.store.get(first.key)
    assert known is not None
    assert known.generation == first.generation + 1
    engine.seen(known)
    assert woken.count(first.key) == 1


class Unseen:
    """An API server that has a deletion which no watch told of yet."""

    def __init__(self, cluster_deleted: str = "2026-01-01T00:00:00+00:00") -> None:
        self.cluster_deleted = cluster_deleted
        self.deletion: str | None = None
        self.released: list[Key] = []

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing:
        if kind == CLUSTER:
            return Listing([self.cluster()], "10")
        if kind != TOPIC:
            return Listing([], "10")
        version = "5" if self.deletion is None else "11"
        meta = {
            "name": "orders",
            "namespace": "shop",
            "uid": "u",
            "resourceVersion": version,
            "finalizers": [FINALIZER],
        }
        body = {
            "metadata": {**meta, **({"deletionTimestamp": self.deletion} if self.deletion else {})},
            "spec": {"clusterRef": {"name": "main"}, "paused": True},
        }
        return Listing([Resource.from_body(TOPIC, body)], version)

    def cluster(self) -> Resource:
        meta = {"name": "main", "namespace": "shop", "uid": "c", "resourceVersion": "9", "finalizers": [FINALIZER]}
        meta["deletionTimestamp"] = self.cluster_deleted
        return Resource.from_body(CLUSTER, {"metadata": meta, "spec": {"paused": True}})  # no address: no connection

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        return replace(resource, resource_version=str(int(resource.resource_version) + 1), status=status)

    async def post_event(self, *_: Any) -> None:
        pass

    async def remove_finalizer(self, resource: Resource) -> None:
        self.released.append(resource.key)

    async def close(self) -> None:
        pass


async def test_a_cluster_in_deletion_waits_for_deletions_that_no_watch_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its connection the topic would be let go, and stay in Kafka."""
    monkeypatch.setattr(connections, "DELETION_GRACE", 0.0)
    kube = Unseen()
    engine = Engine(cast(KubeApi, kube), Scope())
    key = kube.cluster().key
    await engine._relist()
    try:
        kube.deletion = "2026-01-01T00:00:00+00:00"
        await engine._look_at_cluster(key)
        assert kube.released == []
        found = engine.store.get(key)
        assert found is not None
        assert "waits for the deletion of 1 resources" in found.status["conditions"][0]["message"]
    finally:
        await engine.stop()


@pytest.mark.parametrize("deleted", ["2026-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
async def test_how_long_a_cluster_in_deletion_waits_is_not_up_to_the_api_servers_clock(
    deleted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not wait at all where this process' clock is ahead, and for as long as it is behind."""
    monkeypatch.setattr(connections, "DELETION_GRACE", 0.2)
    kube = Unseen(deleted)
    engine = Engine(cast(KubeApi, kube), Scope())
    key = kube.cluster().key
    await engine._relist()
    try:
        await engine._look_at_cluster(key)
        assert kube.released == []
        await asyncio.sleep(0.25)
        await engine._look_at_cluster(key)
        assert kube.released == [key]
    finally:
        await engine.stop()
