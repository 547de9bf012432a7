"""A batch of topics of one cluster: observe, plan, act, report."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence, Set

from kafkade.api.context import Context, Work
from kafkade.api.errors import ApiConflict, ApiNotFound, KafkadeError, KafkaError, TopicAlreadyExists
from kafkade.api.objects import CONFLICT_RETRY, Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.api.policy import check_topic_name
from kafkade.api.topic import KafkaTopicSpec
from kafkade.clients.connection import Connection
from kafkade.topics.act import Acted, act, announcements, finalizer_targets
from kafkade.topics.desired import Desired, claim_of, desired
from kafkade.topics.observe import TopicFacts, observe
from kafkade.topics.plan import ANNOUNCED, Policy, plan
from kafkade.topics.status import failed, report

log = logging.getLogger("kafkade.topics")

METADATA_LAG = 1.0
"""Seconds after which every live broker is taken to know of a topic."""

Item = tuple[Work[KafkaTopicSpec], Desired]


async def reconcile(batch: Sequence[Work[KafkaTopicSpec]], connection: Connection, context: Context) -> list[Report]:
    """Bring each topic to its spec; one Report a resource, whatever happens to its neighbours."""
    reports: list[Report] = []
    for group in _rounds(batch, connection):
        try:
            reports += await _round(group, connection, context)
        except KafkaError as error:
            looked_at = [work.resource for work, _ in group.values()]
            reports += [failed_round(r, context.get(r.key), error, context.now()) for r in looked_at]
    return reports


def failed_round(resource: Resource, current: Resource | None, error: KafkaError, now: str) -> Report:
    """What was announced in this round stays: it may have been done. ``current``: what there is of the resource by now."""
    if current is None or current.uid != resource.uid:
        return failed(resource, error, now)
    return failed(resource, error, now, {name: current.status.get(name) for name in (ANNOUNCED, "topicId")})


async def plans(batch: Sequence[Work[KafkaTopicSpec]], connection: Connection, context: Context) -> dict[Key, Plan]:
    """What ``reconcile`` would do, and nothing done."""
    found: dict[Key, Plan] = {}
    for group in _rounds(batch, connection):
        try:
            _, planned = await _look(group, connection, context)
            found |= {group[name][0].resource.key: plan for name, plan in planned.items()}
        except KafkaError as error:
            found |= {work.resource.key: Plan(error=error) for work, _ in group.values()}
    return found


def _rounds(batch: Sequence[Work[KafkaTopicSpec]], connection: Connection) -> list[dict[str, Item]]:
    """The batch by topic name; two resources for one name cannot share a round: facts and steps are keyed by the topic."""
    items = [(work, desired(work.resource, work.spec, connection.spec)) for work in batch]
    rounds: list[dict[str, Item]] = []
    for item in items:
        for group in rounds:
            if item[1].name not in group:
                group[item[1].name] = item
                break
        else:
            rounds.append({item[1].name: item})
    return rounds


async def _look(
    group: Mapping[str, Item], connection: Connection, context: Context
) -> tuple[dict[str, TopicFacts | KafkadeError], dict[str, Plan]]:
    """Facts and plans by topic name."""
    facts: dict[str, TopicFacts | KafkadeError] = dict(_illegal(group))
    keys = {name: _keys(*item) for name, item in group.items() if name not in facts}
    seen = await observe(connection.kafka, keys, [n for n in keys if _may_move(group[n][0])], keys)
    seen |= await _confirm_absent(seen, group, connection)
    facts |= await _with_moves(seen, group, connection)
    return facts, {name: _plan(group[name], found, connection, context) for name, found in facts.items()}


async def _round(group: Mapping[str, Item], connection: Connection, context: Context) -> list[Report]:
    facts, planned = await _look(group, connection, context)
    doable = {n: p for n, p in planned.items() if p.error is None and not group[n][1].observe_only}
    refused = await _finalizers({n: (w.resource, d, doable[n]) for n, (w, d) in group.items() if n in doable}, context)
    ready = {n: p for n, p in doable.items() if n not in refused}
    done = await act(connection.kafka, ready, [b.id for b in connection.description.brokers])
    reports = []
    for name, (work, wanted) in group.items():
        found = facts[name]
        known = found if isinstance(found, TopicFacts) else TopicFacts(None)
        acted = done.get(name) or Acted(error=refused.get(name))
        if isinstance(acted.error, ApiNotFound):
            continue  # deleted meanwhile: the watch says so
        if isinstance(acted.error, TopicAlreadyExists):
            # seen absent and yet there: made by somebody this moment, or the broker asked was behind; look again
            log.info("%s: %s; looking again", work.resource.key, acted.error.message)
            reports.append(Report(work.resource.key, retry="backoff"))
            continue
        if isinstance(acted.error, ApiConflict):
            reports.append(Report(work.resource.key, retry=CONFLICT_RETRY))
            continue
        reports.append(report(work.resource, wanted, known, planned[name], acted, context.now()))
    return reports


def _illegal(group: Mapping[str, Item]) -> dict[str, KafkadeError]:
    """Names that Kafka would refuse are not even asked about."""
    refused: dict[str, KafkadeError] = {}
    for name in group:
        try:
            check_topic_name(name)
        except KafkadeError as error:
            refused[name] = error
    return refused


async def _confirm_absent(
    seen: Mapping[str, TopicFacts | KafkadeError], group: Mapping[str, Item], connection: Connection
) -> dict[str, TopicFacts | KafkadeError]:
    """Look twice before a finalizer is let go because there is nothing to delete.

    A broker may not have heard yet of a topic that was made through another one a moment ago (KRaft brokers replay the
    metadata log at their own pace); believing the first look would leave that topic behind for good.
    """
    absent = [
        name
        for name, found in seen.items()
        if group[name][0].resource.deleted and isinstance(found, TopicFacts) and found.description is None
    ]
    if not absent:
        return {}
    await asyncio.sleep(METADATA_LAG)
    return await observe(connection.kafka, absent, ())


def _keys(work: Work[KafkaTopicSpec], wanted: Desired) -> Set[str]:
    """The settings that a plan and a status depend on: the declared ones, and those that kafkade has set before."""
    return wanted.config.keys() | (work.resource.status.get("config") or {}).keys()


def _may_move(work: Work[KafkaTopicSpec]) -> bool:
    return work.resource.status.get("reassignment") is not None


async def _with_moves(
    facts: Mapping[str, TopicFacts | KafkadeError], group: Mapping[str, Item], connection: Connection
) -> dict[str, TopicFacts | KafkadeError]:
    """Ask for running moves also where the factor found is not the one declared, before anything new is started."""
    suspects = [
        name
        for name, found in facts.items()
        if isinstance(found, TopicFacts)
        and found.description is not None
        and not found.moves
        and not _may_move(group[name][0])
        and group[name][1].replication_factor is not None
        and any(len(p.replicas) != group[name][1].replication_factor for p in found.description.partitions)
    ]
    moves = await connection.kafka.reassignments(suspects) if suspects else {}
    result = dict(facts)
    for name in suspects:
        found = facts[name]
        if isinstance(found, TopicFacts):
            running = {partition: move for (topic, partition), move in moves.items() if topic == name}
            result[name] = TopicFacts(found.description, found.configs, running)
    return result


def _plan(item: Item, found: TopicFacts | KafkadeError, connection: Connection, context: Context) -> Plan:
    work, wanted = item
    if isinstance(found, KafkadeError):
        return Plan(error=found)
    policy = Policy(
        cluster=connection.key,
        spec=connection.spec,
        brokers=connection.description.brokers,
        grant=work.grant,
        rival=context.rival(work.resource, claim_of(work.resource)),
    )
    return plan(work.resource, wanted, found, policy)


async def _finalizers(works: Mapping[str, tuple[Resource, Desired, Plan]], context: Context) -> dict[str, KafkadeError]:
    """Put finalizers on first, and write down what will have none; one that changed meanwhile is left for its next turn."""
    names = {resource.key: name for name, (resource, *_) in works.items()}
    announced, marked = announcements(works), finalizer_targets(works)
    refused: dict[str, KafkadeError] = {}
    # one after the other: a resource can need both, and the second write is made over the first one's answer
    for targets, writing in (
        ([resource for resource, _ in announced], [context.announce(r, fields) for r, fields in announced]),
        (marked, [context.add_finalizer(r) for r in marked]),
    ):
        for resource, answer in zip(targets, await asyncio.gather(*writing, return_exceptions=True), strict=True):
            if isinstance(answer, KafkadeError):
                refused[names[resource.key]] = answer
            elif isinstance(answer, BaseException):
                raise answer
    return refused
