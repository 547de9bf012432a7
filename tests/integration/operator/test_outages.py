"""Kafka, the registry or the API server away for a while; clusters, namespaces and whole folders deleted."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN
from kafkade.devstack.registry import Registry
from support.audit import moment, writes
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, manifest, ready
from support.snapshot import of_registry
from support.stack import Stack, own_stack, secret
from support.waiting import until

SCHEMA = json.dumps({"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]})
WIDER = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": "int", "default": 0}],
    }
)
RESYNC = 1
"""Seconds between looks at everything."""


@dataclass(frozen=True, slots=True)
class Ground:
    """An API server, an operator, a Kafka and a registry that may be stopped, since nobody else uses them."""

    stack: Stack
    kafka: Kafka
    registry: Registry

    @property
    def view(self) -> KafkaView:
        """A new client: one that saw the brokers go remembers it for a while."""
        return KafkaView(self.kafka.bootstrap)

    def subjects(self) -> set[str]:
        """Subjects of the registry, softly deleted ones included."""
        found = of_registry(self.registry.url)
        return {name.removeprefix("subject ") for name in found if name.startswith("subject ")}

    def cluster(self, namespace: str, **fields: Any) -> dict[str, Any]:
        """A KafkaCluster ``main``."""
        spec = {
            "bootstrapServers": self.kafka.bootstrap,
            "schemaRegistry": {"urls": [self.registry.url]},
            "topicDefaults": {"partitions": 1, "replicationFactor": 1},
            "schemaDefaults": {"compatibility": "BACKWARD", "deletionPolicy": "HardDelete"},
            "resyncInterval": f"{RESYNC}s",
            **fields,
        }
        return manifest("KafkaCluster", "main", spec, namespace)


def topic(namespace: str, name: str, **fields: Any) -> dict[str, Any]:
    """A KafkaTopic of ``main``."""
    return manifest("KafkaTopic", name, {"clusterRef": {"name": "main"}, **fields}, namespace)


def schema(namespace: str, name: str, **fields: Any) -> dict[str, Any]:
    """A KafkaSchema of ``main``, with the topic's name for its own."""
    spec = {"clusterRef": {"name": "main"}, "topicRef": {"name": name}, **fields}
    if "schemaFrom" not in spec:
        spec.setdefault("schema", SCHEMA)
    return manifest("KafkaSchema", name, spec, namespace)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """All of it, for this file alone."""
    log = tmp_path_factory.mktemp("outages") / "operator.log"
    args = ("--all-namespaces", "--log-format", "json")
    with own_stack(log, args) as stack, Kafka(security=True) as kafka, Registry() as registry:
        yield Ground(stack, kafka, registry)


@dataclass(frozen=True, slots=True)
class Shop:
    """A namespace with a cluster, topics and schemas that are Ready."""

    kubectl: Kubectl
    names: tuple[str, ...]

    @property
    def namespace(self) -> str:
        """Its name."""
        return self.kubectl.namespace


def open_shop(ground: Ground, name: str, topics: int = 3, **cluster: Any) -> Shop:
    """Make it and wait until everything in it is Ready. Topics have the namespace's name in theirs."""
    kubectl = ground.stack.namespace(name)
    names = tuple(f"{name}-{n}" for n in range(topics))
    kubectl.apply(ground.cluster(name, **cluster), *(topic(name, t) for t in names), *(schema(name, t) for t in names))
    kubectl.wait_ready("KafkaCluster", "main")
    for each in names:
        kubectl.wait_ready("KafkaTopic", each)
        kubectl.wait_ready("KafkaSchema", each)
    counts = {**ground.view.counts(), "offlinePartitions": 0}
    kubectl.wait_for("KafkaCluster", "main", lambda o: counts.items() <= o["status"].items(), "counted its topics")
    return Shop(kubectl, names)


def close_shop(ground: Ground, shop: Shop) -> None:
    """Delete everything in it; what it made in Kafka goes too."""
    empty(shop)
    no_topics(ground, f"{shop.namespace}-")


def no_topics(ground: Ground, prefix: str) -> None:
    """None of that prefix is there, once the broker has heard of what the controller did."""
    until(lambda: not [t for t in ground.view.topics() if t.startswith(prefix)], f"no topic is left of {prefix}", 10)


def empty(shop: Shop) -> None:
    """Delete everything in it."""
    shop.kubectl.clear(shop.namespace)
    until(lambda: shop.kubectl.kept() == [], "all are gone")


def reasons(shop: Shop, kind: str, name: str) -> list[str]:
    """The reasons of an object's Events, oldest first."""
    found = [e for e in shop.kubectl.events(name) if e["involvedObject"]["kind"] == kind]
    return [e["reason"] for e in sorted(found, key=lambda e: e["metadata"]["creationTimestamp"])]


def counted(shop: Shop) -> tuple[int, int]:
    """Number of topics, and of partitions without a leader, by the KafkaCluster's status."""
    found = (shop.kubectl.get("KafkaCluster", "main") or {})["status"]
    return found["topics"], found["offlinePartitions"]


def status_writes(ground: Ground, shop: Shop, resource: str, since: str = "") -> list[str]:
    """Names of the objects whose status the operator wrote since a moment of the audit log, one each write."""
    what = {"resource": resource, "namespace": shop.namespace, "subresource": "status"}
    return [event.name for event in writes(ground.stack.control_plane, since=since, **what)]


def test_kafka_away_is_told_once_and_everything_goes_on_after(ground: Ground) -> None:
    shop = open_shop(ground, "kafka-away", topics=5)
    kubectl, ns = shop.kubectl, shop.namespace
    first = shop.names[0]
    began = moment()
    ground.kafka.kill_broker(1)  # one that is stopped answers for a moment that its partitions have no leader
    try:
        found = kubectl.wait_reason("KafkaCluster", "main", "ClusterUnreachable", timeout=60)
        assert ground.kafka.bootstrap in condition(found)["message"]
        # declared meanwhile: one new, one changed, one deleted
        kubectl.apply(topic(ns, f"{ns}-new"), topic(ns, first, partitions=3, config={"retention.ms": 60000}))
        kubectl.delete("KafkaTopic", shop.names[-1], wait=False)
        kubectl.wait_reason("KafkaTopic", f"{ns}-new", "ClusterUnreachable")
        kubectl.wait_reason("KafkaTopic", first, "ClusterUnreachable")
        kubectl.wait_reason("KafkaTopic", shop.names[-1], "ClusterUnreachable")
        time.sleep(4 * RESYNC)
        assert status_writes(ground, shop, "kafkaclusters", began) == ["main"], "one outage, one status"
        assert condition(kubectl.get("KafkaCluster", "main") or {}) == condition(found)
        told = status_writes(ground, shop, "kafkatopics", began)
        assert sorted(told) == sorted([first, f"{ns}-new", shop.names[-1]]), "only those that wait for something"
        for name in shop.names[1:-1]:
            assert ready(kubectl.get("KafkaTopic", name) or {}) == "True", "the KafkaCluster tells of it"
        assert reasons(shop, "KafkaCluster", "main") == ["ClusterUnreachable"]
    finally:
        ground.kafka.start_broker(1)
    kubectl.wait_ready("KafkaCluster", "main", timeout=30)
    kubectl.wait_ready("KafkaTopic", f"{ns}-new", timeout=30)
    kubectl.wait_ready("KafkaTopic", first, timeout=30)
    assert ground.view.exists(f"{ns}-new")
    ground.view.shows(first, partitions=3, config={"retention.ms": "60000"})
    until(lambda: kubectl.get("KafkaTopic", shop.names[-1]) is None, "the deletion is finished", timeout=30)
    no_topics(ground, shop.names[-1])
    kubectl.wait_event("main", "Recovered")
    assert reasons(shop, "KafkaCluster", "main") == ["ClusterUnreachable", "Recovered"]
    silent = set(status_writes(ground, shop, "kafkatopics", began)) & set(shop.names[1:-1])
    assert silent == set(), "who was as declared all the time was never written to"
    close_shop(ground, shop)


def test_what_cannot_be_cleaned_up_is_let_go_with_its_cluster(ground: Ground) -> None:
    """Kafka is away for good: deleting the cluster or the namespace must still come to an end."""
    shop, other = open_shop(ground, "gone-for-good"), open_shop(ground, "gone-with-namespace")
    ground.kafka.stop_broker(1)
    try:
        for each in (shop, other):
            each.kubectl.wait_reason("KafkaCluster", "main", "ClusterUnreachable", timeout=60)
        shop.kubectl.delete("KafkaTopic", shop.names[0], wait=False)
        time.sleep(2 * RESYNC)
        assert shop.kubectl.get("KafkaTopic", shop.names[0]) is not None, "it waits for Kafka"
        going = ("kafkacluster/main", f"kafkatopic/{shop.names[0]}", f"kafkatopic/{shop.names[1]}")
        shop.kubectl.run("-n", shop.namespace, "delete", *going, "--wait=false")
        ground.stack.kubectl.run("delete", "namespace", other.namespace, "--wait=false")
        for each in going:
            until(lambda each=each: not shop.kubectl.get(*each.split("/")), f"{each} is let go")
        for name in shop.names[:2]:
            assert "ClusterGone" in reasons(shop, "KafkaTopic", name), "never silently"
        until(lambda: other.kubectl.kept() == [], "all of it is let go")
    finally:
        ground.kafka.start_broker(1)
    left = set(shop.names) | set(other.names)
    until(lambda: left <= ground.view.topics(), "nothing was deleted in Kafka")
    empty(shop)
    ground.view.delete(*left)


def test_the_registry_away_leaves_topics_alone(ground: Ground) -> None:
    shop = open_shop(ground, "registry-away")
    kubectl, ns = shop.kubectl, shop.namespace
    began = moment()
    ground.registry.pause()
    try:
        found = kubectl.wait_reason("KafkaCluster", "main", "RegistryUnreachable")  # two attempts of ten seconds
        assert found["status"]["registry"]["reachable"] is False
        kubectl.apply(topic(ns, f"{ns}-new"), schema(ns, f"{ns}-new"), schema(ns, shop.names[0], schema=WIDER))
        kubectl.wait_ready("KafkaTopic", f"{ns}-new")
        kubectl.wait_reason("KafkaSchema", f"{ns}-new", "RegistryUnreachable")
        kubectl.wait_reason("KafkaSchema", shop.names[0], "RegistryUnreachable")
        # a topic more is another status of the cluster, or two where a look came before its leader; not another outage
        until(lambda: counted(shop) == (ground.view.counts()["topics"], 0), "it is counted")
        counted_at = moment()
        time.sleep(4 * RESYNC)
        told = status_writes(ground, shop, "kafkaschemas", began)
        assert sorted(told) == sorted([f"{ns}-new", shop.names[0]]), "only those that wait for something"
        assert status_writes(ground, shop, "kafkaclusters", counted_at) == []
        now = condition(kubectl.get("KafkaCluster", "main") or {})
        assert {**now, "message": ""} == {**condition(found), "message": ""}, (
            "it counts the topic, and is the same outage"
        )
        assert reasons(shop, "KafkaCluster", "main") == ["RegistryUnreachable"]
        for name in shop.names:
            assert ready(kubectl.get("KafkaTopic", name) or {}) == "True"
    finally:
        ground.registry.start()
    kubectl.wait_ready("KafkaCluster", "main", timeout=30)
    kubectl.wait_ready("KafkaSchema", f"{ns}-new", timeout=30)
    found = kubectl.wait_ready("KafkaSchema", shop.names[0], timeout=30)
    assert found["status"]["version"] == 2
    assert f"{ns}-new-value" in ground.subjects()
    kubectl.wait_event("main", "Recovered")
    assert reasons(shop, "KafkaCluster", "main") == ["RegistryUnreachable", "Recovered"]
    close_shop(ground, shop)
    assert not {s for s in ground.subjects() if s.startswith(ns)}


def test_the_api_server_away_and_every_change_after_it_is_seen(ground: Ground) -> None:
    ns = "api-away"
    kubectl = ground.stack.namespace(ns)
    text = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "texts", "namespace": ns},
        "data": {"order": SCHEMA},
    }
    login = {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "login"}}
    names = tuple(f"{ns}-{n}" for n in range(3))
    source = {"configMapKeyRef": {"name": "texts", "key": "order"}}
    kubectl.apply(
        text,
        secret("login", ns, username=ADMIN[0], password=ADMIN[1]),
        ground.cluster(ns, bootstrapServers=ground.kafka.sasl_plaintext_bootstrap, sasl=login),
        *(topic(ns, name) for name in names),
        schema(ns, names[0], schemaFrom=source),
    )
    for name in names:
        kubectl.wait_ready("KafkaTopic", name)
    kubectl.wait_ready("KafkaSchema", names[0])
    pid = ground.stack.operator.pid
    ground.stack.control_plane.stop_api_server()
    time.sleep(3)
    ground.view.set_config(names[0], "retention.ms", "1")
    ground.stack.control_plane.start_api_server()
    assert ground.stack.operator.running

    kubectl.apply(
        topic(ns, f"{ns}-new"),
        topic(ns, names[1], partitions=2),
        {**text, "data": {"order": WIDER}},
        secret("login", ns, username=ADMIN[0], password="not-the-password"),
    )
    kubectl.delete("KafkaTopic", names[2], wait=False)
    kubectl.wait_reason("KafkaCluster", "main", "AuthenticationFailed")  # a watch waits up to 30 s before it asks again
    kubectl.apply(secret("login", ns, username=ADMIN[0], password=ADMIN[1]))
    kubectl.wait_ready("KafkaCluster", "main", timeout=20)
    kubectl.wait_ready("KafkaTopic", f"{ns}-new", timeout=20)
    until(lambda: ground.view.partitions(names[1]) == 2, "the change is seen", timeout=20)
    until(lambda: not ground.view.exists(names[2]), "the deletion is seen", timeout=20)
    until(lambda: kubectl.get("KafkaTopic", names[2]) is None, "the deleted resource is let go", timeout=20)
    kubectl.wait_for(
        "KafkaSchema", names[0], lambda o: o["status"].get("version") == 2, "the ConfigMap's change is seen"
    )
    assert ground.stack.operator.pid == pid
    assert ground.stack.operator.running
    close_shop(ground, Shop(kubectl, names))


def test_what_is_deleted_while_no_watch_is_open_is_noticed(ground: Ground) -> None:
    """No event tells of it, and the name that it held would stay held until the next list, minutes later."""
    ns = "unseen"
    kubectl = ground.stack.namespace(ns)
    kubectl.apply(ground.cluster(ns), topic(ns, f"{ns}-first", topicName=f"{ns}-events", deletionPolicy="Retain"))
    kubectl.wait_ready("KafkaTopic", f"{ns}-first")
    kubectl.apply(topic(ns, f"{ns}-second", topicName=f"{ns}-events"))
    kubectl.wait_reason("KafkaTopic", f"{ns}-second", "TopicConflict")
    operator = ground.stack.operator
    operator.signal(signal.SIGSTOP)
    try:
        ground.stack.control_plane.stop_api_server()
        ground.stack.control_plane.start_api_server()
        kubectl.delete("KafkaTopic", f"{ns}-first")
    finally:
        operator.signal(signal.SIGCONT)
    kubectl.wait_ready("KafkaTopic", f"{ns}-second", timeout=20)
    close_shop(ground, Shop(kubectl, (f"{ns}-second",)))


def test_a_topic_that_comes_a_moment_before_its_cluster_is_told_nothing(ground: Ground) -> None:
    for number in range(5):
        ns = f"topic-first-{number}"
        kubectl = ground.stack.namespace(ns)
        began = time.monotonic()
        kubectl.apply(topic(ns, f"{ns}-0"))
        time.sleep(0.3)
        kubectl.apply(ground.cluster(ns))
        if time.monotonic() - began < 0.9:
            break
        close_shop(ground, Shop(kubectl, (f"{ns}-0",)))  # that was no moment
    kubectl.wait_ready("KafkaTopic", f"{ns}-0")
    shop = Shop(kubectl, (f"{ns}-0",))
    assert {"ClusterNotFound", "Recovered"}.isdisjoint(reasons(shop, "KafkaTopic", f"{ns}-0"))
    until(
        lambda: status_writes(ground, shop, "kafkatopics"),
        "that one is in the audit log, which has it after its effect",
    )
    assert status_writes(ground, shop, "kafkatopics") == list(shop.names)
    close_shop(ground, shop)


def test_a_cluster_deleted_alone_lets_its_topics_be(ground: Ground) -> None:
    shop = open_shop(ground, "cluster-first")
    kubectl, names = shop.kubectl, shop.names
    ids = {name: ground.view.topic_id(name) for name in names}
    kubectl.delete("KafkaCluster", "main")
    for name in names:
        found = kubectl.wait_reason("KafkaTopic", name, "ClusterNotFound")
        assert "create it" in condition(found)["message"]
    kubectl.delete("KafkaTopic", names[0])
    kubectl.delete("KafkaSchema", names[0])
    assert "ClusterGone" in reasons(shop, "KafkaTopic", names[0]), "never silently"
    assert "ClusterGone" in reasons(shop, "KafkaSchema", names[0]), "never silently"
    assert {name: ground.view.topic_id(name) for name in names} == ids
    assert {f"{name}-value" for name in names} <= ground.subjects()
    # with the cluster back they are kept as before, and the topic that was let go can be adopted
    kubectl.apply(ground.cluster(shop.namespace), topic(shop.namespace, names[0]))
    for name in names:
        found = kubectl.wait_ready("KafkaTopic", name)
        assert found["status"]["topicId"] == ids[name]
    close_shop(ground, shop)


def test_a_namespace_deleted_takes_topics_and_subjects_with_it(ground: Ground) -> None:
    """Also where the Secret and the ConfigMap, which cleaning up needs, go first."""
    ns = "namespace-gone"
    kubectl = ground.stack.namespace(ns)
    login = {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "login"}}
    text = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "texts", "namespace": ns},
        "data": {"order": SCHEMA},
    }
    names = tuple(f"{ns}-{n}" for n in range(10))
    kubectl.apply(
        secret("login", ns, username=ADMIN[0], password=ADMIN[1]),
        text,
        ground.cluster(ns, bootstrapServers=ground.kafka.sasl_plaintext_bootstrap, sasl=login),
        *(topic(ns, name) for name in names),
        *(schema(ns, name, schemaFrom={"configMapKeyRef": {"name": "texts", "key": "order"}}) for name in names[:3]),
    )
    for name in names:
        kubectl.wait_ready("KafkaTopic", name)
    for name in names[:3]:
        kubectl.wait_ready("KafkaSchema", name)
    # one that is broken by now, and one that was never any good
    kubectl.apply(
        topic(ns, names[9], config={"cleanup.policy": ["compact"]}), topic(ns, f"{ns}-bad", config={"retention.sm": 1})
    )
    kubectl.wait_reason("KafkaTopic", names[9], "InvalidSpec")
    kubectl.wait_reason("KafkaTopic", f"{ns}-bad", "InvalidConfig")
    ground.stack.kubectl.run("delete", "namespace", ns, "--timeout=60s")
    no_topics(ground, ns)
    assert not {s for s in ground.subjects() if s.startswith(ns)}


def test_a_folder_deleted_takes_topics_with_it(ground: Ground, tmp_path: Path) -> None:
    """``kubectl delete -f`` of what was applied: the cluster goes first, and still the topics are cleaned up."""
    ns = "folder-gone"
    kubectl = ground.stack.namespace(ns)
    objects = [
        ground.cluster(ns),
        *(topic(ns, f"{ns}-{n}") for n in range(5)),
        *(schema(ns, f"{ns}-{n}") for n in range(2)),
    ]
    for number, each in enumerate(objects):
        (tmp_path / f"{number:02}-{each['kind'].lower()}.yaml").write_text(yaml.safe_dump(each))
    kubectl.run("apply", "--server-side", "-f", str(tmp_path))
    for each in objects:
        kubectl.wait_ready(each["kind"], each["metadata"]["name"])
    kubectl.run("delete", "-f", str(tmp_path), "--timeout=60s")
    no_topics(ground, ns)
    assert not {s for s in ground.subjects() if s.startswith(ns)}
    for kind in ("KafkaCluster", "KafkaTopic", "KafkaSchema"):
        assert list(kubectl.list(kind)) == []


def test_the_operator_lived_through_it_all(ground: Ground) -> None:
    assert ground.stack.operator.running
    log = ground.stack.operator.log.read_text(errors="replace")
    assert "Traceback" not in log, "outages are no defects"
    told = ground.stack.operator.records()
    assert any(r["logger"].startswith("kopf") for r in told), "Kopf tells of the API server that was away"
