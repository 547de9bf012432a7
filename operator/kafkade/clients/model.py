"""Facts that brokers report, as frozen values. Every answer is keyed by resource: one bad topic never fails its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ConfigSource(StrEnum):
    """Where a setting's value comes from (KIP-226)."""

    TOPIC = "DYNAMIC_TOPIC_CONFIG"
    BROKER = "DYNAMIC_BROKER_CONFIG"
    DEFAULT_BROKER = "DYNAMIC_DEFAULT_BROKER_CONFIG"
    STATIC_BROKER = "STATIC_BROKER_CONFIG"
    DEFAULT = "DEFAULT_CONFIG"
    GROUP = "GROUP_CONFIG"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One setting of a topic, broker or group as DescribeConfigs shows it. ``value`` is None for sensitive settings."""

    value: str | None
    source: ConfigSource
    read_only: bool = False
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: broker ids of its replicas, in-sync replicas, and its leader (None when it is offline)."""

    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    leader: int | None


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic's id and partitions, by partition number."""

    name: str
    topic_id: str
    partitions: tuple[Partition, ...]
    internal: bool = False


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic, and those of its settings that were asked for; one that the broker does not know is missing."""

    description: TopicDescription
    configs: Mapping[str, ConfigEntry]


@dataclass(frozen=True, slots=True)
class BrokerNode:
    """A broker: its node id, and where clients reach it."""

    id: int
    host: str
    port: int
    rack: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """Counts over all topics, from one Metadata call, internal topics included."""

    topics: int
    partitions: int
    under_replicated: int
    offline: int


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """A cluster's id, the node id of its active controller, its brokers by node id, and how its partitions are."""

    cluster_id: str
    controller: int | None
    brokers: tuple[BrokerNode, ...]
    health: Health


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """The offsets of a partition: its first record's, the one after its last, and the first record's timestamp.

    ``first_timestamp`` is in milliseconds, None where the partition is empty or its records have none.
    """

    start: int
    end: int
    first_timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """What a group committed for a partition: the next offset, and the text that came with it."""

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A CreateTopics entry."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionMove:
    """A partition of a running reassignment (KIP-455)."""

    replicas: tuple[int, ...]
    adding: tuple[int, ...]
    removing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Voter:
    """A controller that votes: its node id, and how many milliseconds ago it had all that the active one had.

    ``behind`` is None where that is not known: it never fetched from the active controller.
    """

    id: int
    behind: int | None


@dataclass(frozen=True, slots=True)
class Quorum:
    """The controllers (KRaft): node id of the active one, None while none is elected, and all that vote."""

    leader: int | None
    voters: tuple[Voter, ...]


@dataclass(frozen=True, slots=True)
class Replication:
    """How every topic is replicated right now, as all brokers agree.

    ``brokers``: node ids of those that are up. ``min_isr``: each topic's min.insync.replicas in effect.
    """

    brokers: frozenset[int]
    topics: Mapping[str, tuple[Partition, ...]]
    min_isr: Mapping[str, int]
    quorum: Quorum
