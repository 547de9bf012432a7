"""Metrics of the operator's work and of the clusters, from the running operator on real parts."""

from __future__ import annotations

from collections.abc import Callable

from integration.operator.conftest import World
from support.kubernetes import manifest
from support.metrics import value
from support.waiting import until


def test_resources_and_looks_by_what_they_came_to(world: World, topic: Callable[..., str]) -> None:
    refused = {"kind": "KafkaTopic", "ready": "False", "reason": "InvalidConfig"}
    here = {"namespace": world.kubectl.namespace, **refused}

    def looks() -> float:
        return value(world.metrics, "kafkade_reconciles_total", **refused) or 0

    def resources() -> float:
        return value(world.metrics, "kafkade_resources", **here) or 0

    looks_before, resources_before = looks(), resources()
    name = topic(config={"retention.mss": 1})
    world.kubectl.wait_reason("KafkaTopic", name, "InvalidConfig")
    until(lambda: looks() > looks_before, "the refusal is counted")
    until(lambda: resources() == resources_before + 1, "the resource is told of")
    world.kubectl.delete("KafkaTopic", name)
    until(lambda: resources() == resources_before, "it is not told of what is gone")
    assert (value(world.metrics, "kafkade_reconcile_batch_duration_seconds_count", kind="KafkaTopic") or 0) > 0
    lane = {"kind": "KafkaTopic", "cluster": "main", "namespace": here["namespace"]}
    until(lambda: value(world.metrics, "kafkade_queue_depth", **lane) == 0, "nothing waits between two resyncs")


def test_a_cluster_is_told_of_while_it_is_reached(world: World, topic: Callable[..., str]) -> None:
    world.kubectl.wait_ready("KafkaTopic", topic(partitions=5))
    up = {"namespace": world.kubectl.namespace, "cluster": "main"}
    assert value(world.metrics, "kafkade_cluster_connected", **up) == 1
    until(
        lambda: value(world.metrics, "kafkade_cluster_brokers", **up) == 3,
        "the broker that was asked has heard of the others",
    )
    until(
        lambda: value(world.metrics, "kafkade_cluster_under_replicated_partitions", **up) == 0,
        "all replicas are in sync",
    )
    until(
        lambda: (value(world.metrics, "kafkade_cluster_partitions", **up) or 0) >= 5,
        "the topic's partitions are counted",
    )
    assert (value(world.metrics, "kafkade_cluster_topics", **up) or 0) >= 1
    until(lambda: value(world.metrics, "kafkade_cluster_offline_partitions", **up) == 0, "all partitions have a leader")

    away = {"namespace": world.kubectl.namespace, "cluster": "metrics-away"}
    spec = {"bootstrapServers": "127.0.0.1:1"}
    world.kubectl.apply(manifest("KafkaCluster", "metrics-away", spec, world.kubectl.namespace))
    until(lambda: value(world.metrics, "kafkade_cluster_connected", **away) == 0, "it cannot be reached")
    assert value(world.metrics, "kafkade_cluster_brokers", **away) is None, "what is not known is not told"
    world.kubectl.delete("KafkaCluster", "metrics-away")
    until(lambda: value(world.metrics, "kafkade_cluster_connected", **away) is None, "it is gone")
