"""A batch of topics of one cluster: observe, plan, act, report."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence, Set
from dataclasses import replace
from weakref import WeakKeyDictionary

from kafkade.api import ADMISSION_FINALIZER
from kafkade.api.context import Context, Work
from kafkade.api.errors import ApiConflict, ApiNotFound, KafkadeError, KafkaError, TopicAlreadyExists
from kafkade.api.objects import CONFLICT_RETRY, Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.api.policy import check_topic_name
from kafkade.api.topic import KafkaTopicSpec
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin
from kafkade.topics.act import (
    Acted,
    act,
    announcements,
    finalizer_targets,
    refused_again,
    setting_announcements,
    takes_topic,
    taking_mark,
)
from kafkade.topics.ahead import Ahead
from kafkade.topics.desired import Desired, claim_of, desired
from kafkade.topics.marks import mark_of
from kafkade.topics.observe import TopicFacts, observe
from kafkade.topics.plan import ANNOUNCED, THROTTLED_REPLICAS, Policy, owns, plan, recorded_id
from kafkade.topics.status import failed, report

log = logging.getLogger("kafkade.topics")

TOGETHER = 3
"""Topics from which on one mark for all, at the KafkaCluster, takes fewer writes than an announcement in each status: it is
written, and taken away later."""

METADATA_LAG = 1.0
"""Seconds after which every live broker is taken to know of a topic."""

Item = tuple[Work[KafkaTopicSpec], Desired]


class Topics:
    """The operator's way: what is read ahead is kept by the client that read it, and goes with it."""

    def __init__(self) -> None:
        self._ahead: WeakKeyDictionary[KafkaAdmin, Ahead] = WeakKeyDictionary()

    async def reconcile(
        self, batch: Sequence[Work[KafkaTopicSpec]], connection: Connection, context: Context
    ) -> list[Report]:
        """``reconcile``, of topics that changed."""
        rounds = _rounds(batch, connection)
        for group in rounds:
            self._ahead_of(connection).look({name: settings_that_matter(*item) for name, item in group.items()})
        return await _reconcile(rounds, connection, context)

    async def look_again(
        self, batch: Sequence[Work[KafkaTopicSpec]], connection: Connection, context: Context
    ) -> list[Report]:
        """``reconcile``, of topics of which nothing is known to have changed: in most cases without a request."""
        reports: list[Report] = []
        rounds = _rounds(batch, connection)
        for group in rounds:
            keys = {name: settings_that_matter(*item) for name, item in group.items()}
            facts = await self._ahead_of(connection).take(connection.kafka, keys)
            told = _as_before({name: (group[name], found) for name, found in facts.items()}, connection, context)
            reports += told.values()
            for name in told:
                del group[name]
        return reports + await _reconcile([group for group in rounds if group], connection, context)

    def _ahead_of(self, connection: Connection) -> Ahead:
        return self._ahead.setdefault(connection.kafka, Ahead())


async def reconcile(batch: Sequence[Work[KafkaTopicSpec]], connection: Connection, context: Context) -> list[Report]:
    """Bring each topic to its spec; one Report a resource, whatever happens to its neighbours."""
    return await _reconcile(_rounds(batch, connection), connection, context)


async def _reconcile(rounds: Sequence[Mapping[str, Item]], connection: Connection, context: Context) -> list[Report]:
    reports: list[Report] = []
    for group in rounds:
        try:
            reports += await _round(group, connection, context)
        except KafkaError as error:
            looked_at = [work.resource for work, _ in group.values()]
            reports += [failed_round(r, context.get(r.key), error, context.now()) for r in looked_at]
    return reports


def _as_before(
    seen: Mapping[str, tuple[Item, TopicFacts]], connection: Connection, context: Context
) -> dict[str, Report]:
    """Reports, by topic name, of those that are as declared and of which there is nothing new to tell or to write."""
    told: dict[str, Report] = {}
    for name, (item, facts) in seen.items():
        resource, wanted = item[0].resource, item[1]
        planned = _plan(item, facts, connection, context)
        if resource.deleted or planned.steps or planned.error or _may_move(item[0]):
            continue
        if not wanted.observe_only and finalizer_targets({name: (resource, wanted, planned)}):
            continue
        found = report(resource, wanted, facts, planned, Acted(), context.now())
        if found == Report(resource.key, resource.status):
            told[name] = found
    return told


def failed_round(resource: Resource, current: Resource | None, error: KafkaError, now: str) -> Report:
    """What was announced in this round stays: it may have been done. ``current``: what there is of the resource by now."""
    if current is None or current.uid != resource.uid:
        return failed(resource, error, now)
    return failed(resource, error, now, {name: current.status.get(name) for name in (ANNOUNCED, "topicId", "config")})


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
    keys = {name: settings_that_matter(*item) for name, item in group.items() if name not in facts}
    seen = await observe(connection.kafka, keys, [n for n in keys if _may_move(group[n][0])], keys)
    seen |= await _confirm_absent(seen, group, connection)
    facts |= await _with_moves(seen, group, connection)
    facts = {name: _with_marks(group[name][0].resource, found, connection, context) for name, found in facts.items()}
    return facts, {name: _plan(group[name], found, connection, context) for name, found in facts.items()}


def _with_marks(
    resource: Resource, found: TopicFacts | KafkadeError, connection: Connection, context: Context
) -> TopicFacts | KafkadeError:
    """Find out whether a topic that is there was announced as this resource's; not where something else says so already."""
    if isinstance(found, KafkadeError) or found.description is None or owns(resource, found):
        return found
    making, taking = (
        mark_of(resource, connection.description.cluster_id, id_) for id_ in (None, found.description.topic_id)
    )
    marked = context.is_taking(connection.key, making) or context.is_taking(connection.key, taking)
    return replace(found, is_marked=True) if marked else found


async def _round(group: Mapping[str, Item], connection: Connection, context: Context) -> list[Report]:
    facts, planned = await _look(group, connection, context)
    doable = {n: p for n, p in planned.items() if p.error is None and not group[n][1].observe_only}
    works = {n: (w.resource, d, doable[n]) for n, (w, d) in group.items() if n in doable}
    still = await _still_refused(works, connection)
    works = {n: work for n, work in works.items() if n not in still}
    refused = still | await _write_first(works, connection, context)
    ready = {n: p for n, p in doable.items() if n not in refused}
    done = await act(connection.kafka, ready, [b.id for b in connection.description.brokers])
    not_made = {*still, *(n for n, acted in done.items() if takes_topic(ready[n]) and _is_refused(acted))}
    if not_made:
        await context.withdraw_takings(connection.key, {group[n][0].resource.key for n in not_made})
    reports = []
    for name, (work, wanted) in group.items():
        found = facts[name]
        known = found if isinstance(found, TopicFacts) else TopicFacts(None)
        acted = done.get(name) or Acted(error=refused.get(name))
        if isinstance(acted.error, ApiNotFound):
            continue  # deleted meanwhile: the watch says so
        if isinstance(acted.error, TopicAlreadyExists):
            # seen absent and yet there: made by somebody this moment, or the broker asked was behind; look again. Its mark stays,
            # and so it counts as kafkade's own: a broker sends a request once more when it lost the controller it had sent it to,
            # so this may be the answer to the creation that the first one brought about
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


def settings_that_matter(work: Work[KafkaTopicSpec], wanted: Desired) -> Set[str]:
    """The settings that a plan and a status depend on: the declared ones, those that kafkade has set before, and those of a
    throttle that may be there. Of a topic that is to be deleted none do."""
    if work.resource.deleted:
        return frozenset()
    throttle = THROTTLED_REPLICAS if _may_move(work) else ()
    return wanted.config.keys() | (work.resource.status.get("config") or {}).keys() | set(throttle)


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
            result[name] = replace(found, moves=running)
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


async def _still_refused(
    works: Mapping[str, tuple[Resource, Desired, Plan]], connection: Connection
) -> dict[str, KafkadeError]:
    """Creations that failed before and would fail again, by topic name: found out without the writes of an announcement.

    They are tried at each resync, and what is as it was writes nothing.
    """
    told = {r.key for r, _ in announcements(works) if r.status.get("observedGeneration") == r.generation}
    plans = {n: plan for n, (r, _, plan) in works.items() if r.key in told}
    return await refused_again(connection.kafka, plans) if plans else {}


def _is_refused(acted: Acted) -> bool:
    """Whether Kafka answered for good that a topic does not become the resource's own."""
    return acted.error is not None and not acted.error.retryable and not acted.created and acted.adopted is None


def _together(announced: Sequence[Resource]) -> dict[Key, Resource]:
    """Those that are announced with one write for all: where the API server put the finalizer on, and no topic was before."""
    found = {r.key: r for r in announced if ADMISSION_FINALIZER in r.finalizers and recorded_id(r) is None}
    return found if len(found) >= TOGETHER else {}


async def _write_first(
    works: Mapping[str, tuple[Resource, Desired, Plan]], connection: Connection, context: Context
) -> dict[str, KafkadeError]:
    """Put finalizers on, and write down whose topics have none of kafkade's own, before anything is done in Kafka.

    Answers errors by topic name; a resource that changed meanwhile is left for its next turn.
    """
    names = {resource.key: name for name, (resource, *_) in works.items()}
    announced, marked = announcements(works), finalizer_targets(works)
    together = _together([resource for resource, _ in announced])
    marks = {
        taking_mark(resource, works[names[resource.key]][2], connection.description.cluster_id): resource
        for resource in together.values()
    }
    # what holds already needs no write: an earlier try of it is in doubt
    marks = {mark: r for mark, r in marks.items() if not context.is_taking(connection.key, mark)}
    singly = [(resource, fields) for resource, fields in announced if resource.key not in together]
    singly += setting_announcements(works)
    first = [([resource], context.announce(resource, fields)) for resource, fields in singly]
    if marks:
        first.append(([*marks.values()], context.announce_takings(connection.key, marks)))
    # one after the other: a resource can need both, and the second write is made over the first one's answer
    refused = await _written(first)
    refused |= await _written([([r], context.add_finalizer(r)) for r in marked])
    return {names[key]: error for key, error in refused.items()}


async def _written(writes: Sequence[tuple[Sequence[Resource], Awaitable[None]]]) -> dict[Key, KafkadeError]:
    """Errors of writes that are made at the same time, by the resources that each is for."""
    answers = await asyncio.gather(*(write for _, write in writes), return_exceptions=True)
    errors: dict[Key, KafkadeError] = {}
    for (resources, _), answer in zip(writes, answers, strict=True):
        if isinstance(answer, KafkadeError):
            errors |= {resource.key: answer for resource in resources}
        elif isinstance(answer, BaseException):
            raise answer
    return errors
