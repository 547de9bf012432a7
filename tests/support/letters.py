"""Dead letters made by the thousand, and what became of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from kafkade.dlq.letter import OWN_EXCEPTION_CLASS, OWN_OFFSET, OWN_TOPIC
from support.coordinators import once_there
from support.waiting import until

START = int(time.time() * 1000) - 3_600_000
"""Timestamp of letter 0; each has one more millisecond. No older than that, or retention would take them."""

OPEN = 90.0
"""Seconds: a broker ends what a producer left open after 60 s, and looks for such transactions every 10 s."""


class Seen(NamedTuple):
    """All of a record that a redrive keeps."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes | None], ...]


def letter(number: int, origin: str, *, classes: int = 3, size: int = 100) -> Seen:
    """Dead letter ``number`` of the topic ``origin``; some have no key, some no value, some a header twice."""
    headers: list[tuple[str, bytes | None]] = [
        ("trace", b"\x00\xff%d" % number),
        (OWN_TOPIC, origin.encode()),
        (OWN_OFFSET, b"%d" % number),
        (OWN_EXCEPTION_CLASS, b"Error%d" % (number % classes)),
    ]
    if number % 7 == 0:
        headers += [("trace", None), ("trace", b"")]
    key = None if number % 11 == 0 else b"\x80key-%d" % number
    value = None if key is not None and number % 13 == 0 else b"%d:" % number + b"v" * size
    return Seen(key, value, START + number, tuple(headers))


def write(bootstrap: str, topic: str, letters: Iterable[Seen], *, partition: int = -1, **settings: Any) -> None:
    """Produce them; all are acknowledged when it returns."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000, **settings}
    )
    failed: list[KafkaError] = []

    def report(error: KafkaError | None, _: Any) -> None:
        if error is not None:
            failed.append(error)

    for found in letters:
        producer.produce(
            topic,
            found.value,
            found.key,
            partition,
            timestamp=found.timestamp,
            headers=list(found.headers),
            on_delivery=report,
        )
        producer.poll(0)
    assert producer.flush(60) == 0
    assert not failed, failed[:3]


def read(bootstrap: str, topic: str, *, patience: float = 60) -> list[Seen]:
    """All records of a topic that a reader with isolation.level=read_committed gets by now, partition by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reader-of-the-test",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )
    try:
        partitions = _partitions(consumer, topic)
        _wait_for_markers(bootstrap, consumer, topic, partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: dict[int, list[Seen]] = {number: [] for number in sorted(partitions)}
        open_, deadline = set(partitions), time.monotonic() + patience
        while open_:
            assert time.monotonic() < deadline, f"{topic}: no end in partitions {open_}"
            for message in consumer.consume(5_000, 0.5):
                if message.error() is None:
                    found[message.partition()].append(seen(message))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_.discard(message.partition())
        return [one for records in found.values() for one in records]
    finally:
        consumer.close()


def _partitions(reader: Consumer, topic: str) -> list[int]:
    """Numbers of a topic's partitions; a broker that has not heard of it yet would tell of none, and nothing would be read."""
    found: list[int] = []

    def known() -> bool:
        found[:] = reader.list_topics(topic, timeout=20).topics[topic].partitions
        return bool(found)

    until(known, f"the broker that is asked knows topic {topic}", 20)
    return found


def _wait_for_markers(bootstrap: str, reader: Consumer, topic: str, partitions: Iterable[int]) -> None:
    """A transaction is committed before each partition has the marker that lets readers see its records."""
    with closing(Watch(bootstrap, topic, partitions)) as watch:
        written = watch.ends()
    readable: dict[int, int] = {}

    def ended() -> bool:
        for number in written:
            readable[number] = reader.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1]
        return all(readable[number] >= end for number, end in written.items())

    def told() -> str:
        return f"readers of {topic} get all that was written: {readable} of {written} by partition"

    until(ended, told, OPEN, pause=0.05)


class Watch:
    """How many records a topic has, those of open and aborted transactions too."""

    def __init__(self, bootstrap: str, topic: str, partitions: Iterable[int]) -> None:
        self._places = [TopicPartition(topic, number) for number in partitions]
        settings = {"group.id": "watch", "isolation.level": "read_uncommitted", "log_level": 0}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, **settings})

    def ends(self) -> dict[int, int]:
        """Of its partitions, by now."""
        return {
            p.partition: once_there(lambda p=p: self._consumer.get_watermark_offsets(p, timeout=20))[1]
            for p in self._places
        }

    def records(self) -> int:
        """By now."""
        return sum(self.ends().values())

    def wait_beyond(self, number: int) -> None:
        """Until there are more than ``number``."""
        deadline = time.monotonic() + 120
        while self.records() <= number:
            assert time.monotonic() < deadline, f"no more than {number} records arrive"
            time.sleep(0.02)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()


def seen(message: Any) -> Seen:
    """A consumed message as a Seen."""
    return Seen(message.key(), message.value(), message.timestamp()[1], tuple(message.headers() or ()))


def assert_each_once(found: Sequence[Seen], expected: Iterable[Seen]) -> None:
    """Neither lost nor doubled, byte for byte."""
    counted, wanted = Counter(found), Counter(expected)
    assert not wanted - counted, f"{(wanted - counted).total()} of {wanted.total()} lost: {list(wanted - counted)[:3]}"
    more = counted - wanted
    assert not more, f"{more.total()} beside {wanted.total()} doubled or changed: {list(more)[:3]}"
