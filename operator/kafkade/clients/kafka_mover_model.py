"""Values that a mover of records and its users hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

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


Positions = Mapping[int, Committed]
"""Committed offsets by partition of the dead-letter topic."""
