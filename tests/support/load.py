"""An application at work while brokers come and go: numbered records written and read, and every partition watched."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

_QUIET = {"log_level": 0}


class Load:
    """An idempotent producer with acks=all, and a consumer group, on one topic."""

    def __init__(self, bootstrap: str, topic: str, per_second: int = 200) -> None:
        self.acknowledged: set[int] = set()
        self.refused: list[str] = []
        self.read: Counter[int] = Counter()
        self._bootstrap = bootstrap
        self._topic = topic
        self._pause = 1 / per_second
        self._end = threading.Event()
        self._written = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=work.__name__, daemon=True) for work in (self._write, self._read)
        ]

    def start(self) -> None:
        """Begin to write and to read."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write no more, wait for what is under way, and read to the end."""
        self._end.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), f"{thread.name} does not end"

    def _write(self) -> None:
        producer = Producer(
            {"bootstrap.servers": self._bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 5, **_QUIET}
        )
        number = 0
        while not self._end.wait(self._pause):
            producer.produce(self._topic, str(number).encode(), key=str(number).encode(), on_delivery=self._delivered)
            producer.poll(0)
            number += 1
        producer.flush(60)
        self._written.set()

    def _delivered(self, error: Any, message: Any) -> None:
        if error is None:
            self.acknowledged.add(int(message.value()))
        else:
            self.refused.append(str(error))

    def _read(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "application",
                "auto.offset.reset": "earliest",
                **_QUIET,
            }
        )
        consumer.subscribe([self._topic])
        deadline = None
        while not (self._written.is_set() and self.acknowledged <= self.read.keys()):
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                self.read[int(message.value())] += 1
            if self._written.is_set():
                deadline = deadline or time.monotonic() + 30
                if time.monotonic() > deadline:
                    break  # the test says what is lost
        consumer.close()


class Watch:
    """Samples every partition as often as it can, and keeps those under ``least`` in-sync replicas."""

    def __init__(self, bootstrap: str, least: int) -> None:
        self.samples = 0
        self.smallest: dict[str, int] = {}
        """The fewest in-sync replicas that each topic was ever seen with."""
        self.under: list[str] = []
        self._least = least
        self._admin = AdminClient({"bootstrap.servers": bootstrap, **_QUIET})
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            try:
                topics = self._admin.list_topics(timeout=5).topics
            except KafkaException:
                continue  # the broker that was asked goes right now; the next one is asked
            if topics:
                self.samples += 1
            for name, topic in topics.items():
                for number, partition in topic.partitions.items():
                    fewest = min(len(partition.isrs), self.smallest.get(name, len(partition.isrs)))
                    self.smallest[name] = fewest
                    if len(partition.isrs) < min(self._least, len(partition.replicas)):
                        self.under.append(f"{name} {number}: {partition.isrs}")
