"""What would be done for a batch of policies: their KafkaTopics in the context alone, and the settings of share groups as steps.

The same observing, planning and acting on KafkaTopics as in ``reconcile``; topics that are planned count as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context, Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Key
from kafkade.api.plan import Plan, Step
from kafkade.api.values import number
from kafkade.clients.connection import Connection
from kafkade.dlq.act import act
from kafkade.dlq.desired import SourceFacts
from kafkade.dlq.match import World, matched
from kafkade.dlq.observe import BROKERS_MAX_MESSAGE_BYTES, broker_setting, sources
from kafkade.dlq.plan import Facts, plan
from kafkade.dlq.reconcile import made_by, rule_of, world_of
from kafkade.dlq.share.observe import ShareFacts, observe
from kafkade.dlq.share.plan import GroupPlan, groups_of, plan_groups
from kafkade.dlq.share.steps import SetGroupConfig


@dataclass(frozen=True, slots=True)
class Expected:
    """A topic as it will be once its own plan is carried out. None: as it is now."""

    partitions: int | None = None
    max_message_bytes: int | None = None
    by_default: bool = False
    """Whether its max.message.bytes will be what the brokers have for topics without one of their own."""


async def plans(
    batch: Sequence[Work[KafkaDLQPolicySpec]],
    connection: Connection,
    context: Context,
    expected: Mapping[str, Expected],
) -> dict[Key, Plan]:
    """The plan of each policy. ``context``: one whose writes are only imagined; it has the KafkaTopics afterwards.

    ``expected``: topics that are about to be made or changed.
    """
    try:
        return await _plans(batch, connection, context, expected)
    except KafkadeError as error:
        return {work.resource.key: Plan(error=error) for work in batch}


async def _plans(
    batch: Sequence[Work[KafkaDLQPolicySpec]],
    connection: Connection,
    context: Context,
    expected: Mapping[str, Expected],
) -> dict[Key, Plan]:
    there = await connection.kafka.topics()
    partitions = {**there, **{n: e.partitions for n, e in expected.items() if e.partitions is not None}}
    world = world_of(partitions, connection, context)
    share = await observe(connection, {g for work in batch for g in groups_of(work.resource, work.spec)})
    found: dict[Key, Plan] = {}
    topics: dict[Key, list[str]] = {}
    for work in batch:
        key, rule = work.resource.key, rule_of(work)
        if work.resource.deleted:
            groups = plan_groups(work.resource, rule, (), Facts(world, {}, {}), share)
            observes = work.spec.management_policy is ManagementPolicy.OBSERVE
            found[key] = Plan() if observes else _as_plan(groups, share, [])
            continue
        try:
            topics[key] = matched(rule, world)
        except KafkadeError as error:
            found[key] = Plan(error=error)
    matching = sorted({t for names in topics.values() for t in names})
    known = await sources(connection.kafka, there, matching)
    known |= await _will_be(matching, known, partitions, expected, connection)
    for work in batch:
        if work.resource.key in topics:
            names = topics[work.resource.key]
            found[work.resource.key] = await _one(work, names, world, known, share, context)
    return found


async def _will_be(
    topics: Sequence[str],
    known: Mapping[str, SourceFacts],
    partitions: Mapping[str, int],
    expected: Mapping[str, Expected],
    connection: Connection,
) -> dict[str, SourceFacts]:
    """Those of the ``topics`` that are about to be made or changed, as they will be. ``partitions``: of all topics then."""
    changing = {name: expected[name] for name in topics if name in expected and name in partitions}
    default: int | None = None
    if any(will.by_default for will in changing.values()):
        default = number(await broker_setting(connection, BROKERS_MAX_MESSAGE_BYTES))
    facts = {}
    for name, will in changing.items():
        limit = default if will.by_default else will.max_message_bytes
        if limit is None and not will.by_default and name in known:
            limit = known[name].max_message_bytes
        facts[name] = SourceFacts(partitions[name], limit)
    return facts


async def _one(
    work: Work[KafkaDLQPolicySpec],
    topics: Sequence[str],
    world: World,
    known: Mapping[str, SourceFacts],
    share: ShareFacts,
    context: Context,
) -> Plan:
    facts = Facts(world, known, made_by(work.resource, world))
    planned = plan(work.resource, rule_of(work), topics, facts)
    groups = plan_groups(work.resource, rule_of(work), topics, facts, share)
    errors: list[KafkadeError | None] = [entry.error for entry in planned.entries]
    if work.spec.management_policy is not ManagementPolicy.OBSERVE:
        done = await act(work.resource, planned, groups, context)
        errors += [*done.errors.values(), *done.group_errors.values()]
    return _as_plan(groups, share, errors)


def _as_plan(groups: GroupPlan, share: ShareFacts, errors: Sequence[KafkadeError | None]) -> Plan:
    """The steps for share groups; a group whose topic is not there yet gets its settings once it is."""
    steps: list[Step] = []
    told = [*errors, *(entry.error for entry in groups.entries), *(gone.error for gone in groups.leaving)]
    for entry in groups.entries:
        if entry.error is not None:
            continue
        changes = dict(entry.changes)
        if not entry.finished:
            changes |= {k: v for k, v in entry.settings.items() if entry.found[k].value != v}
        if changes:
            steps.append(SetGroupConfig(entry.group, changes, {k: entry.found[k].value for k in changes}))
    for gone in groups.leaving:
        if gone.changes and gone.error is None:
            found = share.configs.get(gone.group, {})
            old = {} if isinstance(found, KafkadeError) else {k: found[k].value for k in gone.changes if k in found}
            steps.append(SetGroupConfig(gone.group, dict(gone.changes), old))
    return Plan(tuple(steps), error=next((error for error in told if error is not None), None))
