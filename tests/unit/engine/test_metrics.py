"""What Prometheus is told of the engine's work and of the clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kafkade.api.kinds import CLUSTER, TOPIC
from kafkade.api.objects import Key, Report, Resource
from kafkade.clients.model import BrokerNode, ClusterDescription, Health
from kafkade.engine.metrics import Described, EngineMetrics, Waiting
from kafkade.engine.store import Store

MAIN = Key(CLUSTER, "shop", "main")
DOWN = Key(CLUSTER, "other", "main")


def resource(name: str, ready: str | None, reason: str = "", kind: str = TOPIC) -> Resource:
    """A resource whose condition Ready is this; None: it has no status yet."""
    conditions = [] if ready is None else [{"type": "Ready", "status": ready, "reason": reason}]
    body: dict[str, Any] = {"metadata": {"namespace": "shop", "name": name, "uid": name}}
    return replace(Resource.from_body(kind, body), status={"conditions": conditions})


def series(metrics: EngineMetrics, name: str) -> dict[str, float]:
    """Series of a family by their labels."""
    found = CollectorRegistry()
    found.register(metrics)
    lines = generate_latest(found).decode().splitlines()
    told = (line.rpartition(" ") for line in lines if line.startswith(f"{name}{{"))
    return {text.removeprefix(f"{name}{{").removesuffix("}"): float(value) for text, _, value in told}


def metrics(*resources: Resource, waiting: list[Waiting] | None = None, clusters: Any = ()) -> EngineMetrics:
    """Of an engine with these resources, lanes and clusters."""
    described: list[Described] = list(clusters)
    store = Store({})
    for each in resources:
        store.put(each)
    return EngineMetrics(store.counts, lambda: waiting or [], lambda: described)


def test_resources_by_what_they_are() -> None:
    told = metrics(
        resource("a", "True", "Reconciled"),
        resource("b", "True", "Reconciled"),
        resource("c", "False", "TopicConflict"),
        resource("d", None),
        resource("main", "True", "Reconciled", CLUSTER),
    )
    assert series(told, "kafkade_resources") == {
        'kind="KafkaTopic",namespace="shop",ready="True",reason="Reconciled"': 2,
        'kind="KafkaTopic",namespace="shop",ready="False",reason="TopicConflict"': 1,
        'kind="KafkaTopic",namespace="shop",ready="Unknown",reason=""': 1,
        'kind="KafkaCluster",namespace="shop",ready="True",reason="Reconciled"': 1,
    }


def test_what_waits() -> None:
    told = metrics(waiting=[Waiting(MAIN, TOPIC, 7), Waiting(MAIN, CLUSTER, 0), Waiting(DOWN, TOPIC, 1)])
    assert series(told, "kafkade_queue_depth") == {
        'cluster="main",kind="KafkaTopic",namespace="shop"': 7,
        'cluster="main",kind="KafkaCluster",namespace="shop"': 0,
        'cluster="main",kind="KafkaTopic",namespace="other"': 1,
    }


def test_a_cluster_that_is_not_reached_has_no_numbers() -> None:
    brokers = (BrokerNode(0, "a", 1, None), BrokerNode(1, "b", 1, None))
    seen = ClusterDescription("id", 0, brokers, Health(topics=4, partitions=12, under_replicated=2, offline=1))
    told = metrics(clusters=[(MAIN, seen), (DOWN, None)])
    up, down = 'cluster="main",namespace="shop"', 'cluster="main",namespace="other"'
    assert series(told, "kafkade_cluster_connected") == {up: 1, down: 0}
    numbers = {
        "brokers": 2,
        "topics": 4,
        "partitions": 12,
        "under_replicated_partitions": 2,
        "offline_partitions": 1,
    }
    for name, number in numbers.items():
        assert series(told, f"kafkade_cluster_{name}") == {up: number}, name


def test_looks_are_counted_by_what_they_came_to() -> None:
    told = metrics()
    for status in (resource("a", "True", "Reconciled").status, resource("a", "False", "TopicConflict").status):
        told.reported(Report(Key(TOPIC, "shop", "a"), status))
        told.reported(Report(Key(TOPIC, "shop", "a"), status))
    told.reported(Report(Key(TOPIC, "shop", "a"), None, release=True))
    assert series(told, "kafkade_reconciles_total") == {
        'kind="KafkaTopic",ready="True",reason="Reconciled"': 2,
        'kind="KafkaTopic",ready="False",reason="TopicConflict"': 2,
    }


def test_batches_are_timed_also_when_they_fail() -> None:
    told = metrics()
    with told.batch(TOPIC):
        pass
    with pytest.raises(RuntimeError), told.batch(TOPIC):
        raise RuntimeError
    assert series(told, "kafkade_reconcile_batch_duration_seconds_count") == {'kind="KafkaTopic"': 2}
