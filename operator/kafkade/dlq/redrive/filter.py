"""Which dead letters a redrive is for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kafkade.api.errors import InvalidSpec
from kafkade.api.patterns import Pattern, pattern
from kafkade.api.redrive import OffsetRange, RedriveFilter
from kafkade.clients.kafka_mover_model import Record
from kafkade.dlq.headers import DeadLetter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filter:
    """A RedriveFilter made ready. ``since`` and ``until`` in milliseconds since 1970."""

    error_class: Pattern | None = None
    error_message: Pattern | None = None
    origin: str | None = None
    key: Pattern | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    since: int | None = None
    until: int | None = None
    partitions: frozenset[int] = frozenset()
    offsets: tuple[OffsetRange, ...] = ()

    @classmethod
    def of(cls, spec: RedriveFilter) -> Filter:
        """The filter that ``spec`` declares.

        Raises:
            InvalidSpec: since or until is no RFC 3339 timestamp.
        """
        return cls(
            error_class=_pattern(spec.error_class),
            error_message=_pattern(spec.error_message),
            origin=spec.origin,
            key=_pattern(spec.key),
            headers=tuple((h.name, None if h.value is None else h.value.encode()) for h in spec.headers),
            since=_milliseconds("since", spec.since),
            until=_milliseconds("until", spec.until),
            partitions=frozenset(spec.partitions),
            offsets=tuple(spec.offsets),
        )

    @property
    def takes_all(self) -> bool:
        """Whether nothing of a record matters but its partition and offset."""
        return not (self.asks_error or self.key or self.headers or self.since is not None or self.until is not None)

    @property
    def asks_error(self) -> bool:
        """Whether it matters what a record's headers say of its error and of where it was."""
        return self.error_class is not None or self.error_message is not None or self.origin is not None

    def windows(self, partition: int, first: int, end: int) -> Iterator[tuple[int, int]]:
        """What to look at of a partition from ``first`` to before ``end``: ranges in order, apart from each other."""
        if first >= end or (self.partitions and partition not in self.partitions):
            return
        if not self.offsets:
            yield first, end
            return
        wanted = sorted(
            (max(first, r.first or 0), end if r.last is None else min(end, r.last + 1))
            for r in self.offsets
            if r.partition == partition
        )
        at, until = first, first
        for low, high in wanted:
            if low > until:
                if at < until:
                    yield at, until
                at = low
            until = max(until, high)
        if at < until:
            yield at, until

    def wants(self, record: Record, letters: Sequence[DeadLetter]) -> bool:
        """Whether a record fits; ``letters``: what its headers say, the newest first; needed if ``asks_error``."""
        if self.since is not None and record.timestamp < self.since:
            return False
        if self.until is not None and record.timestamp >= self.until:
            return False
        if self.key is not None and (record.key is None or not self.key.search(as_text(record.key))):
            return False
        if not all(_has(record, name, value) for name, value in self.headers):
            return False
        return not self.asks_error or (bool(letters) and self._fits(letters[0]))

    def _fits(self, letter: DeadLetter) -> bool:
        if self.origin is not None and letter.origin.topic != self.origin:
            return False
        if self.error_class is not None and not self.error_class.search(letter.error_class or ""):
            return False
        return self.error_message is None or self.error_message.search(letter.error_message or "")


def as_text(data: bytes) -> str:
    """Bytes as UTF-8; what is none shows as U+FFFD."""
    return data.decode("utf-8", errors="replace")


def _has(record: Record, name: str, value: bytes | None) -> bool:
    return any(found == name and (value is None or text == value) for found, text in record.headers)


def _pattern(text: str | None) -> Pattern | None:
    return None if text is None else pattern(text)


def _milliseconds(field: str, text: str | None) -> int | None:
    """Rounded up, since a record's timestamp has no more than milliseconds; finer than microseconds is cut off."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise InvalidSpec(f"filter.{field}: {text!r} is no RFC 3339 timestamp such as 2026-11-25T08:00:00Z") from error
    if moment.tzinfo is None:
        raise InvalidSpec(f"filter.{field}: {text!r} has no time zone: put Z (UTC) or +02:00 at the end")
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return -(-microseconds // 1000)
