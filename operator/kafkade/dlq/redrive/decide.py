"""What is to become of a dead letter. Pure, but for what it remembers of topics it asked about."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from kafkade.clients.kafka_mover_model import BY_KEY, Header, Record, Target
from kafkade.dlq.headers import REDRIVE_COUNT, DeadLetter, of_record, read, redrive_count
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.origin import Origins, Place
from kafkade.dlq.redrive.size import batch_size

__all__ = [
    "NOWHERE",
    "Decider",
    "Decision",
    "Fail",
    "FailReason",
    "Lost",
    "Move",
    "Pointer",
    "Skip",
    "SkipReason",
    "pointer_of",
]


class FailReason(StrEnum):
    """Why a record stays where it is although it was meant to be put back."""

    NO_DESTINATION = "NoDestination"
    """Its headers name no topic that it was in."""
    UNKNOWN_TOPIC = "UnknownTopic"
    """The brokers do not know the destination; it is never created by this."""
    NOT_ALLOWED = "NotAllowed"
    """The destination is not for this namespace or is the dead-letter topic itself, or a pointer leads elsewhere."""
    NOT_AUTHORIZED = "NotAuthorized"
    """kafkade's principal may not write to the destination."""
    TOO_LARGE = "RecordTooLarge"
    """Larger than the destination's max.message.bytes, with the headers that tell of the error."""
    NO_KEY = "NoKey"
    """The destination is compacted and takes no record without a key."""
    NO_TIMESTAMP = "TimestampZero"
    """Its timestamp is 0, which librdkafka would replace with the present."""
    UNREADABLE = "InvalidRecord"
    """The brokers refuse it for another reason that is its own."""


class SkipReason(StrEnum):
    """Why a record was not meant to be put back."""

    FILTER = "Filter"
    LOOP_GUARD = "LoopGuard"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a record is that a share group's dead letter only points to."""

    topic: str
    partition: int
    offset: int


NOWHERE = Pointer("", -1, -1)
"""A pointer whose headers do not say where to."""


@dataclass(frozen=True, slots=True)
class Move:
    """Put it to ``topic``; ``headers`` None: those it has. ``quarantine``: not back, but out of the way.

    ``max_bytes``: what a batch of the topic may have. ``compress``: it fits only when it is compressed.
    """

    topic: str
    partition: int
    headers: list[Header] | None = None
    max_bytes: int | None = None
    quarantine: bool = False
    compress: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave it."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Fail:
    """Leave it, and say so."""

    reason: FailReason


@dataclass(frozen=True, slots=True)
class Lost:
    """A pointer to a record that is not there any more."""


Decision = Move | Skip | Fail | Lost

_LOST = Lost()
_HEADERS_AT_MOST = 65_536
"""Bytes of headers that are not counted one by one while there is room for more than that."""


class Decider:
    """Decides by a Job. ``target`` looks a topic up, None where there is none; ``allowed``: which ones it may use."""

    def __init__(self, job: Job, target: Callable[[str], Target | None], allowed: Callable[[str], bool]) -> None:
        self._job = job
        self._target = target
        self._allowed = allowed
        self._takes_all = job.filter.takes_all
        self._edits = bool(job.headers.remove or job.headers.add)
        self._plain = self._takes_all and not self._edits and job.guard is None and job.destination is None
        self._origins = Origins()
        self._usual: dict[Place, tuple[Move, float, bool]] = {}
        self._known: dict[str, Target | Fail] = {}
        self._moves: dict[tuple[str, int, bool], Move] = {}
        self._denied: set[str] = set()
        self._readable: dict[str, bool] = {}

    def forget(self) -> None:
        """Ask anew about topics, which may have changed."""
        self._known.clear()
        self._moves.clear()
        self._usual.clear()
        self._readable.clear()

    def may_read(self, pointer: Pointer) -> bool:
        """Whether the record that a pointer points to may be looked at.

        Whoever can write to the dead-letter topic chooses where pointers point to, and must not get records of other
        namespaces that way: neither the records nor, through a filter, word of what is in them.
        """
        may = self._readable.get(pointer.topic)
        if may is None:
            may = self._readable[pointer.topic] = self._allowed(pointer.topic)
        return may

    def deny(self, topic: str) -> None:
        """The brokers do not let kafkade write to this topic."""
        self._denied.add(topic)
        self.forget()

    def decide(self, record: Record, pointer: Pointer | None = None, original: Record | None = None) -> Decision:
        """What is to become of ``record``.

        ``pointer``: where ``pointer_of`` says that it points to; ``original`` is what was found there, None: nothing.
        """
        if self._plain and pointer is None and (usual := self._as_usual(record)) is not None:
            return usual
        forbidden = pointer is not None and pointer != NOWHERE and not self.may_read(pointer)
        if not self._takes_all and not self._wanted(record, None if forbidden else original):
            return Skip(SkipReason.FILTER)
        if pointer is not None:
            if pointer == NOWHERE:
                return Fail(FailReason.NO_DESTINATION)
            if forbidden:
                return Fail(FailReason.NOT_ALLOWED)
            if original is None:
                return _LOST if self._lookup(pointer.topic) is not None else Fail(FailReason.UNKNOWN_TOPIC)
            record = original
        guard, count = self._job.guard, 0
        if guard is not None:
            count = _count(record.headers)
            if count >= guard.max_redrives:
                return self._set_aside(record, guard.quarantine)
        if self._job.destination is not None:
            return self._move(record, self._job.destination, None, count)
        topic, partition = (pointer.topic, pointer.partition) if pointer else self._origins.place(record.headers)
        if topic is None:
            return Fail(FailReason.NO_DESTINATION)
        decision = self._move(record, topic, partition, count)
        if self._plain and pointer is None and isinstance(decision, Move) and not decision.compress:
            target = self._known[topic]
            assert isinstance(target, Target)  # noqa: S101 -- or it would not be a Move
            room = inf if target.max_bytes is None else target.max_bytes - _HEADERS_AT_MOST
            self._usual[topic, partition] = (decision, room, target.compacted)
        return decision

    def _as_usual(self, record: Record) -> Move | None:
        """The move of another record of the same place, if that is all that matters of this one, as it mostly is."""
        usual = self._usual.get(self._origins.place(record.headers))
        if usual is None or record.timestamp == 0:
            return None
        move, room, needs_key = usual
        if len(record.value or b"") + len(record.key or b"") > room or (needs_key and record.key is None):
            return None
        return move

    def _wanted(self, record: Record, original: Record | None) -> bool:
        if original is not None:
            # what the pointer says of the error comes last, as the newest: the original may have been put back before
            record = record._replace(key=original.key, headers=[*original.headers, *record.headers])
        wanted = self._job.filter
        return wanted.wants(record, read(record.headers) if wanted.asks_error else ())

    def _set_aside(self, record: Record, quarantine: str | None) -> Decision:
        if quarantine is None:
            return Skip(SkipReason.LOOP_GUARD)
        return self._checked(record, quarantine, BY_KEY, None, quarantine=True)

    def _move(self, record: Record, topic: str, partition: int | None, count: int) -> Decision:
        headers = None
        if self._edits or self._job.guard is not None:
            headers = self._edited(record.headers, count)
        return self._checked(record, topic, BY_KEY if partition is None else partition, headers)

    def _edited(self, headers: list[Header], count: int) -> list[Header]:
        remove, guard = self._job.headers.remove, self._job.guard
        edited = [
            header
            for header in headers
            if not (remove is not None and remove.fullmatch(header[0]))
            and not (guard is not None and header[0] == REDRIVE_COUNT)
        ]
        edited += self._job.headers.add
        if guard is not None:
            edited.append((REDRIVE_COUNT, b"%d" % (count + 1)))
        return edited

    def _checked(
        self, record: Record, topic: str, partition: int, headers: list[Header] | None, *, quarantine: bool = False
    ) -> Decision:
        target = self._known.get(topic) or self._check(topic)
        if isinstance(target, Fail):
            return target
        if record.timestamp == 0:
            return Fail(FailReason.NO_TIMESTAMP)
        if target.compacted and record.key is None:
            return Fail(FailReason.NO_KEY)
        partition = partition if partition < target.partitions else BY_KEY
        compress = False
        room = target.max_bytes
        if room is not None and len(record.value or b"") + len(record.key or b"") + _HEADERS_AT_MOST > room:
            size = batch_size(record, record.headers if headers is None else headers)
            compress = size > room
            if compress and not _fits_compressed(record, size, room):
                return Fail(FailReason.TOO_LARGE)
        if headers is not None or compress:
            return Move(topic, partition, headers, target.max_bytes, quarantine, compress)
        key = (topic, partition, quarantine)
        move = self._moves.get(key)
        if move is None:
            move = self._moves[key] = Move(topic, partition, None, target.max_bytes, quarantine)
        return move

    def _lookup(self, topic: str) -> Target | None:
        found = self._known.get(topic)
        return found if isinstance(found, Target) else self._target(topic)

    def _check(self, topic: str) -> Target | Fail:
        known: Target | Fail
        if topic == self._job.topic or not self._allowed(topic):
            known = Fail(FailReason.NOT_ALLOWED)
        elif topic in self._denied:
            known = Fail(FailReason.NOT_AUTHORIZED)
        else:
            known = self._target(topic) or Fail(FailReason.UNKNOWN_TOPIC)
        self._known[topic] = known
        return known


def pointer_of(record: Record) -> Pointer | None:
    """Where the record is that this one only points to (KIP-1191); None for a record that is itself."""
    if record.key is not None or record.value is not None or not record.headers:
        return None
    letters = of_record(record.headers, record.key, record.value)
    return _place(letters[0]) if letters and letters[0].pointer else None


def _place(letter: DeadLetter) -> Pointer:
    origin = letter.origin
    if origin.topic is None or origin.partition is None or origin.offset is None:
        return NOWHERE
    return Pointer(origin.topic, origin.partition, origin.offset)


def _count(headers: list[Header]) -> int:
    return redrive_count(headers) if any(name == REDRIVE_COUNT for name, _ in headers) else 0


def _fits_compressed(record: Record, size: int, room: int) -> bool:
    """Whether the value, which is nearly all of a large record, can be packed well enough.

    zlib packs about as well as what the producer uses, or a little better: the brokers have the last word.
    """
    value = record.value or b""
    return size - len(value) + len(zlib.compress(value, 1)) <= room
