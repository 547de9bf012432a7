"""What a KafkaCluster's status says when brokers come and go, and how replicas move with records in them."""

from __future__ import annotations

import os
from collections.abc import Callable

from confluent_kafka import Producer

from integration.operator.conftest import World
from support.kubernetes import condition, manifest, ready
from support.waiting import until


def test_a_lost_broker_is_seen_and_so_is_its_return(world: World, topic: Callable[..., str]) -> None:
    spread, lonely = topic(partitions=3), topic(partitions=6, replicationFactor=1)
    for name in (spread, lonely):
        world.kubectl.wait_ready("KafkaTopic", name)
    found = world.kubectl.wait_for(
        "KafkaCluster",
        "main",
        lambda o: (
            o["status"]["partitions"] >= 9
            and o["status"]["underReplicatedPartitions"] == o["status"]["offlinePartitions"] == 0
        ),
        "counted, all with a leader, and all replicas in sync",
    )
    status = found["status"]
    assert [b["id"] for b in status["brokers"]] == [1, 2, 3]
    assert status["controller"] in (1, 2, 3)
    assert status["registry"] == {"flavour": "Apicurio", "reachable": True}

    world.kafka.kill_broker(3)
    try:
        found = world.kubectl.wait_for(
            "KafkaCluster",
            "main",
            lambda o: o["status"]["underReplicatedPartitions"] > 0 and o["status"]["offlinePartitions"] > 0,
            "under-replicated and offline partitions",
            timeout=60,
        )
        assert "under-replicated" in condition(found)["message"]
        assert "without a leader" in condition(found)["message"]
        assert ready(found) == "True", "Kafka can be reached and used"
    finally:
        world.kafka.start_broker(3)
    world.kubectl.wait_for(
        "KafkaCluster",
        "main",
        lambda o: o["status"]["underReplicatedPartitions"] == 0 and o["status"]["offlinePartitions"] == 0,
        "healthy again",
        timeout=60,
    )


def test_replicas_move_under_a_throttle_and_progress_is_told(world: World, topic: Callable[..., str]) -> None:
    cluster = world.kubectl.get("KafkaCluster", "main")
    assert cluster is not None
    throttled = {**cluster["spec"], "reassignment": {"throttleBytesPerSecond": 500_000}}
    world.kubectl.apply(manifest("KafkaCluster", "main", throttled))
    world.kubectl.wait_ready("KafkaCluster", "main")
    try:
        name = topic(partitions=2, replicationFactor=1)
        world.kubectl.wait_ready("KafkaTopic", name)
        producer = Producer({"bootstrap.servers": world.kafka.bootstrap})
        for n in range(400):
            producer.produce(name, os.urandom(10_000), partition=n % 2)
        assert producer.flush(30) == 0

        topic(name, partitions=2, replicationFactor=3)
        moving = world.kubectl.wait_for(
            "KafkaTopic",
            name,
            lambda o: o["status"].get("reassignment", {}).get("throttleBytesPerSecond") == 500_000,
            "moving under the throttle",
        )
        assert moving["status"]["reassignment"]["targetReplicationFactor"] == 3
        assert moving["status"]["reassignment"]["partitionsTotal"] == 2
        assert condition(moving)["reason"] == "Reassigning"
        assert condition(moving, "Reconciling")["status"] == "True"
        assert ready(moving) == "True", "the topic serves while it moves"
        until(lambda: "leader.replication.throttled.replicas" in world.view.config(name), "the throttle is set")
        # killed in the middle of it, the operator finds its way
        world.operator.kill()
        world.operator.start()
        world.kubectl.wait_for(
            "KafkaTopic",
            name,
            lambda o: "reassignment" not in o["status"] and o["status"]["replicationFactor"] == 3,
            "moved",
            timeout=90,
        )
        world.view.shows(name, factor=3, config={})  # the topic's throttle is taken away
        for broker in (1, 2, 3):
            until(lambda b=broker: world.view.broker_overrides(b) == {}, "the brokers' throttle is taken away")
    finally:
        world.kubectl.apply(manifest("KafkaCluster", "main", cluster["spec"]))
