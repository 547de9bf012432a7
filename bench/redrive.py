"""How fast a redrive puts dead letters back, as a ratio of a bare librdkafka consume-produce loop in the same run.

The floor reads the same records and writes them to another topic with the same batches, keys, timestamps and headers: no
transaction, no decision, no account of anything. With a rate limit: how near to it the redrive stays over ``--seconds``.
Usage: ``python bench/redrive.py --records 200000``.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from results import Result, Row, Section, add_option, record
from rich.console import Console

from kafkade.clients.kafka_config import Security
from kafkade.devstack.kafka import DEFAULT_VERSION, Kafka
from kafkade.devstack.process import end_in_order
from kafkade.dlq.letter import OWN_EXCEPTION_CLASS, OWN_TOPIC
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.run import redrive

PARTITIONS = 3
PRODUCER = {"linger.ms": 20, "batch.size": 1_000_000, "queue.buffering.max.messages": 1_000_000}


def fill(bootstrap: str, topic: str, origin: str, records: int, size: int) -> None:
    """Dead letters as a Python application writes them."""
    producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER})
    value, now = bytes(size), int(time.time() * 1000)
    for number in range(records):
        headers = [(OWN_TOPIC, origin.encode()), (OWN_EXCEPTION_CLASS, b"Error%d" % (number % 5))]
        producer.produce(topic, value, b"key-%d" % number, timestamp=now - number, headers=headers)
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0


def floor(bootstrap: str, topic: str, destination: str, records: int) -> float:
    """Seconds that the bare loop takes."""
    began = time.perf_counter()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **PRODUCER})
    done = 0
    while done < records:
        for message in consumer.consume(1_000, 0.25):
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                continue
            producer.produce(
                destination,
                message.value(),
                message.key(),
                timestamp=message.timestamp()[1],
                headers=message.headers(),
            )
            done += 1
        producer.poll(0)
    assert producer.flush(120) == 0
    consumer.close()
    return time.perf_counter() - began


def put_back(bootstrap: str, topic: str, **job: Any) -> tuple[float, int]:
    """Seconds that the redrive takes, and how many records it moved."""
    began = time.perf_counter()
    done = redrive(
        Security(bootstrap), Job(uuid.uuid4().hex, topic, **job), Control(job.get("rate_limit")), lambda _: True
    )
    return time.perf_counter() - began, done.counts.moved


def main() -> None:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=500, help="bytes of a value")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=2_000, help="records a second of the second part")
    parser.add_argument("--seconds", type=int, default=30)
    add_option(parser)
    args = parser.parse_args()
    end_in_order()
    say = Console(stderr=True).print
    with Kafka() as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})

        def topic(name: str) -> str:
            admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(20)
            return name

        topic("orders")
        ratios = []
        for number in range(args.rounds):
            letters, copy = topic(f"letters-{number}"), topic(f"copy-{number}")
            fill(kafka.bootstrap, letters, "orders", args.records, args.size)
            bare = floor(kafka.bootstrap, letters, copy, args.records)
            took, moved = put_back(kafka.bootstrap, letters)
            assert moved == args.records, moved
            ratios.append(bare / took)
            say(f"round {number + 1}: bare loop {bare:.1f} s, redrive {took:.1f} s, ratio {ratios[-1]:.2f}")
        wanted = args.rate * args.seconds
        letters = topic("letters-limited")
        fill(kafka.bootstrap, letters, "orders", wanted, args.size)
        took, moved = put_back(kafka.bootstrap, letters, rate_limit=args.rate)
        assert moved == wanted, moved
    kept = wanted / took / args.rate
    spread = f"{min(ratios):.2f} to {max(ratios):.2f} in {args.rounds} rounds"
    rows = (
        Row("throughput, median", round(statistics.median(ratios), 2), "× the bare loop", beside=spread),
        Row("rate limit kept", round(kept, 3), f"of {args.rate:,} records a second"),
    )
    print(f"{args.records:,} dead letters:", *map(str, rows), sep="\n  ")
    if args.record:
        record(
            Result(
                name="redrive",
                section=Section.SPEED,
                title="Putting dead letters back",
                command=f"python bench/redrive.py --records {args.records} --rounds {args.rounds}",
                rows=rows,
                about=f"{args.records:,} records of {args.size} bytes go back exactly once, in transactions. The bare loop is one"
                " librdkafka consumer and producer that moves the same records without transactions or any account.",
                software={"Kafka": DEFAULT_VERSION},
            )
        )


if __name__ == "__main__":
    main()
