"""From what is declared and what is there to the steps between them. Pure; the operator and the CLI share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafkade.api import ANNOTATION_DELETION_PROTECTION, FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.conditions import condition
from kafkade.api.errors import (
    AdoptionRefused,
    DeletionProtected,
    InvalidConfig,
    KafkadeError,
    NamingRefused,
    NotEnoughBrokers,
    PartitionShrinkRefused,
    TopicConflict,
)
from kafkade.api.objects import Event, Key, Resource
from kafkade.api.plan import DriftFound, Plan, Step
from kafkade.api.policy import Grant, check_topic_name, naming_violation
from kafkade.api.topic import AdoptionPolicy, DeletionPolicy
from kafkade.clients.model import BrokerNode, ConfigSource, NewTopic
from kafkade.topics.desired import Desired
from kafkade.topics.observe import TopicFacts
from kafkade.topics.placement import place
from kafkade.topics.settings import same, undeclared, unknown_key_message
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

THROTTLED_REPLICAS = ("leader.replication.throttled.replicas", "follower.replication.throttled.replicas")
"""Topic settings of a running throttled reassignment (KIP-73); never taken for drift."""


ANNOUNCED = "topicAnnounced"
"""Field of status: without a finalizer of kafkade's own, or where the id of a former topic is recorded, it says that a topic is
being made or taken over."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the cluster and its other resources allow this one topic."""

    cluster: Key
    spec: KafkaClusterSpec
    brokers: tuple[BrokerNode, ...]
    grant: Grant = field(default_factory=Grant)
    rival: Key | None = None


def plan(resource: Resource, desired: Desired, facts: TopicFacts, policy: Policy) -> Plan:
    """The steps that make ``facts`` as ``desired``, or why there are none."""
    try:
        if resource.deleted:
            return _plan_deletion(resource, desired, facts, policy)
        return _plan_keeping(resource, desired, facts, policy)
    except KafkadeError as error:
        return Plan(error=error)


def recorded_id(resource: Resource) -> str | None:
    """The id of the topic that this resource owns by its own record."""
    value = resource.status.get("topicId")
    return value if isinstance(value, str) else None


def owns(resource: Resource, facts: TopicFacts) -> bool:
    """Whether the topic that is there is this resource's own: by its recorded id; without a record, by the finalizer.

    The finalizer goes on only after the topic was seen absent or its adoption decided, so after a crash between
    finalizer and status it says who made the topic. With Retain, which has no finalizer, and where the record is of a topic
    that was deleted outside, an announcement in status does. The API server's own finalizer says nothing: with that one it is
    a mark at the KafkaCluster, or such an announcement.
    """
    if facts.description is None:
        return False
    record = recorded_id(resource)
    if resource.status.get(ANNOUNCED):
        return True
    if record is not None:
        return record == facts.description.topic_id
    return facts.is_marked or FINALIZER in resource.finalizers


def _plan_deletion(resource: Resource, desired: Desired, facts: TopicFacts, policy: Policy) -> Plan:
    if resource.annotations.get(ANNOTATION_DELETION_PROTECTION) == "true":
        raise DeletionProtected(
            f"topic {desired.name} is kept: annotation {ANNOTATION_DELETION_PROTECTION} is true;"
            " take it off to let the deletion go on"
        )
    if desired.deletion is DeletionPolicy.RETAIN or desired.observe_only or facts.description is None:
        return Plan()
    if policy.rival is not None:
        return Plan(
            events=(Event("Normal", "TopicKept", f"topic {desired.name} is kept: it belongs to {policy.rival}"),)
        )
    if not owns(resource, facts):
        found = facts.description.topic_id
        reason = f"its id is {found}, not {recorded_id(resource) or 'one that kafkade made'}"
        return Plan(events=(Event("Warning", "TopicKept", f"topic {desired.name} is kept: {reason}"),))
    return Plan((Delete(desired.name),))


def _plan_keeping(resource: Resource, desired: Desired, facts: TopicFacts, policy: Policy) -> Plan:
    warnings = _check_names(desired, policy)
    _check_settings(desired, facts, policy)
    if policy.rival is not None:
        raise TopicConflict(
            f"topic {desired.name} of this Kafka is held by {policy.rival}, which is older; delete one of the two"
            " resources (deleting this one leaves the topic alone)"
        )
    if facts.description is None:
        return _plan_creation(resource, desired, warnings)
    steps: list[Step] = []
    events = list(warnings)
    if not desired.observe_only and not owns(resource, facts):
        adoption, adoption_events = _plan_adoption(resource, desired, facts)
        steps.append(adoption)
        events += adoption_events
    changes = _plan_changes(resource, desired, facts, policy)
    if owns(resource, facts) and recorded_id(resource) not in (None, facts.description.topic_id):
        # a crash came between the creation in place of the one that was deleted and its report
        gone, event = _deleted_outside(resource, desired)
        return Plan((*steps, *changes), drift=(gone,), events=(*events, event))
    drift = _drift(resource, desired, facts) if not steps else ()
    if drift and not desired.observe_only:
        what = "; ".join(f"{d.field} was {d.found}, is {d.expected} again" for d in drift)
        events.append(Event("Warning", "DriftRepaired", f"topic {desired.name} was changed outside: {what}"))
    return Plan((*steps, *changes), drift=drift, events=tuple(events))


def _check_names(desired: Desired, policy: Policy) -> list[Event]:
    check_topic_name(desired.name)
    policy.grant.check_topic(desired.name, policy.cluster)
    violation = naming_violation(policy.spec.naming, desired.name)
    if violation and policy.spec.naming is not None:
        if policy.spec.naming.mode == "Enforce":
            raise NamingRefused(violation)
        return [Event("Warning", "NamingWarning", violation)]
    return []


def _check_settings(desired: Desired, facts: TopicFacts, policy: Policy) -> None:
    if facts.configs:
        unknown = undeclared(desired.config, facts.configs.keys())
        if unknown:
            raise InvalidConfig("; ".join(unknown_key_message(key, facts.configs.keys()) for key in unknown))
    factor = desired.new_replication_factor if facts.description is None else desired.replication_factor
    if factor is None:
        factor = min((len(p.replicas) for p in facts.description.partitions), default=1) if facts.description else 1
    elif factor > len(policy.brokers) and (facts.description is None or _lowest(facts) != factor):
        origin = "" if desired.replication_factor else " (from the cluster's topicDefaults)"
        raise NotEnoughBrokers(
            f"replication factor {factor}{origin} needs {factor} brokers and the cluster has {len(policy.brokers)};"
            " lower spec.replicationFactor or add brokers"
        )
    check_minimum(desired, factor)


def check_minimum(desired: Desired, factor: int) -> None:
    """min.insync.replicas against a replication factor.

    Raises:
        InvalidConfig: nothing could be written to the topic.
    """
    minimum = desired.config.get("min.insync.replicas", "")
    if minimum.strip().isdigit() and int(minimum) > factor:
        raise InvalidConfig(
            f"config min.insync.replicas is {minimum} and the replication factor {factor}: no producer with acks=all"
            " could write; lower the one or raise the other"
        )


def _lowest(facts: TopicFacts) -> int:
    return min((len(p.replicas) for p in facts.description.partitions), default=0) if facts.description else 0


def _plan_creation(resource: Resource, desired: Desired, warnings: list[Event]) -> Plan:
    create = Create(NewTopic(desired.name, desired.new_partitions, desired.new_replication_factor, desired.config))
    if recorded_id(resource) is None:
        return Plan((create,), events=tuple(warnings))
    gone, event = _deleted_outside(resource, desired)
    return Plan((create,), drift=(gone,), events=(*warnings, event))


def _deleted_outside(resource: Resource, desired: Desired) -> tuple[DriftFound, Event]:
    """What is told of a topic whose id is recorded and that is gone."""
    record = str(recorded_id(resource))
    gone = DriftFound("topicId", record, "no such topic")
    event = Event(
        "Warning",
        "TopicDeletedOutside",
        f"topic {desired.name} ({record}) was deleted outside kafkade with its records; "
        + ("reported only: managementPolicy is Observe" if desired.observe_only else "it is created anew, empty"),
    )
    return gone, event


def _plan_adoption(resource: Resource, desired: Desired, facts: TopicFacts) -> tuple[Step, list[Event]]:
    """Raises AdoptionRefused unless the adoption policy lets kafkade take the topic that is there."""
    assert facts.description is not None  # noqa: S101 -- the caller saw it
    found = facts.description
    record = recorded_id(resource)
    events = []
    if record is not None:
        why = f"topic {desired.name} was deleted and made again outside kafkade (id {record} is now {found.topic_id})"
        events.append(Event("Warning", "TopicRecreatedOutside", why))
    else:
        why = f"topic {desired.name} exists already and kafkade did not make it"
    if desired.adoption is AdoptionPolicy.ALWAYS:
        return Adopt(desired.name, found.topic_id), events
    # a KafkaDLQPolicy has no such field, and its KafkaTopics' specs are not written by hand
    where = "adoptionPolicy" if resource.owner is None else "topicDefaults.adoptionPolicy of the KafkaCluster"
    if desired.adoption is AdoptionPolicy.NEVER:
        raise AdoptionRefused(
            f"{why}; {where} is Never: set IfIdentical or Always to take it over, or use another name"
        )
    differences = _differences(desired, facts)
    if differences:
        listed = ", ".join(f"{d.field} is {d.found}, declared {d.expected}" for d in differences)
        raise AdoptionRefused(
            f"{why}; {where} is IfIdentical and it differs: {listed};"
            f" make the spec equal, or set {where} to Always to have the topic changed"
        )
    return Adopt(desired.name, found.topic_id), events


def _differences(desired: Desired, facts: TopicFacts) -> list[DriftFound]:
    assert facts.description is not None  # noqa: S101 -- callers saw it
    found = facts.description
    result = []
    if desired.partitions is not None and len(found.partitions) != desired.partitions:
        result.append(DriftFound("partitions", str(desired.partitions), str(len(found.partitions))))
    factors = sorted({len(p.replicas) for p in found.partitions})
    if desired.replication_factor is not None and not facts.moves and factors != [desired.replication_factor]:
        result.append(DriftFound("replicationFactor", str(desired.replication_factor), " and ".join(map(str, factors))))
    for key, value in sorted(desired.config.items()):
        entry = facts.configs.get(key)
        if entry is not None and not same(key, entry.value, value):
            result.append(DriftFound(f"config[{key}]", value, str(entry.value)))
    return result


def _plan_changes(resource: Resource, desired: Desired, facts: TopicFacts, policy: Policy) -> list[Step]:
    assert facts.description is not None  # noqa: S101 -- the caller saw it
    steps: list[Step] = []
    count = len(facts.description.partitions)
    if desired.partitions is not None and desired.partitions < count:
        raise PartitionShrinkRefused(
            f"topic {desired.name} has {count} partitions and spec.partitions is {desired.partitions}: Kafka cannot take"
            f" partitions away; set spec.partitions to {count} or more"
        )
    config = _config_changes(resource, desired, facts)
    if config:
        found = {k: e for k in config if (e := facts.configs.get(k))}
        old, set_by = {k: e.value for k, e in found.items()}, {k: e.source for k, e in found.items()}
        steps.append(AlterConfig(desired.name, config, old, set_by))
    if desired.partitions is not None and desired.partitions > count:
        steps.append(AddPartitions(desired.name, count, desired.partitions))
    steps += _reassignment_steps(resource, desired, facts, policy)
    return steps


def _config_changes(resource: Resource, desired: Desired, facts: TopicFacts) -> dict[str, str | None]:
    """Settings to write.

    What a topic has by the brokers' default already is written too, and so stays when the default changes, once a changed
    spec declares it: what is adopted is taken over as it is.
    """
    pinned = owns(resource, facts) and _is_changed(resource)
    changes: dict[str, str | None] = {}
    for key, value in desired.config.items():
        entry = facts.configs.get(key)
        inherited = entry is not None and entry.source is not ConfigSource.TOPIC
        if entry is None or (pinned and inherited) or not same(key, entry.value, value):
            changes[key] = value
    if owns(resource, facts):
        for key in resource.status.get("config") or {}:
            entry = facts.configs.get(key)
            if key not in desired.config and entry is not None and entry.source is ConfigSource.TOPIC:
                changes[key] = None
    return changes


def _is_changed(resource: Resource) -> bool:
    """Whether an earlier spec was looked at, and this one is not reached yet."""
    observed = resource.status.get("observedGeneration")
    ready = condition(resource.status, "Ready") or {}
    return isinstance(observed, int) and (
        observed < resource.generation or (observed == resource.generation > 1 and ready.get("status") != "True")
    )


def _reassignment_steps(resource: Resource, desired: Desired, facts: TopicFacts, policy: Policy) -> list[Step]:
    assert facts.description is not None  # noqa: S101 -- callers saw it
    announced: Mapping[str, Any] | None = resource.status.get("reassignment")
    wanted = desired.replication_factor
    partitions = facts.description.partitions
    if wanted is None or all(len(p.replicas) == wanted for p in partitions):
        # a move by somebody else is left alone; ours is over once Kafka lists none
        if announced and not facts.moves:
            return [FinishReassignment(desired.name, _is_throttled(announced, facts))]
        return []
    if facts.moves:
        # left alone, ours and others'; a goal that changed meanwhile comes after them
        return []
    if announced is None or announced.get("targetReplicationFactor") != wanted:
        throttle = policy.spec.reassignment.throttle_bytes_per_second
        return [AnnounceReassignment(desired.name, _lowest(facts), wanted, throttle)]
    replicas = place(partitions, policy.brokers, wanted)
    before = {n: partitions[n].replicas for n in replicas}
    return [Reassign(desired.name, replicas, before, wanted, policy.spec.reassignment.throttle_bytes_per_second)]


def _is_throttled(announced: Mapping[str, Any], facts: TopicFacts) -> bool:
    """Whether a throttle was set, or may have been before a crash; a spec.reassignment that is new since shows in Kafka."""
    set_here = (e for key in THROTTLED_REPLICAS if (e := facts.configs.get(key)) is not None)
    return "throttleBytesPerSecond" in announced or any(e.source is ConfigSource.TOPIC for e in set_here)


def _drift(resource: Resource, desired: Desired, facts: TopicFacts) -> tuple[DriftFound, ...]:
    """Differences although this generation was reached before. Observe reports every difference."""
    differences = _differences(desired, facts)
    if desired.observe_only:
        return tuple(differences)
    status = resource.status
    ready = condition(status, "Ready") or {}
    if status.get("observedGeneration") != resource.generation or ready.get("status") != "True":
        return ()
    kept = status.get("config") or {}
    result = []
    for item in differences:
        key = item.field.removeprefix("config[").removesuffix("]")
        if item.field == "replicationFactor" and status.get("reassignment") is not None:
            continue  # it is on its way there
        if item.field == "partitions" and int(item.found) < int(item.expected) and owns(resource, facts):
            continue  # a topic never has fewer than before: the broker that was asked is behind
        # a changed cluster default differs too, and that is no drift
        is_default_change = item.field.startswith("config[") and key not in (resource.spec.get("config") or {})
        if not is_default_change or same(key, kept.get(key), item.expected):
            result.append(item)
    return tuple(result)
