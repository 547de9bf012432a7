"""A plan as data: what is to be done for each resource, in the words of people, and the sum of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import (
    AuthenticationFailed,
    ClusterUnreachable,
    InvalidSpec,
    RegistryAuthenticationFailed,
    RegistryUnreachable,
    SecretNotFound,
    TLSFailed,
)
from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import Key, Resource
from kafkade.api.plan import Step
from kafkade.bindings.steps import DeleteUser, Grant, KeepSecret, Revoke, SetPassword
from kafkade.cli.words import hint_for
from kafkade.clients.model import ConfigSource
from kafkade.clusters.steps import SetBrokerConfig, UnsetBrokerConfig
from kafkade.dlq.share.steps import SetGroupConfig
from kafkade.engine.gates import CLUSTER_REASONS
from kafkade.local.preview import Foreseen
from kafkade.local.problems import Place
from kafkade.schemas.steps import DeleteSubject, Register, SetCompatibility, UnsetCompatibility
from kafkade.topics.steps import (
    AddPartitions,
    Adopt,
    AlterConfig,
    AnnounceReassignment,
    Create,
    Delete,
    FinishReassignment,
    Reassign,
)

_SET_BY = {
    ConfigSource.TOPIC: "set on the topic",
    ConfigSource.BROKER: "set on a broker",
    ConfigSource.DEFAULT_BROKER: "set for all brokers",
    ConfigSource.STATIC_BROKER: "from the brokers' files",
    ConfigSource.DEFAULT: "Kafka's default",
}
_OF_CONNECTION = (
    ClusterUnreachable,
    TLSFailed,
    AuthenticationFailed,
    RegistryUnreachable,
    RegistryAuthenticationFailed,
)
_ORDER = ("refused", "delete", "change", "create", "observed", "adopt", "left", "paused", "waits", "none")
"""What comes first where several are true of one resource."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that changes. None: not there, or a default takes its place."""

    name: str
    old: str | None
    new: str | None
    old_by: str | None = None
    """Who set the old value."""
    new_by: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a plan."""

    key: Key
    action: str
    """One of ``_ORDER``."""
    place: str | None = None
    title: str | None = None
    """What it is about in Kafka or the registry."""
    steps: tuple[Step, ...] = ()
    fields: tuple[tuple[Field, ...], ...] = ()
    """By step."""
    reason: str | None = None
    message: str | None = None
    drift: tuple[tuple[str, str, str], ...] = ()
    """Field, declared, found."""
    warnings: tuple[str, ...] = ()
    hint: str | None = None
    unusable: bool = False
    """Its connection, and not something that it declares, is why it is refused."""

    @property
    def destructive(self) -> bool:
        """Whether records or versions would be gone for good."""
        return any(step.destructive for step in self.steps)

    def data(self) -> dict[str, Any]:
        """For JSON and YAML."""
        found: dict[str, Any] = {
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
            "action": self.action,
        }
        if self.place is not None:
            found["file"] = self.place
        if self.steps:
            found["steps"] = [_step(step, fields) for step, fields in zip(self.steps, self.fields, strict=True)]
        if self.reason is not None:
            found["reason"] = self.reason
        if self.message is not None:
            found["message"] = self.message
        if self.drift:
            found["drift"] = [{"field": f, "declared": d, "found": s} for f, d, s in self.drift]
        if self.warnings:
            found["warnings"] = list(self.warnings)
        return found


def _step(step: Step, fields: Sequence[Field]) -> dict[str, Any]:
    told = []
    for f in fields:
        entry: dict[str, Any] = {"field": f.name, "old": f.old, "new": f.new}
        entry |= {k: v for k, v in (("oldSetBy", f.old_by), ("newSetBy", f.new_by)) if v is not None}
        told.append(entry)
    return {"verb": step.verb, "change": step.change, "destructive": step.destructive, "fields": told}


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A whole plan."""

    entries: tuple[Entry, ...]

    def count(self, *actions: str) -> int:
        """Resources with one of these actions."""
        return sum(1 for entry in self.entries if entry.action in actions)

    @property
    def exit_code(self) -> int:
        """0 nothing to change, 2 changes, 1 something is refused or could not be found out."""
        if self.count("refused", "waits"):
            return 1
        return 2 if self.count("create", "change", "delete") else 0

    @property
    def unreachable(self) -> bool:
        """Whether a KafkaCluster cannot be used, or is not there."""
        return any(e.action == "waits" or (e.unusable and e.key.kind == CLUSTER) for e in self.entries)

    @property
    def waiting(self) -> list[tuple[str, int]]:
        """Why resources have no cluster to be looked at with, and how many."""
        found = Counter(f"{e.reason}: {e.message}" for e in self.entries if e.action == "waits")
        return sorted(found.items())

    @property
    def destructive(self) -> list[Entry]:
        """What takes records or versions away for good."""
        return [entry for entry in self.entries if entry.destructive]

    def data(self) -> dict[str, Any]:
        """For JSON and YAML."""
        counts = Counter(entry.action for entry in self.entries)
        return {
            "summary": {action: counts[action] for action in _ORDER if action != "waits" or counts[action]},
            "destructive": len(self.destructive),
            "resources": [entry.data() for entry in self.entries],
        }


def made_of(found: Sequence[Foreseen], places: Mapping[Key, Place], left: Collection[Key]) -> PlanReport:
    """The report of a preview. ``left``: resources that no manifest has any more and that are left as they are."""
    entries = [_entry(foreseen, places) for foreseen in found]
    entries += [
        Entry(key, "left", message="no manifest has it any more; it is left as it is (--prune deletes it)")
        for key in left
    ]
    return PlanReport(tuple(sorted(entries, key=lambda e: (_rank(e.action), e.key))))


def _rank(action: str) -> int:
    return _ORDER.index(action)


def _entry(foreseen: Foreseen, places: Mapping[Key, Place]) -> Entry:
    resource, plan = foreseen.resource, foreseen.plan
    place = places.get(resource.key)
    maker = f"made by {resource.owner.key}" if resource.owner is not None else None
    return Entry(
        resource.key,
        _action(foreseen),
        str(place) if place is not None else maker,
        _title(plan.steps),
        plan.steps,
        tuple(tuple(fields_of(step, resource)) for step in plan.steps),
        foreseen.reason,
        foreseen.message,
        tuple((d.field, d.expected, d.found) for d in plan.drift),
        tuple(event.message for event in plan.events if event.type == "Warning"),
        hint_for(foreseen.error) if isinstance(foreseen.error, _OF_CONNECTION) else None,
        isinstance(foreseen.error, (*_OF_CONNECTION, SecretNotFound, InvalidSpec)),
    )


def _action(foreseen: Foreseen) -> str:
    steps = foreseen.plan.steps
    if foreseen.reason is not None:
        of_cluster = foreseen.error is None and foreseen.reason in CLUSTER_REASONS
        return "waits" if of_cluster else "refused"
    if foreseen.paused:
        return "paused"
    if foreseen.observed:
        return "observed" if steps or foreseen.plan.drift else "none"
    if any(isinstance(step, Delete | DeleteSubject) for step in steps):
        return "delete"
    if any(isinstance(step, Create) or (isinstance(step, Register) and step.after is None) for step in steps):
        return "create"
    if foreseen.changes:
        return "change"
    return "adopt" if steps else "none"


def _title(steps: Sequence[Step]) -> str | None:
    for step in steps:
        match step:
            case Create(topic=topic):
                return f"topic {topic.name}"
            case (
                Adopt(name=name)
                | AlterConfig(name=name)
                | AddPartitions(name=name)
                | AnnounceReassignment(name=name)
                | Reassign(name=name)
                | FinishReassignment(name=name)
                | Delete(name=name)
            ):
                return f"topic {name}"
            case (
                Register(subject=subject)
                | SetCompatibility(subject=subject)
                | UnsetCompatibility(subject=subject)
                | DeleteSubject(subject=subject)
            ):
                return f"subject {subject}"
            case SetBrokerConfig() | UnsetBrokerConfig():
                return "settings of the brokers"
            case SetGroupConfig(group=group):
                return f"share group {group}"
            case KeepSecret(name=name):
                return f"Secret {name}"
            case SetPassword(username=name) | DeleteUser(username=name):
                return f"user {name}"
            case Grant(acl=acl) | Revoke(acl=acl):
                return f"ACLs of {acl.principal}"
    return None


def fields_of(step: Step, resource: Resource) -> Iterator[Field]:
    """What a step changes, field by field; a step that none of this fits says it as a whole."""
    match step:
        case Create(topic=topic):
            yield Field("partitions", None, str(topic.partitions))
            yield Field("replicationFactor", None, str(topic.replication_factor))
            for key, value in sorted(topic.config.items()):
                yield Field(key, None, value, new_by=_declared_by(key, resource))
        case AlterConfig(new=new, old=old, set_by=set_by):
            for key, wanted in sorted(new.items()):
                by = _SET_BY.get(set_by[key]) if key in set_by else None
                yield Field(key, old.get(key), wanted, by, _declared_by(key, resource) if wanted is not None else None)
        case SetGroupConfig(group=group, new=new, old=old):
            for key, wanted in sorted(new.items()):
                yield Field(f"share group {group}: {key}", old.get(key), wanted)
        case AddPartitions(old=before, new=after):
            yield Field("partitions", str(before), str(after))
        case AnnounceReassignment(old=before, new=after):
            yield Field("replicationFactor", str(before), str(after))
        case SetBrokerConfig(key=key, old=found, new=value):
            yield Field(f"brokerConfig {key}", found, value)
        case UnsetBrokerConfig(key=key, old=value):
            yield Field(f"brokerConfig {key}", value, None)
        case SetCompatibility(old=found, new=value):
            yield Field("compatibility", found, value)
        case UnsetCompatibility(old=value):
            yield Field("compatibility", value, None)
        case Register(after=latest, body=body):
            before_text = None if latest is None else str(latest)
            yield Field("version", before_text, f"{(latest or 0) + 1} ({body.schema_type})")


def _declared_by(key: str, resource: Resource) -> str | None:
    """Where a declared setting stands when it is not the resource's own spec."""
    return None if key in (resource.spec.get("config") or {}) else "the KafkaCluster's topicDefaults"
