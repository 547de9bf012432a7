"""From what was planned and done to the one report of a topic. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from kafkade.api.conditions import Outcome, next_status, transition_events
from kafkade.api.errors import KafkadeError, TopicConflict
from kafkade.api.objects import Event, Report, Resource
from kafkade.api.plan import Plan
from kafkade.api.topic import DeletionPolicy
from kafkade.clients.model import ConfigSource, TopicDescription
from kafkade.topics.act import Acted, first_settings, is_unmarked, takes_topic, with_first_settings
from kafkade.topics.desired import Desired
from kafkade.topics.observe import TopicFacts
from kafkade.topics.plan import ANNOUNCED, owns, recorded_id
from kafkade.topics.settings import same

REASSIGNMENT_POLL = 1.0
"""Seconds between looks at a running reassignment."""


def failed(resource: Resource, error: KafkadeError, now: str, fields: Mapping[str, Any] | None = None) -> Report:
    """The report of a topic that could not be kept; what was known of it stays in status."""
    status = next_status(resource.status, resource.generation, Outcome.failed(error), now, fields)
    return Report(
        resource.key,
        status,
        transition_events(resource.status, status),
        retry="backoff" if error.retryable else None,
    )


def report(resource: Resource, desired: Desired, facts: TopicFacts, plan: Plan, done: Acted, now: str) -> Report:
    """The whole status of a topic after its plan was carried out as far as it went."""
    error = plan.error or done.error
    if resource.deleted:
        if error is not None:
            return failed(resource, error, now)
        return Report(resource.key, events=plan.events, release=True)
    fields = _fields(resource, desired, facts, plan, done)
    if error is not None:
        if isinstance(error, TopicConflict):
            # a resource that never held the topic lets it be, and must not look as if it did
            fields = {"topicName": desired.name}
        return failed(resource, error, now, fields)
    outcome, retry = _outcome(desired, facts, plan, done, fields)
    status = next_status(resource.status, resource.generation, outcome, now, fields)
    events = (*plan.events, *transition_events(resource.status, status))
    return Report(resource.key, status, _without_doubles(resource, events), retry, release=_releases(resource, desired))


def _releases(resource: Resource, desired: Desired) -> bool:
    """Retain needs no finalizer: let go of one that an earlier deletionPolicy: Delete brought, or the API server."""
    return resource.is_held and desired.deletion is DeletionPolicy.RETAIN


def _without_doubles(resource: Resource, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Drop naming warnings and Observe's drift that an unchanged spec was told of before."""
    known = resource.status.get("observedGeneration") == resource.generation
    return tuple(e for e in events if not (known and e.reason == "NamingWarning"))


def _fields(resource: Resource, desired: Desired, facts: TopicFacts, plan: Plan, done: Acted) -> dict[str, Any]:
    description = done.description or (None if done.created else facts.description)
    held = done.created or done.adopted is not None or owns(resource, facts)
    topic_id = description.topic_id if description else done.adopted
    unanswered = done.error is not None and done.error.retryable
    in_doubt = takes_topic(plan) and (topic_id is None if held else unanswered)
    fields: dict[str, Any] = {
        "topicName": desired.name,
        ANNOUNCED: True if in_doubt and (is_unmarked(resource, desired) or _releases(resource, desired)) else None,
    }
    if description is not None:
        fields["partitions"] = len(description.partitions)
        fields["replicationFactor"] = _factor(description)
    if held:
        fields["topicId"] = topic_id
        fields["config"] = _kept_config(resource, desired, facts, plan, done)
    elif fields[ANNOUNCED]:
        fields["config"] = with_first_settings(resource, plan) or None
    elif takes_topic(plan) and recorded_id(resource) is None:
        fields["config"] = None
    fields["drift"] = _drift(resource, desired, plan, done)
    fields["reassignment"] = _reassignment(resource, facts, done)
    return fields


def _kept_config(
    resource: Resource, desired: Desired, facts: TopicFacts, plan: Plan, done: Acted
) -> dict[str, str] | None:
    """The settings that kafkade set on the topic: what goes back to its default when a spec drops it.

    A crash between Kafka's answer and this status leaves settings that are as declared and recorded nowhere. So while a
    generation has not been reported yet, a declared setting that the topic itself carries counts as set by kafkade. What was
    announced stays, also where it was refused: it is tried again at each look, and what is as it was writes nothing.
    """
    fresh = done.created or done.adopted is not None
    before: Mapping[str, str] = {} if fresh else resource.status.get("config") or {}
    unreported = not fresh and resource.status.get("observedGeneration") != resource.generation
    kept: dict[str, str] = {}
    for key in {**before, **desired.config}:
        entry = facts.configs.get(key)
        carried = entry is not None and entry.source is ConfigSource.TOPIC
        if key in done.set_config:
            value = done.set_config[key]
        elif key in desired.config:
            as_declared = carried and entry is not None and same(key, entry.value, desired.config[key])
            value = desired.config[key] if as_declared and (unreported or key in before) else before.get(key)
        else:
            value = before[key] if carried else None
        if value is not None:
            kept[key] = value
    if done.error is not None:
        kept = {**first_settings(resource, plan), **kept}
    return dict(sorted(kept.items())) or None


def _factor(description: TopicDescription) -> int:
    return min((len(p.replicas) for p in description.partitions), default=0)


def _drift(resource: Resource, desired: Desired, plan: Plan, done: Acted) -> list[dict[str, Any]] | None:
    if plan.drift:
        repaired = not desired.observe_only and done.error is None
        return [d.as_status(repaired=repaired) for d in plan.drift]
    if desired.observe_only or resource.status.get("observedGeneration") != resource.generation:
        return None
    return resource.status.get("drift")


def _reassignment(resource: Resource, facts: TopicFacts, done: Acted) -> dict[str, Any] | None:
    total = len(facts.description.partitions) if facts.description else 0
    if done.announced is not None:
        goal = {"targetReplicationFactor": done.announced.new, "partitionsDone": 0, "partitionsTotal": total}
        return goal if done.announced.throttle is None else goal | {"throttleBytesPerSecond": done.announced.throttle}
    running = resource.status.get("reassignment")
    if running is None or done.finished:
        return None
    progress = dict(running)
    if done.reassigned is not None:
        progress["partitionsDone"] = total - len(done.reassigned.replicas)
        if done.reassigned.throttle is not None:
            progress["throttleBytesPerSecond"] = done.reassigned.throttle
    elif facts.description is not None:
        progress["partitionsDone"] = total - len(facts.moves)
    progress["partitionsTotal"] = total
    return progress


def _outcome(
    desired: Desired, facts: TopicFacts, plan: Plan, done: Acted, fields: Mapping[str, Any]
) -> tuple[Outcome, Literal["backoff"] | float | None]:
    if desired.observe_only:
        return _observed(desired, facts, plan), None
    moving = fields.get("reassignment")
    if moving:
        message = (
            f"moving replicas to factor {moving['targetReplicationFactor']}:"
            f" {moving['partitionsDone']} of {moving['partitionsTotal']} partitions done"
        )
        return Outcome.progressing("Reassigning", message, ready=True), 0.1 if done.announced else REASSIGNMENT_POLL
    wanted, found = desired.replication_factor, fields.get("replicationFactor")
    if wanted is not None and found is not None and wanted != found and facts.moves:
        message = f"replication factor {found} -> {wanted} waits for a reassignment that is running already"
        return Outcome.progressing("Reassigning", message, ready=True), REASSIGNMENT_POLL * 5
    count = fields.get("partitions", desired.new_partitions)
    return Outcome.done(f"topic {desired.name} is as declared: {count} partitions, replication factor {found}"), None


def _observed(desired: Desired, facts: TopicFacts, plan: Plan) -> Outcome:
    if facts.description is None:
        message = f"topic {desired.name} does not exist; managementPolicy is Observe, so it is not created"
        return Outcome("False", False, False, "Observed", message)
    if plan.drift:
        listed = "; ".join(f"{d.field} is {d.found}, declared {d.expected}" for d in plan.drift)
        return Outcome("False", False, False, "Observed", f"topic {desired.name} differs: {listed}; nothing is changed")
    return Outcome.done(f"topic {desired.name} is as declared; managementPolicy is Observe", "Observed")
