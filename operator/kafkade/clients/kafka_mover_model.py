"""Values that a mover of records and its users hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kafkade.api.errors import KafkaError
from kafkade.clients.model import Committed

Header = tuple[str, bytes | None]

BY_KEY = -1
"""In place of a partition: the one that Java's client would choose by the key."""


class Record(NamedTuple):
    """A record, byte for byte. ``timestamp`` in milliseconds since 1970, -1 where it has none."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]


@dataclass(frozen=True, slots=True)
class Target:
    """A topic that records can go to. ``max_bytes``: its max.message.bytes, None where that may not be read.

    ``compacted``: it takes no record without a key.
    """

    partitions: int
    max_bytes: int | None = None
    compacted: bool = False


class Fenced(KafkaError):
    """Another client with the same transactional id has taken over."""

    reason = "Fenced"
    retryable = False


class Aborted(KafkaError):
    """The transaction was aborted, and nothing of it counts. It can be done again from the committed positions.

    ``code``: the protocol's error code, or librdkafka's own below 0.
    """

    reason = "TransactionAborted"

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class MetadataTooLarge(KafkaError):
    """The brokers' offset.metadata.max.bytes is smaller than the metadata of an offset."""

    reason = "OffsetMetadataTooLarge"
    retryable = False


Positions = Mapping[int, Committed]
"""Committed offsets by partition of the dead-letter topic."""
