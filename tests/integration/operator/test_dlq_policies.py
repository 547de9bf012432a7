"""KafkaDLQPolicy, by behaviour: the topics and the ConfigMap that it keeps, what it counts, and what it never deletes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from integration.operator.conftest import World
from kafkade.devstack.audit import AuditEvent
from kafkade.dlq.redrive.ledger import Ledger, group_of
from support.audit import writes
from support.groups import commit_places
from support.kubernetes import condition, manifest, ready
from support.waiting import until

Make = Callable[..., str]


@pytest.fixture
def policy(world: World) -> Iterator[Make]:
    """Apply a KafkaDLQPolicy and return its name; they all go with the test, since each looks at all topics."""

    def make(name: str, namespace: str | None = None, **spec: Any) -> str:
        where = namespace or world.kubectl.namespace
        world.kubectl.apply(manifest("KafkaDLQPolicy", name, {"clusterRef": {"name": "main"}, **spec}, where))
        return name

    yield make
    world.kubectl.run("-n", world.kubectl.namespace, "delete", "kafkadlqpolicies", "--all", "--timeout=60s")


def dead_letters(world: World, topic: str, count: int, timestamp: int | None = None) -> None:
    """Write records to a dead-letter topic."""
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap})
    for number in range(count):
        producer.produce(topic, f"record {number}".encode(), timestamp=timestamp or 0)
    assert producer.flush(30) == 0


def entry(found: dict[str, Any], topic: str) -> dict[str, Any]:
    """What a policy's status says of one topic."""
    (told,) = [t for t in found["status"].get("topics", []) if t["topic"] == topic]
    return dict(told)


def wait_entry(world: World, name: str, topic: str, reason: str) -> dict[str, Any]:
    """Wait until a policy tells of a topic with this reason."""

    def told(obj: dict[str, Any]) -> bool:
        return any(t["topic"] == topic and t.get("reason") == reason for t in obj.get("status", {}).get("topics", []))

    return entry(world.kubectl.wait_for("KafkaDLQPolicy", name, told, f"{reason} for {topic}"), topic)


@pytest.mark.core
def test_topics_and_the_config_map_are_made(world: World, topic: Make, policy: Make) -> None:
    source = topic(partitions=4, config={"max.message.bytes": 1_000_000})
    world.kubectl.wait_ready("KafkaTopic", source)
    name = policy(f"{source}-policy", topics=[source], deadLetterTopics={"config": {"compression.type": "zstd"}})
    found = world.kubectl.wait_for(
        "KafkaDLQPolicy", name, lambda o: ready(o) == "True" and "depth" in o["status"], "ready and counted"
    )
    dlq = f"{source}.dlq"
    assert world.view.partitions(dlq) == 4, "as many as its source"
    assert world.view.config(dlq) == {
        "cleanup.policy": "delete",
        "compression.type": "zstd",
        "max.message.bytes": "1065536",
        "retention.ms": str(14 * 24 * 3600 * 1000),
    }
    made = world.kubectl.wait_ready("KafkaTopic", dlq)
    assert made["metadata"]["labels"] == {"kafkade.io/dlq-policy": name}
    assert made["spec"]["deletionPolicy"] == "Retain"
    assert made["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]

    assert found["status"]["matched"] == 1
    assert entry(found, source) == {"topic": source, "deadLetterTopic": dlq, "ready": True, "depth": 0}
    assert condition(found, "Alert")["reason"] == "WithinLimits"
    config_map = world.kubectl.get("configmaps", f"{name}-dlq") or {}
    told = json.loads(config_map["data"]["policy.json"])
    assert told["topics"][source]["deadLetterTopic"] == dlq
    assert f"errors.deadletterqueue.topic.name={dlq}" in config_map["data"]["connect.properties"]

    topic(source, partitions=6, config={"max.message.bytes": 2_000_000})
    until(lambda: world.view.partitions(dlq) == 6, "the dead-letter topic grows with its source")
    until(lambda: world.view.config(dlq)["max.message.bytes"] == "2065536", "and so does its limit")


def test_patterns_and_labels_match_and_what_is_made_never_does(
    world: World, topic: Make, policy: Make, fresh: Make
) -> None:
    prefix = fresh()
    by_pattern, by_hand = f"{prefix}-one", f"{prefix}-by-hand"
    topic(by_pattern)
    world.view.create(by_hand)
    labelled = fresh()
    labels = {"dead-letters": prefix}
    spec = {"clusterRef": {"name": "main"}}
    world.kubectl.apply(manifest("KafkaTopic", labelled, spec, world.kubectl.namespace, labels=labels))
    name = policy(f"{prefix}-policy", topics=[f"{prefix}-*"], topicSelector={"matchLabels": labels})

    def all_there(obj: dict[str, Any]) -> bool:
        return ready(obj) == "True" and obj["status"]["matched"] == 3

    found = world.kubectl.wait_for("KafkaDLQPolicy", name, all_there, "all three matched")
    assert {t["topic"] for t in found["status"]["topics"]} == {by_pattern, by_hand, labelled}
    for source in (by_pattern, by_hand, labelled):
        assert world.view.exists(f"{source}.dlq")
    time.sleep(5)  # more than two resyncs
    assert not [t for t in world.view.topics() if t.endswith(".dlq.dlq")]
    # a label taken away takes the topic out of the policy, and its dead-letter topic stays in Kafka
    world.kubectl.apply(manifest("KafkaTopic", labelled, spec, world.kubectl.namespace, labels={}))
    until(lambda: world.kubectl.get("KafkaTopic", f"{labelled}.dlq") is None, "its KafkaTopic goes")
    assert world.view.exists(f"{labelled}.dlq")


def test_retry_topics(world: World, topic: Make, policy: Make) -> None:
    source = topic(partitions=2)
    name = policy(f"{source}-policy", topics=[source], retry={"maxAttempts": 3, "strategy": "RetryTopics"})
    found = world.kubectl.wait_ready("KafkaDLQPolicy", name)
    assert entry(found, source)["retryTopics"] == [f"{source}.retry.1", f"{source}.retry.2"]
    for made in (f"{source}.retry.1", f"{source}.retry.2", f"{source}.dlq"):
        assert world.view.partitions(made) == 2

    policy(name, topics=[source], retry={"maxAttempts": 2, "strategy": "RetryTopics"})
    until(
        lambda: world.kubectl.get("KafkaTopic", f"{source}.retry.2") is None, "the KafkaTopic of what is not used goes"
    )
    assert world.view.exists(f"{source}.retry.2"), "and the topic stays: records may be in it"


@pytest.mark.core
def test_dead_letters_are_counted_and_called_out(world: World, topic: Make, policy: Make) -> None:
    source = topic(partitions=2)
    # what the seventh passes, and none before: a look may come when some of them are there, and its message stays
    name = policy(f"{source}-policy", topics=[source], alert={"depth": 6, "age": "1h"})
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    dead_letters(world, f"{source}.dlq", 3)
    found = world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 3, "counted")
    assert condition(found, "Alert")["status"] == "False"
    assert found["status"]["oldest"] == entry(found, source)["oldest"]

    dead_letters(world, f"{source}.dlq", 4)
    found = world.kubectl.wait_for(
        "KafkaDLQPolicy", name, lambda o: condition(o, "Alert")["status"] == "True", "the alert is on"
    )
    alert = condition(found, "Alert")
    assert (alert["reason"], ready(found)) == ("DepthExceeded", "True")
    assert f"7 dead letters wait in {source}.dlq, the limit is 6" in alert["message"]

    assert len(world.kubectl.wait_event(name, "DepthExceeded")) == 1

    found = world.kubectl.wait_for(
        "KafkaDLQPolicy", name, lambda o: o["status"].get("growthPerMinute", 0) > 0, "how fast they come is measured"
    )
    assert found["status"]["growthPerMinute"] == entry(found, source)["growthPerMinute"]

    policy(name, topics=[source], alert={"depth": 100})
    world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: condition(o, "Alert")["status"] == "False", "it is off")
    world.kubectl.wait_event(name, "WithinLimits")


def test_what_was_put_back_does_not_count(world: World, topic: Make, policy: Make) -> None:
    """As the ledger says: all below its offset, and the ranges in its metadata."""
    source = topic(partitions=1)
    dlq = f"{source}.dlq"
    name = policy(f"{source}-policy", topics=[source])
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    dead_letters(world, dlq, 8)
    world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 8, "counted")
    ledger = Ledger(2, [(4, 6)])
    done = TopicPartition(dlq, 0, ledger.base, ledger.metadata())
    commit_places(world.kafka.bootstrap, group_of(dlq), done)
    found = world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 4, "counted anew")
    assert "oldest" not in found["status"], "the first record is not among those that wait"


def test_old_dead_letters_are_called_out(world: World, topic: Make, policy: Make) -> None:
    source = topic(partitions=1)
    name = policy(f"{source}-policy", topics=[source], alert={"age": "1h"})
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    dead_letters(world, f"{source}.dlq", 1, timestamp=int((time.time() - 7200) * 1000))
    found = world.kubectl.wait_for(
        "KafkaDLQPolicy", name, lambda o: condition(o, "Alert")["reason"] == "AgeExceeded", "it is called out"
    )
    assert (
        f"the oldest dead letter in {source}.dlq is from {found['status']['oldest']}"
        in condition(found, "Alert")["message"]
    )


def test_nothing_is_written_in_a_steady_state(world: World, topic: Make, policy: Make) -> None:
    source = topic()
    name = policy(f"{source}-policy", topics=[source], alert={"depth": 1})
    world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 0, "counted")
    dead_letters(world, f"{source}.dlq", 5)
    world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 5, "counted")
    for grows, says in ((True, "they came"), (False, "no more come")):
        world.kubectl.wait_for(
            "KafkaDLQPolicy", name, lambda o, g=grows: (o["status"].get("growthPerMinute", -1) > 0) is g, says
        )

    def written() -> list[AuditEvent]:
        about = {name, source, f"{source}.dlq", f"{name}-dlq"}
        return [event for event in writes(world.control_plane) if event.name in about]

    time.sleep(1)
    before = written()
    time.sleep(6)  # at least two resyncs
    assert written() == before


def test_the_config_map_is_set_back(world: World, topic: Make, policy: Make) -> None:
    source = topic()
    name = policy(f"{source}-policy", topics=[source], configMapName=f"{source}-map")
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    before = (world.kubectl.get("configmaps", f"{source}-map") or {})["data"]
    patch = json.dumps({"data": {"policy.json": "{}", "more": "x"}})
    world.kubectl.run("-n", world.kubectl.namespace, "patch", "configmap", f"{source}-map", "--type=merge", "-p", patch)
    until(lambda: (world.kubectl.get("configmaps", f"{source}-map") or {})["data"] == before, "it is as rendered")
    world.kubectl.run("-n", world.kubectl.namespace, "delete", "configmap", f"{source}-map")
    until(lambda: world.kubectl.get("configmaps", f"{source}-map") is not None, "it is made anew")


def test_a_config_map_of_a_former_name_goes(world: World, topic: Make, policy: Make) -> None:
    """But only the policy's own; and not before there is one of the new name."""
    source = topic()
    name = policy(f"{source}-policy", topics=[source], configMapName=f"{source}-a")
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    before = (world.kubectl.get("configmaps", f"{source}-a") or {})["data"]
    world.kubectl.run("-n", world.kubectl.namespace, "create", "configmap", f"{source}-b", "--from-literal=a=b")
    policy(name, topics=[source], configMapName=f"{source}-b")
    found = world.kubectl.wait_reason("KafkaDLQPolicy", name, "ConfigMapConflict")
    assert found["status"]["formerConfigMaps"] == [f"{source}-a"]
    assert (world.kubectl.get("configmaps", f"{source}-a") or {})["data"] == before
    policy(name, topics=[source], configMapName=f"{source}-c")
    found = world.kubectl.wait_ready("KafkaDLQPolicy", name)
    assert found["status"]["configMap"] == f"{source}-c"
    assert "formerConfigMaps" not in found["status"]
    assert (world.kubectl.get("configmaps", f"{source}-c") or {})["data"] == before
    assert world.kubectl.get("configmaps", f"{source}-a") is None
    assert (world.kubectl.get("configmaps", f"{source}-b") or {})["data"] == {"a": "b"}


@pytest.mark.parametrize("deletion", ["Retain", "Delete"])
def test_a_topic_that_leaves_is_kept(world: World, topic: Make, policy: Make, deletion: str) -> None:
    """Whatever deletionPolicy says, and whether or not records are in it."""
    full, empty, stays = topic(), topic(), topic()
    for each in (full, empty, stays):
        world.kubectl.wait_ready("KafkaTopic", each)
    name = policy(f"{full}-policy", topics=[full, empty, stays], deadLetterTopics={"deletionPolicy": deletion})
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    dead_letters(world, f"{full}.dlq", 2)
    policy(name, topics=[stays], deadLetterTopics={"deletionPolicy": deletion})
    for each in (full, empty):
        until(lambda each=each: world.kubectl.get("KafkaTopic", f"{each}.dlq") is None, "its KafkaTopic goes")
        assert world.view.exists(f"{each}.dlq")

    def told() -> set[str]:
        return {e["message"] for e in world.kubectl.events(name) if e["reason"] == "DeadLettersKept"}

    if deletion == "Delete":
        until(lambda: len(told()) == 2, "each is told of")
    else:
        assert told() == set()


def test_a_name_that_somebody_else_has(world: World, topic: Make, policy: Make) -> None:
    """A KafkaTopic of the wanted name that is for another topic."""
    source = topic()
    topic(f"{source}.dlq", topicName=f"{source}-elsewhere")
    world.kubectl.wait_ready("KafkaTopic", source)
    name = policy(f"{source}-policy", topics=[source])
    found = world.kubectl.wait_reason("KafkaDLQPolicy", name, "TopicConflict")
    assert "exists for another purpose" in condition(found)["message"]
    world.kubectl.delete("KafkaTopic", f"{source}.dlq")
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    assert world.view.exists(f"{source}.dlq")


@pytest.mark.parametrize("deletion", ["Retain", "Delete"])
def test_a_policy_is_deleted(world: World, topic: Make, policy: Make, deletion: str) -> None:
    source = topic()
    name = policy(f"{source}-policy", topics=[source], deadLetterTopics={"deletionPolicy": deletion})
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    dead_letters(world, f"{source}.dlq", 1)
    world.kubectl.delete("KafkaDLQPolicy", name)
    until(lambda: world.kubectl.get("KafkaTopic", f"{source}.dlq") is None, "Kubernetes takes what it owned away")
    until(lambda: world.view.exists(f"{source}.dlq") is (deletion == "Retain"), f"{deletion} is what happens")
    until(lambda: world.kubectl.get("configmaps", f"{name}-dlq") is None, "the ConfigMap goes too")


def test_a_policy_comes_back_to_what_it_left(world: World, topic: Make, policy: Make) -> None:
    source = topic()
    name = policy(f"{source}-policy", topics=[source])
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    dead_letters(world, f"{source}.dlq", 3)
    world.kubectl.delete("KafkaDLQPolicy", name)
    until(lambda: world.kubectl.get("KafkaTopic", f"{source}.dlq") is None, "its KafkaTopic goes")
    policy(name, topics=[source])
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    world.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 3, "its records are counted")


def test_a_dead_letter_topic_that_somebody_declared_is_used(world: World, topic: Make, policy: Make) -> None:
    source = topic(partitions=3)
    topic(f"{source}.dlq", partitions=3, config={"retention.ms": 1000})
    world.kubectl.wait_ready("KafkaTopic", f"{source}.dlq")
    name = policy(f"{source}-policy", topics=[source])
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    assert world.view.config(f"{source}.dlq") == {"retention.ms": "1000"}, "it is as its own KafkaTopic says"

    topic(source, partitions=5)
    told = wait_entry(world, name, source, "TooFewPartitions")
    assert "has 3 partitions and its source 5" in told["message"]
    topic(f"{source}.dlq", partitions=5, config={"retention.ms": 1000})
    world.kubectl.wait_ready("KafkaDLQPolicy", name)


def test_two_policies_on_one_topic(world: World, topic: Make, policy: Make) -> None:
    shared, own = topic(), topic()
    first = policy(f"{shared}-first", topics=[shared])
    world.kubectl.wait_ready("KafkaDLQPolicy", first)
    time.sleep(1.1)  # creationTimestamp has whole seconds
    second = policy(f"{shared}-second", topics=[shared, own], suffix=".dead")
    found = world.kubectl.wait_reason("KafkaDLQPolicy", second, "PolicyConflict")
    assert f"KafkaDLQPolicy {world.kubectl.namespace}/{first} is older" in condition(found)["message"]
    assert entry(found, own)["ready"] in (True, False)
    until(lambda: world.view.exists(f"{own}.dead"), "its neighbour is kept all the same")
    assert not world.view.exists(f"{shared}.dead")
    world.kubectl.delete("KafkaDLQPolicy", first)
    world.kubectl.wait_ready("KafkaDLQPolicy", second)
    assert world.view.exists(f"{shared}.dead")


def test_bad_policies(world: World, topic: Make, policy: Make, fresh: Make) -> None:
    """Each with its own reason, and nothing made."""
    source = topic()
    world.kubectl.wait_ready("KafkaTopic", source)
    before = world.view.known()

    def refused(reason: str, says: str, **spec: Any) -> None:
        name = policy(f"bad-{reason.lower()}", **spec)
        message = condition(world.kubectl.wait_reason("KafkaDLQPolicy", name, reason))["message"]
        assert says in message
        world.kubectl.delete("KafkaDLQPolicy", name)

    refused("DeadLetterLoop", "must not go round in circles", topics=[f"{source}.dlq"])
    refused("TopicNotFound", "does not exist in Kafka yet", topics=["no-such-events"])
    long = "a" * 247
    world.view.create(long)
    refused("NamingRefused", "give the policy a shorter suffix", topics=[long])
    world.view.delete(long)
    world.kubectl.run("-n", world.kubectl.namespace, "create", "configmap", "taken", "--from-literal=a=b")
    refused("ConfigMapConflict", "is not this policy's", topics=[source], configMapName="taken")
    assert (world.kubectl.get("configmaps", "taken") or {})["data"] == {"a": "b"}
    refused("InvalidConfig", "the brokers know no such topic setting; did you mean retention.ms?",
            topics=[source], deadLetterTopics={"config": {"retention.sm": 1}})  # fmt: skip
    until(lambda: world.view.topics() - before <= {f"{source}.dlq"}, "nothing else was made")


def test_a_policy_waits_for_its_source(world: World, policy: Make, topic: Make, fresh: Make) -> None:
    source = fresh()
    name = policy(f"{source}-policy", topics=[source])
    wait_entry(world, name, source, "TopicNotFound")
    topic(source)
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    assert world.view.exists(f"{source}.dlq")


def test_what_was_made_for_a_source_stays_and_is_ready_when_that_is_gone(
    world: World, topic: Make, policy: Make
) -> None:
    """It is the policy's own, whose dead letters still wait there; a policy made after that waits for the source."""
    source = topic(partitions=2)
    name = policy(f"{source}-policy", topics=[source])
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    world.kubectl.delete("KafkaTopic", source)
    until(lambda: not world.view.exists(source), "its source goes")
    policy(name, topics=[source], deadLetterTopics={"retention": "504h"})  # looked at after that
    world.kubectl.wait_ready("KafkaDLQPolicy", name)
    kept = world.kubectl.wait_ready("KafkaTopic", f"{source}.dlq")
    assert (kept["spec"]["partitions"], kept["spec"]["config"]["retention.ms"]) == (2, str(21 * 24 * 3600 * 1000))

    world.kubectl.delete("KafkaDLQPolicy", name)
    until(lambda: world.kubectl.get("KafkaTopic", f"{source}.dlq") is None, "Kubernetes takes what it owned away")
    policy(name, topics=[source])
    wait_entry(world, name, source, "TopicNotFound")
    assert world.kubectl.get("KafkaTopic", f"{source}.dlq") is None


def test_observe_makes_nothing(world: World, topic: Make, policy: Make) -> None:
    source = topic()
    world.kubectl.wait_ready("KafkaTopic", source)
    name = policy(f"{source}-policy", topics=[source], managementPolicy="Observe")
    found = world.kubectl.wait_reason("KafkaDLQPolicy", name, "Observed")
    assert f"not as declared: {source}.dlq" in condition(found)["message"]
    assert not world.view.exists(f"{source}.dlq")
    assert world.kubectl.get("configmaps", f"{name}-dlq") is None


def test_another_namespace_has_what_its_prefixes_allow(world: World, topic: Make) -> None:
    """Patterns match within them, and a name outside them is refused."""
    namespace = "dlq-team"
    team = world.kubectl.at(namespace)
    team.run("create", "namespace", namespace)
    spec = {
        "bootstrapServers": world.kafka.bootstrap,
        "topicDefaults": {"partitions": 1, "replicationFactor": 1},
        "allowedNamespaces": {"from": "All", "topicPrefixes": ["team-"]},
        "resyncInterval": "2s",
    }
    world.kubectl.apply(manifest("KafkaCluster", "open", spec, world.kubectl.namespace))
    world.kubectl.wait_ready("KafkaCluster", "open")
    ref = {"clusterRef": {"name": "open", "namespace": world.kubectl.namespace}}
    for name in ("team-events", "others-events"):
        world.view.create(name)
    team.apply(manifest("KafkaDLQPolicy", "wide", {**ref, "topics": ["*-events"]}, namespace))
    found = team.wait_for(
        "KafkaDLQPolicy", "wide", lambda o: ready(o) == "True" and o["status"]["matched"] > 0, "Ready, and matches"
    )
    assert [t["topic"] for t in found["status"]["topics"]] == ["team-events"]
    team.apply(manifest("KafkaDLQPolicy", "greedy", {**ref, "topics": ["others-events"]}, namespace))
    told = team.wait_reason("KafkaDLQPolicy", "greedy", "NotAllowed")
    assert "only topics that start with team-" in condition(told)["message"]
    assert not world.view.exists("others-events.dlq")
    team.end()
    world.kubectl.delete("KafkaCluster", "open")
    world.view.delete("team-events", "others-events", "team-events.dlq")
