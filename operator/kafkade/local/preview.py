"""What the operator would do with resources, found out by its own code: gates, observe and plan, and nothing done in Kafka.

Each kind in the order in which one lets the next: clusters, topics, policies (whose KafkaTopics are topics again), schemas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafkade.api import FINALIZER
from kafkade.api.common import ManagementPolicy
from kafkade.api.conditions import condition
from kafkade.api.context import Work
from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import CLUSTER, SCHEMA, TOPIC
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.clients.kube_api import KubeApi
from kafkade.clusters.connect import access_of
from kafkade.engine.connections import AccessOf, Connections
from kafkade.engine.engine import Engine, indexers
from kafkade.engine.gates import Gates
from kafkade.engine.namespaces import Namespaces
from kafkade.engine.ownership import Ownership
from kafkade.engine.references import References
from kafkade.engine.store import Store, cluster_of
from kafkade.engine.view import View
from kafkade.schemas.reconcile import plans as plan_schemas
from kafkade.topics.reconcile import plans as plan_topics


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


class Preview:
    """The engine's parts around a store, without lanes: one look at everything, in order.

    ``own``: take what exists for kafkade's own, as if it had made it.
    """

    def __init__(self, kube: KubeApi, access: AccessOf = access_of, *, own: bool = False) -> None:
        self._kube = kube
        self._own = own
        self._references = References(kube, lambda _: None)
        self._connections = Connections(self._references, access, dry=True)
        self._store = Store(indexers(lambda: self._view))
        namespaces = Namespaces(kube)
        self._gates = Gates(self._store, self._connections, namespaces, Engine.now)
        ownership = Ownership(self._store, self._connections, namespaces)
        self._view = View(kube, self._store, ownership, self._references, Engine.now, self._seen)

    async def run(self, resources: Iterable[Resource]) -> list[Foreseen]:
        """Look at all of these resources."""
        for resource in resources:
            self._store.put(resource)
        try:
            return await self._run()
        finally:
            await self._references.close()
            await self._connections.close()
            await self._kube.close()

    async def _run(self) -> list[Foreseen]:
        clusters = [r for r in self._store if r.key.kind == CLUSTER]
        found = list(await asyncio.gather(*(self._cluster(r) for r in clusters)))
        # what names a cluster that is not there is turned back by the gates
        keys = {r.key for r in clusters} | {key for r in self._store if (key := cluster_of(r)) is not None}
        for planner, kind in ((plan_topics, TOPIC), (plan_schemas, SCHEMA)):
            for key in sorted(keys):
                found += await self._members(key, kind, planner)
        return found

    async def _cluster(self, resource: Resource) -> Foreseen:
        look = await self._connections.look(resource, [], self._view)
        spec = resource.spec
        return _foreseen(resource, look.plan, paused=spec.get("paused") is True)

    async def _members(self, cluster: Key, kind: str, planner: Callable[..., Any]) -> list[Foreseen]:
        resources = self._view.members(cluster, kind)
        admitted = await asyncio.gather(*(self._gates.admit(self._as_own(r)) for r in resources))
        works: list[Work[Any]] = [a for a in admitted if isinstance(a, Work)]
        connection = self._connections.get(cluster)
        plans = await planner(works, connection, self._view) if works and connection is not None else {}
        found = []
        for resource, answer in zip(resources, admitted, strict=True):
            if isinstance(answer, Report):
                found.append(_turned_back(resource, answer))
            else:
                found.append(_foreseen(resource, plans.get(resource.key, Plan())))
        return found

    def _as_own(self, resource: Resource) -> Resource:
        if not self._own or FINALIZER in resource.finalizers or resource.key.kind == CLUSTER:
            return resource
        return replace(resource, finalizers=(*resource.finalizers, FINALIZER))

    def _seen(self, resource: Resource) -> None:
        self._store.put(resource)


def _foreseen(resource: Resource, plan: Plan, *, paused: bool = False) -> Foreseen:
    observed = resource.spec.get("managementPolicy") == ManagementPolicy.OBSERVE
    error = plan.error
    if error is None:
        return Foreseen(resource, plan, observed=observed, paused=paused)
    return Foreseen(resource, plan, error.reason, error.message, error, observed)


def _turned_back(resource: Resource, report: Report) -> Foreseen:
    """What did not pass the gates."""
    ready = condition(report.status or {}, "Ready") or {}
    if ready.get("reason") == "Paused":
        return Foreseen(resource, Plan(), paused=True)
    if report.release or not ready:
        message = "; ".join(event.message for event in report.events) or None
        return Foreseen(resource, Plan(events=report.events), None, message)
    return Foreseen(resource, Plan(), ready.get("reason"), ready.get("message"))


def clusters_out_of_reach(found: Sequence[Foreseen]) -> list[Foreseen]:
    """KafkaClusters that nothing can be planned for."""
    return [f for f in found if f.resource.key.kind == CLUSTER and f.error is not None and not f.plan.steps]
