"""The steps a topic's plan can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.plan import Step, settings_change
from kafkade.clients.model import ConfigSource, NewTopic


@dataclass(frozen=True, slots=True)
class Create(Step):
    """CreateTopics with all settings at once: Kafka makes the whole topic or nothing."""

    topic: NewTopic

    @property
    def verb(self) -> str:
        return "create"

    @property
    def change(self) -> str:
        t = self.topic
        config = "".join(f", {k}={v}" for k, v in sorted(t.config.items()))
        return f"topic {t.name}: {t.partitions} partitions, replication factor {t.replication_factor}{config}"


@dataclass(frozen=True, slots=True)
class Adopt(Step):
    """Take an existing topic over; nothing in Kafka changes by it."""

    name: str
    topic_id: str

    @property
    def verb(self) -> str:
        return "adopt"

    @property
    def change(self) -> str:
        return f"topic {self.name} ({self.topic_id})"


@dataclass(frozen=True, slots=True)
class AlterConfig(Step):
    """IncrementalAlterConfigs; ``new`` None takes the topic's own value away, back to the default."""

    name: str
    new: Mapping[str, str | None]
    old: Mapping[str, str | None] = field(default_factory=dict)
    set_by: Mapping[str, ConfigSource] = field(default_factory=dict, compare=False)
    """Where the old values come from."""

    @property
    def verb(self) -> str:
        return "set"

    @property
    def change(self) -> str:
        return settings_change(self.old, self.new)


@dataclass(frozen=True, slots=True)
class AddPartitions(Step):
    """CreatePartitions up to ``new`` in all."""

    name: str
    old: int
    new: int

    @property
    def verb(self) -> str:
        return "add partitions"

    @property
    def change(self) -> str:
        return f"partitions: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class AnnounceReassignment(Step):
    """Write the goal into status before anything moves, so that a restart knows whose throttles it meets."""

    name: str
    old: int
    new: int
    throttle: int | None = None
    """Bytes a second that it will be held to, so that what is set for that is taken back whatever happens."""

    @property
    def verb(self) -> str:
        return "prepare reassignment"

    @property
    def change(self) -> str:
        return f"replication factor: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class Reassign(Step):
    """AlterPartitionReassignments (KIP-455), under a throttle (KIP-73) where one is set."""

    name: str
    replicas: Mapping[int, tuple[int, ...]]
    before: Mapping[int, tuple[int, ...]]
    new: int
    throttle: int | None = None

    @property
    def verb(self) -> str:
        return "reassign"

    @property
    def change(self) -> str:
        return f"{len(self.replicas)} partitions to replication factor {self.new}"


@dataclass(frozen=True, slots=True)
class FinishReassignment(Step):
    """Take the throttles of a finished reassignment away."""

    name: str
    throttled: bool

    @property
    def verb(self) -> str:
        return "finish reassignment"

    @property
    def change(self) -> str:
        return "throttles removed" if self.throttled else "done"


@dataclass(frozen=True, slots=True)
class Delete(Step):
    """DeleteTopics: the records go with it."""

    name: str

    @property
    def verb(self) -> str:
        return "delete"

    @property
    def change(self) -> str:
        return f"topic {self.name} and its records"

    @property
    def destructive(self) -> bool:
        return True
