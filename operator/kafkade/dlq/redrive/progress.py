"""How far a redrive is, and how that is kept in the metadata of its group's offsets. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from kafkade.api.errors import ProgressUnreadable
from kafkade.api.redrive import Bucket, Counts, Failure, PartitionProgress
from kafkade.dlq.headers import Headers, read

MAX_FAILURES = 20
"""Records of a partition that are named; the others are only counted."""

_VERSION = "1"
_NUMBERS = ("end", "read", "moved", "skipped", "quarantined", "failed", "lost")
_METADATA = re.compile(rf"{_VERSION}(?: [0-9]{{1,19}}){{{len(_NUMBERS)}}}(?: [0-9]{{1,19}}=[A-Za-z]+)*")
_HOUR, _DAY = 3_600_000, 86_400_000


@dataclass(slots=True)
class Tally:
    """One partition: the offset to look at next, where to stop, and what became of the records before."""

    next: int
    end: int
    read: int = 0
    moved: int = 0
    skipped: int = 0
    quarantined: int = 0
    failed: int = 0
    lost: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)
    """The first offsets that failed or were lost, each with the reason."""

    def fail(self, offset: int, reason: str) -> None:
        """Name a record that failed or is lost, if there is room."""
        if len(self.failures) < MAX_FAILURES:
            self.failures.append((offset, reason))

    def metadata(self) -> str:
        """All but ``next`` as text: the version, seven numbers, then ``offset=reason`` for each failure."""
        numbers = (getattr(self, name) for name in _NUMBERS)
        return " ".join((_VERSION, *map(str, numbers), *(f"{offset}={reason}" for offset, reason in self.failures)))

    @classmethod
    def from_metadata(cls, next_offset: int, metadata: str) -> Tally:
        """A Tally from a committed offset and its metadata.

        Raises:
            ProgressUnreadable: the metadata is not what ``metadata()`` gives.
        """
        if _METADATA.fullmatch(metadata) is None:
            raise ProgressUnreadable(
                f"this redrive's progress, {metadata[:40]!r}, is not what this kafkade writes: use the one that began it"
            )
        rest = metadata.split(" ")[1:]
        values = dict(zip(_NUMBERS, map(int, rest), strict=False))
        pairs = (failure.split("=") for failure in rest[len(_NUMBERS) :])
        return cls(next_offset, **values, failures=[(int(offset), reason) for offset, reason in pairs])


@dataclass(frozen=True, slots=True)
class Progress:
    """What is committed of a redrive. ``waiting``: what keeps it from going on, empty while nothing does."""

    counts: Counts = field(default_factory=Counts)
    partitions: tuple[PartitionProgress, ...] = ()
    histogram: tuple[Bucket, ...] = ()
    failures: tuple[Failure, ...] = ()
    waiting: str = ""


def progress(topic: str, tallies: dict[int, Tally], histogram: Counter[tuple[str, str, str]], waiting: str) -> Progress:
    """The sum of all partitions of the dead-letter topic ``topic``; ``histogram`` by error class, origin and age."""
    items = sorted(tallies.items())
    return Progress(
        counts=total(tallies.values()),
        partitions=tuple(PartitionProgress(topic=topic, partition=p, next=t.next, end=t.end) for p, t in items),
        histogram=tuple(
            Bucket(error=error, origin=origin, age=age, records=records)
            for (error, origin, age), records in sorted(histogram.items(), key=lambda item: (-item[1], item[0]))
        ),
        failures=tuple(
            Failure(topic=topic, partition=p, offset=offset, reason=reason)
            for p, t in items
            for offset, reason in t.failures
        ),
        waiting=waiting,
    )


def total(tallies: Iterable[Tally]) -> Counts:
    """The counts of some partitions, added up."""
    sums = dict.fromkeys(_NUMBERS[1:], 0)
    for tally in tallies:
        for name in sums:
            sums[name] += getattr(tally, name)
    return Counts(**sums)


def bucket_of(headers: Headers, timestamp: int, now: int) -> tuple[str, str, str]:
    """Error class, origin and age of a dead letter; what its headers do not say is an empty text."""
    letters = read(headers)
    if not letters:
        return "", "", age(timestamp, now)
    return letters[0].error_class or "", letters[0].origin.topic or "", age(timestamp, now)


def age(timestamp: int, now: int) -> str:
    """The age bucket of a record; both in milliseconds since 1970. A record without a timestamp is old."""
    passed = now - timestamp
    if timestamp < 0 or passed >= 7 * _DAY:
        return "older"
    return "under 1h" if passed < _HOUR else "under 1d" if passed < _DAY else "under 7d"
