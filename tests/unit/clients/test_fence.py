"""Where this process does not lead, no client of it writes anything."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from kafkade.api import FINALIZER
from kafkade.api.errors import NotLeader
from kafkade.api.lease import Lease, LeaseName
from kafkade.api.objects import Event, Key, Resource
from kafkade.clients.fence import FENCE, Fence
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_access import Acl, ScramPassword
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_mover import KafkaMover
from kafkade.clients.kube import KubeClient
from kafkade.clients.model import Committed, NewTopic
from kafkade.clients.registry import RegistryClient, SchemaBody
from support.http import serving

ACL = Acl("User:u", "topic", "t", False, "Read")
KEY = Key("KafkaTopic", "shop", "orders")
RESOURCE = Resource.from_body(
    "KafkaTopic",
    {
        "metadata": {
            "name": "orders",
            "namespace": "shop",
            "uid": "u",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": [FINALIZER],
        },
        "spec": {},
    },
)


@pytest.fixture
def shut() -> Iterator[None]:
    """This process lost its Lease."""
    FENCE.shut()
    yield
    FENCE.open_until(float("inf"))


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers anything, and the requests that it saw."""
    seen: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(f"{request.method} {request.path}")
        return web.json_response({"metadata": {"name": "kafkade", "namespace": "n"}, "id": 1})

    async with serving(handle) as url:
        yield url, seen


def test_it_is_open_for_a_time() -> None:
    now = 100.0
    fence = Fence(lambda: now)
    assert fence.is_open, "an operator without a Lease is on its own"
    fence.open_until(110.0)
    fence.check()
    now = 110.0
    with pytest.raises(NotLeader, match="does not hold its Lease"):
        fence.check()
    fence.open_until(120.0)
    fence.check()
    fence.shut()
    assert not fence.is_open


KUBE: dict[str, Callable[[KubeClient], Awaitable[Any]]] = {
    "patch_status": lambda kube: kube.patch_status(RESOURCE, {}),
    "add_finalizer": lambda kube: kube.add_finalizer(RESOURCE),
    "annotate": lambda kube: kube.annotate(RESOURCE, "kafkade.io/taking", "a"),
    "remove_finalizer": lambda kube: kube.remove_finalizer(RESOURCE),
    "create_resource": lambda kube: kube.create_resource(RESOURCE, KEY, {}, {}),
    "replace_spec": lambda kube: kube.replace_spec(RESOURCE, {}),
    "delete_resource": lambda kube: kube.delete_resource(RESOURCE),
    "create_config_map": lambda kube: kube.create_config_map(RESOURCE, "c", {}),
    "replace_config_map_data": lambda kube: kube.replace_config_map_data("shop", "c", "u", {}),
    "delete_config_map": lambda kube: kube.delete_config_map("shop", "c", "u"),
    "create_secret": lambda kube: kube.create_secret(RESOURCE, "s", {}),
    "replace_secret_data": lambda kube: kube.replace_secret_data("shop", "s", "u", {}),
    "post_event": lambda kube: kube.post_event(RESOURCE, Event("Normal", "A", "b"), "now"),
}


@pytest.mark.usefixtures("shut")
@pytest.mark.parametrize("name", KUBE)
async def test_kubernetes_is_not_written_to(name: str) -> None:
    kube = KubeClient()
    async with recording() as (url, seen):
        await kube.login(url, {}, None)
        with pytest.raises(NotLeader):
            await KUBE[name](kube)
        await kube.get("secrets", "shop", "login")
        assert seen == ["GET /api/v1/namespaces/shop/secrets/login"], "only what reads"
        await kube.close()


@pytest.mark.usefixtures("shut")
async def test_the_lease_itself_is() -> None:
    kube = KubeClient(fence=None)
    async with recording() as (url, seen):
        await kube.login(url, {}, None)
        await kube.write_lease(Lease(LeaseName("n", "kafkade")))
        await kube.write_lease(Lease(LeaseName("n", "kafkade"), version="1"))
        assert seen == [
            "POST /apis/coordination.k8s.io/v1/namespaces/n/leases",
            "PUT /apis/coordination.k8s.io/v1/namespaces/n/leases/kafkade",
        ]
        await kube.close()


async def test_the_fence_is_asked_when_the_connection_stands() -> None:
    """Not when the request is made: what waited for its turn, or for a connection, is refused as well."""
    fence, kube_written = Fence(), "POST /api/v1/namespaces/shop/configmaps"
    kube = KubeClient(fence=fence)
    async with recording() as (url, seen):
        writing = kube.create_config_map(RESOURCE, "c", {})
        await kube.login(url, {}, None)
        fence.shut()
        with pytest.raises(NotLeader):
            await writing
        assert seen == []
        fence.open_until(float("inf"))
        await kube.create_config_map(RESOURCE, "c", {})
        assert seen == [kube_written], "a refusal leaves nothing behind in the connection"
        await kube.close()


REGISTRY: dict[str, Callable[[RegistryClient], Awaitable[Any]]] = {
    "register": lambda registry: registry.register("s", SchemaBody('"string"'), False),
    "delete_subject": lambda registry: registry.delete_subject("s", permanent=False),
    "set_level": lambda registry: registry.set_level("s", "FULL"),
    "delete_config": lambda registry: registry.delete_config("s"),
    "set_mode": lambda registry: registry.set_mode("s", "IMPORT"),
}


@pytest.mark.usefixtures("shut")
@pytest.mark.parametrize("name", REGISTRY)
async def test_the_registry_is_not_written_to(name: str) -> None:
    async with recording() as (url, seen):
        registry = RegistryClient([url])
        with pytest.raises(NotLeader):
            await REGISTRY[name](registry)
        assert seen == []
        await registry.close()


KAFKA: dict[str, Callable[[KafkaAdmin], Awaitable[Any]]] = {
    "create_topics": lambda kafka: kafka.create_topics([NewTopic("t", 1, 1, {})]),
    "create_partitions": lambda kafka: kafka.create_partitions({"t": 2}),
    "delete_topics": lambda kafka: kafka.delete_topics(["t"]),
    "alter_topic_configs": lambda kafka: kafka.alter_topic_configs({"t": {"a": "b"}}),
    "alter_group_configs": lambda kafka: kafka.alter_group_configs({"g": {"a": "b"}}),
    "alter_broker_configs": lambda kafka: kafka.alter_broker_configs(1, {"a": "b"}),
    "alter_default_broker_configs": lambda kafka: kafka.alter_default_broker_configs({"a": "b"}),
    "reassign": lambda kafka: kafka.reassign({("t", 0): (1,)}),
    "delete_groups": lambda kafka: kafka.delete_groups(["g"]),
    "create_acls": lambda kafka: kafka.create_acls([ACL]),
    "delete_acls": lambda kafka: kafka.delete_acls([ACL]),
    "delete_allowed": lambda kafka: kafka.delete_allowed(["User:u"]),
    "alter_scram_users": lambda kafka: kafka.alter_scram_users([ScramPassword("u", "SCRAM-SHA-512", "p")]),
}
KAFKA_READS = {
    "security", "close", "describe_cluster", "features", "describe_topics", "topics", "offsets", "committed",
    "list_groups", "describe_groups", "group_offsets", "log_ranges", "next_records", "offsets_at",
    "stable_ends", "batches", "arrivals", "log_dirs", "versions",
    "topic_configs", "survey", "group_configs", "broker_configs", "default_broker_configs", "reassignments",
    "moving", "replication",
    "acls", "scram_users",
}  # fmt: skip


def test_every_method_of_the_admin_client_is_a_read_or_is_tested_here() -> None:
    assert {name for name in vars(KafkaAdmin) if not name.startswith("_")} == KAFKA_READS | set(KAFKA)


@pytest.mark.usefixtures("shut")
@pytest.mark.parametrize("name", KAFKA)
async def test_kafka_is_not_written_to(name: str) -> None:
    """Before anything else: no broker is there."""
    kafka = KafkaAdmin(Security("127.0.0.1:1"), timeout=2)
    with pytest.raises(NotLeader):
        await KAFKA[name](kafka)
    await kafka.close()


@pytest.mark.usefixtures("shut")
def test_no_record_is_moved_and_no_transaction_ends() -> None:
    calls: list[str] = []

    class Producer:
        def __getattr__(self, name: str) -> Callable[..., int]:
            return lambda *_, **__: calls.append(name) or 0  # type: ignore[func-returns-value]

    mover = KafkaMover(
        Security("127.0.0.1:1"), "t.dlq", ledger_group="l", progress_group="p", transactional_id="l", timeout=1
    )
    mover._producer = Producer()
    mover.begin()
    with pytest.raises(NotLeader):
        mover.send([])
    with pytest.raises(NotLeader):
        mover.commit({0: Committed(1, "")}, {})
    with pytest.raises(NotLeader):
        mover.abort()
    mover.close()
    assert not {"produce", "send_offsets_to_transaction", "commit_transaction", "abort_transaction"} & set(calls)


def test_the_transactional_id_is_not_taken_over(shut: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end the redrive of the operator that leads now."""
    monkeypatch.setattr("kafkade.clients.kafka_mover._CONNECTS", 0.01)
    mover = KafkaMover(
        Security("127.0.0.1:1"), "t.dlq", ledger_group="l", progress_group="p", transactional_id="l", timeout=1
    )
    with pytest.raises(NotLeader):
        mover.take_over()
    mover.close()
