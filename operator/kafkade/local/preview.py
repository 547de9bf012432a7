"""What the operator would do with resources, found out by its own code: gates, observe and plan, and nothing done in Kafka.

Each kind in the order in which one lets the next: clusters, topics, policies (whose KafkaTopics are topics again), schemas,
service bindings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kafkade.api import FINALIZER
from kafkade.api.common import ManagementPolicy
from kafkade.api.conditions import condition
from kafkade.api.context import Work
from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, SERVICE_BINDING, TOPIC
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.api.values import number
from kafkade.bindings.reconcile import plans as plan_bindings
from kafkade.clients.kube_api import KubeApi
from kafkade.clusters.connect import access_of
from kafkade.dlq.foresee import Expected
from kafkade.dlq.foresee import plans as plan_policies
from kafkade.dlq.observe import MAX_MESSAGE_BYTES
from kafkade.engine.connections import AccessOf
from kafkade.engine.parts import Parts
from kafkade.engine.store import cluster_of
from kafkade.schemas.reconcile import plans as plan_schemas
from kafkade.topics.reconcile import plans as plan_topics
from kafkade.topics.steps import AddPartitions, AlterConfig, Create


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One resource and what would be done for it.

    ``reason`` and ``message``: why nothing can be done, in the words of the condition Ready.
    """

    resource: Resource
    plan: Plan
    reason: str | None = None
    message: str | None = None
    error: KafkadeError | None = None
    observed: bool = False
    """managementPolicy is Observe: what differs is reported, and nothing of it would be changed."""
    paused: bool = False

    @property
    def changes(self) -> bool:
        """Whether something would be changed in Kafka or the registry."""
        return not self.observed and any(step.verb != "adopt" for step in self.plan.steps)

    @property
    def goes(self) -> bool:
        """Whether it is in deletion and nothing keeps it."""
        return self.resource.deleted is not None and self.reason is None and not self.paused


class Preview:
    """The engine's parts around a store, without lanes: one look at everything, in order.

    ``own``: take what exists for kafkade's own, as if it had made it.
    """

    def __init__(self, kube: KubeApi, access: AccessOf = access_of, *, own: bool = False) -> None:
        self._own = own
        self._parts = parts = Parts(kube, access, wake=lambda _: None, seen=self._seen, dry=True)
        self._kube, self._connections, self._store = kube, parts.connections, parts.store
        self._gates, self._view = parts.gates, parts.view

    async def run(self, resources: Iterable[Resource]) -> list[Foreseen]:
        """Look at all of these resources."""
        for resource in resources:
            self._store.put(resource)
        try:
            return await self._run()
        finally:
            await self._parts.close()

    async def _run(self) -> list[Foreseen]:
        clusters = [r for r in self._store if r.key.kind == CLUSTER]
        found = list(await asyncio.gather(*(self._cluster(r) for r in clusters)))
        # what names a cluster that is not there is turned back by the gates
        keys = {r.key for r in clusters} | {key for r in self._store if (key := cluster_of(r)) is not None}
        for key in sorted(keys):
            topics = [r for r in self._view.members(key, TOPIC) if not _of_policy(r)]
            planned = await self._members(key, topics, plan_topics)
            found += [*planned, *await self._policies(key, planned)]
            found += await self._members(key, self._view.members(key, SCHEMA), plan_schemas)
            found += await self._members(key, self._view.members(key, SERVICE_BINDING), plan_bindings)
        return found

    async def _policies(self, cluster: Key, topics: Sequence[Foreseen]) -> list[Foreseen]:
        """Policies, and then the KafkaTopics that they made and would make."""
        policies = self._view.members(cluster, DLQ_POLICY)
        expected = dict(filter(None, (_will_be(f) for f in topics if not f.observed)))
        found = await self._members(cluster, policies, partial(plan_policies, expected=expected))
        for policy in found:
            if policy.goes:
                await self._kube.remove_finalizer(policy.resource)
        listed = await self._kube.list_resources(TOPIC, None, None)
        made = [r for r in listed.resources if _of_policy(r) and cluster_of(r) == cluster]
        for resource in made:
            self._store.put(resource)
        return [*found, *await self._members(cluster, made, plan_topics)]

    async def _cluster(self, resource: Resource) -> Foreseen:
        look = await self._connections.look(resource, [], self._view)
        spec = resource.spec
        return _foreseen(resource, look.plan, paused=spec.get("paused") is True)

    async def _members(
        self, cluster: Key, resources: Sequence[Resource], planner: Callable[..., Any]
    ) -> list[Foreseen]:
        admitted = await asyncio.gather(*(self._gates.admit(self._as_own(r)) for r in resources))
        works: list[Work[Any]] = [a for a in admitted if isinstance(a, Work)]
        connection = self._connections.get(cluster)
        plans = await planner(works, connection, self._view) if works and connection is not None else {}
        found = []
        for resource, answer in zip(resources, admitted, strict=True):
            if isinstance(answer, Work):
                found.append(_foreseen(resource, plans.get(resource.key, Plan())))
            else:
                found.append(await self._turned_back(resource, answer, cluster))
        return found

    async def _turned_back(self, resource: Resource, report: Report | None, cluster: Key) -> Foreseen:
        """What did not pass the gates."""
        ready = condition((report and report.status) or {}, "Ready")
        if ready is not None:
            if ready["reason"] == "Paused":
                return Foreseen(resource, Plan(), paused=True)
            return Foreseen(resource, Plan(), ready["reason"], ready["message"])
        events = report.events if report is not None else ()
        told = Foreseen(resource, Plan(events=events))
        if (report is not None and report.release) or (resource.deleted and not resource.is_held):
            return told
        # the gates say nothing of an outage where the KafkaCluster's own status does
        away = await self._gates.trouble(cluster)
        return told if away is None else replace(told, reason=away.reason, message=away.message)

    def _as_own(self, resource: Resource) -> Resource:
        if not self._own or FINALIZER in resource.finalizers or resource.key.kind == CLUSTER:
            return resource
        return replace(resource, finalizers=(*resource.finalizers, FINALIZER))

    def _seen(self, resource: Resource) -> None:
        self._store.put(resource)


def _of_policy(resource: Resource) -> bool:
    return resource.owner is not None and resource.owner.key.kind == DLQ_POLICY


def _will_be(foreseen: Foreseen) -> tuple[str, Expected] | None:
    """A topic's name, and what its plan says of its partitions and its limit."""
    will = Expected()
    name: str | None = None
    for step in foreseen.plan.steps:
        match step:
            case Create(topic=topic):
                name = topic.name
                will = _limited(Expected(topic.partitions), topic.config.get(MAX_MESSAGE_BYTES))
            case AlterConfig(name=changed, new=new) if MAX_MESSAGE_BYTES in new:
                name = changed
                will = _limited(will, new[MAX_MESSAGE_BYTES])
            case AddPartitions(name=changed, new=count):
                name = changed
                will = replace(will, partitions=count)
    return None if name is None else (name, will)


def _limited(will: Expected, limit: str | None) -> Expected:
    """``limit`` None: the topic has none of its own."""
    return replace(will, max_message_bytes=number(limit), by_default=limit is None)


def _foreseen(resource: Resource, plan: Plan, *, paused: bool = False) -> Foreseen:
    observed = resource.spec.get("managementPolicy") == ManagementPolicy.OBSERVE
    error = plan.error
    if error is None:
        return Foreseen(resource, plan, observed=observed, paused=paused)
    return Foreseen(resource, plan, error.reason, error.message, error, observed)
