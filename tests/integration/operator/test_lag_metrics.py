"""Consumers' lag and topics' messages, from the running operator, beside Kafka's own tool."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from integration.operator.conftest import World
from kafkade.devstack.kafka import Kafka
from support.coordinators import once_there
from support.group_tool import describe
from support.kubernetes import manifest
from support.meanwhile import at_work
from support.metrics import scrape
from support.waiting import until

CLUSTER = "lag"
TOPICS = ("lag-orders", "lag-payments", "lag-users")

Series = dict[tuple[str, ...], float]


def series(world: World, name: str, *labels: str, cluster: str = CLUSTER) -> Series:
    """The values of a metric by these labels."""
    here = {"namespace": world.kubectl.namespace, "cluster": cluster}
    return {
        tuple(has[label] for label in labels): value
        for n, has, value in scrape(world.metrics)
        if n == name and here.items() <= has.items()
    }


def told(world: World, name: str, *labels: str, cluster: str = CLUSTER) -> Series:
    """The same of the next look that tells of any: one that failed takes the series away until then."""
    found: Series = {}

    def some() -> bool:
        found.update(series(world, name, *labels, cluster=cluster))
        return bool(found)

    until(some, f"{name} is told of")
    return found


def lag(world: World, unit: str, cluster: str = CLUSTER) -> Series:
    """Lag by group and topic."""
    return series(world, f"kafkade_consumer_lag_{unit}", "group", "topic", cluster=cluster)


def cluster(world: World, name: str, **metrics: Any) -> None:
    """A KafkaCluster of the same Kafka with metrics."""
    spec = {
        "bootstrapServers": world.kafka.bootstrap,
        "resyncInterval": "2s",
        "metrics": {"interval": "5s", "topics": ["lag-*"], "groups": ["lag-*"], **metrics},
    }
    world.kubectl.apply(manifest("KafkaCluster", name, spec, world.kubectl.namespace))
    world.kubectl.wait_ready("KafkaCluster", name)


@pytest.fixture(scope="module")
def topics(world: World) -> Iterator[tuple[str, ...]]:
    """Made by others, not by kafkade."""
    for name in TOPICS:
        world.view.create(name, 3)
    yield TOPICS
    world.view.delete(*TOPICS)


def produce(kafka: Kafka, topics: tuple[str, ...], stop: threading.Event) -> None:
    """A few hundred records a second."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5})
    number = 0
    while not stop.wait(0.02):
        for topic in topics:
            for _ in range(5):
                number += 1
                producer.produce(topic, b"%d" % number, partition=number % 3)
        producer.poll(0)
    assert producer.flush(20) == 0


def consume(kafka: Kafka, topics: tuple[str, ...], group: str, pause: float, stop: threading.Event) -> None:
    """All partitions at first, and then slower than they come."""
    seen: set[tuple[str | None, int | None]] = set()
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(list(topics))
    while not stop.wait(pause if len(seen) == 3 * len(topics) else 0):
        if records := consumer.consume(20, 0.2):
            assert [r.error() for r in records if r.error()] == []
            seen |= {(r.topic(), r.partition()) for r in records}
            once_there(lambda: consumer.commit(asynchronous=False))
    consumer.close()


def test_lag_is_what_kafkas_own_tool_says(world: World, topics: tuple[str, ...]) -> None:
    cluster(world, CLUSTER)

    def later() -> Series:
        return series(world, "kafkade_topic_messages_total", "topic", "status")

    def more(now: Series, then: Series) -> bool:
        return all(now.get((topic, "written"), 0) > then[topic, "written"] for topic in topics)

    two = topics[:2]
    pairs = {("lag-slow", topic) for topic in two}
    with at_work(lambda stop: produce(world.kafka, topics, stop)):
        with at_work(lambda stop: consume(world.kafka, two, "lag-slow", 0.3, stop)):
            until(lambda: lag(world, "records").keys() == pairs, "both topics of the group are told of")
            until(lambda: {topic for topic, _ in later()} == set(topics), "all topics are told of")
            written = told(world, "kafkade_topic_messages_total", "topic", "status")
            until(lambda: min(lag(world, "seconds").values(), default=0) > 2, "it falls behind")
            assert told(world, "kafkade_consumer_groups", "state")["Stable",] >= 1

        until(lambda: more(later(), written), "the next look counts more")
        counted = told(world, "kafkade_topic_messages_total", "topic", "status")
        assert all(counted[topic, "expired"] == 0 for topic in topics)

    # nobody writes or reads any more: both must say the same, partition by partition summed up
    rows = describe(world.kafka.bootstrap, "lag-slow")
    by_tool = {("lag-slow", topic): sum(row.lag or 0 for (t, _), row in rows.items() if t == topic) for topic in two}
    assert min(by_tool.values()) > 0
    until(lambda: lag(world, "records") == by_tool, f"lag is {by_tool}")
    ends = {topic: sum(row.end or 0 for (t, _), row in rows.items() if t == topic) for topic in two}
    counted = told(world, "kafkade_topic_messages_total", "topic", "status")
    assert {topic: counted[topic, "written"] for topic in two} == ends
    before, since = told(world, "kafkade_consumer_lag_seconds", "group", "topic"), time.monotonic()
    assert before.keys() == pairs
    until(lambda: all(lag(world, "seconds").get(pair, 0) > before[pair] for pair in pairs), "what waits gets older")
    assert all(value - before[pair] < time.monotonic() - since + 10 for pair, value in lag(world, "seconds").items())
    until(lambda: series(world, "kafkade_cluster_metrics_read") == {(): 1}, "the last look could read them")
    assert 0 < told(world, "kafkade_cluster_metrics_read_duration_seconds")[()] < 5
    assert set(told(world, "kafkade_cluster_metrics_left_out", "what").values()) == {0}

    with at_work(lambda stop: consume(world.kafka, two, "lag-slow", 0.0, stop)):
        nothing = dict.fromkeys(pairs, 0.0)
        until(lambda: (lag(world, "records"), lag(world, "seconds")) == (nothing, nothing), "it has caught up")


def test_more_than_may_be_is_told_together(world: World, topics: tuple[str, ...]) -> None:
    with at_work(lambda stop: consume(world.kafka, topics, "lag-all", 0.0, stop)):
        cluster(world, "lag-few", maxSeries=2, groups=["lag-all"])
        all_others = ("*", "*")
        until(lambda: all_others in lag(world, "records", "lag-few"), "the third topic is among the others")
    few = told(world, "kafkade_consumer_lag_records", "group", "topic", cluster="lag-few")
    assert len(few) == 3
    left_out = told(world, "kafkade_cluster_metrics_left_out", "what", cluster="lag-few")
    assert left_out == {("groups",): 0, ("pairs",): 1, ("topics",): 1, ("unknown",): 0}
    assert len({t for t, _ in told(world, "kafkade_topic_messages_total", "topic", "status", cluster="lag-few")}) == 2

    world.kubectl.delete("KafkaCluster", "lag-few")
    until(lambda: lag(world, "records", "lag-few") == {}, "its series go with it")
    spec = {"bootstrapServers": world.kafka.bootstrap, "resyncInterval": "2s"}
    world.kubectl.apply(manifest("KafkaCluster", CLUSTER, spec, world.kubectl.namespace))
    until(lambda: series(world, "kafkade_cluster_metrics_read") == {}, "it is not wanted any more")
    assert lag(world, "records") == {}
    world.kubectl.delete("KafkaCluster", CLUSTER)
