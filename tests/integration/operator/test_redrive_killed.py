"""100,000 dead letters, ten operators killed in the middle of a transaction and a broker once: each arrives once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kafkade.devstack.kafka import Kafka
from support.kafka import KafkaView
from support.kubernetes import current, manifest
from support.letters import Watch, assert_each_once, letter, read, write
from support.stack import own_stack

RECORDS = 100_000
KILLS = 10
PARTITIONS = 3


@pytest.mark.timeout(600)
def test_killed_ten_times_each_record_arrives_once(tmp_path: Path) -> None:
    chance = random.Random(5)
    with own_stack(tmp_path / "operator.log") as stack, Kafka() as kafka:
        view = KafkaView(kafka.bootstrap)
        view.create("orders", PARTITIONS)
        view.create("orders.dlq", PARTITIONS)
        letters = [letter(number, "orders") for number in range(RECORDS)]
        write(kafka.bootstrap, "orders.dlq", letters)
        kubectl = stack.namespace("lost-orders")
        kubectl.apply(manifest("KafkaCluster", "main", {"bootstrapServers": kafka.bootstrap}, kubectl.namespace))
        kubectl.wait_ready("KafkaCluster", "main")
        spec = {"clusterRef": {"name": "main"}, "source": {"topic": "orders.dlq"}}
        kubectl.apply(manifest("KafkaDLQRedrive", "back", spec, kubectl.namespace))
        watch = Watch(kafka.bootstrap, "orders", range(PARTITIONS))
        for kill in range(KILLS):
            watch.wait_beyond(watch.records() + chance.randrange(6_000))
            stack.operator.kill()
            if kill == KILLS // 2:
                watch.close()
                kafka.kill_broker(1)
                kafka.start_broker(1)
                watch = Watch(kafka.bootstrap, "orders", range(PARTITIONS))
            assert kubectl.get("KafkaDLQRedrive", "back")["status"]["phase"] == "Running", "killed in the middle"
            stack.operator.start()
        watch.close()
        done = kubectl.wait_for(
            "KafkaDLQRedrive",
            "back",
            lambda o: o["status"]["phase"] == "Completed" and current(o),
            "Completed",
            timeout=120,
        )
        counts = done["status"]["counts"]
        assert {name: number for name, number in counts.items() if number} == {"read": RECORDS, "moved": RECORDS}
        assert_each_once(read(kafka.bootstrap, "orders"), letters)
