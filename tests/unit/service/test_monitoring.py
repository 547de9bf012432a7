"""Monitoring: the metrics as Prometheus reads them, and health where no broker is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kafkade.devstack.ports import free_port
from kafkade.service import Service, ServiceError
from kafkade.service.binding import load
from kafkade.service.health import Health, asgi
from kafkade.service.metrics import BUCKETS, Metrics, Status
from kafkade.service.otel import instrument
from kafkade.service.prometheus import Collector
from kafkade.service.serving import Shared


def test_prometheus_reads_them_with_their_tags() -> None:
    metrics = Metrics()
    metrics.count("a", Status.PROCESSED)
    metrics.count("a", Status.PROCESSED)
    metrics.count("a", Status.DEAD_LETTER)
    for seconds in (0.0005, 0.02, 60):
        metrics.took("a", "handle", seconds)
    first, second, third, gone = (object() for _ in range(4))  # listeners; the group g has three of them
    metrics.lag(first, "g", {"a": 7, "b": 0})
    metrics.lag(second, "other", {"a": 1})
    metrics.lag(third, "g", {"a": 2, "c": 5})
    metrics.lag(gone, "g", {"a": 100})
    metrics.lag(first, "g", {"a": 3})
    metrics.lag(gone, "g", {})
    registry = CollectorRegistry()
    registry.register(Collector(metrics))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}
    assert samples["kafka_messages_total", ("status", "processed"), ("topic", "a")] == 2
    assert samples["kafka_messages_total", ("status", "dead_letter"), ("topic", "a")] == 1
    assert {key: value for key, value in samples.items() if key[0] == "kafka_consumer_lag"} == {
        ("kafka_consumer_lag", ("group", "g"), ("topic", "a")): 5,
        ("kafka_consumer_lag", ("group", "g"), ("topic", "c")): 5,
        ("kafka_consumer_lag", ("group", "other"), ("topic", "a")): 1,
    }
    labels = (("handler", "handle"), ("topic", "a"))
    name = "kafka_processing_duration_seconds"
    assert samples[f"{name}_count", *labels] == 3
    assert samples[f"{name}_sum", *labels] == 60.0205
    buckets = {dict(key[1:])["le"]: value for key, value in samples.items() if key[0] == f"{name}_bucket"}
    assert (buckets["0.001"], buckets["0.025"], buckets["30.0"], buckets["+Inf"]) == (1, 2, 2, 3)


async def test_no_broker_is_down_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "bootstrap-servers").write_text(f"127.0.0.1:{free_port()}")
    found = await Service(load(tmp_path)).health()
    assert not found.up
    assert found.details["reason"] == "ClusterUnreachable"
    assert found.data()["status"] == "DOWN"


async def test_asgi_answers_as_it_is() -> None:
    for health, status in ((Health(True, {"nodes": 3, "controller": 1}), 200), (Health(False, {"error": "x"}), 503)):
        sent: list[dict[str, Any]] = []

        async def ask(answer: Health = health) -> Health:
            return answer

        async def send(event: dict[str, Any], to: list[dict[str, Any]] = sent) -> None:
            to.append(event)

        await asgi(ask)({"type": "http"}, None, send)
        assert sent[0]["status"] == status
        assert json.loads(sent[1]["body"]) == health.data()


def test_opentelemetry_has_them_by_the_same_names_and_tags() -> None:
    metrics, reader = Metrics(), InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    metrics.count("a", Status.PROCESSED)
    metrics.lag(metrics, "g", {"a": 3})
    instrument(metrics, meter)
    metrics.count("a", Status.PROCESSED)
    metrics.took("a", "handle", 0.02)
    metrics.took("a", "handle", 60)
    data = reader.get_metrics_data()
    assert data is not None
    ((scope,),) = [found.scope_metrics for found in data.resource_metrics]
    points: dict[str, Any] = {found.name: next(iter(found.data.data_points)) for found in scope.metrics}
    assert set(points) == {"kafka.consumer.lag", "kafka.messages", "kafka.processing.duration"}
    lag, messages = points["kafka.consumer.lag"], points["kafka.messages"]
    assert (lag.value, lag.attributes) == (3, {"topic": "a", "group": "g"})
    assert (messages.value, messages.attributes) == (2, {"topic": "a", "status": "processed"})
    duration = points["kafka.processing.duration"]
    assert duration.attributes == {"topic": "a", "handler": "handle"}
    assert (duration.count, duration.sum) == (2, 60.02)
    assert tuple(duration.explicit_bounds) == BUCKETS
    with pytest.raises(ServiceError, match="once for each service"):
        instrument(metrics, meter)


async def test_plain_http_has_health_and_metrics(tmp_path: Path) -> None:
    (tmp_path / "bootstrap-servers").write_text(f"127.0.0.1:{free_port()}")
    service = Service(load(tmp_path))
    service.metrics.count("a", Status.PROCESSED)
    async with aiohttp.ClientSession() as client:
        async with service.serving("127.0.0.1", 0) as address:
            async with client.get(f"{address}/health") as answer:
                assert (answer.status, (await answer.json())["status"]) == (503, "DOWN")
                assert answer.headers["Cache-Control"] == "no-store"
            async with client.get(f"{address}/metrics") as answer:
                assert answer.content_type == "text/plain"
                assert 'kafka_messages_total{status="processed",topic="a"} 1.0' in await answer.text()
            async with client.get(f"{address}/other") as answer:
                assert answer.status == 404
            port = int(address.rpartition(":")[2])
            with pytest.raises(ServiceError, match=f"127.0.0.1:{port}: "):
                async with service.serving("127.0.0.1", port):
                    pass
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get(f"{address}/health")


async def test_one_question_to_the_brokers_at_a_time() -> None:
    asked = 0
    answer = asyncio.Event()

    async def ask() -> Health:
        nonlocal asked
        asked += 1
        await answer.wait()
        return Health(True)

    shared = Shared(ask)
    both = [asyncio.create_task(shared()) for _ in range(3)]
    await asyncio.sleep(0)
    both[0].cancel()  # a client that goes away takes nobody's answer
    await asyncio.sleep(0)
    answer.set()
    assert [(await one).up for one in both[1:]] == [True, True]
    assert asked == 1
    await shared()
    assert asked == 2
