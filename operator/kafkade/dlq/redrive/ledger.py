"""What of one partition of a dead-letter topic was put back, and how that fits into an offset commit's metadata. Pure.

The ledger of a dead-letter topic is a consumer group that nobody joins. Its committed offset of a partition says that
everything below was put back; the metadata string beside it lists what was put back above, since a redrive with a filter
leaves gaps. The string is ``1:`` and base64url of unsigned LEB128 numbers: for each range the distance from the end of the
one before (the first from the offset) and its length.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from kafkade.api.errors import LedgerUnreadable

GROUP_PREFIX = "kafkade-dlq."
"""Before the dead-letter topic's name: the ledger's group, and the transactional id of who redrives the topic."""

MAX_METADATA = 4096
"""Characters of an offset's metadata: the brokers' offset.metadata.max.bytes, by default."""

_VERSION = "1:"
_SURELY_FITS = 150
"""Ranges that fit whatever their numbers are: two numbers of up to ten bytes each, four characters for three bytes."""

_LONGEST = 10
"""Bytes of the longest number; a range that is still growing is taken to need them."""


def group_of(topic: str) -> str:
    """The consumer group that keeps the ledger of the dead-letter topic ``topic``."""
    return GROUP_PREFIX + topic


class Ledger:
    """Offsets of one partition that are done: all below ``base``, and ranges above it that touch neither it nor each other."""

    __slots__ = ("_ends", "_firsts", "base")

    def __init__(self, base: int = 0, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """``ranges``: first offset and the offset after the last one."""
        self.base = base
        self._firsts: list[int] = []
        self._ends: list[int] = []
        for first, end in ranges:
            self.add(first, end)

    def __repr__(self) -> str:
        return f"Ledger({self.base}, {list(self.ranges)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and (self.base, self._firsts, self._ends) == (
            other.base,
            other._firsts,
            other._ends,
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def ranges(self) -> Iterator[tuple[int, int]]:
        """First offset and the offset after the last one of each range above ``base``, in order."""
        return zip(self._firsts, self._ends, strict=True)

    def __contains__(self, offset: int) -> bool:
        if offset < self.base:
            return True
        at = bisect_right(self._firsts, offset) - 1
        return at >= 0 and offset < self._ends[at]

    def add(self, first: int, end: int) -> None:
        """Mark the offsets from ``first`` to before ``end`` as done."""
        if first == self.base and not self._firsts:
            # in order and without gaps, as mostly
            self.base = max(first, end)
            return
        if end <= max(first, self.base):
            return
        first = max(first, self.base)
        low = bisect_left(self._ends, first)
        high = bisect_right(self._firsts, end)
        if low < high:
            first, end = min(first, self._firsts[low]), max(end, self._ends[high - 1])
        self._firsts[low:high], self._ends[low:high] = [first], [end]
        self._settle()

    def raise_to(self, offset: int) -> None:
        """Everything below ``offset`` is done, or taken by retention."""
        self.base = max(self.base, offset)
        while self._ends and self._ends[0] <= self.base:
            del self._firsts[0], self._ends[0]
        self._settle()

    def _settle(self) -> None:
        """A range that touches the base becomes part of it."""
        while self._firsts and self._firsts[0] <= self.base:
            self.base = max(self.base, self._ends[0])
            del self._firsts[0], self._ends[0]

    def beyond(self, start: int = 0) -> int:
        """How many offsets from the larger of ``base`` and ``start`` on are done."""
        return sum(max(0, end - max(first, start)) for first, end in self.ranges)

    def gaps(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """What is not done from ``first`` to before ``end``, as ranges like ``ranges``."""
        first = max(first, self.base)
        for taken, free in self.ranges:
            if taken >= end:
                break
            if first < taken:
                yield first, taken
            first = max(first, free)
        if first < end:
            yield first, end

    def has_room(self, offset: int, limit: int = MAX_METADATA) -> bool:
        """Whether the metadata still fits after a range that begins at ``offset`` and may grow is added."""
        if len(self._firsts) < _SURELY_FITS or offset <= self.base:
            return True
        at = bisect_right(self._firsts, offset) - 1
        touches = at >= 0 and offset <= self._ends[at]
        size = len(self._encoded()) + (_LONGEST if touches else 2 * _LONGEST)
        return len(_VERSION) + (size * 4 + 2) // 3 <= limit

    def metadata(self) -> str:
        """``ranges`` as text; empty when there are none."""
        if not self._firsts:
            return ""
        return _VERSION + base64.urlsafe_b64encode(self._encoded()).decode().rstrip("=")

    def _encoded(self) -> bytes:
        out = bytearray()
        before = self.base
        for first, end in self.ranges:
            _put(out, first - before)
            _put(out, end - first)
            before = end
        return bytes(out)

    @classmethod
    def read(cls, offset: int, metadata: str | None) -> Ledger:
        """A ledger from a committed offset and its metadata.

        Raises:
            LedgerUnreadable: the metadata is not what ``metadata()`` gives.
        """
        ledger = cls(max(offset, 0))
        if not metadata:
            return ledger
        if not metadata.startswith(_VERSION):
            raise LedgerUnreadable(
                f"offset metadata {metadata[:40]!r} is not that of a ledger this kafkade can read: use the newer one"
            )
        text = metadata.removeprefix(_VERSION)
        try:
            numbers = list(_take(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)))
        except (binascii.Error, ValueError) as error:
            raise LedgerUnreadable(f"the ledger's offset metadata {metadata[:40]!r} is damaged") from error
        if len(numbers) % 2 or 0 in numbers:
            raise LedgerUnreadable(f"the ledger's offset metadata {metadata[:40]!r} is damaged")
        at = ledger.base
        for distance, length in zip(numbers[::2], numbers[1::2], strict=True):
            ledger._firsts.append(at + distance)
            ledger._ends.append(at + distance + length)
            at += distance + length
        return ledger


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _take(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("ends within a number")
