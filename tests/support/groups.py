"""Consumer groups, as applications have them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from confluent_kafka import Consumer, TopicPartition

from support.coordinators import once_there


@contextmanager
def member(bootstrap: str, group: str, topic: str, protocol: str = "classic") -> Iterator[Consumer]:
    """A consumer that has partitions, and commits nothing by itself."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": "orders-app",
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.subscribe([topic])
        deadline = time.monotonic() + 30
        while not consumer.assignment():
            assert time.monotonic() < deadline, "no partition was assigned"
            consumer.poll(0.1)
        yield consumer
    finally:
        consumer.close()


def commit(bootstrap: str, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
    """Commit offsets without being a member."""
    commit_places(bootstrap, group, *(TopicPartition(topic, number, at) for (topic, number), at in offsets.items()))


def commit_places(bootstrap: str, group: str, *places: TopicPartition) -> None:
    """Commit offsets with what is written beside them, without being a member."""
    with closing(Consumer({"bootstrap.servers": bootstrap, "group.id": group})) as consumer:
        once_there(lambda: consumer.commit(offsets=list(places), asynchronous=False))
