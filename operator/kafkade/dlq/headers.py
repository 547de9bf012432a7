"""What the headers of a dead letter say: where the record was, and why it is here. Pure, and never raises.

A record can carry the headers of several dialects, as when a record that Connect gave up on was put back and a Spring
application gave up on it too; and those of one dialect several times.
"""

from __future__ import annotations

import dataclasses

from kafkade.dlq.dialects import READERS
from kafkade.dlq.header_view import HeaderView
from kafkade.dlq.letter import REDRIVE_COUNT, DeadLetter, Dialect, Headers, Origin

__all__ = ["REDRIVE_COUNT", "DeadLetter", "Dialect", "Headers", "Origin", "of_record", "read", "redrive_count"]


def read(headers: Headers) -> tuple[DeadLetter, ...]:
    """What each dialect on the record says, the newest first; empty when the headers are not those of a dead letter."""
    view = HeaderView(headers)
    found = [(reader(view), view.last_position(names)) for names, reader in READERS if view.has(names)]
    found.sort(key=lambda pair: pair[1], reverse=True)
    return _smallrye_first([letter for letter, _ in found])


def of_record(headers: Headers, key: bytes | None, value: bytes | None) -> tuple[DeadLetter, ...]:
    """The same for a whole record, which tells whether it is a pointer.

    Brokers that do not copy what a share group gave up on (errors.deadletterqueue.copy.record.enable=false, the default)
    write a record with neither key nor value; topic, partition and offset in its headers say where it is (KIP-1191).
    """
    letters = read(headers)
    if letters and letters[0].dialect is Dialect.SHARE_GROUP and key is None and value is None:
        return (dataclasses.replace(letters[0], pointer=True), *letters[1:])
    return letters


def redrive_count(headers: Headers) -> int:
    """How often kafkade has put the record back; 0 where it does not say."""
    return HeaderView(headers).number(REDRIVE_COUNT) or 0


def _smallrye_first(letters: list[DeadLetter]) -> tuple[DeadLetter, ...]:
    """SmallRye's headers stand first whether they are new or old; of one partition, the later offset is newer."""
    for letter in letters[1:]:
        if letter.dialect in (Dialect.SMALLRYE, Dialect.SMALLRYE_RETRY) and _later(letter.origin, letters[0].origin):
            return (letter, *(other for other in letters if other is not letter))
    return tuple(letters)


def _later(one: Origin, other: Origin) -> bool:
    return (
        (one.topic, one.partition) == (other.topic, other.partition)
        and one.offset is not None
        and other.offset is not None
        and one.offset > other.offset
    )
