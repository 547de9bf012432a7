"""A batch of policies of one cluster: observe, plan, act, report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context, Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import ApiUnavailable, KafkadeError, KafkaError, KubernetesError
from kafkade.api.kinds import DLQ_POLICY, TOPIC
from kafkade.api.objects import Report, Resource
from kafkade.clients.connection import Connection
from kafkade.dlq.act import Acted, act
from kafkade.dlq.alert import passed
from kafkade.dlq.depth import Depth, Growth
from kafkade.dlq.match import Rule, World, matched, rules_of
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.naming import source_topics
from kafkade.dlq.observe import DepthFacts, depths, sources
from kafkade.dlq.plan import Facts, PolicyPlan, plan
from kafkade.dlq.render import render
from kafkade.dlq.status import failed, report

PolicyWork = Work[KafkaDLQPolicySpec]


@dataclass(frozen=True, slots=True)
class _Item:
    work: PolicyWork
    rule: Rule
    topics: list[str]


@dataclass(slots=True)
class Policies:
    """Keeps policies, and remembers between two looks how fast dead letters come."""

    growth: Growth = field(default_factory=Growth)

    async def reconcile(self, batch: Sequence[PolicyWork], connection: Connection, context: Context) -> list[Report]:
        """Keep each policy's topics and ConfigMap; one Report a policy, whatever happens to its neighbours."""
        try:
            return await self._reconcile(batch, connection, context)
        except KafkaError as error:
            return [failed(work.resource, error, context.now()) for work in batch]

    async def _reconcile(self, batch: Sequence[PolicyWork], connection: Connection, context: Context) -> list[Report]:
        partitions = await connection.kafka.topics()
        world = _world(partitions, connection, context)
        items: list[_Item] = []
        reports: list[Report] = []
        for work in batch:
            rule = Rule(work.resource.key, work.resource.uid, work.resource.created, work.spec, work.grant)
            try:
                items.append(_Item(work, rule, matched(rule, world)))
            except KafkadeError as error:
                reports.append(failed(work.resource, error, context.now()))
        known = await sources(connection.kafka, partitions, sorted({t for item in items for t in item.topics}))
        made = {item.work.resource.uid: _made(item.work.resource, world) for item in items}
        letters = {source_topics(t, item.work.spec).dead_letter_topic for item in items for t in item.topics}
        counted = await depths(connection.kafka, partitions, sorted(letters))
        for item in items:
            facts = Facts(world, known, made[item.work.resource.uid])
            planned = plan(item.work.resource, item.rule, item.topics, facts)
            reports.append(await self._carry_out(item, planned, counted, context))
        return reports

    async def _carry_out(self, item: _Item, planned: PolicyPlan, counted: DepthFacts, context: Context) -> Report:
        resource, spec = item.work.resource, item.work.spec
        config_map = spec.config_map_name or f"{resource.key.name}-dlq"
        observe_only = spec.management_policy is ManagementPolicy.OBSERVE
        usable = [entry.topics for entry in planned.entries if entry.error is None]
        done = Acted() if observe_only else await act(resource, planned, context)
        if not observe_only and done.error is None:
            done.error = await _config_map(resource, config_map, spec, usable, context)
        own: Mapping[str, Depth] = {
            name: counted.depths[name]
            for entry in planned.entries
            if (name := entry.topics.dead_letter_topic) in counted.depths
        }
        rates = self.growth.per_minute(resource.uid, own, time.monotonic())
        return report(
            resource,
            planned,
            done,
            own,
            passed(spec.alert, own, rates, context.now()),
            config_map,
            context.now(),
            counted=counted.error is None,
            observe_only=observe_only,
        )


async def _config_map(
    policy: Resource, name: str, spec: KafkaDLQPolicySpec, topics: Sequence[SourceTopics], context: Context
) -> KafkadeError | None:
    """Keep what applications mount; returns why it could not be."""
    try:
        await context.keep_config_map(policy, name, render(spec, topics))
    except KubernetesError as error:
        if isinstance(error, ApiUnavailable):
            raise
        return error
    except KafkadeError as error:
        return error
    return None


def _world(partitions: Mapping[str, int], connection: Connection, context: Context) -> World:
    by_topic: dict[str, list[Resource]] = {}
    for resource in context.members(connection.key, TOPIC):
        by_topic.setdefault(str(resource.spec.get("topicName") or resource.key.name), []).append(resource)
    policies = [(policy, context.grant(policy)) for policy in context.members(connection.key, DLQ_POLICY)]
    return World(partitions.keys(), {name: tuple(found) for name, found in by_topic.items()}, tuple(rules_of(policies)))


def _made(policy: Resource, world: World) -> dict[str, Resource]:
    """The KafkaTopics that a policy made and that are not in deletion, by topic name."""
    return {
        name: resource
        for name, found in world.resources.items()
        for resource in found
        if resource.owner is not None and resource.owner.uid == policy.uid and resource.deleted is None
    }
