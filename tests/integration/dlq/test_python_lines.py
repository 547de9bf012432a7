"""python.properties of a policy's ConfigMap, taken by the real client."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafkade.api.dlq import DEFAULT_HEADROOM, KafkaDLQPolicySpec
from kafkade.devstack.kafka import Kafka
from kafkade.dlq.naming import source_topics
from kafkade.dlq.render import render

LIMIT = 1_048_588
"""max.message.bytes of the source, as brokers have it by default."""

POLICIES: list[dict[str, Any]] = [
    {},
    {"defaultAction": "SKIP"},
    {"defaultAction": "STOP"},
    {"retry": {"maxAttempts": 4, "backoff": {"initial": "1m", "maxDelay": "1h"}}},
    {"retry": {"maxAttempts": 4, "backoff": {"initial": "1m", "maxDelay": "1h"}, "strategy": "RetryTopics"}},
    {"retry": {"maxAttempts": 100, "backoff": {"initial": "9h", "maxDelay": "9h"}}},
]


def settings(kind: str, **fields: Any) -> dict[str, str]:
    """The lines for consumers or producers, without their prefix."""
    spec = KafkaDLQPolicySpec.model_validate({"clusterRef": {"name": "main"}, "topics": ["*"], **fields})
    text = render(spec, [source_topics("user-events", spec)])["python.properties"]
    lines = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    assert all(key.startswith(("consumer.", "producer.")) for key in lines)
    return {key.removeprefix(f"{kind}."): value for key, value in lines.items() if key.startswith(f"{kind}.")}


@pytest.fixture
def user_events(kafka: Kafka) -> None:
    """A source topic and its dead-letter topic."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    made = [
        NewTopic("user-events", 1, 1, config={"max.message.bytes": str(LIMIT)}),
        NewTopic("user-events.dlq", 1, 1, config={"max.message.bytes": str(LIMIT + DEFAULT_HEADROOM)}),
    ]
    for future in admin.create_topics(made).values():
        future.result(20)


@pytest.mark.parametrize("fields", POLICIES)
def test_the_client_knows_every_key_and_value(fields: dict[str, Any]) -> None:
    Consumer({"group.id": "lines", **settings("consumer", **fields)}).close()
    Producer(settings("producer", **fields))


def test_the_client_refuses_what_it_does_not_know() -> None:
    """Or the test above would say nothing."""
    with pytest.raises(KafkaException, match="No such configuration property"):
        Producer({"message.max.bites": "1"})
    with pytest.raises(KafkaException, match=r"max\.poll\.interval\.ms"):
        Consumer({"group.id": "lines", "max.poll.interval.ms": 86_400_001})


def producer(kafka: Kafka, **more: Any) -> Producer:
    return Producer({"bootstrap.servers": kafka.bootstrap, **settings("producer"), **more})


def write(client: Producer, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    failed: list[KafkaError] = []
    client.produce(topic, value, headers=headers, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert client.flush(30) == 0
    assert failed == []


def first(kafka: Kafka) -> tuple[Consumer, Message]:
    """The first record that a new member of the group gets."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": "user-service",
            "auto.offset.reset": "earliest",
            **settings("consumer"),
        }
    )
    consumer.subscribe(["user-events"])
    message = consumer.poll(60)
    assert message is not None
    assert message.error() is None
    return consumer, message


@pytest.mark.usefixtures("user_events")
def test_the_largest_record_becomes_a_dead_letter_and_is_done_only_then(kafka: Kafka) -> None:
    largest = bytes(LIMIT - 200)
    write(producer(kafka), "user-events", largest, [])
    consumer, record = first(kafka)
    consumer.close()  # nothing is stored, so nothing is committed: as if the application had died

    consumer, record = first(kafka)
    assert record.offset() == 0, "it comes again"
    trace = [("kafkade.dlq.topic", b"user-events"), ("kafkade.dlq.exception.stacktrace", bytes(60_000))]
    with pytest.raises(KafkaException, match="Message size too large"):
        producer(kafka, **{"message.max.bytes": 1_000_000}).produce("user-events.dlq", record.value(), headers=trace)
    write(producer(kafka), "user-events.dlq", record.value() or b"", trace)
    consumer.store_offsets(record)
    consumer.close()

    reader = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "user-service"})
    (committed,) = reader.committed([TopicPartition("user-events", 0)], timeout=20)
    reader.assign([TopicPartition("user-events.dlq", 0, 0)])
    letter = reader.poll(30)
    reader.close()
    assert committed.offset == 1
    assert letter is not None
    assert (letter.value(), letter.headers()) == (largest, trace)
