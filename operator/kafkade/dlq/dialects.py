"""How each software that writes dead letters tells of them: a reader for each dialect.

Nearly all append their headers, so that the last of a name is the newest; SmallRye puts its own before the record's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from kafkade.dlq.header_view import HeaderView
from kafkade.dlq.letter import (
    OWN_ATTEMPTS,
    OWN_EXCEPTION_CLASS,
    OWN_EXCEPTION_MESSAGE,
    OWN_GROUP,
    OWN_OFFSET,
    OWN_PARTITION,
    OWN_TIMESTAMP,
    OWN_TOPIC,
    DeadLetter,
    Dialect,
    Origin,
)

_JAVA_THROWABLE = re.compile(r"((?:[\w$]+\.)+[\w$]+)(?:: (.*))?", re.DOTALL)
"""Throwable.toString(): the class, and the message if there is one."""


def _connect(view: HeaderView) -> DeadLetter:
    """connect/runtime/…/errors/DeadLetterQueueReporter.java; the message is null where the exception has none."""
    prefix = "__connect.errors."
    return DeadLetter(
        Dialect.CONNECT,
        _text_origin(view, prefix),
        error_class=view.text(prefix + "exception.class.name"),
        error_message=view.text(prefix + "exception.message"),
        stage=view.text(prefix + "stage"),
    )


def _streams(view: HeaderView) -> DeadLetter:
    """KIP-1034, streams/…/errors/internals/ExceptionHandlerUtils.java: the exception is its class, or its toString().

    The names with ``exception.`` in them are of bakdata's error-handling library, which has the same prefix.
    """
    prefix = "__streams.errors."
    exception = view.text(prefix + "exception.class.name", prefix + "exception")
    message = view.text(prefix + "message", prefix + "exception.message", prefix + "description")
    match = _JAVA_THROWABLE.fullmatch(exception or "")
    return DeadLetter(
        Dialect.STREAMS,
        _text_origin(view, prefix),
        error_class=exception if match is None else match[1],
        error_message=message or (None if match is None else match[2] or None),
    )


def _share_group(view: HeaderView) -> DeadLetter:
    """KIP-1191, server/…/share/dlq/ShareGroupDLQStateManager.java; ``topic`` is the topic's id when it is gone."""
    prefix = "__dlq.errors."
    return DeadLetter(
        Dialect.SHARE_GROUP,
        dataclasses.replace(_text_origin(view, prefix), group=view.text(prefix + "group")),
        error_message=view.text(prefix + "message"),
        attempts=view.number(prefix + "delivery.count"),
    )


def _spring(view: HeaderView) -> DeadLetter:
    """DeadLetterPublishingRecoverer (spring-kafka, DeadLetterRecordManager.java); numbers are big-endian."""
    letter = _spring_letter(view, Dialect.SPRING, "kafka_dlt-")
    # before spring-kafka 2.8.12 retry topics had these names too
    return letter if view.has(_SPRING_RETRY) else dataclasses.replace(letter, attempts=_spring_attempts(view))


def _spring_retry(view: HeaderView) -> DeadLetter:
    """@RetryableTopic (spring-kafka, RetryTopicPublishingRecoverer.java): originals are those of the first topic."""
    letter = _spring_letter(view, Dialect.SPRING_RETRY, "kafka_")
    timestamp = letter.origin.timestamp
    if timestamp is None:
        # BigInteger.toByteArray: as many bytes as it takes
        timestamp = view.binary("retry_topic-original-timestamp", range(1, 9))
    return dataclasses.replace(
        letter,
        # the group alone keeps the other prefix: KafkaHeaders.ORIGINAL_CONSUMER_GROUP
        origin=dataclasses.replace(
            letter.origin, timestamp=timestamp, group=view.text("kafka_dlt-original-consumer-group")
        ),
        attempts=_spring_attempts(view),
    )


def _spring_letter(view: HeaderView, dialect: Dialect, prefix: str) -> DeadLetter:
    error = view.text(prefix + "exception-fqcn", prefix + "key-exception-fqcn")
    cause = view.text(prefix + "exception-cause-fqcn")
    if cause is not None and (error is None or error.endswith(_SPRING_WRAPPERS)):
        error = cause
    return DeadLetter(
        dialect,
        Origin(
            view.text(prefix + "original-topic"),
            view.binary(prefix + "original-partition", (4,)),
            view.binary(prefix + "original-offset", (8,)),
            view.binary(prefix + "original-timestamp", (8,)),
            view.text(prefix + "original-consumer-group"),
        ),
        error_class=error,
        error_message=view.text(prefix + "exception-message", prefix + "key-exception-message"),
    )


_SPRING_WRAPPERS = (".ListenerExecutionFailedException", ".TimestampedException")
"""What Spring wraps every exception of a listener in; the cause is what an application threw."""


def _spring_attempts(view: HeaderView) -> int | None:
    """The header has the number of the attempt that would come next; one byte before spring-kafka 2.8."""
    following = view.binary("retry_topic-attempts", (4, 1))
    return following - 1 if following else None


def _smallrye(view: HeaderView) -> DeadLetter:
    """smallrye-reactive-messaging, KafkaDeadLetterQueue.java: its own headers stand before those of the record."""
    return _smallrye_letter(view, Dialect.SMALLRYE, "dead-letter-", 0)


def _smallrye_retry(view: HeaderView) -> DeadLetter:
    """KafkaDelayedRetryTopic.java: each pass puts its headers before those of the passes before it, but appends the count.

    The topic of all passes but the first is a retry topic, whose name ends in its delay; the record's own one counts.
    """
    prefix = "delayed-retry-"
    passes = range(view.count(prefix + "topic"))
    first = next((i for i in passes if not _RETRY_TOPIC.search(view.text(prefix + "topic", index=i) or "_0")), -1)
    letter = _smallrye_letter(view, Dialect.SMALLRYE_RETRY, prefix, 0)
    retries = view.number(prefix + "count")
    return dataclasses.replace(
        letter,
        origin=dataclasses.replace(
            _smallrye_origin(view, prefix, first), timestamp=view.number(prefix + "original-timestamp")
        ),
        attempts=None if retries is None else retries + 1,
    )


_RETRY_TOPIC = re.compile(r"_\d+$")


def _smallrye_letter(view: HeaderView, dialect: Dialect, prefix: str, index: int) -> DeadLetter:
    return DeadLetter(
        dialect,
        _smallrye_origin(view, prefix, index),
        error_class=view.text(prefix + "exception-class-name", index=index),
        error_message=view.text(prefix + "reason", prefix + "cause", index=index),
    )


def _smallrye_origin(view: HeaderView, prefix: str, index: int) -> Origin:
    return Origin(
        view.text(prefix + "topic", index=index),
        view.number(prefix + "partition", index=index),
        view.number(prefix + "offset", index=index),
    )


def _own(view: HeaderView) -> DeadLetter:
    return DeadLetter(
        Dialect.KAFKADE,
        Origin(
            view.text(OWN_TOPIC),
            view.number(OWN_PARTITION),
            view.number(OWN_OFFSET),
            view.number(OWN_TIMESTAMP),
            view.text(OWN_GROUP),
        ),
        error_class=view.text(OWN_EXCEPTION_CLASS),
        error_message=view.text(OWN_EXCEPTION_MESSAGE),
        attempts=view.number(OWN_ATTEMPTS),
    )


def _other(view: HeaderView) -> DeadLetter:
    """Names that applications and smaller libraries use: watermill, Karafka Pro, and what many write by hand."""
    return DeadLetter(
        Dialect.OTHER,
        Origin(
            view.text(*_OTHER_TOPIC),
            view.number(*_OTHER_PARTITION),
            view.number(*_OTHER_OFFSET),
            view.number("x-original-timestamp", "original-timestamp", "original_timestamp"),
            view.text("source_consumer_group", "original_consumer_group", "x-consumer-group", "x-original-group"),
        ),
        error_class=view.text(*_OTHER_CLASS),
        error_message=view.text(*_OTHER_MESSAGE),
        attempts=view.number("x-dlq-attempts", "x-attempts", "x-retry-count", "x-retry-attempt", "source_attempts"),
    )


_OTHER_TOPIC = ("x-original-topic", "original-topic", "original_topic", "source_topic", "topic_poisoned")
_OTHER_PARTITION = ("x-original-partition", "original-partition", "original_partition", "source_partition")
_OTHER_OFFSET = ("x-original-offset", "original-offset", "original_offset", "source_offset")
_OTHER_CLASS = ("x-error-type", "x-error-class", "x-exception-class", "exception_type")
_OTHER_MESSAGE = (
    *("reason_poisoned", "x-dlq-error", "x-error-message", "x-exception-message", "x-error-reason", "x-error"),
    *("x-dlq-reason", "exception_message"),
)


def _text_origin(view: HeaderView, prefix: str) -> Origin:
    return Origin(view.text(prefix + "topic"), view.number(prefix + "partition"), view.number(prefix + "offset"))


def _names(prefix: str, *rest: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in rest)


_PLACE = ("topic", "partition", "offset")
_SPRING_PLACE = ("original-topic", "original-partition", "original-offset", "exception-fqcn", "exception-message")
_SPRING_RETRY = _names("kafka_", *_SPRING_PLACE)

READERS: tuple[tuple[tuple[str, ...], Callable[[HeaderView], DeadLetter]], ...] = (
    (
        (OWN_TOPIC, OWN_PARTITION, OWN_OFFSET, OWN_EXCEPTION_CLASS, OWN_EXCEPTION_MESSAGE, OWN_ATTEMPTS),
        _own,
    ),
    (_names("__connect.errors.", *_PLACE, "exception.class.name", "connector.name", "stage"), _connect),
    (_names("kafka_dlt-", *_SPRING_PLACE, "key-exception-fqcn"), _spring),
    (_SPRING_RETRY, _spring_retry),
    (_names("__streams.errors.", *_PLACE, "exception", "exception.class.name"), _streams),
    (_names("__dlq.errors.", *_PLACE, "group", "message"), _share_group),
    (_names("dead-letter-", *_PLACE, "exception-class-name", "reason"), _smallrye),
    (_names("delayed-retry-", *_PLACE, "exception-class-name", "reason"), _smallrye_retry),
    ((*_OTHER_TOPIC, "reason_poisoned", "x-dlq-error", "x-dlq-reason"), _other),
)
"""Names by which a dialect is known, and its reader."""
