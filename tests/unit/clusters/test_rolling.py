"""spec.rolling from one look to the next: what is deleted, and what the KafkaCluster says meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.errors import (
    ApiUnavailable,
    AuthorizationFailed,
    KafkadeError,
    KafkaRequestFailed,
    RegistryUnreachable,
)
from kafkade.clients.model import Partition, Quorum, Replication, Voter
from kafkade.clusters.reconcile import Look

from .doubles import NOW, FakeKafka, FakeRegistry, resource
from .rolling_objects import Cluster
from .test_reconcile import look, message, ready

SPEC: dict[str, Any] = {"rolling": {"statefulSets": [{"name": "kafka", "firstNodeId": 1}]}}


class Kafka(FakeKafka):
    """Brokers 1 to 3 that hold ``orders``, and vote; 2 is the active controller."""

    def __init__(self, **errors: KafkadeError) -> None:
        super().__init__(**errors)
        self.orders = Partition((1, 2, 3), (1, 2, 3), 1)
        self.min_isr = 2

    async def replication(self) -> Replication:
        self._called("replication")
        voters = Quorum(2, tuple(Voter(n, 0) for n in (1, 2, 3)))
        return Replication(frozenset({1, 2, 3}), {"orders": (self.orders,)}, {"orders": self.min_isr}, voters)


async def seen(cluster: Cluster, kafka: FakeKafka, before: Look | None = None, **fields: Any) -> Look:
    """One look at the KafkaCluster."""
    status = None if before is None else before.report.status
    return await look(resource(SPEC | fields.pop("spec", {}), status, **fields), kafka, fields.get("registry"), cluster)


def rolling(found: Look) -> dict[str, Any]:
    return dict((found.report.status or {}).get("rolling") or {})


async def test_a_whole_roll() -> None:
    cluster, kafka = Cluster("old", "old", "new"), Kafka()
    first = await seen(cluster, kafka)
    assert cluster.deleted == ["kafka-0"]
    assert rolling(first) == {
        "statefulSets": [{"name": "kafka", "updateRevision": "new", "updated": 1, "replicas": 3}],
        "pod": "kafka-0",
        "message": "pod kafka-0 (node 1) shuts down",
    }
    assert ready(first) == ("True", "Rolling")
    assert message(first) == (
        "3 brokers, 12 topics, 40 partitions; rolling, 1 of 3 pods are of the newest revision: pod kafka-0 (node 1) shuts down"
    )
    assert first.report.retry == 2.0
    assert [(e.type, e.reason) for e in first.report.events] == [("Normal", "RollingPod")]

    asked = kafka.calls.count("replication")
    same = await seen(cluster, kafka, first)
    assert same.report.status == first.report.status, "no news, no write"
    assert same.report.events == ()
    cluster.replaced("kafka-0", ready=False)
    starts = await seen(cluster, kafka, same)
    assert rolling(starts)["message"] == "pod kafka-0 (node 1) starts"
    assert kafka.calls.count("replication") == asked, "Kafka is not asked while it does not depend on it"

    cluster.replaced("kafka-0")
    kafka.orders = Partition((1, 2, 3), (2, 3), 2)
    waits = await seen(cluster, kafka, starts)
    assert cluster.deleted == ["kafka-0"]
    assert rolling(waits)["message"] == "pod kafka-1 (node 2) waits for in-sync replicas of orders"
    assert "pod" not in rolling(waits)

    kafka.orders = Partition((1, 2, 3), (2, 3, 1), 2)
    second = await seen(cluster, kafka, waits)
    assert cluster.deleted == ["kafka-0", "kafka-1"]
    cluster.replaced("kafka-1", ready=False)
    last = await seen(cluster, kafka, second)
    assert rolling(last)["pod"] == "kafka-1", "it is not over before the last one is back"

    cluster.replaced("kafka-1")
    done = await seen(cluster, kafka, last)
    assert rolling(done) == {}
    assert (ready(done), done.report.retry) == (("True", "Reconciled"), None)
    assert [e.reason for e in done.report.events] == ["Rolled"]
    rest = await seen(cluster, kafka, done)
    assert (rest.report.status, rest.report.events) == (done.report.status, ())


async def test_an_operator_that_forgot_everything_goes_on() -> None:
    """The status was not written: what is seen is enough."""
    cluster, kafka = Cluster("old", "old", "old"), Kafka()
    for name in ("kafka-0", "kafka-2", "kafka-1"):
        await seen(cluster, kafka)
        await seen(cluster, kafka)
        assert cluster.deleted[-1] == name
        del cluster.pods[name]
        await seen(cluster, kafka)
        cluster.replaced(name, ready=False)
        await seen(cluster, kafka)
        cluster.replaced(name)
    found = await seen(cluster, kafka)
    assert cluster.deleted == ["kafka-0", "kafka-2", "kafka-1"]
    assert ready(found) == ("True", "Reconciled")


async def test_without_it_nothing_is_asked() -> None:
    cluster, kafka = Cluster("old"), Kafka()
    found = await look(resource(), kafka, None, cluster)
    assert (cluster.reads, "replication" in kafka.calls) == (0, False)
    assert ready(found) == ("True", "Reconciled")


async def test_at_rest_kafka_is_not_asked() -> None:
    cluster, kafka = Cluster("new", "new", "new"), Kafka()
    found = await seen(cluster, kafka)
    assert "replication" not in kafka.calls
    assert (found.report.retry, rolling(found)) == (None, {})


@pytest.mark.parametrize(
    ("spec", "meta"),
    [
        pytest.param({"managementPolicy": "Observe"}, {}, id="observed only"),
        pytest.param({"paused": True}, {}, id="paused"),
        pytest.param({}, {"deleted": NOW}, id="in deletion"),
    ],
)
async def test_nothing_is_deleted(spec: dict[str, Any], meta: dict[str, Any]) -> None:
    cluster = Cluster("old", "old", "old")
    found = await seen(cluster, Kafka(), spec=spec, **meta)
    assert cluster.deleted == []
    assert found.report.retry is None


async def test_observed_only_it_says_what_would_be_done() -> None:
    cluster, spec = Cluster("new", "old", "old"), {"managementPolicy": "Observe"}
    found = await seen(cluster, Kafka(), spec=spec)
    assert ready(found) == ("False", "Observed")
    assert message(found) == (
        "3 brokers, 12 topics, 40 partitions; rolling, 1 of 3 pods are of the newest revision: pod kafka-2 (node 3) would be"
        " the next to go; managementPolicy is Observe, so nothing is changed"
    )
    assert rolling(found)["message"] == "pod kafka-2 (node 3) would be the next to go"
    cluster.replaced("kafka-1")
    cluster.replaced("kafka-2")
    done = await seen(cluster, Kafka(), found, spec=spec)
    assert (ready(done), rolling(done)) == (("True", "Observed"), {})


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        pytest.param(
            "stateful_set",
            'apiGroups: ["apps"], resources: ["statefulsets"], resourceNames: ["kafka"], verbs: ["get"]',
            id="the StatefulSet",
        ),
        pytest.param(
            "pod", 'apiGroups: [""], resources: ["pods"], resourceNames: ["kafka-0"], verbs: ["get"]', id="a pod"
        ),
        pytest.param(
            "delete_pod",
            'apiGroups: [""], resources: ["pods"], resourceNames: ["kafka-0"], verbs: ["delete"]',
            id="its deletion",
        ),
    ],
)
async def test_forbidden(call: str, rule: str) -> None:
    cluster = Cluster("old", "old", "old")
    cluster.forbidden.add(call)
    found = await seen(cluster, Kafka())
    assert ready(found) == ("False", "RollingForbidden")
    assert f"add to a Role in namespace shop {rule}" in message(found)
    assert (cluster.deleted, found.report.retry) == ([], "backoff")
    assert found.description is not None, "topics are kept all the same"


async def test_no_such_stateful_set() -> None:
    cluster = Cluster("old")
    del cluster.sets["kafka"]
    found = await seen(cluster, Kafka())
    assert ready(found) == ("False", "StatefulSetNotFound")
    assert "shop/kafka does not exist" in message(found)


async def test_blocked_is_looked_at_again_soon_and_stays_told() -> None:
    cluster, kafka = Cluster("old", "old", "old"), Kafka()
    kafka.min_isr = 3
    first = await seen(cluster, kafka)
    assert (ready(first), first.report.retry) == (("False", "RollingBlocked"), 5.0)
    assert "orders (replicas: 3, min.insync.replicas: 3)" in message(first)
    assert [(e.type, e.reason) for e in first.report.events] == [("Warning", "RollingBlocked")]
    second = await seen(cluster, kafka, first)
    assert (second.report.status, second.report.events) == (first.report.status, ())
    kafka.min_isr = 2
    third = await seen(cluster, kafka, second)
    assert cluster.deleted == ["kafka-0"]
    assert ready(third) == ("True", "Rolling")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(KafkaRequestFailed("no"), "Rolling", id="for a moment"),
        pytest.param(AuthorizationFailed("grant it"), "AuthorizationFailed", id="no right"),
    ],
)
async def test_what_cannot_be_seen_is_left_alone(error: KafkadeError, reason: str) -> None:
    cluster = Cluster("old", "old", "old")
    found = await seen(cluster, Kafka(replication=error))
    assert cluster.deleted == []
    assert ready(found)[1] == reason
    assert isinstance(found.report.retry, float), "it is looked at again soon"


async def test_a_registry_that_is_away_does_not_slow_it_down() -> None:
    cluster = Cluster("old", "old", "old")
    found = await look(resource(SPEC), Kafka(), FakeRegistry(RegistryUnreachable("down")), cluster)
    assert cluster.deleted == ["kafka-0"]
    assert (ready(found), found.report.retry) == (("False", "RegistryUnreachable"), 2.0)
    assert rolling(found)["pod"] == "kafka-0"


async def test_a_pod_that_was_replaced_meanwhile_is_not_deleted() -> None:
    class Late(Cluster):
        async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
            self.replaced(name)
            await super().delete_pod(namespace, name, uid)

    cluster = Late("old", "old", "old")
    found = await seen(cluster, Kafka())
    assert cluster.deleted == []
    assert found.report.events == ()
    assert found.report.retry == 2.0


async def test_an_api_server_that_is_away_is_no_status() -> None:
    class Away(Cluster):
        async def stateful_set(self, namespace: str, name: str) -> None:
            raise ApiUnavailable("away")

    with pytest.raises(ApiUnavailable):
        await seen(Away("old"), Kafka())


async def test_settings_wait_for_an_api_server_that_is_away() -> None:
    """What is set is recorded in the status, which is not written then: it would not be taken back when it is not declared."""

    class Away(Cluster):
        async def pod(self, namespace: str, name: str) -> None:
            raise ApiUnavailable("away")

    kafka = Kafka()
    with pytest.raises(ApiUnavailable):
        await seen(Away("old"), kafka, spec={"brokerConfig": {"log.retention.ms": 1000}})
    assert kafka.altered == []


async def test_a_deletion_without_an_answer_is_seen_at_the_next_look(caplog: pytest.LogCaptureFixture) -> None:
    class Away(Cluster):
        async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
            await super().delete_pod(namespace, name, uid)
            raise ApiUnavailable("reset")

    cluster = Away("old", "old", "old")
    first = await seen(cluster, Kafka())
    assert (first.report.events, first.report.retry) == ((), 2.0)
    assert "deletion of pod shop/kafka-0: reset" in caplog.text
    second = await seen(cluster, Kafka(), first)
    assert rolling(second)["message"] == "pod kafka-0 (node 1) shuts down"
    assert cluster.deleted == ["kafka-0"]


async def test_a_roll_that_cannot_be_told_to_be_over_is_not() -> None:
    """Somebody lets the StatefulSet roll its pods itself while the last one is replaced."""
    cluster = Cluster("old")
    first = await seen(cluster, Kafka())
    cluster.replaced("kafka-0")
    cluster.sets["kafka"]["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
    found = await seen(cluster, Kafka(), first)
    assert [event.reason for event in found.report.events] == ["RollingBlocked"]


async def test_the_revision_is_not_known_yet() -> None:
    cluster = Cluster("old", "old", "old")
    cluster.sets["kafka"]["metadata"]["generation"] = 3
    found = await seen(cluster, Kafka())
    assert (cluster.deleted, rolling(found), found.report.retry) == ([], {}, 2.0)
