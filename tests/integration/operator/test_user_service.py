"""deploy/examples/11-user-service on a broker that checks: it does all it does with the rights of its binding, and has no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from integration.operator.conftest import Base
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN
from support.kafka import KafkaView
from support.kubernetes import manifest
from support.letters import read
from support.mounted_secret import mount
from support.places import DEPLOY
from support.stack import secret
from support.user_service import UserService, manifests, running
from support.waiting import until

NAMESPACE = "users-secured"


@dataclass(frozen=True, slots=True)
class Secured:
    """The service, and what the brokers have of it."""

    service: UserService
    view: KafkaView

    def values(self, topic: str) -> list[Any]:
        """What a topic has; without a registry it is plain JSON."""
        return [json.loads(one.value or b"null") for one in read(self.view.bootstrap, topic)]


@pytest.fixture(scope="module")
def secured(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The example's manifests in a namespace and with a KafkaCluster of their own, which gives users to services."""
    kubectl, folder = base.kubectl.at(NAMESPACE), tmp_path_factory.mktemp("secured")
    files = ("03-topics.yaml", "05-policy.yaml", "06-binding.yaml")
    wanted = [one for name in files for one in yaml.safe_load_all(manifests()[name])]
    for one in wanted:
        one["metadata"]["namespace"] = NAMESPACE
        one["spec"].pop("schemas", None)
    with Kafka(security=True, authorizer=True, config={"group.initial.rebalance.delay.ms": "0"}) as kafka:
        view = KafkaView(kafka.bootstrap)
        spec = {
            "bootstrapServers": kafka.sasl_ssl_bootstrap,
            "tls": {"caSecretRef": {"name": "ca"}},
            "sasl": {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "admin"}},
            "topicDefaults": {"partitions": 3, "replicationFactor": 1},
            "serviceBindings": {"credentials": "Managed"},
        }
        kubectl.run("create", "namespace", NAMESPACE)
        kubectl.run("apply", "-n", NAMESPACE, "-f", str(DEPLOY / "rbac" / "bindings.yaml"))
        kubectl.apply(
            secret("ca", NAMESPACE, ca_crt=kafka.ca_pem),
            secret("admin", NAMESPACE, username=ADMIN[0], password=ADMIN[1]),
            manifest("KafkaCluster", "main", spec, NAMESPACE),
            *wanted,
        )
        kubectl.run("wait", "-n", NAMESPACE, "--for=condition=Ready", "kafkade", "--all", "--timeout=60s")
        found = kubectl.get("secrets", "user-service-binding")
        assert found is not None
        mount(found, folder / "bindings" / "kafka")
        with running(folder / "bindings", folder / "service.log", view) as service:
            yield Secured(service, view)
        kubectl.end()


def test_it_does_all_that_it_does_with_its_own_rights(secured: Secured) -> None:
    service = secured.service
    user = (service.bindings / "kafka" / "username").read_text()
    assert user == f"{NAMESPACE}.user-service.1"
    service.run("publish")
    until(lambda: service.said("mail to user u1: This is your address now"), "listeners and a transaction", timeout=60)
    write(secured, "raw-metrics", {"timestamp": "2026-01-01T00:00:00Z", "value": 100.0})
    until(lambda: [one["value"] for one in secured.values("processed-metrics")] == [20.0], "a stream", timeout=60)
    write(secured, "high-priority-events", {"no": "event"})
    until(lambda: read(secured.view.bootstrap, "high-priority-events.dlq"), "a dead letter", timeout=60)
    until(
        lambda: service.metrics("kafka_processing_duration_seconds_count", handler="process_user_activity") == 3,
        "the other stream",
        timeout=60,
    )
    assert not service.said("AUTHORIZATION"), service.process.log.read_text()


def test_it_is_diagnosed_by_what_it_may_see(secured: Secured) -> None:
    found = json.loads(secured.service.run("diagnose"))
    assert {one["subject"] for one in found["consumers"]} == {
        "group user-service-group",
        "group user-service-process-metrics",
        "group user-service-process-user-activity",
    }
    checks = {finding["check"] for one in found["consumers"] for finding in one["findings"]}
    assert {"lag", "assignment"} <= checks


def write(secured: Secured, topic: str, value: dict[str, Any]) -> None:
    """As somebody else does."""
    producer = Producer({"bootstrap.servers": secured.view.bootstrap})
    producer.produce(topic, json.dumps(value).encode(), b"key")
    assert producer.flush(20) == 0
