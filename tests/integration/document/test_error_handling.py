"""Best Practices 3, Error Handling: three attempts with backoff, dead letters, and an answer for each class of error."""

from __future__ import annotations

from confluent_kafka import Producer

from integration.document.conftest import Code, Platform, eventually
from kafkade.dlq.headers import read as letters_of
from support.user_service import UserService


def dead(platform: Platform, topic: str, key: bytes) -> list[tuple[str, int | None]]:
    """The dead letters of a key: the error's class and the attempts."""
    found = [letters_of(one.headers)[0] for one in platform.records(topic) if one.key == key]
    return [((letter.error_class or "").rpartition(".")[2], letter.attempts) for letter in found]


def test_what_cannot_be_read_is_a_dead_letter_at_once(platform: Platform, service: UserService) -> None:
    producer = Producer({"bootstrap.servers": platform.view.bootstrap})
    producer.produce("user-events", b"no event", b"unreadable")
    assert producer.flush(20) == 0
    wanted = [("DeserializationException", 1)]
    # two read the topic: the listener and the stream, each with a policy's answer of its own
    eventually(lambda: dead(platform, "user-events.dlq", b"unreadable"), wanted * 2, "the dead letters")


def test_what_cannot_be_processed_is_tried_three_times(platform: Platform, service: UserService, code: Code) -> None:
    before = {status: count(service, status) for status in ("retried", "dead_letter")}
    code.publish(code.events.PriorityEvent.new(user_id="nobody", email="nobody@example.invalid", subject="Hello"))
    eventually(
        lambda: dead(platform, "high-priority-events.dlq", b"nobody"), [("ProcessingException", 3)], "the dead letter"
    )
    eventually(
        lambda: {status: count(service, status) - before[status] for status in before},
        {"retried": 2, "dead_letter": 1},
        "counted, a letter once the brokers have acknowledged it",
    )


def count(service: UserService, status: str) -> float:
    """Records of the priority listener's topic."""
    return service.metrics("kafka_messages_total", topic="high-priority-events", status=status)
