"""Groups as brokers report them, and where a partition's log begins, ends and what time its records have. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TopicPartition = tuple[str, int]


class GroupKind(StrEnum):
    """The protocol that a group's members speak (KIP-848, KIP-932, KIP-1071)."""

    CLASSIC = "classic"
    CONSUMER = "consumer"
    SHARE = "share"
    STREAMS = "streams"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class GroupListing:
    """A group as ListGroups has it.

    ``protocol_type``: what its members are (``consumer``, ``connect``); empty where a group has only offsets, committed
    without any member. ``state``: the broker's word for it.
    """

    name: str
    kind: GroupKind
    state: str
    protocol_type: str


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group: a consumer in a process of an application.

    ``assigned``: what it has now. ``target``: what it is to have (KIP-848); None where the protocol does not tell.
    ``subscribed``: topics by name; empty also where it subscribes by a pattern.
    """

    id: str
    client_id: str
    host: str
    instance_id: str | None = None
    assigned: frozenset[TopicPartition] = frozenset()
    target: frozenset[TopicPartition] | None = None
    subscribed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its members; ``members`` is None where brokers or the protocol do not tell (Streams groups)."""

    name: str
    kind: GroupKind
    state: str
    protocol_type: str
    assignor: str = ""
    members: tuple[Member, ...] | None = ()


@dataclass(frozen=True, slots=True)
class LogRange:
    """A partition's log: the first offset that is there, and the one after the last (the high watermark)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class NextRecord:
    """What stands at an offset or after it.

    ``timestamp``: milliseconds since 1970 of the first record; None where none is there: only control records (of
    transactions) and offsets that compaction has emptied, up to ``seen``.
    """

    timestamp: int | None
    seen: int
