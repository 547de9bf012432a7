"""Traces of the running operator, as a collector gets them: OTLP over HTTP, parsed by the protocol's own definitions."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.operator.conftest import World
from kafkade import __version__
from kafkade.devstack.ports import HOST
from support.kubernetes import Kubectl, manifest
from support.schemas import avro
from support.stack import Stack, own_stack, secret
from support.traces import Receiver, Span, receiving
from support.waiting import until

NAMESPACE = "traces"
PASSWORD = "not-to-be-told-anywhere"


@dataclass(frozen=True, slots=True)
class Traced:
    """An operator that sends traces, with the Kafka and the registry of the other tests."""

    stack: Stack
    kubectl: Kubectl
    receiver: Receiver
    collector: ExitStack
    """Close it: the collector is away."""


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Iterator[Traced]:
    """It runs by the environment alone; it looks at everything when something changes."""
    with ExitStack() as collector:
        receiver = collector.enter_context(receiving())
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        args = ("--all-namespaces", "--log-format", "json")
        with own_stack(tmp_path / "operator.log", args, **environment) as stack:
            kubectl = stack.namespace(NAMESPACE)
            spec = {
                "bootstrapServers": world.kafka.bootstrap,
                "schemaRegistry": {"urls": [world.registry.url]},
                "topicDefaults": {"partitions": 1, "replicationFactor": 1},
            }
            kubectl.apply(manifest("KafkaCluster", "main", spec, NAMESPACE))
            kubectl.wait_ready("KafkaCluster", "main")
            yield Traced(stack, kubectl, receiver, collector)


def test_batches_reconciles_and_requests(operator: Traced) -> None:
    kubectl, receiver = operator.kubectl, operator.receiver
    cluster = {"clusterRef": {"name": "main"}}
    names = tuple(f"traced-{n}" for n in range(3))
    kubectl.apply(
        *(manifest("KafkaTopic", name, cluster, NAMESPACE) for name in names),
        manifest(
            "KafkaSchema",
            names[0],
            {**cluster, "subject": "traced-value", "schema": avro(), "deletionPolicy": "HardDelete"},
            NAMESPACE,
        ),
    )
    for name in names:
        kubectl.wait_ready("KafkaTopic", name)
    kubectl.wait_ready("KafkaSchema", names[0])

    created = receiver.wait("kafka create_topics")
    assert created.client
    assert created.attributes["messaging.system"] == "kafka"
    assert 1 <= created.attributes["kafkade.batch.size"] <= 3
    reconcile = receiver.wait("reconcile KafkaTopic", lambda s: s.id == created.parent)
    assert reconcile.attributes["kafkade.ready"] >= 1
    assert reconcile.attributes["kafkade.not_ready"] == 0
    batch = receiver.wait("batch KafkaTopic", lambda s: s.id == reconcile.parent)
    assert batch.parent == b""
    assert batch.attributes["kafkade.cluster"] == f"{NAMESPACE}/main"
    assert batch.resource.items() >= {
        ("service.name", "kafkade"),
        ("service.version", __version__),
        ("deployment.environment.name", "test"),
    }
    inside = receiver.within(batch)
    assert {"kafka describe_topics", "kubernetes PATCH"} <= {span.name for span in inside}
    status = [s for s in inside if s.attributes.get("url.full", "").endswith("/status")]
    assert {s.attributes["http.response.status_code"] for s in status} == {200}
    assert all(batch.start <= span.start <= span.end <= batch.end for span in inside)

    registered = receiver.wait("registry POST", lambda s: "/subjects/traced-value/versions" in s.attributes["url.full"])
    assert _root(receiver, registered).name == "batch KafkaSchema"

    lines = [r for r in operator.stack.operator.records() if r.get("resource", {}).get("name") == names[0]]
    ids = {line["trace_id"] for line in lines}
    assert ids
    until(lambda: ids <= {span.trace.hex() for span in receiver.spans}, "the log leads to traces")
    assert all(span.name.startswith("batch ") for span in receiver.spans if not span.parent), "polls are no traces"
    for name in names:
        kubectl.delete("KafkaTopic", name)
    kubectl.delete("KafkaSchema", names[0])

    # what fails says why, and with no secret
    kubectl.apply(secret("login", NAMESPACE, username="somebody", password=PASSWORD))
    away = {
        "bootstrapServers": f"{HOST}:1",
        "sasl": {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "login"}},
    }
    kubectl.apply(manifest("KafkaCluster", "away", away, NAMESPACE))
    failed = receiver.wait("kafka describe_cluster", lambda s: s.error is not None)
    assert failed.attributes["error.type"] == "ClusterUnreachable"
    assert f"{HOST}:1" in (failed.error or "")
    assert PASSWORD.encode() not in receiver.raw

    # a collector that is away holds up nobody
    operator.collector.close()
    kubectl.delete("KafkaCluster", "away")
    process = operator.stack.operator
    until(lambda: any(r["logger"].startswith("opentelemetry") for r in process.records()), "it is told")
    process.signal(signal.SIGTERM)
    since = time.monotonic()
    assert process.exit_code(20) == 0
    assert time.monotonic() - since < 10


def _root(receiver: Receiver, span: Span) -> Span:
    """What a span is part of, in the end."""
    while span.parent:
        until(
            lambda wanted=span.parent: any(s.id == wanted for s in list(receiver.spans)), "the span around it is sent"
        )
        span = next(s for s in receiver.spans if s.id == span.parent)
    return span
