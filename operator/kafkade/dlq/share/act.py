"""Executes the plan for share groups: one request for what is set, and one for what is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.context import Context
from kafkade.api.errors import ApiConflict, ApiNotFound, KafkadeError
from kafkade.api.objects import Event, Resource
from kafkade.clients.kafka import KafkaAdmin
from kafkade.dlq.share.plan import GroupPlan


@dataclass(slots=True)
class GroupsActed:
    """What became of the changes, by group."""

    errors: dict[str, KafkadeError] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    """Groups whose changes are all in Kafka."""
    conflict: bool = False
    """The policy changed under our hands: look again soon."""
    events: list[Event] = field(default_factory=list)


async def act_on_groups(policy: Resource, plan: GroupPlan, kafka: KafkaAdmin, context: Context) -> GroupsActed:
    """Carry out a plan.

    The finalizer comes first: what is set must be taken back when the policy goes.

    Raises:
        KafkaError: no answer at all. KubernetesError: the finalizer could not be put on.
    """
    acted = GroupsActed()
    changes: dict[str, Mapping[str, str | None]] = {e.group: e.changes for e in plan.entries if e.changes}
    if changes and policy.deleted is None:
        try:
            await context.add_finalizer(policy)
        except (ApiConflict, ApiNotFound):
            acted.conflict = True
            return acted
    changes |= {gone.group: gone.changes for gone in plan.leaving if gone.changes}
    if not changes:
        return acted
    for group, error in (await kafka.alter_group_configs(changes)).items():
        if error is None:
            acted.done.add(group)
        else:
            acted.errors[group] = error
    for entry in plan.entries:
        if entry.drift and entry.group in acted.done:
            what = "; ".join(f"{k} was {v}, is {entry.settings[k]} again" for k, v in sorted(entry.drift.items()))
            text = f"share group {entry.group} was changed outside: {what}"
            acted.events.append(Event("Warning", "DriftRepaired", text))
    return acted
