"""Kafka's image, of an old version and of a new one: it takes the environment that the official image takes (KIP-975)."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.devstack.images import recipes
from node.conftest import RESTRICTED, Cluster
from support.kubernetes import Kubectl

NAMESPACE = "images"
VERSIONS = ("3.5.2", "4.1.1")

ENVIRONMENT = {
    "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qg",
    "KAFKA_HEAP_OPTS": "-Xmx256m",
    "KAFKA_NODE_ID": "7",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "7@localhost:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://localhost:9092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_LOG_DIRS": "/var/lib/kafka/data/kraft",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_MESSAGE_MAX_BYTES": "1234567",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
}


def pod(version: str) -> dict[str, Any]:
    """A node of one, on a read-only root."""
    places = {"data": "/var/lib/kafka/data", "config": "/opt/kafka/config", "logs": "/opt/kafka/logs", "tmp": "/tmp"}  # noqa: S108
    container = {
        "name": "kafka",
        "image": f"kafkade/kafka:{version}",
        "env": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
        "readinessProbe": {"tcpSocket": {"port": 9092}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": name, "mountPath": place} for name, place in places.items()],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name_of(version), "namespace": NAMESPACE},
        "spec": {
            "enableServiceLinks": False,
            "securityContext": {"fsGroup": 1000},
            "containers": [container],
            "volumes": [{"name": name, "emptyDir": {}} for name in places],
        },
    }


def name_of(version: str) -> str:
    return f"kafka-{version.replace('.', '-')}"


@pytest.fixture(scope="module")
def pods(cluster: Cluster, kubectl: Kubectl) -> Kubectl:
    """A pod of each version."""
    kubectl.run("create", "namespace", NAMESPACE)
    kubectl.run("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    for version in VERSIONS:
        cluster.load(recipes.kafka_image(version))
    kubectl.apply(*(pod(version) for version in VERSIONS))
    return kubectl


@pytest.mark.parametrize("version", VERSIONS)
def test_variables_become_properties(pods: Kubectl, version: str) -> None:
    name = name_of(version)
    pods.run("-n", NAMESPACE, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=100s")
    words = "kafka-configs.sh --bootstrap-server localhost:9092 --describe --all --entity-type brokers --entity-name 7"
    said = pods.run("-n", NAMESPACE, "exec", name, "--", *words.split()).stdout
    for line in (
        "message.max.bytes=1234567 ",
        "auto.create.topics.enable=false ",
        "offsets.topic.replication.factor=1 ",
    ):
        assert line in said
    # storage was formatted with the id that was given
    assert f"cluster.id={ENVIRONMENT['CLUSTER_ID']}" in formatted(pods, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_container_that_starts_again_takes_its_storage_as_it_is(pods: Kubectl, version: str) -> None:
    name = name_of(version)
    before = formatted(pods, name)
    pods.run("-n", NAMESPACE, "exec", name, "--", "bash", "-c", "kill 1")
    pods.wait_for("pod", name, restarted, "started again", NAMESPACE, timeout=100)
    pods.run("-n", NAMESPACE, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=100s")
    assert formatted(pods, name) == before


def formatted(pods: Kubectl, name: str) -> str:
    """What storage was formatted with, and when."""
    script = "cd /var/lib/kafka/data/kraft && stat -c %y bootstrap.checkpoint && cat meta.properties"
    return pods.run("-n", NAMESPACE, "exec", name, "--", "sh", "-c", script).stdout


def restarted(pod: dict[str, Any]) -> bool:
    (status,) = pod["status"]["containerStatuses"]
    return bool(status["restartCount"] == 1 and "running" in status["state"])
