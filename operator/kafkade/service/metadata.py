"""What a listener is told of a record beside its event."""

from __future__ import annotations

import datetime
from typing import Any

from kafkade.dlq.headers import read
from kafkade.dlq.letter import Headers, Origin


class Metadata:
    """Where a record is, what its headers say, and which attempt at it this is. Read lazily, since most handlers ask little."""

    __slots__ = ("_message", "attempt", "group")

    def __init__(self, message: Any, attempt: int = 1, group: str = "") -> None:
        self._message = message
        self.attempt = attempt
        """1 at the first attempt; counts on through retry topics."""
        self.group = group
        """The consumer group that reads it."""

    def __repr__(self) -> str:
        return f"Metadata({self.topic}/{self.partition}@{self.offset}, attempt {self.attempt})"

    @property
    def topic(self) -> str:
        """The topic that it was read from, which may be a retry topic: see ``origin``."""
        return self._message.topic()  # type: ignore[no-any-return]

    @property
    def partition(self) -> int:
        """The partition's number."""
        return self._message.partition()  # type: ignore[no-any-return]

    @property
    def offset(self) -> int:
        """The record's offset."""
        return self._message.offset()  # type: ignore[no-any-return]

    @property
    def key(self) -> bytes | None:
        """The key's bytes."""
        return self._message.key()  # type: ignore[no-any-return]

    @property
    def timestamp(self) -> datetime.datetime | None:
        """The record's timestamp, in UTC; None where it has none."""
        kind, milliseconds = self._message.timestamp()
        return None if kind == 0 else datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)

    @property
    def headers(self) -> Headers:
        """All headers in their order."""
        return self._message.headers() or ()

    def header(self, name: str) -> str | None:
        """The last header of a name as text; None where there is none, or its value is null."""
        for key, value in reversed(self.headers):
            if key == name:
                return None if value is None else value.decode("utf-8", "replace")
        return None

    @property
    def origin(self) -> Origin:
        """Where the record was first, before retry topics and redrives: its own place where no header says otherwise."""
        letters = read(self.headers)
        if letters and letters[0].origin.topic is not None:
            return letters[0].origin
        return Origin(self.topic, self.partition, self.offset, self._message.timestamp()[1], self.group)
