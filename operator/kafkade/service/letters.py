"""Headers of the records that a service sends to retry and dead-letter topics: kafkade's own dialect. Pure."""

from __future__ import annotations

from typing import Any

from kafkade.dlq.header_view import HeaderView
from kafkade.dlq.headers import read
from kafkade.dlq.letter import (
    OWN_ATTEMPTS,
    OWN_EXCEPTION_CLASS,
    OWN_EXCEPTION_MESSAGE,
    OWN_GROUP,
    OWN_OFFSET,
    OWN_PARTITION,
    OWN_TIMESTAMP,
    OWN_TOPIC,
    Dialect,
    Headers,
    Origin,
)

_OWN = frozenset(
    (
        *(OWN_TOPIC, OWN_PARTITION, OWN_OFFSET, OWN_TIMESTAMP, OWN_GROUP),
        *(OWN_EXCEPTION_CLASS, OWN_EXCEPTION_MESSAGE, OWN_ATTEMPTS),
    )
)

MAX_MESSAGE = 4_096
"""Characters of an exception's message that are kept: a dead-letter topic has room for 64 KiB of headers by default."""


def attempts(headers: Headers) -> int:
    """How often a record of a retry topic was tried before it came there."""
    return HeaderView(headers).number(OWN_ATTEMPTS) or 0


def letter_headers(message: Any, source: str, group: str, error: BaseException, tried: int) -> list[tuple[str, Any]]:
    """The headers of a record that failed: its own ones, and kafkade's in place of older ones.

    Of a record from a retry topic the origin stays what its headers say: the place in ``source``, where it was first.
    """
    headers: list[tuple[str, Any]] = list(message.headers() or ())
    origin = Origin(message.topic(), message.partition(), message.offset(), message.timestamp()[1])
    if message.topic() != source:
        for letter in read(headers):
            if letter.dialect is Dialect.KAFKADE and letter.origin.topic == source:
                origin = letter.origin
    told = str(error)
    numbers = (
        (OWN_PARTITION, origin.partition),
        (OWN_OFFSET, origin.offset),
        (OWN_TIMESTAMP, origin.timestamp),
        (OWN_ATTEMPTS, tried),
    )
    return [
        *((name, value) for name, value in headers if name not in _OWN),
        (OWN_TOPIC, (origin.topic or source).encode()),
        *((name, b"%d" % number) for name, number in numbers if number is not None and number >= 0),
        (OWN_GROUP, group.encode()),
        (OWN_EXCEPTION_CLASS, f"{type(error).__module__}.{type(error).__qualname__}".encode()),
        (OWN_EXCEPTION_MESSAGE, told[:MAX_MESSAGE].encode("utf-8", "replace")),
    ]
