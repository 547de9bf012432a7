"""A batch of policies of one cluster: observe, plan, act, report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context
from kafkade.api.errors import KafkaError
from kafkade.api.kinds import DLQ_REDRIVE
from kafkade.api.objects import Key, Report, Resource
from kafkade.clients.connection import Connection
from kafkade.dlq.act import Acted, act
from kafkade.dlq.alert import passed
from kafkade.dlq.batch import Item, PolicyWork, items_of, rule_of, topics_of, world_of
from kafkade.dlq.depth import Depth, Growth
from kafkade.dlq.metrics import Counted, PolicyMetrics
from kafkade.dlq.mounted import former_names, keep_mounted, name_of
from kafkade.dlq.naming import source_topics
from kafkade.dlq.observe import DepthFacts, depths, sources
from kafkade.dlq.plan import PolicyPlan
from kafkade.dlq.redrive.keep import Keeper
from kafkade.dlq.redrive.sources import holders
from kafkade.dlq.render import render
from kafkade.dlq.share.act import GroupsActed, act_on_groups
from kafkade.dlq.share.desired import dead_letter_topic
from kafkade.dlq.share.end import end
from kafkade.dlq.share.observe import observe
from kafkade.dlq.share.plan import GroupPlan, groups_of
from kafkade.dlq.share.status import own_settings, settled
from kafkade.dlq.status import failed, report


@dataclass(frozen=True, slots=True)
class _Letters:
    """Dead letters of one policy: by topic, which limit is passed (reason and message), whether they could be counted.

    ``growth``: records a minute by topic, where it is known.
    """

    depths: Mapping[str, Depth]
    growth: Mapping[str, float]
    alert: tuple[str, str] | None
    counted: bool


@dataclass(slots=True)
class Policies:
    """Keeps policies, and remembers between two looks how fast dead letters come."""

    growth: Growth = field(default_factory=Growth)
    keeper: Keeper = field(default_factory=Keeper)
    metrics: PolicyMetrics = field(default_factory=PolicyMetrics)

    async def reconcile(self, batch: Sequence[PolicyWork], connection: Connection, context: Context) -> list[Report]:
        """Keep each policy's topics and ConfigMap; one Report a policy, whatever happens to its neighbours."""
        try:
            return await self._reconcile(batch, connection, context)
        except KafkaError as error:
            for work in batch:
                self._tell(work.resource, None, context)
            return [failed(work.resource, error, context.now()) for work in batch]

    def let_go(self, key: Key) -> None:
        """A policy may not be worked on: nothing is counted for it."""
        self.metrics.tell(key, None)

    def gone(self, key: Key) -> None:
        """A policy is no more."""
        self.metrics.forget(key)

    async def _reconcile(self, batch: Sequence[PolicyWork], connection: Connection, context: Context) -> list[Report]:
        partitions = await connection.kafka.topics()
        world = world_of(partitions, connection, context)
        # what policies in deletion take back comes before others look at the same groups
        ending = [(work, rule_of(work)) for work in batch if work.resource.deleted]
        reports = await end(ending, world, connection, context)
        for work, _ in ending:
            self.growth.forget(work.resource.uid)
            self._tell(work.resource, None, context)
        items, refused = items_of(batch, world)
        for work, error in refused:
            self._tell(work.resource, None, context)
            reports.append(failed(work.resource, error, context.now()))
        known = await sources(connection.kafka, partitions, topics_of(items))
        share = await observe(connection, {g for i in items for g in groups_of(i.work.resource, i.work.spec)})
        letters = {source_topics(t, item.work.spec).dead_letter_topic for item in items for t in item.topics}
        letters |= {dead_letter_topic(group) for item in items for group in item.work.spec.share_groups}
        counted = await depths(connection.kafka, partitions, sorted(letters))
        at_work = holders(context.members(connection.key, DLQ_REDRIVE), ())
        self.keeper.look(connection.kafka.security, counted.ledgers, at_work)
        plans: list[tuple[Item, PolicyPlan, GroupPlan, _Letters]] = []
        for item in items:
            planned, groups = item.planned(world, known, share)
            plans.append((item, planned, groups, self._count(item, planned, groups, counted, connection, context)))
        # all are counted before the first has to wait for Kubernetes
        for item, planned, groups, found in plans:
            reports.append(await self._carry_out(item, planned, groups, found, connection, context))
        return reports

    def _count(
        self,
        item: Item,
        planned: PolicyPlan,
        groups: GroupPlan,
        counted: DepthFacts,
        connection: Connection,
        context: Context,
    ) -> _Letters:
        """What of all that was counted is this policy's."""
        resource = item.work.resource
        own = {name: counted.depths[name] for name in sorted(letters_of(planned, groups) & counted.depths.keys())}
        rates = self.growth.per_minute(resource.uid, own, time.monotonic())
        found = _Letters(own, rates, passed(item.work.spec.alert, own, rates, context.now()), counted.error is None)
        told = Counted(connection.key, own, rates, found.alert is not None) if found.counted else None
        self._tell(resource, told, context)
        return found

    def _tell(self, resource: Resource, found: Counted | None, context: Context) -> None:
        known = context.get(resource.key)
        if known is not None and known.uid == resource.uid:  # or it went meanwhile, and nobody would forget it again
            self.metrics.tell(resource.key, found)

    async def _carry_out(
        self,
        item: Item,
        planned: PolicyPlan,
        groups: GroupPlan,
        found: _Letters,
        connection: Connection,
        context: Context,
    ) -> Report:
        resource, spec = item.work.resource, item.work.spec
        config_map = name_of(resource, spec)
        observe_only = spec.management_policy is ManagementPolicy.OBSERVE
        usable = [entry.topics for entry in planned.entries if entry.usable]
        done, set_up = Acted(), GroupsActed()
        former = former_names(resource, config_map)
        if not observe_only:
            done = await act(resource, planned, groups, context)
            set_up = await act_on_groups(resource, groups, connection.kafka, context)
            set_up.errors |= done.group_errors
            done.conflict |= set_up.conflict
            done.events += set_up.events
            done.error = await keep_mounted(resource, config_map, former, render(spec, usable), context)
            former = () if done.error is None else former
        settings = own_settings(resource, groups, set_up)
        made = report(
            resource,
            planned,
            done,
            found.depths,
            found.alert,
            config_map,
            context.now(),
            counted=found.counted,
            observe_only=observe_only,
            groups=settled(groups, set_up),
            settings=settings,
            growth=found.growth,
            former_config_maps=former,
        )
        # without share groups there is nothing that a deletion would have to take back
        return replace(made, release=not settings and not spec.share_groups)


def letters_of(planned: PolicyPlan, groups: GroupPlan) -> set[str]:
    """The dead-letter topics that are a policy's own to count: one that a share group may not have can be anybody's."""
    names = {entry.topics.dead_letter_topic for entry in planned.entries}
    return names | {entry.dead_letter_topic for entry in groups.entries if not entry.refused}
