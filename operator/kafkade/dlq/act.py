"""Executes the plan of one policy: KafkaTopics made, changed and let go.

KafkaTopics go through their own reconcile from here on. Whatever a crash leaves undone the next look does. A KafkaTopic that
leaves the policy gets deletionPolicy Retain before it is deleted: whether its topic is empty can change at any moment, and a
dead letter must not go because a policy's list of topics changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.context import Context
from kafkade.api.errors import (
    ApiConflict,
    ApiForbidden,
    ApiInvalid,
    ApiNotFound,
    InvalidConfig,
    KafkadeError,
    TopicConflict,
)
from kafkade.api.objects import Event, Resource
from kafkade.api.topic import DeletionPolicy
from kafkade.dlq.desired import LABEL, Child, label_value
from kafkade.dlq.plan import Kept, PolicyPlan
from kafkade.dlq.share.plan import GroupPlan


@dataclass(slots=True)
class Acted:
    """What became of a plan: errors by source topic and by share group, one of the whole, and what is worth an Event."""

    errors: dict[str, KafkadeError] = field(default_factory=dict)
    group_errors: dict[str, KafkadeError] = field(default_factory=dict)
    error: KafkadeError | None = None
    conflict: bool = False
    """Something moved under our hands: look again soon."""
    in_deletion: bool = False
    """A KafkaTopic of a name that is wanted is still being deleted: look again, less and less often."""
    events: list[Event] = field(default_factory=list)


async def act(policy: Resource, plan: PolicyPlan, groups: GroupPlan, context: Context) -> Acted:
    """Carry out a plan, but for the settings of share groups.

    Raises:
        ApiUnavailable: the Kubernetes API cannot be reached; what was done so far stays done.
    """
    done = Acted()
    labels = {**context.inherited_labels(policy), LABEL: label_value(policy.key.name)}
    for entry in plan.entries:
        if error := await _keep(policy, entry, labels, done, context):
            done.errors[entry.topics.topic] = error
    for group in groups.entries:
        if error := await _keep(policy, group, labels, done, context):
            done.group_errors[group.group] = error
    await asyncio.gather(*(_let_go(resource, done, context) for resource in plan.leaving))
    return done


async def _keep(
    policy: Resource, entry: Kept, labels: Mapping[str, str], done: Acted, context: Context
) -> KafkadeError | None:
    """Make and change KafkaTopics; returns what keeps one of them from being as declared."""
    errors = await asyncio.gather(
        *(_create(policy, child, labels, done, context) for child in entry.create),
        *(_change(old, child, done, context) for old, child in entry.change),
    )
    return next((error for error in errors if error is not None), None)


async def _create(
    policy: Resource, child: Child, labels: Mapping[str, str], done: Acted, context: Context
) -> KafkadeError | None:
    try:
        await context.create(policy, child.key, labels, child.spec)
    except ApiConflict:
        found = context.get(child.key)
        if found is None:
            done.conflict = True  # the watch has not shown it yet
        elif found.deleted:
            done.in_deletion = True
        else:
            return TopicConflict(
                f"{child.key} is wanted for topic {child.topic} and exists for another purpose; give it another name"
            )
    except (ApiInvalid, ApiForbidden) as error:
        return _explained(child, error)
    return None


async def _change(old: Resource, child: Child, done: Acted, context: Context) -> KafkadeError | None:
    try:
        await context.replace_spec(old, child.spec)
    except (ApiConflict, ApiNotFound):
        done.conflict = True
    except (ApiInvalid, ApiForbidden) as error:
        return _explained(child, error)
    return None


def _explained(child: Child, error: ApiInvalid | ApiForbidden) -> KafkadeError:
    """What the API server refuses in a spec is the policy's fault; a missing right is not."""
    text = f"{child.key}: {error.message}"
    return InvalidConfig(text) if isinstance(error, ApiInvalid) else ApiForbidden(text)


async def _let_go(resource: Resource, done: Acted, context: Context) -> None:
    try:
        if resource.spec.get("deletionPolicy") != DeletionPolicy.RETAIN.value:
            await context.replace_spec(resource, {**resource.spec, "deletionPolicy": DeletionPolicy.RETAIN.value})
            name = resource.spec.get("topicName")
            done.events.append(
                Event(
                    "Normal", "DeadLettersKept", f"topic {name} left the policy: it is kept in Kafka with its records"
                )
            )
        await context.delete(resource)
    except (ApiConflict, ApiNotFound):
        done.conflict = True
