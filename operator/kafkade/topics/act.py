"""Executes the plans of a batch, verb by verb: one Kafka call a verb for all topics that need it.

The order is chosen so that a crash between any two calls leaves something that the next reconcile finishes: the finalizer
(the mark of ownership) before the creation, settings before partitions (a refused setting then adds no partition), and
the goal of a reassignment in status before anything moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kafkade.api import ADMISSION_FINALIZER, FINALIZER
from kafkade.api.errors import InvalidConfig, KafkadeError, UnknownTopic
from kafkade.api.objects import Resource
from kafkade.api.plan import Plan
from kafkade.api.topic import DeletionPolicy
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import TopicDescription
from kafkade.topics.desired import Desired
from kafkade.topics.marks import mark_of
from kafkade.topics.observe import described
from kafkade.topics.plan import ANNOUNCED, THROTTLED_REPLICAS, recorded_id
from kafkade.topics.settings import undeclared, unknown_key_message
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

RATES = ("leader.replication.throttled.rate", "follower.replication.throttled.rate")
"""Dynamic broker settings of a throttle (KIP-73), bytes per second."""

_VISIBLE_AFTER = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Waits in seconds until a broker's metadata shows what the controller already did."""

StepT = TypeVar("StepT")


@dataclass(slots=True)
class Acted:
    """What became of one topic's plan."""

    error: KafkadeError | None = None
    created: bool = False
    deleted: bool = False
    adopted: str | None = None
    set_config: dict[str, str | None] = field(default_factory=dict)
    announced: AnnounceReassignment | None = None
    reassigned: Reassign | None = None
    finished: bool = False
    description: TopicDescription | None = None
    """The topic after a change of its partitions; None where nothing of that kind was done."""


def steps_of(plans: Mapping[str, Plan], done: Mapping[str, Acted], kind: type[StepT]) -> dict[str, StepT]:
    """The steps of one type by topic name, without topics that an earlier verb failed for."""
    return {
        name: step
        for name, plan in plans.items()
        if done[name].error is None
        for step in plan.steps
        if isinstance(step, kind)
    }


async def act(kafka: KafkaAdmin, plans: Mapping[str, Plan], brokers: Sequence[int]) -> dict[str, Acted]:
    """Execute plans by topic name; each topic's error is its own.

    Raises:
        KafkaError: no answer at all.
    """
    done = {name: Acted() for name in plans}
    await _create(kafka, plans, done)
    for name, adopt in steps_of(plans, done, Adopt).items():
        done[name].adopted = adopt.topic_id
    await _alter(kafka, plans, done)
    await _add_partitions(kafka, plans, done)
    async with kafka.throttling:
        await _reassign(kafka, plans, done, brokers)
        await _finish(kafka, plans, done, brokers)
    await _delete(kafka, plans, done)
    await _look_again(kafka, plans, done)
    return done


async def _create(kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted]) -> None:
    creates = steps_of(plans, done, Create)
    for name, error in (await kafka.create_topics([c.topic for c in creates.values()])).items():
        done[name].error = _explained(error, creates[name].topic.config)
        if error is None:
            done[name].created = True
            done[name].set_config.update(creates[name].topic.config)


async def refused_again(kafka: KafkaAdmin, plans: Mapping[str, Plan]) -> dict[str, KafkadeError]:
    """Those of some creations that Kafka would refuse for good, by topic name. Nothing is made.

    Raises:
        KafkaError: no answer at all.
    """
    creates = {n: step for n, plan in plans.items() for step in plan.steps if isinstance(step, Create)}
    answers = await kafka.create_topics([c.topic for c in creates.values()], dry=True)
    refused = {n: _explained(error, creates[n].topic.config) for n, error in answers.items()}
    return {n: error for n, error in refused.items() if error is not None and not error.retryable}


def _explained(error: KafkadeError | None, config: Mapping[str, str]) -> KafkadeError | None:
    """Add the nearest name to a broker's refusal of an unknown setting."""
    if not isinstance(error, InvalidConfig):
        return error
    unknown = [
        key for key in undeclared(config, frozenset()) if f": {key}" in error.message and "nknown" in error.message
    ]
    if not unknown:
        return error
    return InvalidConfig("; ".join(unknown_key_message(key) for key in unknown))


async def _alter(kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted]) -> None:
    alters = steps_of(plans, done, AlterConfig)
    for name, error in (await kafka.alter_topic_configs({n: a.new for n, a in alters.items()})).items():
        done[name].error = _explained(error, {k: v for k, v in alters[name].new.items() if v is not None})
        if error is None:
            done[name].set_config.update(alters[name].new)


async def _add_partitions(kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted]) -> None:
    adds = steps_of(plans, done, AddPartitions)
    for name, error in (await kafka.create_partitions({n: a.new for n, a in adds.items()})).items():
        done[name].error = error


async def _reassign(
    kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted], brokers: Sequence[int]
) -> None:
    for name, announced in steps_of(plans, done, AnnounceReassignment).items():
        done[name].announced = announced
    moves = steps_of(plans, done, Reassign)
    throttled = {n: m for n, m in moves.items() if m.throttle is not None}
    rate = max((m.throttle or 0 for m in throttled.values()), default=0)
    if rate:
        await asyncio.gather(*(kafka.alter_broker_configs(b, dict.fromkeys(RATES, str(rate))) for b in brokers))
        await kafka.alter_topic_configs({n: throttle_lists(m) for n, m in throttled.items()})
    answers = await kafka.reassign({(n, p): replicas for n, m in moves.items() for p, replicas in m.replicas.items()})
    for (name, _), error in answers.items():
        done[name].error = done[name].error or error
    for name, move in moves.items():
        if done[name].error is None:
            done[name].reassigned = move


def throttle_lists(move: Reassign) -> dict[str, str | None]:
    """``partition:broker`` lists: leaders send under the throttle from where a partition is, followers to where it goes."""
    leaders = [f"{p}:{b}" for p, old in sorted(move.before.items()) for b in old]
    followers = [f"{p}:{b}" for p, new in sorted(move.replicas.items()) for b in new if b not in move.before[p]]
    return {THROTTLED_REPLICAS[0]: ",".join(leaders), THROTTLED_REPLICAS[1]: ",".join(followers)}


async def _finish(kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted], brokers: Sequence[int]) -> None:
    finishes = steps_of(plans, done, FinishReassignment)
    throttled = [name for name, step in finishes.items() if step.throttled]
    if throttled and not await kafka.moving():
        # rates are the brokers', shared by all topics: only the last one to finish takes them away
        await asyncio.gather(*(kafka.alter_broker_configs(b, dict.fromkeys(RATES)) for b in brokers))
    for name, error in (
        await kafka.alter_topic_configs({n: dict.fromkeys(THROTTLED_REPLICAS) for n in throttled})
    ).items():
        done[name].error = error
    for name in finishes:
        done[name].finished = done[name].error is None


async def _delete(kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted]) -> None:
    for name, error in (await kafka.delete_topics(list(steps_of(plans, done, Delete)))).items():
        gone = error is None or isinstance(error, UnknownTopic)
        done[name].deleted = gone
        done[name].error = None if gone else error


async def _look_again(kafka: KafkaAdmin, plans: Mapping[str, Plan], done: dict[str, Acted]) -> None:
    """Read back what was made: CreateTopics tells no topic id, and metadata follows the controller a moment later."""
    totals = {n: s.topic.partitions for n, s in steps_of(plans, done, Create).items()}
    totals |= {n: s.new for n, s in steps_of(plans, done, AddPartitions).items()}
    for wait in _VISIBLE_AFTER:
        missing = [name for name in totals if done[name].description is None]
        if not missing:
            return
        await asyncio.sleep(wait)
        for name, found in (await described(kafka, missing)).items():
            if isinstance(found, TopicDescription) and len(found.partitions) >= totals[name]:
                done[name].description = found


def finalizer_targets(works: Mapping[str, tuple[Resource, Desired, Plan]]) -> list[Resource]:
    """Resources that need the finalizer before anything is done for them: deleting them shall delete the topic."""
    return [
        resource
        for resource, wanted, _ in works.values()
        if wanted.deletion is DeletionPolicy.DELETE and resource.deleted is None and not resource.is_held
    ]


def announcements(works: Mapping[str, tuple[Resource, Desired, Plan]]) -> list[tuple[Resource, dict[str, Any]]]:
    """Resources that are to write down first that a topic is becoming theirs, and what they write into status.

    Or a crash before the topic's id is in status would leave a topic that nobody knows to be kafkade's own: no finalizer says
    so, or the id that is recorded is that of a former topic, which somebody deleted. The settings that it is given are recorded
    in the same write, as ``setting_announcements`` does.
    """
    found: list[tuple[Resource, dict[str, Any]]] = []
    for resource, wanted, plan in works.values():
        if resource.deleted is not None or not takes_topic(plan) or not is_unmarked(resource, wanted):
            continue
        adopted = _adopted_id(plan)
        replaced = adopted is not None and recorded_id(resource) is not None
        fields: dict[str, Any] = {"topicId": adopted} if replaced else {ANNOUNCED: True}
        fields |= _first_settings_field(resource, plan)
        if any(resource.status.get(name) != value for name, value in fields.items()):
            found.append((resource, fields))
    return found


def first_settings(resource: Resource, plan: Plan) -> dict[str, str]:
    """Settings that a plan gives the resource's topic and that are not recorded as kafkade's.

    None of a topic that it takes over: that one may carry them already as somebody else gave them, until they are set.
    """
    if any(isinstance(step, Adopt) for step in plan.steps):
        return {}
    known = resource.status.get("config") or {}
    given: dict[str, str | None] = {}
    for step in plan.steps:
        if isinstance(step, Create):
            given |= step.topic.config
        elif isinstance(step, AlterConfig):
            given |= step.new
    return {key: value for key, value in given.items() if value is not None and key not in known}


def with_first_settings(resource: Resource, plan: Plan) -> dict[str, Any]:
    """All settings that are kafkade's once the plan is carried out, with those that are not recorded as such yet."""
    return {**(resource.status.get("config") or {}), **first_settings(resource, plan)}


def _first_settings_field(resource: Resource, plan: Plan) -> dict[str, Any]:
    """The field of status with them; nothing where none is new."""
    settings = with_first_settings(resource, plan)
    return {} if settings == (resource.status.get("config") or {}) else {"config": settings}


def setting_announcements(works: Mapping[str, tuple[Resource, Desired, Plan]]) -> list[tuple[Resource, dict[str, Any]]]:
    """Resources that are to record settings first which their own topics get for the first time, and what they write into status.

    Or nobody would know whose a setting is, where the spec drops it between a crash and the next look. A setting that is
    recorded already costs no write. A topic that is made has no such write, which each creation would pay for: its settings
    are recorded where it is announced in status anyway.
    """
    return [
        (resource, fields)
        for resource, _, plan in works.values()
        if resource.deleted is None and not takes_topic(plan) and (fields := _first_settings_field(resource, plan))
    ]


def is_unmarked(resource: Resource, wanted: Desired) -> bool:
    """Whether neither a finalizer of kafkade's own nor an id would say whose a topic is that is made or taken over now."""
    without_own = wanted.deletion is DeletionPolicy.RETAIN or ADMISSION_FINALIZER in resource.finalizers
    bare = without_own and FINALIZER not in resource.finalizers
    return bare or recorded_id(resource) is not None


def takes_topic(plan: Plan) -> bool:
    """Whether a plan makes a topic the resource's own."""
    return any(isinstance(step, Create | Adopt) for step in plan.steps)


def taking_mark(resource: Resource, plan: Plan, cluster_id: str) -> str:
    """The mark of what a plan makes the resource's own: a topic that is made, or the one that is there."""
    return mark_of(resource, cluster_id, _adopted_id(plan))


def _adopted_id(plan: Plan) -> str | None:
    """The id of the topic that a plan takes over, if it does."""
    return next((step.topic_id for step in plan.steps if isinstance(step, Adopt)), None)
