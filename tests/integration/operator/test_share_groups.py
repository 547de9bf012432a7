"""Share groups of a KafkaDLQPolicy, by behaviour: their settings, and the dead letters that brokers really write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import AcknowledgeType, Consumer, Producer, ShareConsumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource, ResourceType

from integration.operator.conftest import Base
from kafkade.devstack.kafka import Kafka
from kafkade.dlq.headers import Dialect, of_record
from kafkade.dlq.letter import DeadLetter, Origin
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, manifest, ready
from support.waiting import until

TOPIC_NAME = "errors.deadletterqueue.topic.name"
COPY = "errors.deadletterqueue.copy.record.enable"
LIMIT = "share.delivery.count.limit"
RESET = "share.auto.offset.reset"

ONE_BROKER = {
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
}
"""The topic that share groups keep their state in has three replicas by default."""

Make = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Place:
    """A Kafka with the KafkaCluster ``main`` in a namespace for it."""

    kubectl: Kubectl
    kafka: Kafka
    view: KafkaView

    def settings(self, group: str) -> dict[str, str]:
        """The group's own settings, defaults left out."""
        resource = ConfigResource(ResourceType.GROUP, group)
        entries = self.view.admin.describe_configs([resource])[resource].result(20)
        return {k: e.value for k, e in entries.items() if e.source == ConfigSource.GROUP_CONFIG.value}

    def set(self, group: str, key: str, value: str) -> None:
        """Change a setting of a group by hand."""
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.GROUP, group, incremental_configs=[entry])
        self.view.admin.incremental_alter_configs([resource])[resource].result(20)

    def policy(self, name: str, **spec: Any) -> str:
        """Apply a KafkaDLQPolicy."""
        body = {"clusterRef": {"name": "main"}, **spec}
        self.kubectl.apply(manifest("KafkaDLQPolicy", name, body, self.kubectl.namespace))
        return name


def running(base: Base, version: str) -> Iterator[Place]:
    namespace = f"share-{version.replace('.', '-')}"
    kubectl = base.kubectl.at(namespace)
    with Kafka(version, config=ONE_BROKER if version == "4.4.0" else None) as kafka:
        kubectl.run("create", "namespace", namespace)
        spec = {
            "bootstrapServers": kafka.bootstrap,
            "topicDefaults": {"partitions": 2, "replicationFactor": 1},
            "resyncInterval": "2s",
        }
        kubectl.apply(manifest("KafkaCluster", "main", spec, namespace))
        kubectl.wait_ready("KafkaCluster", "main")
        yield Place(kubectl, kafka, KafkaView(kafka.bootstrap))
        kubectl.end()


@pytest.fixture(scope="module")
def place(base: Base) -> Iterator[Place]:
    """Kafka 4.4, whose brokers write dead letters of share groups."""
    yield from running(base, "4.4.0")


@pytest.fixture(scope="module")
def older(base: Base) -> Iterator[Place]:
    """A Kafka that does not."""
    yield from running(base, "4.1.1")


@pytest.fixture(autouse=True)
def _policies_go(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"place", "older"} & set(request.fixturenames):
        kubectl = request.getfixturevalue(name).kubectl
        kubectl.run("-n", kubectl.namespace, "delete", "kafkadlqpolicies", "--all", "--timeout=60s")


def told(found: dict[str, Any], group: str) -> dict[str, Any]:
    """What a policy's status says of a group."""
    (entry,) = [g for g in found["status"].get("shareGroups", []) if g["group"] == group]
    return dict(entry)


def give_up(place: Place, group: str, topic: str, ends: int, how: AcknowledgeType = AcknowledgeType.REJECT) -> None:
    """Read records as a member of a share group, and reject or release each, ``ends`` times in all."""
    settings = {"bootstrap.servers": place.kafka.bootstrap, "group.id": group, "log_level": 0}
    consumer = ShareConsumer({**settings, "share.acknowledgement.mode": "explicit"})
    try:
        consumer.subscribe([topic])
        deadline = time.monotonic() + 120
        done = 0
        while done < ends:
            assert time.monotonic() < deadline, f"only {done} of {ends} deliveries came"
            for message in consumer.poll(1):
                assert message.error() is None
                consumer.acknowledge(message, how)
                done += 1
            consumer.commit_sync(20)
    finally:
        consumer.close()


def records(place: Place, topic: str, count: int) -> list[Any]:
    """The first records of a topic."""
    consumer = Consumer({"bootstrap.servers": place.kafka.bootstrap, "group.id": "reader", "log_level": 0})
    try:
        consumer.assign([TopicPartition(topic, p, 0) for p in range(place.view.partitions(topic))])
        found: list[Any] = []
        deadline = time.monotonic() + 60
        while len(found) < count and time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                found.append(message)
        return found
    finally:
        consumer.close()


@pytest.mark.parametrize("copied", [False, True], ids=["pointers", "copies"])
def test_dead_letters_that_brokers_write(place: Place, copied: bool) -> None:
    group, source = (f"readers-{copied}".lower(), f"jobs-{copied}".lower())
    dlq = f"dlq.{group}"
    place.view.create(source, partitions=2)
    place.set(group, RESET, "earliest")
    entry = {"group": group, "maxAttempts": 3} | ({"copyRecord": True} if copied else {})
    name = place.policy(f"{group}-policy", shareGroups=[entry], alert={"depth": 3})
    found = place.kubectl.wait_ready("KafkaDLQPolicy", name)
    set_ = {TOPIC_NAME: dlq, LIMIT: "3"} | ({COPY: "true"} if copied else {})
    # a broker answers once the controller has taken the change, which it may not have come by itself
    until(lambda: place.settings(group) == {RESET: "earliest", **set_}, "the group is set")
    assert told(found, group)["config"] == set_
    assert place.view.config(dlq)["errors.deadletterqueue.group.enable"] == "true"
    assert place.view.partitions(dlq) == 2, "by the cluster's defaults"

    producer = Producer({"bootstrap.servers": place.kafka.bootstrap})
    for number in range(4):
        producer.produce(source, f"v{number}".encode(), f"k{number}".encode(), partition=number % 2)
    assert producer.flush(30) == 0
    give_up(place, group, source, 4)

    letters = {}
    for record in records(place, dlq, 4):
        (letter,) = of_record(record.headers(), record.key(), record.value())
        letters[letter.origin.partition, letter.origin.offset] = (letter, record.key(), record.value())
    expected = {}
    for number in range(4):
        where = (number % 2, number // 2)
        content = (f"k{number}".encode(), f"v{number}".encode()) if copied else (None, None)
        origin = Origin(source, *where, group=group)
        letter = DeadLetter(Dialect.SHARE_GROUP, origin, None, "Offset rejected by client.", 1, pointer=not copied)
        expected[where] = (letter, *content)
    assert letters == expected

    found = place.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: o["status"].get("depth") == 4, "counted")
    assert told(found, group)["depth"] == 4
    until(
        lambda: condition(place.kubectl.get("KafkaDLQPolicy", name) or {}, "Alert")["reason"] == "DepthExceeded",
        "the alert is on",
    )

    place.kubectl.delete("KafkaDLQPolicy", name)
    until(lambda: place.settings(group) == {RESET: "earliest"}, "what was the policy's is taken back, and nothing else")
    # a garbage collector that has just begun looks for new kinds every half minute
    until(lambda: place.kubectl.get("KafkaTopic", dlq) is None, "the KafkaTopic goes", timeout=90)
    assert len(records(place, dlq, 4)) == 4, "the records stay"


def test_records_that_were_delivered_too_often(place: Place) -> None:
    place.view.create("slow-jobs", partitions=1)
    place.set("slow", RESET, "earliest")
    name = place.policy("slow", shareGroups=[{"group": "slow", "maxAttempts": 2}])
    place.kubectl.wait_ready("KafkaDLQPolicy", name)
    set_ = {RESET: "earliest", TOPIC_NAME: "dlq.slow", LIMIT: "2"}
    until(lambda: place.settings("slow") == set_, "the broker has heard of it")
    producer = Producer({"bootstrap.servers": place.kafka.bootstrap})
    producer.produce("slow-jobs", b"v")
    assert producer.flush(30) == 0
    give_up(place, "slow", "slow-jobs", 2, AcknowledgeType.RELEASE)
    (record,) = records(place, "dlq.slow", 1)
    message = "Offset delivery count exceeded the threshold."
    letter = DeadLetter(Dialect.SHARE_GROUP, Origin("slow-jobs", 0, 0, group="slow"), None, message, 2, pointer=True)
    assert of_record(record.headers(), record.key(), record.value()) == (letter,)


def test_drift_is_repaired(place: Place) -> None:
    name = place.policy("drift", shareGroups=[{"group": "drifters", "maxAttempts": 4}])
    place.kubectl.wait_ready("KafkaDLQPolicy", name)
    found = place.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: "depth" in o["status"], "counted")
    time.sleep(5)  # more than two resyncs
    again = place.kubectl.get("KafkaDLQPolicy", name) or {}
    assert again["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"], "nothing new, nothing written"
    place.set("drifters", LIMIT, "9")
    place.set("drifters", RESET, "earliest")
    expected = {TOPIC_NAME: "dlq.drifters", LIMIT: "4", RESET: "earliest"}
    until(lambda: place.settings("drifters") == expected, "it is set back, and what is not declared is left alone")
    (event,) = place.kubectl.wait_event(name, "DriftRepaired")
    assert event["message"] == f"share group drifters was changed outside: {LIMIT} was 9, is 4 again"


def test_what_leaves_is_taken_back(place: Place) -> None:
    name = place.policy(
        "leave", shareGroups=[{"group": "stays", "maxAttempts": 4}, {"group": "goes", "maxAttempts": 4}]
    )
    place.kubectl.wait_ready("KafkaDLQPolicy", name)
    place.set("goes", LIMIT, "9")
    place.policy(name, shareGroups=[{"group": "stays", "copyRecord": True, "deadLetterTopic": "dlq.elsewhere"}])
    until(lambda: place.settings("stays") == {TOPIC_NAME: "dlq.elsewhere", COPY: "true"}, "it is as declared now")
    until(lambda: TOPIC_NAME not in place.settings("goes"), "the group that left is let go")
    found = place.kubectl.wait_ready("KafkaDLQPolicy", name)
    assert [g["group"] for g in found["status"]["shareGroups"]] == ["stays"]
    assert found["metadata"]["finalizers"] == ["kafkade.io/finalizer"]
    for topic in ("dlq.stays", "dlq.goes"):
        until(lambda topic=topic: place.kubectl.get("KafkaTopic", topic) is None, "KafkaTopics of no use go")
        assert place.view.exists(topic)
    place.view.create("other")
    body = manifest(
        "KafkaDLQPolicy", name, {"clusterRef": {"name": "main"}, "topics": ["other"]}, place.kubectl.namespace
    )
    place.kubectl.apply(body)
    until(lambda: place.settings("stays") == {}, "what is not declared any more is taken back")

    def free(obj: dict[str, Any]) -> bool:
        return "finalizers" not in obj["metadata"] and "shareGroups" not in obj["status"]

    place.kubectl.wait_for("KafkaDLQPolicy", name, free, "nothing holds it any more")


def test_observe_sets_nothing(place: Place) -> None:
    name = place.policy("observe", shareGroups=[{"group": "watched"}], managementPolicy="Observe")
    found = place.kubectl.wait_reason("KafkaDLQPolicy", name, "Observed")
    assert "not as declared: share group watched" in condition(found)["message"]
    time.sleep(3)  # more than one resync
    assert place.settings("watched") == {}
    assert not place.view.exists("dlq.watched")
    place.kubectl.delete("KafkaDLQPolicy", name)


def test_two_policies_for_one_group(place: Place) -> None:
    first = place.policy("first", shareGroups=[{"group": "wanted", "maxAttempts": 3}])
    place.kubectl.wait_ready("KafkaDLQPolicy", first)
    time.sleep(1.1)  # creationTimestamp has whole seconds
    second = place.policy(
        "second", shareGroups=[{"group": "wanted", "deadLetterTopic": "dlq.second"}, {"group": "own"}]
    )
    found = place.kubectl.wait_reason("KafkaDLQPolicy", second, "PolicyConflict")
    assert f"KafkaDLQPolicy {place.kubectl.namespace}/first is older" in condition(found)["message"]
    until(lambda: place.settings("own") == {TOPIC_NAME: "dlq.own"}, "its neighbour is kept all the same")
    assert place.settings("wanted") == {TOPIC_NAME: "dlq.wanted", LIMIT: "3"}
    place.kubectl.delete("KafkaDLQPolicy", first)
    place.kubectl.wait_ready("KafkaDLQPolicy", second)
    until(lambda: place.settings("wanted") == {TOPIC_NAME: "dlq.second"}, "it is given another")


def test_names_that_brokers_would_not_write_to(place: Place) -> None:
    name = place.policy("names", shareGroups=[{"group": "workers", "deadLetterTopic": "workers.dlq"}])
    found = place.kubectl.wait_reason("KafkaDLQPolicy", name, "InvalidConfig")
    assert "errors.deadletterqueue.topic.name.prefix is dlq.; give the group" in condition(found)["message"]
    assert place.settings("workers") == {}
    assert not place.view.exists("workers.dlq")

    spec = {"clusterRef": {"name": "main"}}
    place.kubectl.apply(manifest("KafkaTopic", "dlq.by-hand", spec, place.kubectl.namespace))
    place.policy(name, shareGroups=[{"group": "workers", "deadLetterTopic": "dlq.by-hand"}])

    def says(obj: dict[str, Any]) -> bool:
        return "without errors.deadletterqueue.group.enable" in condition(obj)["message"]

    place.kubectl.wait_for("KafkaDLQPolicy", name, says, "the flag is missed")
    spec["config"] = {"errors.deadletterqueue.group.enable": True}
    place.kubectl.apply(manifest("KafkaTopic", "dlq.by-hand", spec, place.kubectl.namespace))
    place.kubectl.wait_for("KafkaDLQPolicy", name, lambda o: ready(o) == "True", "it is used")
    until(lambda: place.settings("workers") == {TOPIC_NAME: "dlq.by-hand"}, "the group is set")
    place.kubectl.delete("KafkaDLQPolicy", name)
    assert place.kubectl.get("KafkaTopic", "dlq.by-hand") is not None
    place.kubectl.delete("KafkaTopic", "dlq.by-hand")


def test_a_cluster_that_cannot(older: Place) -> None:
    """The rest of the policy is kept all the same."""
    older.view.create("plain")
    name = older.policy("unsupported", topics=["plain"], shareGroups=[{"group": "workers"}])
    found = older.kubectl.wait_reason("KafkaDLQPolicy", name, "NotSupportedByCluster")
    assert "need Kafka 4.4 with the feature share.version at 2" in condition(found)["message"]
    until(lambda: older.view.exists("plain.dlq"), "topics have their dead-letter topics")

    def topic_ready(obj: dict[str, Any]) -> bool:
        return bool(obj["status"]["topics"][0]["ready"]) and "depth" in obj["status"]

    found = older.kubectl.wait_for("KafkaDLQPolicy", name, topic_ready, "the topic is ready and counted")
    assert told(found, "workers")["reason"] == "NotSupportedByCluster"
    assert not older.view.exists("dlq.workers")
    assert (older.kubectl.get("configmaps", f"{name}-dlq") or {})["data"]["policy.json"]
    older.kubectl.delete("KafkaDLQPolicy", name)
