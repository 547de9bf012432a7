"""Headers of dead letters, byte for byte as the software writes them, and what is read from them.

Sources: connect/runtime/…/errors/DeadLetterQueueReporter.java, streams/…/errors/internals/ExceptionHandlerUtils.java and
server/…/share/dlq/ShareGroupDLQStateManager.java of Apache Kafka; DeadLetterRecordManager.java,
RetryTopicPublishingRecoverer.java and DeadLetterPublishingRecovererFactory.java of spring-kafka; KafkaDeadLetterQueue.java
and KafkaDelayedRetryTopic.java of smallrye-reactive-messaging; poison.go of watermill; Karafka Pro's documentation.
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.dlq.dialects import READERS
from kafkade.dlq.headers import REDRIVE_COUNT, DeadLetter, Dialect, Headers, Origin, of_record, read, redrive_count
from kafkade.dlq.letter import (
    OWN_ATTEMPTS,
    OWN_EXCEPTION_CLASS,
    OWN_EXCEPTION_MESSAGE,
    OWN_GROUP,
    OWN_OFFSET,
    OWN_PARTITION,
    OWN_TIMESTAMP,
    OWN_TOPIC,
)

ORIGINAL: Headers = [("trace-id", b"\x01\xff"), ("empty", None)]
"""What an application put on its record itself."""


def connect(
    topic: str = "orders", offset: int = 42, error: str = "org.apache.kafka.connect.errors.DataException"
) -> Headers:
    return [
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", str(offset).encode()),
        ("__connect.errors.connector.name", b"s3-sink"),
        ("__connect.errors.task.id", b"0"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"io.confluent.connect.avro.AvroConverter"),
        ("__connect.errors.exception.class.name", error.encode()),
        ("__connect.errors.exception.message", b"Converting byte[] to Kafka Connect data failed"),
        ("__connect.errors.exception.stacktrace", b"org.apache...\n\tat ..."),
    ]


def spring_exception(prefix: str, error: str, cause: str, message: str) -> Headers:
    return [
        (f"{prefix}exception-fqcn", error.encode()),
        (f"{prefix}exception-cause-fqcn", cause.encode()),
        (f"{prefix}exception-message", message.encode()),
        (f"{prefix}exception-stacktrace", b"org.springframework...\n\tat ..."),
    ]


def spring_original(prefix: str, topic: str, partition: int, offset: int, timestamp: int) -> Headers:
    return [
        (f"{prefix}original-topic", topic.encode()),
        (f"{prefix}original-partition", struct.pack(">i", partition)),
        (f"{prefix}original-offset", struct.pack(">q", offset)),
        (f"{prefix}original-timestamp", struct.pack(">q", timestamp)),
        (f"{prefix}original-timestamp-type", b"CreateTime"),
        ("kafka_dlt-original-consumer-group", b"billing"),
    ]


WRAPPER = "org.springframework.kafka.listener.ListenerExecutionFailedException"
SPRING = [
    *spring_exception("kafka_dlt-", WRAPPER, "com.acme.PaymentException", "Listener failed; no such account"),
    *spring_original("kafka_dlt-", "orders", 3, 2**40, 1_700_000_000_123),
]
SPRING_LETTER = DeadLetter(
    Dialect.SPRING,
    Origin("orders", 3, 2**40, 1_700_000_000_123, "billing"),
    "com.acme.PaymentException",
    "Listener failed; no such account",
)


def retry_topic(attempts: bytes, timestamp: int = 1_700_000_000_123) -> Headers:
    """BigInteger.toByteArray() of a time of today has six bytes."""
    return [
        ("retry_topic-original-timestamp", timestamp.to_bytes(6, "big")),
        ("retry_topic-attempts", attempts),
        ("retry_topic-backoff-timestamp", (timestamp + 1000).to_bytes(6, "big")),
    ]


def smallrye(topic: str = "orders", offset: int = 42, error: str = "java.lang.RuntimeException") -> Headers:
    return [
        ("dead-letter-exception-class-name", error.encode()),
        ("dead-letter-reason", b"Something went wrong"),
        ("dead-letter-cause-class-name", b"java.io.IOException"),
        ("dead-letter-cause", b"disk full"),
        ("dead-letter-topic", topic.encode()),
        ("dead-letter-partition", b"3"),
        ("dead-letter-offset", str(offset).encode()),
    ]


def delayed_retry(topic: str, offset: int, error: str = "java.lang.RuntimeException") -> Headers:
    return [
        ("delayed-retry-exception-class-name", error.encode()),
        ("delayed-retry-reason", b"Something went wrong"),
        ("delayed-retry-topic", topic.encode()),
        ("delayed-retry-partition", b"3"),
        ("delayed-retry-offset", str(offset).encode()),
    ]


PLACE = Origin("orders", 3, 42)
CONNECT_LETTER = DeadLetter(
    Dialect.CONNECT,
    PLACE,
    "org.apache.kafka.connect.errors.DataException",
    "Converting byte[] to Kafka Connect data failed",
    stage="VALUE_CONVERTER",
)
SMALLRYE_LETTER = DeadLetter(Dialect.SMALLRYE, PLACE, "java.lang.RuntimeException", "Something went wrong")
RETRY_LETTER = DeadLetter(
    Dialect.SPRING_RETRY,
    Origin("orders", 0, 42, 1_700_000_000_123, "billing"),
    "com.acme.PaymentException",
    "Listener failed; no such account",
    attempts=3,
)


def streams(exception: str, message: bytes | None) -> Headers:
    return [
        ("__streams.errors.exception", exception.encode()),
        ("__streams.errors.message", message),
        ("__streams.errors.stacktrace", b"java.lang...\n\tat ..."),
        ("__streams.errors.topic", b"orders"),
        ("__streams.errors.partition", b"3"),
        ("__streams.errors.offset", b"42"),
    ]


def streams_letter(error: str | None, message: str | None) -> DeadLetter:
    return DeadLetter(Dialect.STREAMS, PLACE, error, message)


SERIALIZATION = "org.apache.kafka.common.errors.SerializationException"
SHARE = [
    ("__dlq.errors.topic", b"orders"),
    ("__dlq.errors.partition", b"3"),
    ("__dlq.errors.offset", b"42"),
    ("__dlq.errors.group", b"workers"),
    ("__dlq.errors.delivery.count", b"5"),
    ("__dlq.errors.message", b"Offset delivery count exceeded the threshold."),
]
SHARE_LETTER = DeadLetter(
    Dialect.SHARE_GROUP,
    Origin("orders", 3, 42, group="workers"),
    None,
    "Offset delivery count exceeded the threshold.",
    attempts=5,
)

CASES: list[tuple[str, Headers, list[DeadLetter]]] = [
    ("no headers", [], []),
    ("an application's headers only", ORIGINAL, []),
    ("Connect", [*ORIGINAL, *connect()], [CONNECT_LETTER]),
    (
        "Connect, of a record that is not known any more, and an exception without a message",
        [
            ("__connect.errors.connector.name", b"s3-sink"),
            ("__connect.errors.stage", b"TASK_PUT"),
            ("__connect.errors.exception.class.name", b"java.lang.NullPointerException"),
            ("__connect.errors.exception.message", None),
        ],
        [DeadLetter(Dialect.CONNECT, Origin(), "java.lang.NullPointerException", stage="TASK_PUT")],
    ),
    (
        "Connect twice: the last is the newest",
        [*connect("first", 1, "a.First"), *connect("orders", 42)],
        [CONNECT_LETTER],
    ),
    ("Spring's recoverer: what the listener's wrapper holds is the error", [*ORIGINAL, *SPRING], [SPRING_LETTER]),
    (
        "Spring's recoverer twice: exceptions are replaced, originals appended",
        [
            *spring_original("kafka_dlt-", "orders.retry", 0, 7, 1),
            *SPRING,
        ],
        [SPRING_LETTER],
    ),
    (
        "Spring, a key that cannot be read",
        [
            ("kafka_dlt-key-exception-fqcn", b"org.springframework.kafka.support.serializer.DeserializationException"),
            ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
            ("kafka_dlt-key-exception-message", b"failed to deserialize"),
            *spring_original("kafka_dlt-", "orders", 3, 42, -1)[:5],
        ],
        [
            DeadLetter(
                Dialect.SPRING,
                PLACE,
                "org.springframework.kafka.support.serializer.DeserializationException",
                "failed to deserialize",
            )
        ],
    ),
    (
        "@RetryableTopic after three attempts: originals are kept from the first, attempts appended",
        [
            *spring_original("kafka_", "orders", 0, 42, 1_700_000_000_123),
            *retry_topic(struct.pack(">i", 2)),
            *retry_topic(struct.pack(">i", 3)),
            *spring_exception("kafka_", WRAPPER, "com.acme.PaymentException", "Listener failed; no such account"),
            *retry_topic(struct.pack(">i", 4)),
        ],
        [RETRY_LETTER],
    ),
    (
        "@RetryableTopic without kafka_original-timestamp, attempts of one byte",
        [
            ("kafka_original-topic", b"orders"),
            *spring_exception("kafka_", "com.acme.PaymentException", "com.acme.PaymentException", "no"),
            *retry_topic(b"\x03"),
        ],
        [
            DeadLetter(
                Dialect.SPRING_RETRY,
                Origin("orders", timestamp=1_700_000_000_123),
                "com.acme.PaymentException",
                "no",
                attempts=2,
            )
        ],
    ),
    (
        "@RetryableTopic before spring-kafka 2.8.12, with the recoverer's names",
        [*SPRING, *retry_topic(struct.pack(">i", 4))],
        [
            DeadLetter(
                Dialect.SPRING,
                SPRING_LETTER.origin,
                SPRING_LETTER.error_class,
                SPRING_LETTER.error_message,
                attempts=3,
            )
        ],
    ),
    ("Streams, the class alone", streams(SERIALIZATION, b"bad byte"), [streams_letter(SERIALIZATION, "bad byte")]),
    (
        "Streams, toString() and the message",
        streams(f"{SERIALIZATION}: bad: byte\n2", b"bad: byte\n2"),
        [streams_letter(SERIALIZATION, "bad: byte\n2")],
    ),
    (
        "Streams, toString() and no message header",
        streams(f"{SERIALIZATION}: bad byte", None),
        [streams_letter(SERIALIZATION, "bad byte")],
    ),
    ("Streams, an inner class", streams("com.acme.App$Bad", b"x"), [streams_letter("com.acme.App$Bad", "x")]),
    ("Streams, what is no throwable", streams("it broke", b"x"), [streams_letter("it broke", "x")]),
    (
        "Streams with bakdata's error-handling library",
        [
            *streams("", None)[3:],
            ("__streams.errors.exception.class.name", b"com.acme.Bad"),
            ("__streams.errors.exception.message", b"no"),
            ("__streams.errors.description", b"Error in the mapper"),
        ],
        [streams_letter("com.acme.Bad", "no")],
    ),
    ("share group", SHARE, [SHARE_LETTER]),
    (
        "share group, without what is optional",
        SHARE[:4],
        [DeadLetter(Dialect.SHARE_GROUP, Origin("orders", 3, 42, group="workers"))],
    ),
    ("SmallRye: its headers first, then the record's", [*smallrye(), *ORIGINAL], [SMALLRYE_LETTER]),
    (
        "SmallRye before 2.8: no place, no class",
        [("dead-letter-reason", b"no"), ("dead-letter-cause", b"disk full")],
        [DeadLetter(Dialect.SMALLRYE, Origin(), None, "no")],
    ),
    (
        "SmallRye twice: the first is the newest",
        [*smallrye(), *smallrye("orders", 7, "a.First"), *ORIGINAL],
        [SMALLRYE_LETTER],
    ),
    (
        "SmallRye's delayed retry, given up after two retries: the first topic is the origin, the newest error counts",
        [
            *delayed_retry("orders_retry_20000", 8, "a.Third"),
            *delayed_retry("orders_retry_10000", 7, "a.Second"),
            *delayed_retry("orders", 42, "a.First"),
            *ORIGINAL,
            ("delayed-retry-original-timestamp", b"1700000000123"),
            ("delayed-retry-first-processing-timestamp", b"1700000000200"),
            ("delayed-retry-count", b"0"),
            ("delayed-retry-count", b"1"),
            ("delayed-retry-count", b"2"),
        ],
        [
            DeadLetter(
                Dialect.SMALLRYE_RETRY,
                Origin("orders", 3, 42, 1_700_000_000_123),
                "a.Third",
                "Something went wrong",
                attempts=3,
            )
        ],
    ),
    (
        "kafkade's own",
        [
            (OWN_TOPIC, b"zahlungen"),
            (OWN_PARTITION, b"3"),
            (OWN_OFFSET, b"42"),
            (OWN_TIMESTAMP, b"1700000000123"),
            (OWN_GROUP, b"billing"),
            (OWN_EXCEPTION_CLASS, b"ValueError"),
            (OWN_EXCEPTION_MESSAGE, "für nichts".encode()),
            (OWN_ATTEMPTS, b"4"),
            (REDRIVE_COUNT, b"2"),
        ],
        [
            DeadLetter(
                Dialect.KAFKADE,
                Origin("zahlungen", 3, 42, 1_700_000_000_123, "billing"),
                "ValueError",
                "für nichts",
                attempts=4,
            )
        ],
    ),
    (
        "watermill",
        [
            ("reason_poisoned", b"dial tcp: connection refused"),
            ("topic_poisoned", b"orders"),
            ("handler_poisoned", b"billing"),
            ("subscriber_poisoned", b"kafka.Subscriber"),
        ],
        [DeadLetter(Dialect.OTHER, Origin("orders"), None, "dial tcp: connection refused")],
    ),
    (
        "Karafka Pro",
        [
            ("source_topic", b"orders"),
            ("source_partition", b"3"),
            ("source_offset", b"42"),
            ("source_consumer_group", b"billing"),
            ("source_attempts", b"4"),
        ],
        [DeadLetter(Dialect.OTHER, Origin("orders", 3, 42, group="billing"), attempts=4)],
    ),
    (
        "by hand",
        [
            ("x-original-topic", b"orders"),
            ("x-original-partition", b"3"),
            ("x-original-offset", b"42"),
            ("x-error-message", b"no"),
            ("x-error-type", b"*errors.errorString"),
        ],
        [DeadLetter(Dialect.OTHER, PLACE, "*errors.errorString", "no")],
    ),
    (
        "Connect, put back, then Spring: who appended last is the newest",
        [*connect(), *SPRING],
        [SPRING_LETTER, CONNECT_LETTER],
    ),
    (
        "Spring, put back, then Connect",
        [*SPRING, *connect()],
        [CONNECT_LETTER, SPRING_LETTER],
    ),
    (
        "Connect, put back at a later offset, then SmallRye, which puts its headers first",
        [*smallrye("orders", 43), *connect("orders", 42)],
        [
            DeadLetter(Dialect.SMALLRYE, Origin("orders", 3, 43), SMALLRYE_LETTER.error_class, "Something went wrong"),
            CONNECT_LETTER,
        ],
    ),
    (
        "SmallRye, put back at a later offset, then Connect",
        [*smallrye("orders", 41), *connect("orders", 42)],
        [
            CONNECT_LETTER,
            DeadLetter(Dialect.SMALLRYE, Origin("orders", 3, 41), SMALLRYE_LETTER.error_class, "Something went wrong"),
        ],
    ),
]


@pytest.mark.parametrize(("headers", "expected"), [pytest.param(h, e, id=reason) for reason, h, e in CASES])
def test_what_the_software_writes_is_read(headers: Headers, expected: list[DeadLetter]) -> None:
    assert read(headers) == tuple(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"42", 42),
        (b" 42\n", 42),
        (b"+42", 42),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", None),
        (b"9" * 5000, None),
        (b"-1", None),
        (b"", None),
        (None, None),
        (b"4.2", None),
        (b"0x2a", None),
        (b"4_2", None),
        ("٤٢".encode(), None),
        (b"\x00\x00\x00\x2a", None),
        (b"\xff", None),
    ],
)
def test_decimal_text(value: bytes | None, expected: int | None) -> None:
    headers: Headers = [("__connect.errors.topic", b"orders"), ("__connect.errors.offset", value)]
    assert read(headers)[0].origin == Origin("orders", None, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (struct.pack(">q", 42), 42),
        (struct.pack(">q", -1), None),
        (struct.pack(">i", 42), None),
        (b"42", None),
        (b"", None),
        (None, None),
        (b"\x00" * 9, None),
    ],
)
def test_binary_numbers(value: bytes | None, expected: int | None) -> None:
    headers: Headers = [("kafka_dlt-original-topic", b"orders"), ("kafka_dlt-original-offset", value)]
    assert read(headers)[0].origin == Origin("orders", None, expected)


@pytest.mark.parametrize(
    ("headers", "key", "value", "pointer"),
    [
        pytest.param(SHARE, None, None, True, id="the brokers did not copy the record"),
        pytest.param(SHARE, b"k", None, False, id="they did: a key"),
        pytest.param(SHARE, None, b"", False, id="they did: an empty value"),
        pytest.param(connect(), None, None, False, id="Connect copies always"),
        pytest.param([*SHARE, *connect()], None, None, False, id="Connect stands last"),
        pytest.param([], None, None, False, id="no dead letter"),
    ],
)
def test_pointers(headers: Headers, key: bytes | None, value: bytes | None, pointer: bool) -> None:
    letters = of_record(headers, key, value)
    assert [letter.pointer for letter in letters[:1]] == [pointer][: len(letters)]
    assert [letter.origin for letter in letters] == [letter.origin for letter in read(headers)]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], 0),
        ([(REDRIVE_COUNT, b"2")], 2),
        ([(REDRIVE_COUNT, b"1"), ("a", b""), (REDRIVE_COUNT, b"2")], 2),
        ([(REDRIVE_COUNT, b"two")], 0),
        ([(REDRIVE_COUNT, None)], 0),
    ],
)
def test_how_often_it_was_put_back(headers: Headers, expected: int) -> None:
    assert redrive_count(headers) == expected


KNOWN = sorted(
    {name for names, _ in READERS for name in names}
    | {name for _, headers, _ in CASES for name, _ in headers}
    | {"retry_topic-attempts", "kafka_dlt-original-timestamp", REDRIVE_COUNT}
)


@given(
    st.lists(st.tuples(st.sampled_from(KNOWN) | st.text(max_size=20), st.none() | st.binary(max_size=24)), max_size=24),
    st.none() | st.binary(max_size=2),
    st.none() | st.binary(max_size=2),
)
def test_no_headers_make_it_raise(headers: Headers, key: bytes | None, value: bytes | None) -> None:
    letters = of_record(headers, key, value)
    assert len({letter.dialect for letter in letters}) == len(letters)
    for letter in letters:
        for number in (letter.origin.partition, letter.origin.offset, letter.origin.timestamp, letter.attempts):
            assert number is None or 0 <= number <= 2**63
    assert redrive_count(headers) >= 0
