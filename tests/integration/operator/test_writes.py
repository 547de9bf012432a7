"""What a topic costs, counted where it is paid: in the API server's audit log and the brokers' request metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from integration.operator.conftest import World
from kafkade.api.kinds import TOPIC
from kafkade.dlq.reconcile import Policies
from kafkade.dlq.redrive.reconcile import Redrives
from kafkade.engine.members import members
from support.audit import moment, writes
from support.kubernetes import manifest
from support.metrics import value
from support.requests import counted as requests_so_far
from support.waiting import until

KAFKA_WRITES = {
    "CreateTopics",
    "DeleteTopics",
    "CreatePartitions",
    "IncrementalAlterConfigs",
    "AlterConfigs",
    "AlterPartitionReassignments",
}
KAFKA_CONNECTION = {"ApiVersions"}
ROUTINE = members(Policies(), Redrives())[TOPIC].routine
"""Topics of a batch in a resync."""


def written(world: World, **fields: str) -> list[str]:
    """The operator's writes, as ``verb resource/subresource``; ``fields`` and ``since`` as in support.audit."""
    return [
        f"{event.verb} {event.resource}{'/' + event.subresource if event.subresource else ''}"
        for event in writes(world.control_plane, **fields)
    ]


def quiet(world: World, interval: str) -> None:
    """Set the resync interval and wait until the rounds of the old one are over."""
    cluster = world.kubectl.get("KafkaCluster", "main")
    assert cluster is not None
    world.kubectl.apply(manifest("KafkaCluster", "main", {**cluster["spec"], "resyncInterval": interval}))
    world.kubectl.wait_ready("KafkaCluster", "main")
    time.sleep(6)


def test_a_new_topic_costs_two_writes(world: World, fresh: Callable[[], str]) -> None:
    quiet(world, "1h")
    reads = []
    try:
        for policy, expected in (
            ("Delete", ["patch kafkatopics", "patch kafkatopics/status"]),
            # in place of the finalizer: that a topic is being made
            ("Retain", ["patch kafkatopics/status", "patch kafkatopics/status"]),
        ):
            name = fresh()
            # what the topic before cost in the end may be counted a moment later
            requests, began = requests_so_far(world.kafka, *KAFKA_WRITES), moment()
            world.kubectl.apply(
                manifest(
                    "KafkaTopic",
                    name,
                    {"clusterRef": {"name": "main"}, "deletionPolicy": policy, "config": {"retention.ms": 5}},
                )
            )
            world.kubectl.wait_ready("KafkaTopic", name)
            time.sleep(2)
            assert written(world, name=name) == expected
            assert written(world, since=began) == expected, "no Event, nothing else"
            spent = world.kafka.request_counts() - requests
            calls = {api: count for api, count in spent.items() if api in KAFKA_WRITES or api in ("DescribeConfigs",)}
            # a broker that is not the controller forwards the one request, and both count it
            assert set(calls) == {"CreateTopics"}, spent
            assert calls["CreateTopics"] <= 2, spent
            reads.append(spent["Metadata"] + spent["DescribeTopicPartitions"])
            world.kubectl.delete("KafkaTopic", name)
        # the look after is repeated while the broker that is asked has not heard of the topic
        assert min(reads) <= 4, f"a look before and a look after: {reads}"
    finally:
        quiet(world, "2s")


def test_a_steady_state_costs_no_write_over_two_resyncs(world: World, fresh: Callable[[], str]) -> None:
    names = [fresh() for _ in range(20)]
    spec = {
        "clusterRef": {"name": "main"},
        "partitions": 1,
        "config": {"retention.ms": 5, "cleanup.policy": "compact, delete"},
    }
    world.kubectl.apply(*(manifest("KafkaTopic", n, spec) for n in names))
    for name in names:
        world.kubectl.wait_ready("KafkaTopic", name)
    until(lambda: counted(world), "the KafkaCluster has counted them")
    time.sleep(3)
    began, requests = moment(), world.kafka.request_counts()
    started = time.monotonic()
    time.sleep(7)
    resyncs = (time.monotonic() - started) / 2.0
    spent: Counter[str] = world.kafka.request_counts() - requests
    assert written(world, since=began) == []
    assert not {api: n for api, n in spent.items() if api in KAFKA_WRITES}, spent
    assert spent["DescribeConfigs"] >= 2, f"at least two resyncs looked: {spent}"
    looked = sum(
        n
        for api, n in spent.items()
        if api in ("Metadata", "DescribeConfigs", "DescribeCluster", "DescribeTopicPartitions", "DescribeQuorum")
    )
    assert looked <= 12 * (resyncs + 1), f"a bounded number of reads a resync, whatever the number of topics: {spent}"
    world.kubectl.run("-n", "shop", "delete", "kafkatopics", *names)


def test_a_resync_asks_for_all_topics_at_once(world: World, fresh: Callable[[], str]) -> None:
    """However many batches it is; and what was changed by hand is found, in whichever of them."""
    names = [fresh() for _ in range(ROUTINE + 20)]
    spec = {"clusterRef": {"name": "main"}, "partitions": 1, "replicationFactor": 1, "config": {"retention.ms": 5000}}
    quiet(world, "1h")
    made = looks(world) + len(names)
    world.kubectl.apply(*(manifest("KafkaTopic", name, spec, labels={"many": "true"}) for name in names))
    until(lambda: looks(world) >= made, "all are made", timeout=120)
    quiet(world, "5s")
    try:
        began = looks(world)
        until(lambda: looks(world) >= began + len(names), "a resync", timeout=120)
        before, requests = looks(world), world.kafka.request_counts()
        until(lambda: looks(world) >= before + 3 * len(names), "three more", timeout=120)
        spent = world.kafka.request_counts() - requests
        resyncs = (looks(world) - before) / len(names)
        assert spent["DescribeConfigs"] <= resyncs + 1, spent
        # beside it: whether a broker is there, the two of a new connection, and the counts of the KafkaCluster
        assert spent["Metadata"] <= 5 * (resyncs + 1), spent
        for name in (names[0], names[-1]):
            world.view.set_config(name, "retention.ms", "77")
        for name in (names[0], names[-1]):
            until(lambda name=name: world.view.config(name) == {"retention.ms": "5000"}, "it is as declared again")
        quiet(world, "1h")
        requests = world.kafka.request_counts()
        world.kubectl.clear(world.kubectl.namespace, "many=true")
        until(
            lambda: not set(names) & {t["metadata"]["name"] for t in world.kubectl.list("KafkaTopic")}, "all are gone"
        )
        spent = world.kafka.request_counts() - requests
        # of topics that go nobody needs to know the settings; a few that are alone in a batch have them read with the rest
        assert spent["DescribeConfigs"] < spent["DeleteTopics"], spent
    finally:
        quiet(world, "2s")
        world.kubectl.clear(world.kubectl.namespace, "many=true")


def counted(world: World) -> bool:
    """Whether the status of the KafkaCluster tells of what there is."""
    found = world.kubectl.get("KafkaCluster", "main") or {}
    return world.view.counts().items() <= found["status"].items()


def looks(world: World) -> float:
    """Looks at topics that found them Ready."""
    return value(world.metrics, "kafkade_reconciles_total", kind="KafkaTopic", ready="True") or 0
