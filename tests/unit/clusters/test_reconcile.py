"""A KafkaCluster from one look to the next: status, conditions, events, and what is changed in Kafka."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.cluster import KafkaClusterSpec, KafkaClusterStatus
from kafkade.api.common import parse
from kafkade.api.conditions import condition
from kafkade.api.errors import (
    AuthorizationFailed,
    ClusterUnreachable,
    InvalidConfig,
    KafkadeError,
    KafkaRequestFailed,
    RegistryUnreachable,
    SecretNotFound,
)
from kafkade.api.objects import Resource
from kafkade.clients.model import Health
from kafkade.clients.registry import RegistryProbe
from kafkade.clusters.reconcile import Look, failed, reconcile
from kafkade.clusters.status import unsupported

from .doubles import BROKERS, NOW, FakeContext, FakeKafka, FakeRegistry, resource

SIZE = "message.max.bytes"
KARAPACE = RegistryProbe("Karapace", True)


async def look(
    res: Resource, kafka: FakeKafka, registry: FakeRegistry | None = None, context: FakeContext | None = None
) -> Look:
    spec = parse(KafkaClusterSpec, res.spec)
    found = await reconcile(res, spec, kafka, registry, context or FakeContext())  # type: ignore[arg-type]
    if found.report.status is not None:
        parse(KafkaClusterStatus, found.report.status, "status")
    return found


async def again(
    res: Resource, before: Look, kafka: FakeKafka, registry: FakeRegistry | None = None, **more: Any
) -> Look:
    """The next look, at the status that the last one wrote."""
    context = FakeContext()
    context.minute = 30
    return await look(replace(res, status=before.report.status, **more), kafka, registry, context)


def ready(found: Look) -> tuple[str, str]:
    assert found.report.status is not None
    shown = condition(found.report.status, "Ready")
    assert shown is not None
    return shown["status"], shown["reason"]


def message(found: Look) -> str:
    assert found.report.status is not None
    shown = condition(found.report.status, "Ready")
    assert shown is not None
    return str(shown["message"])


async def test_the_whole_status() -> None:
    found = await look(resource({"brokerConfig": {SIZE: 2000}}), FakeKafka(), FakeRegistry(KARAPACE))
    status = dict(found.report.status or {})
    assert [c["type"] for c in status.pop("conditions")] == ["Ready", "Reconciling", "Stalled"]
    assert status == {
        "observedGeneration": 1,
        "clusterId": "kraft-id",
        "controller": 2,
        "brokers": [{"id": n, "host": f"kafka-{n}", "port": 9092} for n in (1, 2, 3)],
        "metadataVersion": "4.1-IV1",
        "topics": 12,
        "partitions": 40,
        "underReplicatedPartitions": 0,
        "offlinePartitions": 0,
        "brokerConfig": {SIZE: "2000"},
        "registry": {"flavour": "Karapace", "reachable": True},
        "unsupported": ["share-group dead-letter queues (KIP-1191): need Kafka 4.4 and share.version 2"],
    }
    assert ready(found) == ("True", "Reconciled")
    assert message(found) == "3 brokers, 12 topics, 40 partitions"
    assert found.description is not None
    assert found.description.brokers == BROKERS
    assert (found.error, found.report.retry, found.report.events) == (None, None, ())


@pytest.mark.parametrize(
    ("health", "says"),
    [
        pytest.param(Health(1, 1, 0, 0), "3 brokers, 1 topic, 1 partition", id="one of each"),
        pytest.param(
            Health(2, 9, 3, 1), "3 brokers, 2 topics, 9 partitions, 3 under-replicated, 1 without a leader", id="ill"
        ),
    ],
)
async def test_message(health: Health, says: str) -> None:
    kafka = FakeKafka()
    kafka.health_now = health
    assert message(await look(resource(), kafka)) == says


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="plain"),
        pytest.param({"brokerConfig": {SIZE: 2000}}, id="with brokerConfig"),
        pytest.param({"brokerConfig": {"process.roles": "x"}}, id="with a refused brokerConfig"),
        pytest.param({"brokerConfig": {SIZE: 1}, "managementPolicy": "Observe"}, id="observed only"),
    ],
)
@pytest.mark.parametrize(
    "registry", [None, FakeRegistry(KARAPACE), FakeRegistry(RegistryUnreachable("down"))], ids=["none", "up", "down"]
)
async def test_steady_state_writes_nothing(spec: dict[str, Any], registry: FakeRegistry | None) -> None:
    kafka, res = FakeKafka(), resource(spec)
    first = await look(res, kafka, registry)
    before = list(kafka.altered)
    second = await again(res, first, kafka, registry)
    assert second.report.status == first.report.status
    assert second.report.events == ()
    assert kafka.altered == before


async def test_broker_settings_are_asked_for_only_when_needed() -> None:
    """A principal that keeps no brokerConfig needs no right to read it."""
    kafka = FakeKafka()
    await look(resource(), kafka)
    assert kafka.calls == ["describe_cluster", "features", "nothing to alter"]


async def test_a_setting_is_set_changed_and_taken_back() -> None:
    kafka, res = FakeKafka({"log.cleanup.policy": "compact"}), resource({"brokerConfig": {SIZE: 2000}})
    first = await look(res, kafka)
    changed = resource({"brokerConfig": {SIZE: 3000}}, generation=2)
    second = await again(changed, first, kafka)
    assert "drift" not in (second.report.status or {}), "a new spec is no drift"
    third = await again(resource(generation=3), second, kafka)
    assert "brokerConfig" not in (third.report.status or {})
    assert kafka.altered == [f"alter {{'{SIZE}': '2000'}}", f"alter {{'{SIZE}': '3000'}}", f"alter {{'{SIZE}': None}}"]
    assert kafka.defaults == {"log.cleanup.policy": "compact"}, "what somebody else set stays"


async def test_a_setting_that_was_there_is_not_taken_away() -> None:
    kafka = FakeKafka({SIZE: "2000"})
    first = await look(resource({"brokerConfig": {SIZE: 2000}}), kafka)
    assert "brokerConfig" not in (first.report.status or {}), "kafkade did not set it"
    await again(resource(generation=2), first, kafka)
    assert kafka.defaults == {SIZE: "2000"}


async def test_a_setting_is_announced_before_it_is_set() -> None:
    kafka, context = FakeKafka(), FakeContext()
    found = await look(resource({"brokerConfig": {SIZE: 2000}}), kafka, context=context)
    assert context.announced == [{"brokerConfigAnnounced": {SIZE: "2000"}}]
    assert (found.report.status or {})["brokerConfig"] == {SIZE: "2000"}
    assert "brokerConfigAnnounced" not in (found.report.status or {})
    context = FakeContext()
    await look(resource({"brokerConfig": {SIZE: 3000}}, found.report.status, generation=2), kafka, context=context)
    assert context.announced == [], "it is known to be kafkade's"


@pytest.mark.parametrize(
    ("found", "left"),
    [
        pytest.param("2000", {}, id="set before the crash"),
        pytest.param("1", {SIZE: "1"}, id="crashed before it was set"),
        pytest.param(None, {}, id="crashed before, and it was not there"),
    ],
)
async def test_after_a_crash_only_what_kafkade_set_is_taken_back(found: str | None, left: dict[str, str]) -> None:
    kafka = FakeKafka({} if found is None else {SIZE: found})
    after = await look(resource(status={"brokerConfigAnnounced": {SIZE: "2000"}}), kafka)
    assert kafka.defaults == left
    assert not {"brokerConfig", "brokerConfigAnnounced"} & (after.report.status or {}).keys()


async def test_after_a_crash_what_kafkade_set_is_known_as_its_own() -> None:
    kafka = FakeKafka({SIZE: "2000"})
    status = {"brokerConfigAnnounced": {SIZE: "2000"}}
    after = await look(resource({"brokerConfig": {SIZE: 2000}}, status), kafka)
    assert (after.report.status or {})["brokerConfig"] == {SIZE: "2000"}
    assert kafka.altered == []


async def test_drift_is_repaired_and_reported() -> None:
    kafka, res = FakeKafka(), resource({"brokerConfig": {SIZE: 2000}})
    first = await look(res, kafka)
    kafka.defaults[SIZE] = "1"
    second = await again(res, first, kafka)
    drift = [{"field": f"brokerConfig[{SIZE}]", "expected": "2000", "found": "1", "repaired": True}]
    assert (second.report.status or {})["drift"] == drift
    assert kafka.defaults == {SIZE: "2000"}
    third = await again(res, second, kafka)
    assert third.report.status == second.report.status, "it stays told until the spec changes"
    fourth = await again(resource(res.spec, generation=2), third, kafka)
    assert "drift" not in (fourth.report.status or {})


async def test_a_change_whose_first_try_failed_is_no_drift() -> None:
    """What is found is then what the spec before asked for, and nobody changed anything outside."""
    kafka, res = FakeKafka(), resource({"brokerConfig": {SIZE: 1000}})
    first = await look(res, kafka)
    changed = resource({"brokerConfig": {SIZE: 2000}}, generation=2)
    kafka.errors["describe_cluster"] = ClusterUnreachable("down")
    second = await again(changed, first, kafka)
    assert ready(second) == ("False", "ClusterUnreachable")
    kafka.errors.clear()
    third = await again(changed, second, kafka)
    assert ready(third) == ("True", "Reconciled")
    assert kafka.defaults == {SIZE: "2000"}
    assert "drift" not in (third.report.status or {})


async def test_observe_never_writes() -> None:
    kafka = FakeKafka({SIZE: "1"})
    res = resource({"brokerConfig": {SIZE: 2000}, "managementPolicy": "Observe"})
    found = await look(res, kafka)
    assert kafka.altered == []
    assert (found.report.status or {})["drift"] == [
        {"field": f"brokerConfig[{SIZE}]", "expected": "2000", "found": "1", "repaired": False}
    ]
    assert ready(found) == ("False", "Observed")
    assert f"{SIZE}: 1 -> 2000" in message(found)
    kafka.defaults[SIZE] = "2000"
    done = await again(res, found, kafka)
    assert ready(done) == ("True", "Observed")
    assert "drift" not in (done.report.status or {})


async def test_a_deleted_cluster_is_only_looked_at() -> None:
    kafka = FakeKafka()
    found = await look(resource({"brokerConfig": {SIZE: 2000}}, deleted=NOW), kafka)
    assert kafka.altered == []
    assert found.description is not None


@pytest.mark.parametrize(
    ("config", "errors", "reason", "retry", "stalled"),
    [
        pytest.param({"process.roles": "x"}, {}, "StaticBrokerConfig", None, "True", id="static"),
        pytest.param({"message.max.byte": 1}, {}, "InvalidConfig", None, "True", id="misspelt"),
        pytest.param(
            {SIZE: "tea"}, {"alter": InvalidConfig("tea")}, "InvalidConfig", None, "True", id="refused by the brokers"
        ),
        pytest.param(
            {SIZE: 1},
            {"alter": AuthorizationFailed("no")},
            "AuthorizationFailed",
            "backoff",
            "False",
            id="no right to change",
        ),
        pytest.param(
            {SIZE: 1},
            {"default_broker_configs": AuthorizationFailed("no")},
            "AuthorizationFailed",
            "backoff",
            "False",
            id="no right to read",
        ),
    ],
)
async def test_trouble_with_broker_config_keeps_topics_going(
    config: dict[str, Any], errors: dict[str, KafkadeError], reason: str, retry: str | None, stalled: str
) -> None:
    res, kafka = resource({"brokerConfig": config}), FakeKafka(**errors)
    found = await look(res, kafka)
    assert ready(found) == ("False", reason)
    assert found.report.retry == retry
    assert found.description is not None, "topics can be kept"
    status = found.report.status or {}
    assert (status["topics"], status.get("brokerConfig")) == (12, None)
    shown = condition(status, "Stalled")
    assert shown is not None
    assert shown["status"] == stalled
    assert [e.reason for e in found.report.events] == [reason]
    after = await again(res, found, kafka)
    assert "drift" not in (after.report.status or {}), "a spec that was never carried out has not drifted"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(RegistryProbe("Unknown", False, "connection refused"), id="probe says so"),
        pytest.param(RegistryUnreachable("connection refused"), id="probe raises"),
    ],
)
async def test_registry_down(answer: RegistryProbe | KafkadeError) -> None:
    res = resource({"brokerConfig": {SIZE: 2000}})
    kafka = FakeKafka()
    found = await look(res, kafka, FakeRegistry(answer))
    assert ready(found) == ("False", "RegistryUnreachable")
    assert "connection refused" in message(found)
    assert "topics are kept as declared" in message(found)
    assert found.description is not None
    assert (found.error, found.report.retry) == (None, "backoff")
    assert (found.report.status or {})["registry"] == {
        "flavour": "Unknown",
        "reachable": False,
        "message": "connection refused",
    }
    assert kafka.defaults == {SIZE: "2000"}
    back = await again(res, found, kafka, FakeRegistry(KARAPACE))
    assert [(e.type, e.reason) for e in back.report.events] == [("Normal", "Recovered")]


async def test_kafka_down_keeps_what_was_seen() -> None:
    res = resource({"brokerConfig": {SIZE: 2000}})
    first = await look(res, FakeKafka(), FakeRegistry(KARAPACE))
    down = ClusterUnreachable("no broker at kafka:9092 can be reached")
    found = await again(res, first, FakeKafka(describe_cluster=down), FakeRegistry(KARAPACE))
    assert (found.description, found.error) == (None, down)
    assert ready(found) == ("False", "ClusterUnreachable")
    assert found.report.retry == "backoff"
    status = found.report.status or {}
    assert (status["clusterId"], status["brokerConfig"]) == ("kraft-id", {SIZE: "2000"})
    back = await again(res, found, FakeKafka({SIZE: "1"}), FakeRegistry(KARAPACE))
    assert (back.report.status or {})["drift"][0]["found"] == "1", "what changed meanwhile is drift"


async def test_a_broker_that_just_went_down_is_not_the_one_to_ask() -> None:
    kafka = FakeKafka(broker_configs=KafkaRequestFailed("not up"))
    kafka.down = frozenset({1, 2})
    found = await look(resource({"brokerConfig": {SIZE: 2000}}), kafka)
    assert ready(found) == ("True", "Reconciled")
    assert "broker_configs 3" in kafka.calls
    kafka.down = frozenset({1, 2, 3})
    assert ready(await again(resource({"brokerConfig": {SIZE: 2000}}), found, kafka)) == ("False", "KafkaRequestFailed")


async def test_unknown_features_keep_what_was_known() -> None:
    kafka, res = FakeKafka(), resource()
    first = await look(res, kafka)
    kafka.features_now = {}
    assert (await again(res, first, kafka)).report.status == first.report.status


async def test_features_that_are_not_known_yet_wait_for_no_resync() -> None:
    """On a busy machine there may be no answer in time; a cluster that has none to give is not asked for them again."""
    kafka, res = FakeKafka(), resource()
    kafka.features_now = None
    first = await look(res, kafka)
    assert ready(first) == ("True", "Reconciled")
    assert first.report.retry == "backoff"
    assert (await again(res, first, kafka)).report.retry == "backoff"
    kafka.features_now = {}
    assert (await again(res, first, kafka)).report.retry is None
    kafka.features_now = FakeKafka().features_now
    known = await again(res, first, kafka)
    assert known.report.retry is None
    kafka.features_now = None
    assert (await again(res, known, kafka)).report.retry is None


@pytest.mark.parametrize(
    ("features", "kips"),
    [
        pytest.param({"metadata.version": "3.5-IV2"}, ["KIP-932", "KIP-1191"], id="Kafka 3.5"),
        pytest.param({"share.version": 1}, ["KIP-1191"], id="Kafka 4.2"),
        pytest.param({"share.version": 2}, [], id="Kafka 4.4"),
        pytest.param({"share.version": 3}, [], id="later"),
    ],
)
def test_unsupported(features: dict[str, int | str], kips: list[str]) -> None:
    found = unsupported(features)
    assert len(found) == len(kips)
    assert all(kip in text for kip, text in zip(kips, found, strict=True))


def test_failed() -> None:
    report = failed(resource(), SecretNotFound("Secret shop/ca does not exist"), NOW)
    assert report.retry == "backoff"
    assert report.status is not None
    assert report.status["observedGeneration"] == 1
    assert [e.reason for e in report.events] == ["SecretNotFound"]
