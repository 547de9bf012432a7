"""The chart on a real node, with the platform's values: installed, used, hurt, upgraded, uninstalled; in this order."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from kafkade import __version__
from kafkade.devstack.helm import Helm
from kafkade.devstack.images import recipes
from kafkade.devstack.node.kubelet import ZONE
from node.conftest import RESTRICTED, Cluster
from support.kubernetes import Kubectl, manifest, ready
from support.metrics import series
from support.places import CHART, DOCUMENT, ROOT
from support.user_service import manifests
from support.waiting import until

HERE = Path(__file__).parent
NAMESPACE = "kafka"
RELEASE = "kafka"
BOOTSTRAP = "kafka.kafka.svc:9092"
VALUES = ("-f", DOCUMENT, "-f", HERE / "values.yaml")
USERS = "users"
"""The namespace of deploy/examples/11-user-service."""

BROKERS = [f"kafka-{number}" for number in range(3)]
OPERATOR = "deployment/kafka-kafkade"
REGISTRY = "statefulset/kafka-schema-registry"

PATIENCE = 300
"""Seconds for what takes a minute at most, since a machine may have much else to do."""

READ_METRICS = "import urllib.request as r; print(r.urlopen('http://localhost:8080/metrics').read().decode())"

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def kafka(kubectl: Kubectl) -> Kubectl:
    """A kubectl for the release's namespace; there, and where a service will be, only restricted pods may run."""
    for namespace in (NAMESPACE, USERS):
        kubectl.run("create", "namespace", namespace)
        kubectl.run("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    return kubectl.at(NAMESPACE)


@pytest.fixture(scope="module")
def helm(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tmp_path_factory.mktemp("helm"), cluster.kubeconfig)


@pytest.fixture(scope="module")
def release(cluster: Cluster, helm: Helm, kafka: Kubectl) -> Helm:
    """The chart, installed."""
    for name in ("kafka:3.5.2", "schema-registry"):
        cluster.load(recipes.by_name(name))
    # as the guide says; a little less than the time that Helm's process is given
    helm.run("install", RELEASE, CHART, "--namespace", NAMESPACE, "--wait", "--timeout", "280s", *VALUES)
    return helm


def upgrade(helm: Helm, *values: str) -> None:
    settings = [word for value in values for word in ("--set", value)]
    helm.run("upgrade", RELEASE, CHART, "--namespace", NAMESPACE, *VALUES, *settings)


def in_kafka(kafka: Kubectl, *words: str, check: bool = True) -> str:
    return kafka.run("-n", NAMESPACE, *words, check=check).stdout


def uids(kafka: Kubectl) -> dict[str, str]:
    """The identity of each broker pod that there is."""
    pods = json.loads(in_kafka(kafka, "get", "pods", "-l", "app.kubernetes.io/name=kafka", "-o", "json"))["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}


def wait_for_brokers(kafka: Kubectl) -> None:
    for name in BROKERS:
        kafka.wait_for("pod", name, is_ready, "Ready", timeout=PATIENCE)


def is_ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def wait_for_rollout(kafka: Kubectl, deployment: str, timeout: float = PATIENCE) -> None:
    deadline = time.monotonic() + timeout
    while True:
        done = kafka.run("-n", kafka.namespace, "rollout", "status", deployment, "--timeout=20s", check=False)
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, done.stderr


def wait_until_rolled(kafka: Kubectl, before: dict[str, str], timeout: float = 600) -> list[dict[str, Any]]:
    """Wait until no broker pod is one of ``before`` and all are ready; each state that the KafkaCluster told of it."""
    told: list[dict[str, Any]] = []
    deadline = time.monotonic() + timeout
    while True:
        status = (kafka.get("KafkaCluster", "kafka") or {}).get("status", {}).get("rolling")
        if status and (not told or told[-1] != status):
            told.append(status)
        now = uids(kafka)
        if set(now) == set(BROKERS) and not set(now.values()) & set(before.values()):
            break
        assert time.monotonic() < deadline, f"not rolled: {now}; the KafkaCluster told: {told}"
        time.sleep(0.5)
    wait_for_brokers(kafka)
    return told


@contextmanager
def load(kafka: Kubectl, name: str) -> Iterator[dict[str, Any]]:
    """A pod that writes and reads while the block runs; afterwards the mapping has what became of its records."""
    script = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {"load_pod.py": (HERE / "load_pod.py").read_text()},
    }
    container = {
        "name": "load",
        "image": f"kafkade/kafkade:{__version__}",
        "command": ["python", "/load/load_pod.py", BOOTSTRAP, "orders"],
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "load", "mountPath": "/load"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "containers": [container],
            "volumes": [{"name": "load", "configMap": {"name": name}}, {"name": "tmp", "emptyDir": {}}],
        },
    }
    kafka.apply(script, pod)
    result: dict[str, Any] = {}
    kafka.wait_for(
        "pod", name, lambda _: "under way" in in_kafka(kafka, "logs", name, check=False), "at work", timeout=PATIENCE
    )
    yield result
    in_kafka(kafka, "exec", name, "--", "touch", "/tmp/stop")  # noqa: S108
    kafka.wait_for(
        "pod", name, lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"), "at its end", timeout=260
    )
    result |= json.loads(in_kafka(kafka, "logs", name).splitlines()[-1])
    sys.stderr.write(f"{name}: {result}\n")


def assert_nothing_lost(result: dict[str, Any]) -> None:
    assert result["acknowledged"] == result["sent"] > 100, result
    assert result["refused"] == []
    assert result["lost"] == []


def test_all_pods_become_ready(release: Helm, kafka: Kubectl) -> None:
    wait_for_rollout(kafka, OPERATOR)
    wait_for_brokers(kafka)
    wait_for_rollout(kafka, REGISTRY)
    pods = json.loads(in_kafka(kafka, "get", "pods", "-o", "json"))["items"]
    images = sorted(pod["spec"]["containers"][0]["image"] for pod in pods)
    assert images == [
        *["apicurio/apicurio-registry:3.3.3"] * 2,
        *["kafkade/kafka:3.5.2"] * 3,
        f"kafkade/kafkade:{__version__}",
    ]
    # the operator may have looked when some of them were not there yet
    cluster = kafka.wait_for(
        "KafkaCluster",
        "kafka",
        lambda o: ready(o) == "True" and len(o["status"]["brokers"]) == len(BROKERS),
        "Ready with all brokers",
        timeout=PATIENCE,
    )
    assert [broker.get("rack") for broker in cluster["status"]["brokers"]] == [ZONE] * 3, "the zone of their node"


def test_resources_become_ready(release: Helm, kafka: Kubectl) -> None:
    schema = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}
    cluster = {"clusterRef": {"name": "kafka"}}
    kafka.apply(
        manifest("KafkaTopic", "orders", cluster, NAMESPACE, labels={"dead-letters": "kept"}),
        manifest(
            "KafkaSchema",
            "order",
            {**cluster, "topicRef": {"name": "orders"}, "schemaType": "AVRO", "schema": json.dumps(schema)},
            NAMESPACE,
        ),
        manifest(
            "KafkaDLQPolicy",
            "orders",
            {**cluster, "topicSelector": {"matchLabels": {"dead-letters": "kept"}}},
            NAMESPACE,
        ),
    )
    topic = kafka.wait_ready("KafkaTopic", "orders", timeout=PATIENCE)
    kafka.wait_ready("KafkaSchema", "order", timeout=PATIENCE)
    kafka.wait_ready("KafkaDLQPolicy", "orders", timeout=PATIENCE)
    # the document's defaults, which the topic says nothing about
    assert (topic["status"]["partitions"], topic["status"]["replicationFactor"]) == (3, 3)


def test_a_service_runs_with_nothing_but_its_binding(release: Helm, kafka: Kubectl, cluster: Cluster) -> None:
    """The example's manifests as they are, and the image of its Dockerfile; what the service does: integration/document."""
    cluster.load(recipes.by_name("user-service"))
    made = list(manifests().values())
    assert "kind: Namespace" in made[0]
    text = "---\n".join(made).replace("apicurio.kafka.svc", "kafka-schema-registry.kafka.svc")
    kafka.run("apply", "-f", "-", stdin=text)
    kafka.run("-n", USERS, "wait", "--for=condition=Ready", "kafkade", "--all", "--timeout=110s")
    users = kafka.at(USERS)
    wait_for_rollout(users, "deployment/user-service")
    pods = [pod["metadata"]["name"] for pod in users.list("pods")]
    assert len(pods) == 2

    def handled() -> dict[str, float]:
        found: dict[str, float] = {}
        for pod in pods:
            page = users.run("-n", USERS, "exec", pod, "--", "python", "-c", READ_METRICS).stdout
            for name, labels, value in series(page):
                if name == "kafka_messages_total" and labels["status"] == "processed":
                    found[labels["topic"]] = found.get(labels["topic"], 0) + value
        return found

    users.run("-n", USERS, "exec", pods[0], "--", "python", "-m", "user_service", "publish")
    until(lambda: handled().keys() >= {"user-events", "order-events"}, lambda: f"handled: {handled()}", 120, 1)
    # the namespace stays: a Role of the release is in it
    users.run("delete", "-f", "-", "--timeout=110s", stdin="---\n".join(made[1:]))


def test_a_broker_pod_that_is_deleted_loses_nothing(release: Helm, kafka: Kubectl) -> None:
    before = uids(kafka)
    with load(kafka, "load-deleted") as result:
        in_kafka(kafka, "delete", "pod", "kafka-1", "--wait=true", "--timeout=100s")
        kafka.wait_for("pod", "kafka-1", lambda pod: pod["metadata"]["uid"] != before["kafka-1"], "made again")
        wait_for_brokers(kafka)
    assert_nothing_lost(result)


def test_a_rolling_restart_loses_nothing(release: Helm, kafka: Kubectl) -> None:
    before = uids(kafka)
    with load(kafka, "load-restart") as result:
        in_kafka(kafka, "rollout", "restart", "statefulset/kafka")
        told = wait_until_rolled(kafka, before)
    assert_nothing_lost(result)
    assert told, "the KafkaCluster's status told nothing of it"


def test_an_upgrade_changes_a_broker_setting(release: Helm, kafka: Kubectl) -> None:
    before = uids(kafka)
    upgrade(release, "kafka.config.messageMaxBytes=2097152")
    wait_until_rolled(kafka, before)
    said = in_kafka(
        kafka,
        "exec",
        "kafka-0",
        "--",
        "kafka-configs.sh",
        "--bootstrap-server",
        "localhost:9092",
        "--describe",
        "--all",
        "--entity-type",
        "brokers",
        "--entity-name",
        "2",
    )
    assert "message.max.bytes=2097152 " in said


def test_an_uninstall_keeps_volumes_and_definitions(release: Helm, kafka: Kubectl) -> None:
    release.run("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "200s")
    claims = in_kafka(kafka, "get", "pvc", "-o", "jsonpath={.items[*].status.phase}")
    assert claims.split() == ["Bound"] * 3
    definitions = yaml.safe_load_all("---\n".join(file.read_text() for file in sorted((ROOT / "crds").glob("*.yaml"))))
    for definition in definitions:
        assert kafka.get("crd", definition["metadata"]["name"]) is not None
    assert kafka.get("KafkaTopic", "orders") is not None
