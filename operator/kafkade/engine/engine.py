"""The engine: events become keys, keys become batches, batches become reports. Everything else is a part of its own."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.registry import Collector

from kafkade.api import ANNOTATION_DELETION_PROTECTION, ANNOTATION_RECONCILE_NOW
from kafkade.api.conditions import Outcome, condition, next_status
from kafkade.api.context import Work
from kafkade.api.errors import KafkadeError, KubernetesError
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, KINDS, SERVICE_BINDING, TOPIC
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.tracing import span
from kafkade.clients.kube_api import KubeApi, Listing
from kafkade.clients.slots import ON_BEHALF
from kafkade.clusters.connect import access_of
from kafkade.dlq.reconcile import Policies
from kafkade.dlq.redrive.reconcile import Redrives
from kafkade.engine.connections import AccessOf
from kafkade.engine.gates import YOUNG
from kafkade.engine.lane import Batch, Lane
from kafkade.engine.members import Member, Reconcile, members
from kafkade.engine.metrics import EngineMetrics, Waiting
from kafkade.engine.parts import Parts, now
from kafkade.engine.reporter import Reporter, is_outage, note
from kafkade.engine.store import cluster_of, is_older
from kafkade.engine.watching import Watching

log = logging.getLogger("kafkade.engine")

RELIST = 300.0
"""Seconds between full lists of kafkade's resources, against events that a watch lost."""

TOGETHER = 1.0
"""Seconds that a list for interrupted watches waits, since those of all kinds are interrupted together."""

SETTLED = 10.0
"""Seconds until the second list: what goes after the first one and before the watches begin is told by no event."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What this operator sees: some namespaces, or all (empty), and only what a label selector selects."""

    namespaces: frozenset[str] = frozenset()
    selector: str | None = None

    def areas(self) -> list[str | None]:
        """Namespaces to list one by one; None for all at once."""
        return [*sorted(self.namespaces)] if self.namespaces else [None]


@dataclass(slots=True)
class Health:
    """What the probes ask: when the last list or watch event came, whether the first list is in."""

    primed: bool = False
    failed: BaseException | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    on_failure: Callable[[], None] | None = None


class Engine:
    """Owns the store, the lanes and the connections. One event loop, no locks: state changes only between awaits.

    ``watches_groups``: whether consumers' lag is read where a KafkaCluster wants it; otherwise nobody asks for it. ``young``: as
    of Gates; 0 where all resources are there before it starts.
    """

    def __init__(
        self,
        kube: KubeApi,
        scope: Scope,
        access: AccessOf = access_of,
        *,
        watches_groups: bool = False,
        young: float = YOUNG,
    ) -> None:
        self.kube = kube
        self.scope = scope
        self.health = Health()
        self._parts = parts = Parts(
            kube,
            access,
            wake=self.wake,
            seen=self.seen,
            selector=scope.selector,
            is_listed=lambda: self.health.primed,
            young=young,
        )
        self.references, self.connections, self.store = parts.references, parts.connections, parts.store
        self.gates, self.ownership, self._view = parts.gates, parts.ownership, parts.view
        policies, self._redrives = Policies(), Redrives()
        self._metrics = EngineMetrics(self.store.counts, self._waiting, self.connections.described)
        self._watching = Watching(self.connections.get)
        self._watches_groups = watches_groups
        self.collectors: tuple[Collector, ...] = (
            self._metrics,
            policies.metrics,
            self._redrives.metrics,
            self._watching.metrics,
        )
        """What tells Prometheus of the resources and of the work on them."""
        self._members = members(policies, self._redrives)
        self.reporter = Reporter(kube, self.store, self._later, self.seen, self.wake, now, self._metrics.reported)
        self._interrupted = asyncio.Event()
        self._lanes: dict[tuple[Key, str], tuple[Lane, asyncio.Task[None]]] = {}
        self._resyncs: dict[Key, tuple[float, asyncio.Task[None]]] = {}

    async def start(self) -> None:
        """List everything once, so that ownership is known before anything is done, then begin."""
        await self._relist()
        self.health.primed = True
        self.spawn(self._keep_listing(), "relist")
        log.info("started: %d resources", len(self.store))

    async def stop(self) -> None:
        """Stop at once, but for the transactions of redrives; whatever was under way is finished by the next start."""
        tasks = [*self.health.tasks, *(task for _, task in self._resyncs.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._watching.close()
        await self._redrives.close()
        await self._parts.close()

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is worked on, or is due before the next resync."""
        return all(lane.idle for lane, _ in self._lanes.values())

    def on_failure(self, call: Callable[[], None]) -> None:
        """Call this when one of the engine's own tasks ends by an error: a zombie operator is worse than none."""
        self.health.on_failure = call

    def interrupted(self) -> None:
        """A watch began anew, and what went before that is told by no event: list everything soon."""
        self._interrupted.set()

    def seen(self, resource: Resource) -> None:
        """A watch showed a resource. Only what could change its reconcile makes it wait in a lane again."""
        if self.store.outdated(resource) or self.store.has(resource):
            return  # most often the event of a write whose answer was taken already
        before = self.store.put(resource)
        if before is None or _trigger(before) != _trigger(resource):
            self.wake([resource.key], routine=before is None and _settled(resource))
            if before is None or before.spec != resource.spec:
                self.wake(self.store.rivals(resource.key))
        if before is None or _match(before) != _match(resource):
            self.wake(self._policies(resource))

    def gone(self, key: Key, version: str = "") -> None:
        """A watch showed that a resource is no more, as of a resourceVersion: whoever waited for it gets a look.

        An answer or a list may have shown already another one that got the name since; that one stays.
        """
        known = self.store.get(key)
        if known is not None and is_older(version, known.resource_version):
            return
        waiting = [*self.store.rivals(key), *self.store.dependants(key)]
        if known is not None:
            waiting += [policy for policy in self._policies(known) if policy != key]
        removed = self.store.remove(key, version)
        self.references.release(key)
        self.reporter.forget(key)
        if key.kind in self._members:
            self._members[key.kind].let_go(key)
            self._members[key.kind].gone(key)
        if removed is None:
            return
        cluster = cluster_of(removed) or key
        if (cluster, key.kind) in self._lanes:
            self._lanes[cluster, key.kind][0].forget(key)
        if key.kind == CLUSTER:
            self.spawn(self._close_cluster(key), f"close {key.name}")
            waiting += self.store.members(key)
        self.wake(waiting)
        self._close_lanes(cluster)

    def known(self, kind: str, namespace: str | None) -> set[Key]:
        """The resources of a kind that are known, in one namespace or (None) all: asked for before they are listed."""
        return self.store.known(kind, namespace)

    def listed(self, before: Collection[Key], listing: Listing) -> None:
        """A list of all that a kind and namespace have came in: what was known ``before`` and is not in it is gone.

        It may be older than what is known already: an API server that is behind the others gives such a one.
        """
        gone = set(before)
        for resource in listing.resources:
            self.seen(resource)
            gone.discard(resource.key)
        for key in gone:
            known = self.store.get(key)
            if known is not None and not is_older(listing.version, known.resource_version):
                self.gone(key, listing.version)

    def wake(self, keys: Iterable[Key], *, routine: bool = False) -> None:
        """Ask for a look at resources; unknown ones are left out. ``routine``: nothing is known to have changed."""
        for key in keys:
            cluster = self.store.cluster(key)
            if cluster is not None:
                self._lane(cluster, key.kind).add([key], routine=routine)

    def _later(self, key: Key, delay: float) -> None:
        cluster = self.store.cluster(key)
        if cluster is not None:
            self._lane(cluster, key.kind).later(key, delay)

    def _policies(self, resource: Resource) -> Iterable[Key]:
        """The policies that could match a topic, or share one with another policy."""
        cluster = cluster_of(resource)
        if cluster is None or resource.key.kind not in (TOPIC, DLQ_POLICY):
            return ()
        return self.store.members(cluster, DLQ_POLICY)

    def _bindings(self, resources: Sequence[Resource], reports: Sequence[Report]) -> set[Key]:
        """The service bindings that name a resource of which something new was reported."""
        known = {resource.key: resource.status for resource in resources}
        changed = [report.key for report in reports if report.status not in (None, known[report.key])]
        return {key for each in changed for key in self.store.dependants(each) if key.kind == SERVICE_BINDING}

    def _lane(self, cluster: Key, kind: str) -> Lane:
        if (cluster, kind) not in self._lanes:
            if kind == CLUSTER:
                look = self._timed(cluster, kind, lambda batch: self._look_at_cluster(batch.keys[0]))
                lane = Lane(look, limit=1, linger=0.0)
            else:
                member = self._members[kind]
                work = self._timed(
                    cluster, kind, lambda b: self._work(b.keys, cluster, member, b.settled.set, routine=b.routine)
                )
                lane = Lane(
                    work,
                    limit=member.batch,
                    routine=member.routine,
                    overlapping=member.overlapping,
                    aside=member.aside,
                )
            self._lanes[cluster, kind] = (lane, self.spawn(lane.run(), f"lane {cluster.name} {kind}"))
        return self._lanes[cluster, kind][0]

    def _timed(
        self, cluster: Key, kind: str, work: Callable[[Batch], Awaitable[None]]
    ) -> Callable[[Batch], Awaitable[None]]:
        async def measured(batch: Batch) -> None:
            # a cluster with a thousand statuses to write takes turns with the others, and with what goes aside
            ON_BEHALF.set((cluster, kind, batch.aside))
            where = {"kafkade.kind": kind, "kafkade.cluster": f"{cluster.namespace}/{cluster.name}"}
            size = {"kafkade.batch.size": len(batch.keys)}
            with self._metrics.batch(kind), span(f"batch {kind}", {**where, **size}, root=True):
                await work(batch)

        return measured

    def _waiting(self) -> list[Waiting]:
        return [Waiting(cluster, kind, len(lane)) for (cluster, kind), (lane, _) in list(self._lanes.items())]

    def _close_lanes(self, cluster: Key) -> None:
        """Lanes of a cluster that no resource names any more go, so that memory follows the resources that exist."""
        if self.store.get(cluster) is None and not self.store.members(cluster):
            for kind in KINDS:
                entry = self._lanes.pop((cluster, kind), None)
                if entry is not None:
                    entry[1].cancel()

    async def _work(
        self, keys: list[Key], cluster: Key, member: Member, settled: Callable[[], None], *, routine: bool
    ) -> None:
        """One batch of one kind of one cluster, gates to reports. ``settled`` is called when only reports are to be written."""
        resources = [r for r in map(self.store.get, keys) if r is not None]
        try:
            await self._batch(resources, cluster, member, settled, member.way(routine=routine))
        except KubernetesError as error:
            log.warning("batch of %s put off: %s", cluster, error.message)
            for key in keys:
                self._later(key, random.uniform(1.0, 3.0))  # noqa: S311 -- jitter
        except Exception as error:
            # a defect that one resource brings out must neither end the lane nor hold up its neighbours
            log.exception("batch of %s failed: %s", cluster, ", ".join(map(str, keys[:5])))
            if len(resources) == 1:
                await self.reporter.write(resources, [_defect(resources[0], error, now())])
                return
            half = len(keys) // 2
            await self._work(keys[:half], cluster, member, lambda: None, routine=routine)
            await self._work(keys[half:], cluster, member, settled, routine=routine)

    async def _batch(
        self,
        resources: Sequence[Resource],
        cluster: Key,
        member: Member,
        settled: Callable[[], None],
        reconcile: Reconcile,
    ) -> None:
        admitted = await asyncio.gather(*(self.gates.admit(r) for r in resources))
        works = [a for a in admitted if isinstance(a, Work)]
        for resource, answer in zip(resources, admitted, strict=True):
            if not isinstance(answer, Work) and self.store.get(resource.key) is not None:
                member.let_go(resource.key)
        await self.reporter.write(resources, [a for a in admitted if isinstance(a, Report)])
        connection = self.connections.get(cluster)
        if works and connection is not None:
            reports: list[Report] = []
            async with self.reporter.writing(resources) as write:

                def tell(some: Sequence[Report]) -> None:
                    reports.extend(some)
                    write(some)

                with span(f"reconcile {works[0].resource.key.kind}", {"kafkade.batch.size": len(works)}) as under_way:
                    await reconcile(works, connection, self._view, tell)
                    note(under_way, reports)
                settled()
            self.wake(_owners(resources, reports))
            self.wake(self._bindings(resources, reports))
            if any(is_outage(report) for report in reports):
                self.wake([cluster])  # the KafkaCluster tells of it at once, and for all

    async def _look_at_cluster(self, key: Key) -> None:
        resource = self.store.get(key)
        if resource is None:
            return
        try:
            look = await self.connections.look(resource, self._members_of(key), self._view)
            if look.report.release:
                # a watch may be behind, and a topic whose deletion was not seen yet could not be deleted any more
                await self._relist()
                look = await self.connections.look(resource, self._members_of(key), self._view)
        except KubernetesError as error:
            log.warning("%s put off: %s", key, error.message)
            self._later(key, random.uniform(1.0, 3.0))  # noqa: S311 -- jitter
            return
        except Exception as error:
            log.exception("%s failed", key)
            await self.reporter.write([resource], [_defect(resource, error, now())])
            return
        await self.reporter.write([resource], [look.report])
        if look.members_affected:
            self.wake(self.store.members(key))
        self._keep_resyncing(key)
        self._parts.takings.tidy(key)
        if self._watches_groups and self.store.get(key) is not None:
            self._watching.follow(key)

    def _members_of(self, cluster: Key) -> Iterator[Resource]:
        """One by one: there may be ten thousand, and only a cluster in deletion asks for them."""
        return (r for r in map(self.store.get, self.store.members(cluster)) if r is not None)

    async def _close_cluster(self, key: Key) -> None:
        self._watching.forget(key)
        running = self._resyncs.pop(key, None)
        if running is not None:
            running[1].cancel()
        await self.connections.drop(key)

    def _keep_resyncing(self, key: Key) -> None:
        """Let resyncs run at the interval of the KafkaCluster as it is now."""
        interval = self.connections.resync_interval(key)
        running = self._resyncs.get(key)
        if self.store.get(key) is None or (running is not None and running[0] == interval):
            return
        if running is not None:
            running[1].cancel()
        self._resyncs[key] = (interval, asyncio.create_task(self._resync(key, interval), name=f"resync {key.name}"))

    async def _resync(self, key: Key, interval: float) -> None:
        """Compare everything of a cluster with Kafka and the registry, every resyncInterval, give or take a tenth."""
        while True:
            await asyncio.sleep(interval * random.uniform(0.9, 1.1))  # noqa: S311 -- jitter
            self.wake([key])
            self.wake(self.store.members(key), routine=True)

    async def _keep_listing(self) -> None:
        pause = SETTLED
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.9, 1.1)):  # noqa: S311 -- jitter
                    await self._interrupted.wait()
                    await asyncio.sleep(TOGETHER)
            self._interrupted.clear()
            try:
                await self._relist()
                pause = RELIST
            except KubernetesError as error:
                log.warning("list put off: %s", error.message)
                pause = SETTLED

    async def _relist(self) -> None:
        """Bring the store up to what the API server has, whatever the watches told."""
        for kind in KINDS:
            for area in self.scope.areas():
                before = self.known(kind, area)
                self.listed(before, await self.kube.list_resources(kind, area, self.scope.selector))

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that the operator cannot do without: its end by an error is a failure of the engine."""
        task = asyncio.create_task(work, name=name)
        self.health.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.health.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("%s ended: %r", task.get_name(), error, exc_info=error)
            self.health.failed = error
            if self.health.on_failure is not None:
                self.health.on_failure()


def _defect(resource: Resource, error: Exception, now: str) -> Report:
    """The report of a resource that brought out a defect of kafkade: its type only, for a text could hold anything."""
    trouble = KafkadeError(
        f"an error in kafkade itself ({type(error).__name__}): see the operator's log; tried again later"
    )
    return Report(
        resource.key, next_status(resource.status, resource.generation, Outcome.failed(trouble), now), retry="backoff"
    )


def _owners(resources: Sequence[Resource], reports: Sequence[Report]) -> set[Key]:
    """Who keeps a resource of which something new was reported: its own status tells of it."""
    known = {resource.key: resource for resource in resources}
    return {
        owner.key
        for report in reports
        if (owner := known[report.key].owner) and report.status not in (None, known[report.key].status)
    }


def _match(resource: Resource) -> tuple[object, ...]:
    """What of a resource can change which policy is for which topic."""
    return (resource.uid, resource.spec, resource.labels, resource.deleted)


def _settled(resource: Resource) -> bool:
    """Whether a resource was as declared when it was looked at last, perhaps by an operator before this one."""
    ready = condition(resource.status, "Ready") or {}
    observed = resource.status.get("observedGeneration")
    return resource.deleted is None and observed == resource.generation and ready.get("status") == "True"


def _trigger(resource: Resource) -> tuple[object, ...]:
    """What of a resource can change its reconcile; its status is not among it, that is kafkade's own."""
    return (
        resource.uid,
        resource.generation,
        resource.deleted,
        resource.annotations.get(ANNOTATION_RECONCILE_NOW),
        resource.annotations.get(ANNOTATION_DELETION_PROTECTION),
    )
