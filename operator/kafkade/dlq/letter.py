"""A dead letter as its headers tell of it, and the names of kafkade's own headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Headers = Sequence[tuple[str, bytes | None]]
"""The headers of a record in their order; Kafka allows several of a name, and values that are null."""

OWN_TOPIC = "kafkade.dlq.topic"
OWN_PARTITION = "kafkade.dlq.partition"
OWN_OFFSET = "kafkade.dlq.offset"
OWN_TIMESTAMP = "kafkade.dlq.timestamp"
OWN_GROUP = "kafkade.dlq.group"
OWN_EXCEPTION_CLASS = "kafkade.dlq.exception.class"
OWN_EXCEPTION_MESSAGE = "kafkade.dlq.exception.message"
OWN_ATTEMPTS = "kafkade.dlq.attempts"
"""kafkade's own dialect: UTF-8 text, numbers decimal, the timestamp in milliseconds since 1970."""

REDRIVE_COUNT = "kafkade.redrive.count"
"""How often kafkade has put the record back, as decimal text; absent: never. The loop guard reads and writes it."""


class Dialect(StrEnum):
    """Who wrote the headers of a dead letter."""

    KAFKADE = "kafkade"
    CONNECT = "Kafka Connect"
    SPRING = "Spring"
    SPRING_RETRY = "Spring retry topics"
    STREAMS = "Kafka Streams"
    SHARE_GROUP = "share group"
    SMALLRYE = "SmallRye"
    SMALLRYE_RETRY = "SmallRye delayed retry"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record was before; what the headers do not say, or not in a way that can be read, is None."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    """Milliseconds since 1970."""
    group: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What one dialect says of a record. ``pointer``: the record itself is still in its source topic, see of_record."""

    dialect: Dialect
    origin: Origin
    error_class: str | None = None
    error_message: str | None = None
    attempts: int | None = None
    """How often the record was processed, the first time included."""
    stage: str | None = None
    """Connect's: KEY_CONVERTER, TRANSFORMATION, TASK_PUT, …"""
    pointer: bool = False
