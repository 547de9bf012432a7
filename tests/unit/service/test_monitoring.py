"""Monitoring: the metrics as Prometheus reads them, and health where no broker is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kafkade.devstack.ports import free_port
from kafkade.service import Service
from kafkade.service.binding import load
from kafkade.service.health import Health, asgi
from kafkade.service.metrics import Metrics, Status
from kafkade.service.prometheus import Collector


def test_prometheus_reads_them_with_their_tags() -> None:
    metrics = Metrics()
    metrics.count("a", Status.PROCESSED)
    metrics.count("a", Status.PROCESSED)
    metrics.count("a", Status.DEAD_LETTER)
    for seconds in (0.0005, 0.02, 60):
        metrics.took("a", "handle", seconds)
    metrics.lag("g", {"a": 7, "b": 0})
    metrics.lag("other", {"a": 1})
    metrics.lag("g", {"a": 3})
    registry = CollectorRegistry()
    registry.register(Collector(metrics))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}
    assert samples["kafka_messages_total", ("status", "processed"), ("topic", "a")] == 2
    assert samples["kafka_messages_total", ("status", "dead_letter"), ("topic", "a")] == 1
    assert {key: value for key, value in samples.items() if key[0] == "kafka_consumer_lag"} == {
        ("kafka_consumer_lag", ("group", "g"), ("topic", "a")): 3,
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
