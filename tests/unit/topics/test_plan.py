"""The topic planner: a table of what is declared, what is there, and what is to be done or said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api import ADMISSION_FINALIZER, ANNOTATION_DELETION_PROTECTION, FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.objects import Key, Owner, Resource
from kafkade.api.plan import Plan
from kafkade.api.policy import Grant
from kafkade.api.topic import KafkaTopicSpec
from kafkade.clients.model import BrokerNode, ConfigEntry, ConfigSource, Partition, PartitionMove, TopicDescription
from kafkade.topics.desired import desired
from kafkade.topics.observe import TopicFacts
from kafkade.topics.plan import Policy, plan
from kafkade.topics.steps import (
    AddPartitions,
    Adopt,
    AlterConfig,
    AnnounceReassignment,
    Create,
    Delete,
    FinishReassignment,
    Reassign,
)

CLUSTER = Key("KafkaCluster", "shop", "main")
BROKERS = tuple(BrokerNode(n, "127.0.0.1", 9092 + n, f"rack-{n}") for n in (1, 2, 3))
READY = {"type": "Ready", "status": "True", "reason": "Reconciled", "message": "", "observedGeneration": 1}
OWNED = {"topicId": "id-1", "observedGeneration": 1, "conditions": [READY]}


def resource(spec: dict[str, Any], status: dict[str, Any] | None = None, **more: Any) -> Resource:
    values: dict[str, Any] = {
        "key": Key("KafkaTopic", "shop", "user-events"),
        "uid": "u1",
        "generation": 1,
        "resource_version": "1",
        "created": "2026-01-01T00:00:00Z",
        "deleted": None,
        "finalizers": (FINALIZER,),
        "labels": {},
        "annotations": {},
        "spec": {"clusterRef": {"name": "main"}, **spec},
        "status": status or {},
    }
    return Resource(**{**values, **more})


def facts(partitions: int = 3, factor: int = 3, config: dict[str, str] | None = None, **more: Any) -> TopicFacts:
    entries = {
        "retention.ms": ConfigEntry("604800000", ConfigSource.DEFAULT),
        "cleanup.policy": ConfigEntry("delete", ConfigSource.DEFAULT),
        "min.insync.replicas": ConfigEntry("1", ConfigSource.DEFAULT),
    } | {k: ConfigEntry(v, ConfigSource.TOPIC) for k, v in (config or {}).items()}
    replicas = tuple(range(1, factor + 1))
    found = TopicDescription(
        "user-events", more.pop("topic_id", "id-1"), tuple(Partition(replicas, replicas, 1) for _ in range(partitions))
    )
    return TopicFacts(found, entries, **more)


ABSENT = TopicFacts(None)


def planned(res: Resource, found: TopicFacts, cluster: dict[str, Any] | None = None, **policy: Any) -> Plan:
    cluster_spec = parse(KafkaClusterSpec, {"bootstrapServers": "k:9092", **(cluster or {})})
    spec = parse(KafkaTopicSpec, res.spec)
    return plan(res, desired(res, spec, cluster_spec), found, Policy(CLUSTER, cluster_spec, BROKERS, **policy))


POLICY = Owner(Key("KafkaDLQPolicy", "shop", "orders"), "uid-2")
NEW = {"finalizers": ()}
STEPS = [
    (
        "absent topic is created with the cluster's defaults",
        {},
        None,
        ABSENT,
        NEW,
        [Create],
        "3 partitions, replication factor 3",
    ),
    ("create carries every setting", {"config": {"retention.ms": 5}}, None, ABSENT, NEW, [Create], "retention.ms=5"),
    ("as declared: nothing to do", {"partitions": 3, "replicationFactor": 3}, OWNED, facts(), {}, [], ""),
    (
        "same number in another spelling is no change",
        {"config": {"retention.ms": "0604800000"}},
        OWNED,
        facts(),
        {},
        [],
        "",
    ),
    (
        "same set in another order is no change",
        {"config": {"cleanup.policy": "compact,delete"}},
        OWNED,
        facts(config={"cleanup.policy": "delete, compact"}),
        {},
        [],
        "",
    ),
    (
        "a changed setting is set",
        {"config": {"retention.ms": 60000}},
        OWNED,
        facts(),
        {},
        [AlterConfig],
        "604800000 -> 60000",
    ),
    (
        "a changed spec makes what it declares the topic's own, though the default is the same",
        {"config": {"retention.ms": 604800000}},
        OWNED,
        facts(),
        {"generation": 2},
        [AlterConfig],
        "604800000 -> 604800000",
    ),
    (
        "and again where that failed",
        {"config": {"retention.ms": 604800000}},
        {**OWNED, "observedGeneration": 2, "conditions": [{**READY, "status": "False"}]},
        facts(),
        {"generation": 2},
        [AlterConfig],
        "604800000 -> 604800000",
    ),
    (
        "what was adopted is left as it is",
        {"config": {"retention.ms": 604800000}},
        OWNED,
        facts(),
        {},
        [],
        "",
    ),
    (
        "a setting taken out goes back if kafkade set it",
        {},
        {**OWNED, "config": {"retention.ms": "5"}},
        facts(config={"retention.ms": "5"}),
        {},
        [AlterConfig],
        "-> default",
    ),
    ("a setting that kafkade did not set stays", {}, OWNED, facts(config={"retention.ms": "5"}), {}, [], ""),
    ("partitions grow", {"partitions": 6}, OWNED, facts(), {}, [AddPartitions], "3 -> 6"),
    ("undeclared partitions are left alone", {}, OWNED, facts(partitions=12), {}, [], ""),
    (
        "a new factor is announced before anything moves",
        {"replicationFactor": 2},
        OWNED,
        facts(),
        {},
        [AnnounceReassignment],
        "3 -> 2",
    ),
    (
        "an announced factor is carried out",
        {"replicationFactor": 2},
        {**OWNED, "reassignment": {"targetReplicationFactor": 2}},
        facts(),
        {},
        [Reassign],
        "to replication factor 2",
    ),
    (
        "a running move is left alone",
        {"replicationFactor": 2},
        {**OWNED, "reassignment": {"targetReplicationFactor": 2}},
        facts(moves={0: PartitionMove((1, 2), (), (3,))}),
        {},
        [],
        "",
    ),
    (
        "somebody else's move is left alone",
        {"replicationFactor": 2},
        OWNED,
        facts(moves={0: PartitionMove((1, 2), (), (3,))}),
        {},
        [],
        "",
    ),
    (
        "a finished move is tidied up",
        {"replicationFactor": 3},
        {**OWNED, "reassignment": {"targetReplicationFactor": 3, "throttleBytesPerSecond": 5}},
        facts(),
        {},
        [FinishReassignment],
        "throttles removed",
    ),
    (
        "an identical topic is adopted",
        {"partitions": 3, "config": {"retention.ms": 604800000}},
        None,
        facts(),
        NEW,
        [Adopt],
        "id-1",
    ),
    (
        "Always adopts and changes",
        {"adoptionPolicy": "Always", "config": {"retention.ms": 5}},
        None,
        facts(),
        NEW,
        [Adopt, AlterConfig],
        "604800000 -> 5",
    ),
    (
        "after a crash the finalizer says whose topic it is",
        {"config": {"retention.ms": 5}},
        None,
        facts(),
        {},
        [AlterConfig],
        "-> 5",
    ),
    ("deleted outside: made anew", {}, OWNED, ABSENT, {}, [Create], "create"),
    ("recreated outside and identical: adopted", {}, OWNED, facts(topic_id="id-2"), {}, [Adopt], "id-2"),
    ("deletion deletes", {}, OWNED, facts(), {"deleted": "2026-01-02T00:00:00Z"}, [Delete], "and its records"),
    ("Retain keeps", {"deletionPolicy": "Retain"}, OWNED, facts(), {"deleted": "2026-01-02T00:00:00Z"}, [], ""),
    (
        "Observe never deletes",
        {"managementPolicy": "Observe"},
        OWNED,
        facts(),
        {"deleted": "2026-01-02T00:00:00Z"},
        [],
        "",
    ),
    (
        "a topic with another id is not ours to delete",
        {},
        OWNED,
        facts(topic_id="id-2"),
        {"deleted": "2026-01-02T00:00:00Z"},
        [],
        "",
    ),
    ("deletion of what is gone does nothing", {}, OWNED, ABSENT, {"deleted": "2026-01-02T00:00:00Z"}, [], ""),
]


@pytest.mark.parametrize(
    ("reason", "spec", "status", "found", "more", "expected", "text"), STEPS, ids=[s[0] for s in STEPS]
)
def test_steps(
    reason: str, spec: Any, status: Any, found: TopicFacts, more: Any, expected: list[type], text: str
) -> None:
    result = planned(resource(spec, status, **more), found)
    assert result.error is None, reason
    assert [type(s) for s in result.steps] == expected, reason
    if text:
        assert text in " | ".join(f"{s.verb} {s.change}" for s in result.steps), reason


REFUSALS = [
    (
        "fewer partitions",
        {"partitions": 2},
        OWNED,
        facts(),
        {},
        {},
        "PartitionShrinkRefused",
        "set spec.partitions to 3 or more",
    ),
    (
        "misspelt setting",
        {"config": {"retention.msec": 5}},
        OWNED,
        facts(),
        {},
        {},
        "InvalidConfig",
        "did you mean retention.ms?",
    ),
    (
        "removed setting",
        {"config": {"message.format.version": "2.0"}},
        OWNED,
        facts(),
        {},
        {},
        "InvalidConfig",
        "removed in Kafka 4.0",
    ),
    (
        "minimum ISR over the factor",
        {"replicationFactor": 2, "config": {"min.insync.replicas": 3}},
        None,
        ABSENT,
        NEW,
        {},
        "InvalidConfig",
        "min.insync.replicas is 3",
    ),
    ("more replicas than brokers", {"replicationFactor": 4}, None, ABSENT, NEW, {}, "NotEnoughBrokers", "has 3"),
    (
        "default factor over the brokers",
        {},
        None,
        ABSENT,
        NEW,
        {"cluster": {"topicDefaults": {"replicationFactor": 5}}},
        "NotEnoughBrokers",
        "topicDefaults",
    ),
    (
        "name denied by policy",
        {"topicName": "orders"},
        None,
        ABSENT,
        NEW,
        {"cluster": {"naming": {"denied": ["orders"], "message": "too generic"}}},
        "NamingRefused",
        "too generic",
    ),
    (
        "name against the pattern, twin included",
        {"topicName": "UserEvents.dlq"},
        None,
        ABSENT,
        NEW,
        {"cluster": {"naming": {"pattern": "[a-z]+(-[a-z]+)+"}}},
        "NamingRefused",
        "wants [a-z]+(-[a-z]+)+",
    ),
    (
        "prefix of another namespace",
        {"topicName": "pay-events"},
        None,
        ABSENT,
        NEW,
        {"grant": Grant(("shop-",))},
        "NotAllowed",
        "start with shop-",
    ),
    (
        "an older resource holds it",
        {},
        None,
        facts(),
        NEW,
        {"rival": Key("KafkaTopic", "a", "b")},
        "TopicConflict",
        "KafkaTopic a/b",
    ),
    (
        "existing topic, Never",
        {"adoptionPolicy": "Never"},
        None,
        facts(),
        NEW,
        {},
        "AdoptionRefused",
        "adoptionPolicy is Never",
    ),
    (
        "existing topic, differs",
        {"partitions": 5},
        None,
        facts(),
        NEW,
        {},
        "AdoptionRefused",
        "partitions is 3, declared 5",
    ),
    (
        "existing topic of dead letters, differs",
        {"partitions": 5},
        None,
        facts(),
        {**NEW, "owner": POLICY},
        {},
        "AdoptionRefused",
        "set topicDefaults.adoptionPolicy of the KafkaCluster to Always",
    ),
    (
        "recreated and differs",
        {"config": {"retention.ms": 5}},
        OWNED,
        facts(topic_id="id-2"),
        {},
        {},
        "AdoptionRefused",
        "id-1 is now id-2",
    ),
    (
        "protected",
        {},
        OWNED,
        facts(),
        {"deleted": "x", "annotations": {ANNOTATION_DELETION_PROTECTION: "true"}},
        {},
        "DeletionProtected",
        "take it off",
    ),
]


@pytest.mark.parametrize(
    ("reason", "spec", "status", "found", "more", "policy", "code", "text"), REFUSALS, ids=[r[0] for r in REFUSALS]
)
def test_refusals(
    reason: str, spec: Any, status: Any, found: TopicFacts, more: Any, policy: Any, code: str, text: str
) -> None:
    result = planned(resource(spec, status, **more), found, **policy)
    assert result.error is not None, reason
    assert result.error.reason == code
    assert text in result.error.message
    assert result.steps == ()


def test_drift_is_named_repaired_and_told() -> None:
    held = resource({"config": {"retention.ms": 5}}, {**OWNED, "config": {"retention.ms": "5"}})
    result = planned(held, facts(config={"retention.ms": "7"}))
    assert [(d.field, d.expected, d.found) for d in result.drift] == [("config[retention.ms]", "5", "7")]
    assert [e.reason for e in result.events] == ["DriftRepaired"]


def test_a_new_generation_is_no_drift() -> None:
    changed = resource({"config": {"retention.ms": 6}}, {**OWNED, "config": {"retention.ms": "5"}}, generation=2)
    result = planned(changed, facts(config={"retention.ms": "5"}))
    assert result.drift == ()
    assert result.events == ()
    assert [type(s) for s in result.steps] == [AlterConfig]


def test_a_changed_cluster_default_is_no_drift() -> None:
    held = resource({}, {**OWNED, "config": {"retention.ms": "5"}})
    result = planned(held, facts(config={"retention.ms": "5"}), {"topicDefaults": {"config": {"retention.ms": 6}}})
    assert result.drift == ()
    assert [type(s) for s in result.steps] == [AlterConfig]


def test_a_replication_factor_on_its_way_is_no_drift() -> None:
    """The goal is in status, and Ready, before anything moves."""
    announced = {**OWNED, "reassignment": {"targetReplicationFactor": 3, "partitionsDone": 0, "partitionsTotal": 3}}
    found = planned(resource({"replicationFactor": 3}, announced), facts(factor=2))
    assert [type(step) for step in found.steps] == [Reassign]
    assert (found.drift, found.events) == ((), ())


def test_fewer_partitions_than_before_are_no_drift() -> None:
    """No topic ever has fewer: a broker that has not heard of the new ones yet was asked."""
    found = planned(resource({"partitions": 4}, OWNED), facts(partitions=3))
    assert [type(step) for step in found.steps] == [AddPartitions]
    assert (found.drift, found.events) == ((), ())


def test_the_throttle_is_announced_with_the_goal() -> None:
    """So that a crash behind the reassignment leaves no throttle behind."""
    cluster = {"reassignment": {"throttleBytesPerSecond": 1000}}
    assert planned(resource({"replicationFactor": 3}, OWNED), facts(factor=2), cluster).steps == (
        AnnounceReassignment("user-events", 2, 3, 1000),
    )


def test_a_throttle_that_nobody_announced_is_taken_away_too() -> None:
    """spec.reassignment can have changed between the announcement and a crash."""
    announced = {**OWNED, "reassignment": {"targetReplicationFactor": 3, "partitionsDone": 0, "partitionsTotal": 3}}
    lists = {"follower.replication.throttled.replicas": "0:3"}
    assert planned(resource({"replicationFactor": 3}, announced), facts(config=lists)).steps == (
        FinishReassignment("user-events", throttled=True),
    )


def test_a_topic_that_was_announced_is_its_own_after_a_crash() -> None:
    """With Retain no finalizer says so; and the spec changed meanwhile, so that no adoption would be allowed."""
    spec = {"deletionPolicy": "Retain", "partitions": 5, "adoptionPolicy": "Never"}
    crashed = resource(spec, {"topicAnnounced": True}, finalizers=())
    assert planned(crashed, facts(partitions=3)).steps == (AddPartitions("user-events", 3, 5),)
    assert planned(resource(spec, finalizers=()), facts(partitions=3)).error is not None


def test_what_was_made_in_place_of_a_deleted_topic_is_its_own_after_a_crash() -> None:
    """Its id is recorded nowhere; and it is told what happened, since the report was not written."""
    spec = {"partitions": 5, "adoptionPolicy": "Never"}
    crashed = resource(spec, {**OWNED, "topicId": "a former one", "topicAnnounced": True})
    result = planned(crashed, facts(partitions=3))
    assert result.steps == (AddPartitions("user-events", 3, 5),)
    assert [e.reason for e in result.events] == ["TopicDeletedOutside"]
    assert [d.field for d in result.drift] == ["topicId"]
    assert planned(resource(spec, {**OWNED, "topicId": "a former one"}), facts(partitions=3)).error is not None


def test_the_api_servers_finalizer_makes_no_topic_ones_own() -> None:
    spec = {"partitions": 5, "adoptionPolicy": "Never"}
    admitted = resource(spec, finalizers=(ADMISSION_FINALIZER,))
    assert planned(admitted, facts(partitions=3)).error is not None
    assert planned(admitted, facts(partitions=3, is_marked=True)).steps == (AddPartitions("user-events", 3, 5),)
    deleted = replace(admitted, deleted="2026-01-02T00:00:00Z")
    assert planned(deleted, facts()).steps == ()
    assert planned(deleted, facts(is_marked=True)).steps == (Delete("user-events"),)


def test_deleted_outside_is_told() -> None:
    result = planned(resource({}, OWNED), ABSENT)
    assert [e.reason for e in result.events] == ["TopicDeletedOutside"]
    assert [d.field for d in result.drift] == ["topicId"]


def test_a_loser_of_a_conflict_deletes_nothing() -> None:
    loser = resource({}, {"conditions": []}, deleted="2026-01-02T00:00:00Z")
    result = planned(loser, facts(), rival=Key("KafkaTopic", "a", "b"))
    assert result.steps == ()
    assert [e.reason for e in result.events] == ["TopicKept"]
