"""Broker pods are rolled by the operator: a real StatefulSet controller, real brokers as its pods, and an application at work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaAdminClient

from integration.operator.conftest import Base, World
from kafkade.api.errors import UnknownTopic
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kafka_replication import quorum
from kafkade.clients.model import Replication
from kafkade.clusters.rolling.plan import LAG
from kafkade.devstack.kafka import Kafka
from support.api import Api
from support.audit import moment, writes
from support.kafka import KafkaView
from support.kubelet import Kubelet
from support.kubernetes import Kubectl, condition, manifest
from support.load import Load, Watch
from support.places import ROOT
from support.waiting import until

NAMESPACE = "rolling"
FIRST_NODE = 1
PODS = ("kafka-0", "kafka-1", "kafka-2")
SPREAD = {
    "min.insync.replicas": "2",
    "default.replication.factor": "3",
    # a broker that comes back is in sync soon, also on a machine with little to spare
    "replica.fetch.wait.max.ms": "200",
    # the active controller changes when it is shut down, and not when the machine stalls
    "controller.quorum.fetch.timeout.ms": "20000",
}


@dataclass(frozen=True, slots=True)
class Brokers:
    """Three brokers as pods, and who looks after them."""

    base: Base
    kubectl: Kubectl
    kafka: Kafka
    view: KafkaView
    kubelet: Kubelet
    leaders: list[tuple[int, int | None]]
    """For each broker that was shut down: its node, and the active controller of that moment."""

    def template(self, **environment: str) -> None:
        """Give the pods another template."""
        self.kubectl.apply(stateful_set(environment))

    def pods(self) -> dict[str, tuple[str, str, bool]]:
        """By name: uid, revision, and whether it is Ready."""
        return {
            pod["metadata"]["name"]: (
                pod["metadata"]["uid"],
                pod["metadata"]["labels"]["controller-revision-hash"],
                condition(pod)["status"] == "True",
            )
            for pod in self.kubectl.list("pods")
        }

    def rolled(self) -> bool:
        """Whether all pods are Ready and of one revision, the newest."""
        newest = (self.kubectl.get("statefulset", "kafka") or {})["status"]["updateRevision"]
        found = self.pods()
        return set(found) == set(PODS) and all(p[1:] == (newest, True) for p in found.values())

    def cluster(self, **fields: Any) -> None:
        """Apply the KafkaCluster."""
        spec = {
            "bootstrapServers": self.kafka.bootstrap,
            "resyncInterval": "2s",
            "rolling": {"statefulSets": [{"name": "kafka", "firstNodeId": FIRST_NODE}]},
            **fields,
        }
        self.kubectl.apply(manifest("KafkaCluster", "main", spec, NAMESPACE))

    def status_writes(self) -> int:
        """How often the operator wrote the KafkaCluster's status so far."""
        return len(writes(self.base.control_plane, subresource="status", namespace=NAMESPACE))

    def deletions(self) -> list[str]:
        """The pods that the operator deleted so far, as the API server's audit log has them."""
        return [event.name for event in writes(self.base.control_plane, verb="delete", resource="pods")]


def stateful_set(environment: dict[str, str]) -> dict[str, Any]:
    """StatefulSet kafka."""
    labels = {"app.kubernetes.io/name": "kafka"}
    env = [{"name": f"KAFKA_{key}", "value": value} for key, value in environment.items()]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "kafka", "namespace": NAMESPACE},
        "spec": {
            "replicas": 3,
            "serviceName": "kafka",
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "kafka", "image": "apache/kafka:4.1.1", "env": env}]},
            },
        },
    }


@pytest.fixture(scope="module")
def brokers(base: Base) -> Iterator[Brokers]:
    """Three brokers that run as the pods of StatefulSet kafka."""
    kubectl = base.kubectl.at(NAMESPACE)
    kubectl.run("create", "namespace", NAMESPACE)
    with Kafka("4.1.1", brokers=3, config=SPREAD) as kafka:
        leaders: list[tuple[int, int | None]] = []
        api = Api(base.kubectl.kubeconfig, NAMESPACE)
        kubelet = Kubelet(
            api, kafka, "kafka", FIRST_NODE, lambda node: leaders.append((node, active_controller(kafka)))
        )
        kubelet.start()
        try:
            made = Brokers(base, kubectl, kafka, KafkaView(kafka.bootstrap), kubelet, leaders)
            made.template()
            until(lambda: len(made.pods()) == len(PODS) and made.rolled(), "all pods are there")
            yield made
            kubelet.in_haste = True
            kubectl.run("delete", "kafkacluster", "main", "-n", NAMESPACE, "--ignore-not-found", "--timeout=60s")
            kubectl.run("delete", "namespace", NAMESPACE, "--wait=false")
        finally:
            kubelet.stop()
        assert kubelet.failure is None, kubelet.failure


def active_controller(kafka: Kafka) -> int | None:
    """Node id of the active controller."""
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap.split(","))) as client:
        return quorum(client).leader


def test_without_the_right_it_says_which_rule_is_missing(brokers: Brokers) -> None:
    brokers.cluster()
    found = brokers.kubectl.wait_reason("KafkaCluster", "main", "RollingForbidden")
    rule = 'apiGroups: ["apps"], resources: ["statefulsets"], resourceNames: ["kafka"], verbs: ["get"]'
    assert rule in condition(found)["message"]

    brokers.kubectl.run("apply", "-n", NAMESPACE, "-f", str(ROOT / "deploy/rbac/rolling.yaml"))

    found = brokers.kubectl.wait_reason("KafkaCluster", "main", "Reconciled")
    assert "rolling" not in found["status"]
    assert brokers.deletions() == []


@pytest.mark.timeout(180)
def test_pods_are_rolled_one_by_one_under_load_by_an_operator_that_is_killed(brokers: Brokers) -> None:
    brokers.view.create("orders", partitions=6, factor=3)
    before, written = brokers.pods(), brokers.status_writes()
    load, watch = Load(brokers.kafka.bootstrap, "orders"), Watch(brokers.kafka.bootstrap, least=2)
    load.start()
    until(lambda: len(load.read) > 100, "records are read")
    watch.start()
    try:
        brokers.template(NUM_IO_THREADS="9")
        until(lambda: len(brokers.kubelet.stopped) == 1, "the first pod is deleted", timeout=60)
        brokers.base.operator.kill()
        until(lambda: all(p[2] for p in brokers.pods().values()) and len(brokers.pods()) == 3, "it is back", timeout=60)
        time.sleep(1)
        assert len(brokers.kubelet.stopped) == 1, "nobody rolls without the operator"
        brokers.base.operator.start()
        until(lambda: len(brokers.kubelet.stopped) == 2, "the second pod is deleted", timeout=60)
        # it is told of once its deletion was taken
        found = brokers.kubectl.wait_for(
            "KafkaCluster",
            "main",
            lambda o: o["status"].get("rolling", {}).get("pod") == brokers.kubelet.stopped[1],
            "told of the second pod",
        )
        brokers.base.operator.kill()
        brokers.base.operator.start()
        until(brokers.rolled, "all pods are of the newest revision", timeout=90)
        brokers.kubectl.wait_reason("KafkaCluster", "main", "Reconciled")
    finally:
        if not brokers.base.operator.running:
            brokers.base.operator.start()  # other tests share it
        watch.stop()
        load.stop()

    rolling = found["status"]["rolling"]
    assert (condition(found)["status"], condition(found)["reason"]) == ("True", "Rolling"), condition(found)
    assert [(s["name"], s["updated"], s["replicas"]) for s in rolling["statefulSets"]] == [("kafka", 1, 3)]
    assert rolling["pod"] == brokers.kubelet.stopped[1]

    assert load.refused == []
    assert load.acknowledged <= load.read.keys(), sorted(load.acknowledged - load.read.keys())[:10]
    assert len(load.acknowledged) > 500
    assert watch.under == []
    assert watch.samples > 50
    assert watch.smallest["orders"] == 2, "the load ran on a topic that was touched"

    assert sorted(brokers.kubelet.stopped) == list(PODS), "each once"
    assert sorted(brokers.deletions()) == list(PODS), "each by one request"
    after = brokers.pods()
    assert all(after[name][0] != before[name][0] for name in PODS)
    assert [node == leader for node, leader in brokers.leaders] == [False, False, True], "the active controller last"
    environments = {node: env["KAFKA_NUM_IO_THREADS"] for node, env in brokers.kubelet.environments.items()}
    assert environments == {1: "9", 2: "9", 3: "9"}
    brokers.kubectl.wait_event("main", "Rolled")
    assert [e["reason"] for e in brokers.kubectl.events("main")].count("RollingPod") <= 3
    written = brokers.status_writes() - written
    assert written <= 40, "a write is for news: a pod that goes, starts or is back, and partitions that feel it"
    found = brokers.kubectl.get("KafkaCluster", "main") or {}
    assert "rolling" not in found["status"]


@pytest.mark.timeout(240)
def test_it_stops_at_what_cannot_be_spared_and_at_a_pod_that_does_not_come_up(brokers: Brokers) -> None:
    begun, stopped = brokers.pods(), len(brokers.kubelet.stopped)

    # a cluster that is only observed says what would be done
    brokers.cluster(managementPolicy="Observe")
    brokers.kubectl.wait_reason("KafkaCluster", "main", "Observed")
    brokers.template(NUM_IO_THREADS="none")
    outdated = brokers.kubectl.wait_for(
        "KafkaCluster", "main", lambda o: "0 of 3 pods" in condition(o)["message"], "outdated"
    )
    assert condition(outdated)["status"] == "False"

    # a topic of one replica
    brokers.view.create("single", partitions=1, factor=1)
    brokers.cluster()
    blocked = brokers.kubectl.wait_reason("KafkaCluster", "main", "RollingBlocked")
    assert "single (replicas: 1, min.insync.replicas: 2)" in condition(blocked)["message"]
    assert condition(blocked, "Stalled")["status"] == "True"
    time.sleep(3)
    assert brokers.pods() == begun

    # it goes, and the first pod does not come up with its new settings
    brokers.view.delete("single")
    stop = brokers.kubectl.wait_reason("KafkaCluster", "main", "RollingStopped", timeout=60)
    failed = brokers.kubelet.stopped[stopped]
    assert failed in condition(stop)["message"]
    assert "ends again and again, with exit code 1" in condition(stop)["message"]
    assert stop["status"]["rolling"]["pod"] == failed
    time.sleep(4)
    assert brokers.kubelet.stopped[stopped:] == [failed]
    assert {name: pod for name, pod in brokers.pods().items() if name != failed} == {
        name: pod for name, pod in begun.items() if name != failed
    }

    # mended: the pod that is down goes first, then the others
    brokers.template(NUM_IO_THREADS="7")
    until(brokers.rolled, "all pods are of the newest revision", timeout=120)
    brokers.kubectl.wait_reason("KafkaCluster", "main", "Reconciled")
    assert brokers.kubelet.stopped[stopped : stopped + 2] == [failed, failed]
    assert sorted(brokers.kubelet.stopped[stopped + 1 :]) == list(PODS)


def test_at_rest_it_writes_nothing(brokers: Brokers) -> None:
    brokers.kubectl.wait_for(
        "KafkaCluster",
        "main",
        lambda o: condition(o)["reason"] == "Reconciled" and o["status"]["underReplicatedPartitions"] == 0,
        "all are in sync",
    )
    time.sleep(3)
    since = moment()
    time.sleep(5)
    assert writes(brokers.base.control_plane, since=since, namespace=NAMESPACE) == []


async def seen(admin: KafkaAdmin) -> Replication:
    """What all brokers agree on."""
    while True:
        try:
            return await admin.replication()
        except UnknownTopic:
            await asyncio.sleep(0.1)


def spared(found: Replication, name: str, factor: int) -> bool:
    """Whether all brokers have heard of the topic, and no voter is so far behind that a roll would wait for it."""
    in_sync = [len(partition.isr) for partition in found.topics.get(name, ())] == [factor, factor]
    return in_sync and all(voter.behind is not None and voter.behind <= LAG for voter in found.quorum.voters)


@pytest.mark.core
async def test_every_version_tells_what_a_roll_depends_on(world: World) -> None:
    """Replicas, min.insync.replicas, and the quorum with how far its voters are."""
    factor, name = world.factor, f"spared-{world.kafka.version.replace('.', '-')}"
    world.view.create(name, partitions=2, factor=factor, min_insync_replicas="1")
    admin = KafkaAdmin(Security(world.kafka.bootstrap))
    try:
        found = await seen(admin)
        while not spared(found, name, factor):
            found = await seen(admin)
        controller = (await admin.describe_cluster()).controller
    finally:
        await admin.close()
        world.view.delete(name)
    assert found.brokers == set(world.kafka.broker_ids)
    assert found.min_isr[name] == 1
    assert {voter.id for voter in found.quorum.voters} == set(world.kafka.broker_ids)
    assert found.quorum.leader == controller
