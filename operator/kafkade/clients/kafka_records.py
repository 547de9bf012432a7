"""Reads records of a topic, and leaves no trace in Kafka: no group is joined, no offset committed.

All of it blocks. Topics, offsets and what groups committed are answered by ``KafkaAdmin``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaError as ForeignError
from confluent_kafka import TopicPartition

from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_errors import Action
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.kafka_way_client import Way, record_of

_READ = Action("read", "topic", "Read")
_BATCH = 500
_TICK = 0.5
"""Seconds after which a wait can be broken off."""

_GROUP = "kafkade-reader"
"""librdkafka wants a name, and asks who coordinates it; nothing is ever committed under it."""


class RecordReader:
    """Reads committed records (isolation.level=read_committed). ``timeout``: seconds without an answer to give up after."""

    def __init__(self, security: Security, *, timeout: float = 15.0) -> None:
        self._way = Way(security, timeout)
        self._timeout = timeout

    def read(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Iterator[Record]:
        """The records of each partition from an offset on to before another, each partition's in their order.

        A range also ends where the partition does, or before a transaction that is open.

        Raises:
            UnknownTopic, AuthorizationFailed: as the brokers answer.
            ClusterUnreachable, AuthenticationFailed, TLSFailed: nothing came for as long as the timeout.
        """
        ends = {partition: end for partition, (first, end) in ranges.items() if first < end}
        if not ends:
            return
        consumer = self._way.consumer(_GROUP)
        try:
            consumer.assign([TopicPartition(topic, partition, ranges[partition][0]) for partition in ends])
            yield from self._until(consumer, topic, ends)
        finally:
            consumer.close()

    def _until(self, consumer: Any, topic: str, ends: dict[int, int]) -> Iterator[Record]:
        heard = time.monotonic()
        while ends:
            messages = consumer.consume(_BATCH, _TICK)
            for message in messages:
                done = self._done(topic, message, ends)
                if (
                    message.error() is None
                    and message.partition() in ends
                    and message.offset() < ends[message.partition()]
                ):
                    yield record_of(message)
                if done and ends.pop(message.partition(), None) is not None:
                    consumer.incremental_unassign([TopicPartition(topic, message.partition())])
            if any(message.error() is None or _is_end(message.error()) for message in messages):
                heard = time.monotonic()
                self._way.heard()
            elif time.monotonic() - heard > self._timeout:
                raise self._way.silent()

    def _done(self, topic: str, message: Any, ends: Mapping[int, int]) -> bool:
        """Whether nothing more is wanted of the message's partition."""
        error = message.error()
        if error is None:
            return bool(message.offset() + 1 >= ends.get(message.partition(), 0))
        if _is_end(error):
            return True
        if error.code() == ForeignError.GROUP_AUTHORIZATION_FAILED:
            return False  # the group is only a name here
        if error.code() < 0 or error.retriable():
            self._way.because(error)
            return False
        raise self._way.failed(error, _READ, topic)


def _is_end(error: Any) -> bool:
    return bool(error.code() == ForeignError._PARTITION_EOF)
