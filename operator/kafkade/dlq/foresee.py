"""What would be done for a batch of policies: their KafkaTopics in the context alone, and the settings of share groups as steps.

The same observing, planning and acting on KafkaTopics as in ``reconcile``; topics that are planned count as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Key
from kafkade.api.plan import Plan, Step
from kafkade.api.values import number
from kafkade.clients.connection import Connection
from kafkade.dlq.act import act
from kafkade.dlq.batch import Item, PolicyWork, items_of, rule_of, topics_of, world_of
from kafkade.dlq.desired import SourceFacts
from kafkade.dlq.match import World
from kafkade.dlq.observe import BROKERS_MAX_MESSAGE_BYTES, broker_setting, sources
from kafkade.dlq.plan import Facts
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
    batch: Sequence[PolicyWork],
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
    batch: Sequence[PolicyWork],
    connection: Connection,
    context: Context,
    expected: Mapping[str, Expected],
) -> dict[Key, Plan]:
    there = await connection.kafka.topics()
    partitions = {**there, **{n: e.partitions for n, e in expected.items() if e.partitions is not None}}
    world = world_of(partitions, connection, context)
    share = await observe(connection, {g for work in batch for g in groups_of(work.resource, work.spec)})
    items, refused = items_of(batch, world)
    found = {work.resource.key: Plan(error=error) for work, error in refused}
    found |= {work.resource.key: _ending(work, world, share) for work in batch if work.resource.deleted}
    topics = topics_of(items)
    known = await sources(connection.kafka, there, topics)
    known |= await _will_be(topics, known, partitions, expected, connection)
    for item in items:
        found[item.work.resource.key] = await _one(item, world, known, share, context)
    return found


def _ending(work: PolicyWork, world: World, share: ShareFacts) -> Plan:
    """What a policy in deletion takes back (see ``share.end``)."""
    if work.spec.management_policy is ManagementPolicy.OBSERVE:
        return Plan()
    return _as_plan(plan_groups(work.resource, rule_of(work), (), Facts(world, {}, {}), share), share, [])


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


async def _one(item: Item, world: World, known: Mapping[str, SourceFacts], share: ShareFacts, context: Context) -> Plan:
    planned, groups = item.planned(world, known, share)
    errors: list[KafkadeError | None] = [entry.error for entry in planned.entries]
    if item.work.spec.management_policy is not ManagementPolicy.OBSERVE:
        done = await act(item.work.resource, planned, groups, context)
        errors += [*done.errors.values(), *done.group_errors.values()]
    return _as_plan(groups, share, errors)


def _as_plan(groups: GroupPlan, share: ShareFacts, errors: Sequence[KafkadeError | None]) -> Plan:
    """The steps for share groups; a group whose topic is not there yet gets its settings once it is."""
    steps: list[Step] = []
    told = [*errors, *(entry.error for entry in groups.entries), *(gone.error for gone in groups.leaving)]
    for entry in groups.entries:
        if entry.error is None and (changes := entry.due):
            steps.append(SetGroupConfig(entry.group, changes, {k: entry.found[k].value for k in changes}))
    for gone in groups.leaving:
        if gone.changes and gone.error is None:
            found = share.configs.get(gone.group, {})
            old = {} if isinstance(found, KafkadeError) else {k: found[k].value for k in gone.changes if k in found}
            steps.append(SetGroupConfig(gone.group, dict(gone.changes), old))
    return Plan(tuple(steps), error=next((error for error in told if error is not None), None))
