"""Where the operator's pages are served, for whom, and what they know of resources."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.kinds import CLUSTER, DLQ_POLICY
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kube import KubeClient
from kafkade.clients.model import ClusterDescription
from kafkade.clients.registry import RegistryClient
from kafkade.engine.engine import Engine, Scope
from kafkade.handlers.ui import Known, Pages, UiRefused, declared_of, letters_of

TOKEN = "0123456789abcdef"


def resource(kind: str, status: dict[str, Any]) -> Resource:
    """A resource with this status."""
    meta = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1"}
    return Resource.from_body(kind, {"metadata": meta, "spec": {}, "status": status})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.mark.parametrize(
    ("address", "host", "port", "other_host_known"),
    [("127.0.0.1:81", "127.0.0.1", 81, False), ("10.0.0.1:8081", "10.0.0.1", 8081, True), ("[::1]:1", "::1", 1, False)],
)
def test_an_address(file: Path, address: str, host: str, port: int, other_host_known: bool) -> None:
    pages = Pages.parse(address, file, ("ui.example",))
    assert pages.address == (host, port)
    assert pages.access.knows_host("ui.example:1")
    assert pages.access.knows_host("10.1.2.3") is other_host_known
    assert TOKEN not in repr(pages)


@pytest.mark.parametrize("address", ["8081", "0.0.0.0:0", "0.0.0.0:99999", ":81", "http://x:81", "x:81 "])
def test_what_is_no_address_is_refused(file: Path, address: str) -> None:
    with pytest.raises(UiRefused, match="not a host and a port"):
        Pages.parse(address, file)


def test_there_must_be_a_token(file: Path) -> None:
    with pytest.raises(UiRefused, match="needs --ui-token-file"):
        Pages.parse("127.0.0.1:81", None)
    file.write_text("short")
    with pytest.raises(UiRefused, match="--ui-token-file"):
        Pages.parse("127.0.0.1:81", file)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, (None, "", "")),
        ({"conditions": []}, (None, "", "")),
        ({"conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": "m"}]}, ("False", "R", "m")),
    ],
)
def test_what_a_condition_says(status: dict[str, Any], shown: tuple[str | None, str, str]) -> None:
    found = declared_of(resource("KafkaTopic", status))
    assert (found.status, found.reason, found.message) == shown
    assert (found.kind, found.namespace, found.name) == ("KafkaTopic", "n", "a")


def letters(grant: Grant | None, **entry: Any) -> list[str]:
    """What the pages take for dead-letter topics of a policy for topic team-a.t, with one share group."""
    topics = [{"topic": "team-a.t", "deadLetterTopic": "team-a.t.dlq", "ready": True}]
    found = resource(DLQ_POLICY, {"topics": topics, "shareGroups": [{"group": "team-a.g", **entry}]})
    return list(letters_of(found, grant, Key(CLUSTER, "kafka", "main")))


@pytest.mark.parametrize("reason", ["NotAllowed", "NamingRefused", "PolicyConflict", "DeadLetterLoop", "TopicConflict"])
def test_a_topic_that_a_policy_was_refused_is_none_of_dead_letters(reason: str) -> None:
    """Else anybody who may write a policy could have records of any topic shown."""
    assert letters(Grant(), deadLetterTopic="payments", ready=False, reason=reason) == ["team-a.t.dlq"]


@pytest.mark.parametrize(
    ("grant", "topic", "shown"),
    [
        (Grant(), "dlq.g", ["team-a.t.dlq", "dlq.g"]),
        (Grant(("team-a.",)), "team-a.g.dlq", ["team-a.t.dlq", "team-a.g.dlq"]),
        (Grant(("team-a.",)), "payments", ["team-a.t.dlq"]),
        (Grant(), "__consumer_offsets", ["team-a.t.dlq"]),
        (None, "team-a.g.dlq", []),
    ],
)
def test_only_what_the_namespace_may_use(grant: Grant | None, topic: str, shown: list[str]) -> None:
    for entry in ({"ready": True}, {"ready": False, "reason": "WaitingForTopics"}, {"ready": False}):
        assert letters(grant, deadLetterTopic=topic, **entry) == shown


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    """The operator's, which nobody answers."""
    kafka, registry = KafkaAdmin(Security("127.0.0.1:1")), RegistryClient(["http://127.0.0.1:1"])
    described = cast(ClusterDescription, None)
    yield Connection(Key(CLUSTER, "n", "a"), cast(KafkaClusterSpec, None), described, kafka, registry)
    await kafka.close()
    await registry.close()


async def test_pages_have_connections_of_their_own(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(KubeClient(), Scope(frozenset(), None))
    engine.store.put(resource(CLUSTER, {}))
    now = [connection]
    monkeypatch.setattr(engine.connections, "get", lambda _: now[0])
    known = Known(engine)
    (first,) = known.clusters().values()
    assert first.kafka not in (None, connection.kafka)
    assert first.registry not in (None, connection.registry)
    now[0] = replace(connection)  # as after a look that saw other brokers
    (same,) = known.clusters().values()
    assert (same.kafka, same.registry) == (first.kafka, first.registry)
    now[0] = replace(connection, registry=None)
    (without,) = known.clusters().values()
    assert without.registry is None
    await known.close()
