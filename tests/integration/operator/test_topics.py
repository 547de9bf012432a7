"""KafkaTopic, by behaviour: what people do to resources and to Kafka, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integration.operator.conftest import World
from support.kubernetes import condition, manifest, ready
from support.places import ROOT
from support.waiting import until

Make = Callable[..., str]


@pytest.mark.core
def test_a_topic_is_created_changed_and_deleted(world: World, topic: Make) -> None:
    name = topic(partitions=2, config={"retention.ms": 60000, "cleanup.policy": "compact,delete", "preallocate": False})
    found = world.kubectl.wait_ready("KafkaTopic", name)
    assert found["status"]["topicId"] == world.view.topic_id(name)
    config = {"retention.ms": "60000", "cleanup.policy": "compact,delete", "preallocate": "false"}
    world.view.shows(name, partitions=2, factor=world.factor, config=config)
    assert (found["status"]["partitions"], found["status"]["replicationFactor"]) == (2, world.factor)
    assert found["status"]["config"] == config

    topic(name, partitions=4, config={"retention.ms": 70000})
    found = world.kubectl.wait_ready("KafkaTopic", name)
    assert found["status"]["partitions"] == 4
    # settings taken out go back to the default
    world.view.shows(name, partitions=4, config={"retention.ms": "70000"})

    world.kubectl.delete("KafkaTopic", name)
    until(lambda: not world.view.exists(name), "the topic is gone")


def test_the_clusters_defaults_fill_what_is_silent(world: World, topic: Make) -> None:
    name = topic()
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.shows(name, partitions=3, factor=3)


def test_a_topic_can_have_another_name_than_its_resource(world: World, topic: Make) -> None:
    name = topic(topicName="Orders_v1.raw")
    world.kubectl.wait_ready("KafkaTopic", name)
    assert world.view.exists("Orders_v1.raw")
    until(lambda: not world.view.exists(name), "the topic is gone")
    world.kubectl.delete("KafkaTopic", name)
    until(lambda: not world.view.exists("Orders_v1.raw"), "the topic is gone")


@pytest.mark.core
def test_a_setting_made_by_hand_and_never_declared_is_left_alone(world: World, topic: Make) -> None:
    name = topic(config={"retention.ms": 1000})
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.set_config(name, "segment.ms", "600000")
    topic(name, config={"retention.ms": 2000})
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.shows(name, config={"retention.ms": "2000", "segment.ms": "600000"})


def test_a_topic_whose_last_setting_is_taken_out_is_back_at_the_defaults(world: World, topic: Make) -> None:
    name = topic(config={"retention.ms": 60000})
    world.kubectl.wait_ready("KafkaTopic", name)
    topic(name, config={})
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.shows(name, config={})
    assert "config" not in world.kubectl.wait_ready("KafkaTopic", name)["status"]


@pytest.mark.core
def test_settings_changed_by_hand_are_repaired_and_told(world: World, topic: Make) -> None:
    name = topic(config={"retention.ms": 60000})
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.set_config(name, "retention.ms", "1")
    until(lambda: world.view.config(name).get("retention.ms") == "60000", "the setting is repaired")
    found = world.kubectl.wait_for("KafkaTopic", name, lambda o: bool(o["status"].get("drift")), "drift told")
    assert found["status"]["drift"] == [
        {"field": "config[retention.ms]", "expected": "60000", "found": "1", "repaired": True}
    ]
    assert ready(found) == "True"
    world.kubectl.wait_event(name, "DriftRepaired")


@pytest.mark.core
def test_a_topic_deleted_by_hand_comes_back_and_is_told(world: World, topic: Make) -> None:
    name = topic()
    before = world.kubectl.wait_ready("KafkaTopic", name)["status"]["topicId"]
    world.view.delete(name, gone=False)
    found = world.kubectl.wait_for(
        "KafkaTopic", name, lambda o: o["status"].get("topicId") not in (None, before), "a new topic id"
    )
    until(lambda: world.view.topic_id(name) == found["status"]["topicId"], "the broker that is asked has the new one")
    assert found["status"]["drift"][0]["field"] == "topicId"
    world.kubectl.wait_event(name, "TopicDeletedOutside")


def test_a_topic_recreated_by_hand_is_taken_only_when_identical(world: World, topic: Make) -> None:
    name = topic(partitions=3)
    world.kubectl.wait_ready("KafkaTopic", name)
    topic(name, partitions=3, paused=True)
    world.kubectl.wait_reason("KafkaTopic", name, "Paused")
    world.view.delete(name)
    made = world.view.create(name, partitions=5)
    topic(name, partitions=3)
    found = world.kubectl.wait_reason("KafkaTopic", name, "AdoptionRefused")
    assert "partitions is 5, declared 3" in condition(found)["message"]
    assert world.view.topic_id(name) == made
    topic(name, partitions=5, adoptionPolicy="Always")
    found = world.kubectl.wait_ready("KafkaTopic", name)
    assert found["status"]["topicId"] == made
    world.kubectl.delete("KafkaTopic", name)


@pytest.mark.core
def test_retain_keeps_the_topic_and_writes_no_finalizer(world: World, topic: Make) -> None:
    name = topic(deletionPolicy="Retain")
    found = world.kubectl.wait_ready("KafkaTopic", name)
    assert "finalizers" not in found["metadata"]
    world.kubectl.delete("KafkaTopic", name)
    assert world.view.exists(name)
    world.view.delete(name)


def test_the_deletion_policy_can_change(world: World, topic: Make) -> None:
    name = topic()
    world.kubectl.wait_ready("KafkaTopic", name)
    topic(name, deletionPolicy="Retain")
    world.kubectl.wait_for("KafkaTopic", name, lambda o: not o["metadata"].get("finalizers"), "without finalizer")
    topic(name, deletionPolicy="Delete")
    world.kubectl.wait_for("KafkaTopic", name, lambda o: bool(o["metadata"].get("finalizers")), "with finalizer")
    world.kubectl.delete("KafkaTopic", name)
    until(lambda: not world.view.exists(name), "the topic is gone")


ADOPTION = [
    ("Never", {}, "AdoptionRefused", {}),
    ("IfIdentical", {"partitions": 2, "config": {"retention.ms": "9000"}}, "Reconciled", {"retention.ms": "9000"}),
    ("IfIdentical", {"config": {"retention.ms": "8000"}}, "AdoptionRefused", {"retention.ms": "9000"}),
    ("Always", {"config": {"retention.ms": "8000"}}, "Reconciled", {"retention.ms": "8000"}),
]


@pytest.mark.parametrize(("policy", "spec", "reason", "config"), ADOPTION, ids=[f"{a[0]}-{a[2]}" for a in ADOPTION])
def test_adoption(
    world: World, topic: Make, fresh: Callable[[], str], policy: str, spec: dict, reason: str, config: dict
) -> None:
    name = fresh()
    made = world.view.create(name, partitions=2, factor=3, retention_ms="9000")
    topic(name, adoptionPolicy=policy, **spec)
    found = world.kubectl.wait_reason("KafkaTopic", name, reason)
    world.view.shows(name, config=config or {"retention.ms": "9000"})
    if reason == "AdoptionRefused":
        assert "topicId" not in found["status"]
        world.kubectl.delete("KafkaTopic", name)
        assert world.view.topic_id(name) == made, "what was not taken is not deleted"
        world.view.delete(name)
    else:
        assert found["status"]["topicId"] == made
        world.kubectl.delete("KafkaTopic", name)
        until(lambda: not world.view.exists(name), "the topic is gone")


def test_two_resources_for_one_topic(world: World, topic: Make, fresh: Callable[[], str]) -> None:
    older, younger = topic(topicName="twice"), fresh()
    world.kubectl.wait_ready("KafkaTopic", older)
    topic(younger, topicName="twice", config={"retention.ms": 5})
    found = world.kubectl.wait_reason("KafkaTopic", younger, "TopicConflict")
    assert f"shop/{older}" in condition(found)["message"]
    assert condition(found, "Stalled")["status"] == "True"
    assert world.view.config("twice") == {}
    world.kubectl.delete("KafkaTopic", younger)
    assert world.view.exists("twice")
    # the one that waits takes over when the older one lets go of it
    topic(younger, topicName="twice", adoptionPolicy="Always", config={"retention.ms": 5})
    world.kubectl.wait_reason("KafkaTopic", younger, "TopicConflict")
    topic(older, topicName="twice", deletionPolicy="Retain")
    world.kubectl.wait_for("KafkaTopic", older, lambda o: not o["metadata"].get("finalizers"), "without finalizer")
    world.kubectl.delete("KafkaTopic", older)
    world.kubectl.wait_ready("KafkaTopic", younger)
    world.view.shows("twice", config={"retention.ms": "5"})


def test_names_that_collide_in_dots_and_underscores(world: World, topic: Make) -> None:
    first, second = topic(topicName="pay.events"), topic(topicName="pay_events")
    world.kubectl.wait_ready("KafkaTopic", first)
    world.kubectl.wait_reason("KafkaTopic", second, "TopicConflict")
    until(lambda: not world.view.exists("pay_events"), "the topic is gone")


def test_deletion_protection_holds_in_the_api_server_and_in_the_operator(
    world: World, topic: Make, fresh: Callable[[], str]
) -> None:
    name = fresh()
    spec = {"clusterRef": {"name": "main"}}
    protected = {"annotations": {"kafkade.io/deletion-protection": "true"}}
    world.kubectl.apply(manifest("KafkaTopic", name, spec, **protected))
    world.kubectl.wait_ready("KafkaTopic", name)
    refused = world.kubectl.run("-n", "shop", "delete", "kafkatopic", name, check=False)
    assert refused.returncode != 0
    assert "deletion-protection" in refused.stderr
    # without the admission policy the operator still refuses
    policies = ("validatingadmissionpolicybindings", "--all")
    world.kubectl.run("delete", *policies)
    try:
        until(lambda: _deleted_without_wait(world, name), "the API server takes the deletion")
        found = world.kubectl.wait_for(
            "KafkaTopic", name, lambda o: condition(o)["reason"] == "DeletionProtected", "protected"
        )
        assert "take it off" in condition(found)["message"]
        assert world.view.exists(name)
        world.kubectl.run("-n", "shop", "annotate", "kafkatopic", name, "kafkade.io/deletion-protection-")
        until(lambda: world.kubectl.get("KafkaTopic", name) is None, "gone")
        until(lambda: not world.view.exists(name), "the topic is gone")
    finally:
        world.kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "deploy" / "admission"))


def _deleted_without_wait(world: World, name: str) -> bool:
    world.kubectl.run("-n", "shop", "delete", "kafkatopic", name, "--wait=false", check=False)
    found = world.kubectl.get("KafkaTopic", name)
    return found is not None and "deletionTimestamp" in found["metadata"]


@pytest.mark.core
def test_pause_stops_everything_and_unpausing_catches_up(world: World, topic: Make) -> None:
    name = topic(config={"retention.ms": 1000})
    world.kubectl.wait_ready("KafkaTopic", name)
    topic(name, paused=True, config={"retention.ms": 2000})
    found = world.kubectl.wait_reason("KafkaTopic", name, "Paused")
    assert ready(found) == "Unknown"
    assert world.view.config(name) == {"retention.ms": "1000"}
    topic(name, config={"retention.ms": 2000})
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.shows(name, config={"retention.ms": "2000"})


def test_observe_reports_and_never_writes(world: World, topic: Make, fresh: Callable[[], str]) -> None:
    name = fresh()
    made = world.view.create(name, partitions=2)
    topic(name, managementPolicy="Observe", partitions=4, config={"retention.ms": 5})
    found = world.kubectl.wait_reason("KafkaTopic", name, "Observed")
    assert {d["field"] for d in found["status"]["drift"]} == {"partitions", "config[retention.ms]"}
    assert ready(found) == "False"
    assert "finalizers" not in found["metadata"]
    world.kubectl.delete("KafkaTopic", name)
    assert world.view.topic_id(name) == made
    assert (world.view.partitions(name), world.view.config(name)) == (2, {})
    world.view.delete(name)


@pytest.mark.core
def test_fewer_partitions_are_refused_at_admission_and_at_run_time(world: World, topic: Make) -> None:
    name = topic(partitions=3)
    world.kubectl.wait_ready("KafkaTopic", name)
    fewer = {"clusterRef": {"name": "main"}, "partitions": 2}
    said = world.kubectl.apply_refused(manifest("KafkaTopic", name, fewer, world.kubectl.namespace))
    assert "partitions can only grow" in said
    world.view.add_partitions(name, 6)
    found = world.kubectl.wait_reason("KafkaTopic", name, "PartitionShrinkRefused")
    assert "set spec.partitions to 6 or more" in condition(found)["message"]
    world.view.shows(name, partitions=6)
    topic(name, partitions=6)
    world.kubectl.wait_ready("KafkaTopic", name)


def test_the_replication_factor_changes_under_a_throttle_with_progress(world: World, topic: Make) -> None:
    cluster = world.kubectl.get("KafkaCluster", "main")
    assert cluster is not None
    spec = {**cluster["spec"], "reassignment": {"throttleBytesPerSecond": 10_000_000}}
    world.kubectl.apply(manifest("KafkaCluster", "main", spec))
    name = topic(partitions=4, replicationFactor=1)
    world.kubectl.wait_ready("KafkaTopic", name)
    for factor in (3, 2):
        topic(name, partitions=4, replicationFactor=factor)
        found = world.kubectl.wait_for(
            "KafkaTopic",
            name,
            lambda o, f=factor: (
                o["status"].get("replicationFactor") == f and "reassignment" not in o["status"] and ready(o) == "True"
            ),
            f"at factor {factor}",
            timeout=60,
        )
        assert condition(found)["reason"] == "Reconciled"
        # throttles are taken away
        world.view.shows(name, factor=factor, config={})


def test_reconcile_now_asks_for_a_look_at_once(world: World, topic: Make) -> None:
    name = topic(config={"retention.ms": 5})
    world.kubectl.wait_ready("KafkaTopic", name)
    world.view.set_config(name, "retention.ms", "6")
    world.kubectl.run("-n", "shop", "annotate", "kafkatopic", name, "kafkade.io/reconcile-now=1")
    until(lambda: world.view.config(name) == {"retention.ms": "5"}, "repaired")
