"""A batch of policies: which topics each is for, and the plan of each; for what is done and for what would be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafkade.api.context import Context, Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import DLQ_POLICY, TOPIC
from kafkade.api.objects import Resource
from kafkade.clients.connection import Connection
from kafkade.dlq.desired import SourceFacts
from kafkade.dlq.match import Rule, World, matched, rules_of
from kafkade.dlq.plan import Facts, PolicyPlan, plan
from kafkade.dlq.share.observe import ShareFacts
from kafkade.dlq.share.plan import GroupPlan, plan_groups

PolicyWork = Work[KafkaDLQPolicySpec]


@dataclass(frozen=True, slots=True)
class Item:
    """A policy that is to be kept, and the source topics that it is for."""

    work: PolicyWork
    rule: Rule
    topics: list[str]

    def planned(
        self, world: World, sources: Mapping[str, SourceFacts], share: ShareFacts
    ) -> tuple[PolicyPlan, GroupPlan]:
        """What it needs. ``sources``: facts about those of its topics that exist."""
        resource = self.work.resource
        facts = Facts(world, sources, _made_by(resource, world))
        groups = plan_groups(resource, self.rule, self.topics, facts, share)
        return plan(resource, self.rule, self.topics, facts), groups


def items_of(batch: Sequence[PolicyWork], world: World) -> tuple[list[Item], list[tuple[PolicyWork, KafkadeError]]]:
    """The policies that are not in deletion, and those of them that name what they may not."""
    items: list[Item] = []
    refused: list[tuple[PolicyWork, KafkadeError]] = []
    for work in batch:
        if work.resource.deleted:
            continue
        rule = rule_of(work)
        try:
            items.append(Item(work, rule, matched(rule, world)))
        except KafkadeError as error:
            refused.append((work, error))
    return items, refused


def topics_of(items: Sequence[Item]) -> list[str]:
    """The source topics of all of them, sorted."""
    return sorted({topic for item in items for topic in item.topics})


def rule_of(work: PolicyWork) -> Rule:
    """A policy as the others see it."""
    return Rule(work.resource.key, work.resource.uid, work.resource.created, work.spec, work.grant)


def world_of(partitions: Mapping[str, int], connection: Connection, context: Context) -> World:
    """What there is to match. ``partitions``: of all topics."""
    by_topic: dict[str, list[Resource]] = {}
    for resource in context.members(connection.key, TOPIC):
        by_topic.setdefault(str(resource.spec.get("topicName") or resource.key.name), []).append(resource)
    policies = [(policy, context.grant(policy)) for policy in context.members(connection.key, DLQ_POLICY)]
    return World(partitions.keys(), {name: tuple(found) for name, found in by_topic.items()}, tuple(rules_of(policies)))


def _made_by(policy: Resource, world: World) -> dict[str, Resource]:
    """The KafkaTopics that a policy made and that are not in deletion, by topic name."""
    return {
        name: resource
        for name, found in world.resources.items()
        for resource in found
        if resource.owner is not None and resource.owner.uid == policy.uid and resource.deleted is None
    }
