"""One connection a KafkaCluster: made when its spec or a Secret changes, shared by all its resources, closed with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from kafkade.api import FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import ManagementPolicy, parse, seconds
from kafkade.api.conditions import Outcome, condition, next_status
from kafkade.api.context import Context
from kafkade.api.errors import (
    AuthenticationFailed,
    ClusterNotReady,
    KafkadeError,
    KubernetesError,
    RegistryAuthenticationFailed,
    SecretNotFound,
    TLSFailed,
)
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ClusterDescription, Health
from kafkade.clients.registry import RegistryClient
from kafkade.clusters.connect import Access, Secrets, access_of, secrets_of
from kafkade.clusters.reconcile import failed, reconcile
from kafkade.engine.backoff import Backoff
from kafkade.engine.references import References

log = logging.getLogger("kafkade.connections")

AccessOf = Callable[[KafkaClusterSpec, Secrets, Key], Access]
"""From a spec and its Secrets to the way there; raises KafkadeError where there is none (clusters.connect.access_of)."""

REFUSED = frozenset(error.reason for error in (AuthenticationFailed, RegistryAuthenticationFailed, TLSFailed))
"""Reasons of a KafkaCluster whose Secrets Kafka or the registry did not take."""

DEFAULT_RESYNC = 120.0
DELETION_GRACE = 3.0
"""Seconds that a deleted KafkaCluster waits for deletions of its resources to show up (``kubectl delete -f`` sends the
cluster's first), before it looks whether any are left. By this process' own clock, from the moment that it saw the deletion:
the API server's may be far from it."""


@dataclass(slots=True)
class State:
    """What is open towards one KafkaCluster."""

    fingerprint: str = ""
    kafka: KafkaAdmin | None = None
    registry: RegistryClient | None = None
    registry_ca: str | None = None
    service_registry: tuple[str, str] | None = field(default=None, repr=False)
    connection: Connection | None = None
    error: KafkadeError | None = None
    resync: float = DEFAULT_RESYNC
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    deleting_since: float | None = None
    """When its KafkaCluster was first seen in deletion, by a clock that never jumps."""
    seen_deleted: bool = False
    doubted_again: float = 0.0
    """Before this moment of a clock that never jumps its Secrets are not read again."""

    @property
    def usable(self) -> tuple[Connection | None, str | None]:
        """What its resources have to do with: the connection, or the reason why there is none.

        Without what changes whenever somebody makes a topic, and says nothing to the others: counts, and the controller.
        """
        if self.connection is None:
            return None, None if self.error is None else self.error.reason
        description = replace(self.connection.description, controller=None, health=Health(0, 0, 0, 0))
        return replace(self.connection, description=description), None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a KafkaCluster came to; ``members_affected`` when its resources must be looked at too."""

    report: Report
    members_affected: bool = False
    plan: Plan = field(default_factory=Plan)
    """What was to be done, of which nothing is done in a dry run."""


class Connections:
    """The open connections by KafkaCluster.

    ``access``: how to reach a cluster, by its spec and Secrets. ``dry``: broker settings are planned and not changed.
    """

    def __init__(self, references: References, access: AccessOf = access_of, *, dry: bool = False) -> None:
        self._references = references
        self._access = access
        self._dry = dry
        self._states: dict[Key, State] = {}
        self._doubts = Backoff(base=2.0, cap=300.0)

    def get(self, cluster: Key) -> Connection | None:
        """The working connection, or None."""
        state = self._states.get(cluster)
        return state.connection if state else None

    def cluster_id(self, cluster: Key) -> str | None:
        """Kafka's own id of the cluster, once it has been reached."""
        connection = self.get(cluster)
        return connection.description.cluster_id if connection else None

    def described(self) -> list[tuple[Key, ClusterDescription | None]]:
        """What was last seen of each cluster that was looked at; None of one without a working connection."""
        # asked for from other threads too: each connection is read once
        seen = [(cluster, state.connection) for cluster, state in list(self._states.items()) if state.tried.is_set()]
        return [(cluster, None if connection is None else connection.description) for cluster, connection in seen]

    def seen_deleted(self, cluster: Key) -> bool:
        """Whether the connection was looked at since the KafkaCluster has been in deletion.

        That look may bring back a connection that a Secret's deletion had just put out of use.
        """
        state = self._states.get(cluster)
        return state is not None and state.seen_deleted

    def resync_interval(self, cluster: Key) -> float:
        """Seconds between full comparisons."""
        state = self._states.get(cluster)
        return state.resync if state else DEFAULT_RESYNC

    async def trouble(self, cluster: Key) -> KafkadeError | None:
        """Why there is no working connection; waits for the first try after a start."""
        state = self._states.setdefault(cluster, State())
        await state.tried.wait()
        if state.connection is not None:
            return None
        return state.error or ClusterNotReady(f"{cluster} is not connected yet")

    async def look(self, resource: Resource, members: Iterable[Resource], context: Context) -> Look:
        """Reconcile a KafkaCluster and (re)make its connection. ``members``: read once, if the cluster is in deletion."""
        state = self._states.setdefault(resource.key, State())
        before = state.usable
        if resource.deleted is None:
            state.deleting_since = None
        elif state.deleting_since is None:
            state.deleting_since = time.monotonic()
        report, planned = await self._reconcile(resource, members, state, context)
        state.tried.set()
        state.seen_deleted = resource.deleted is not None
        await self._doubt(resource, report, state)
        return Look(report, members_affected=before != state.usable, plan=planned)

    async def drop(self, cluster: Key) -> None:
        """Close what is open towards a KafkaCluster that is gone."""
        state = self._states.pop(cluster, None)
        self._doubts.reset(cluster)
        if state is not None:
            state.error = ClusterNotReady(f"{cluster} is gone")
            state.tried.set()
            await _close(state)

    async def close(self) -> None:
        """Close everything."""
        for key in list(self._states):
            await self.drop(key)

    async def _reconcile(
        self, resource: Resource, members: Iterable[Resource], state: State, context: Context
    ) -> tuple[Report, Plan]:
        try:
            spec = parse(KafkaClusterSpec, resource.spec)
            state.resync = max(1.0, seconds(spec.resync_interval))
            secrets = await self._secrets(resource, spec)
            kafka = await self._open(state, self._access(spec, secrets, resource.key))
        except KubernetesError:
            raise
        except SecretNotFound as error:
            if resource.deleted is None or state.kafka is None:
                # what is open stays so: a namespace that is deleted takes the Secret away before the topics
                state.connection, state.error = None, error
                return self._unusable(resource, state, members, error, context)
            kafka = state.kafka
        except KafkadeError as error:
            await self._lose(state, error)
            return self._unusable(resource, state, members, error, context)
        if resource.deleted is None and FINALIZER not in resource.finalizers:
            await context.add_finalizer(resource)
            resource = context.get(resource.key) or resource
        # a paused cluster is not written to, and its topics and schemas still need the connection
        carried = spec.model_copy(update={"management_policy": ManagementPolicy.OBSERVE}) if spec.paused else spec
        look = await reconcile(resource, carried, kafka, state.registry, context, dry=self._dry)
        if look.description is None:
            state.connection, state.error = None, look.error
        else:
            made = Connection(
                *(resource.key, spec, look.description, kafka, state.registry),
                registry_ca=state.registry_ca,
                service_registry=state.service_registry,
            )
            state.connection = state.connection if state.connection == made else made
            state.error = None
        report = self._deletion(resource, state, members, context) or (
            _paused(resource, context) if spec.paused else look.report
        )
        planned = look.plan if look.error is None else Plan(error=look.error)
        return report, Plan() if spec.paused and look.error is None else planned

    def _unusable(
        self,
        resource: Resource,
        state: State,
        members: Iterable[Resource],
        error: KafkadeError,
        context: Context,
    ) -> tuple[Report, Plan]:
        """A cluster that there is no way to, by its spec or its Secrets."""
        report = self._deletion(resource, state, members, context) or failed(resource, error, context.now())
        return report, Plan(error=error)

    async def _secrets(self, resource: Resource, spec: KafkaClusterSpec) -> Mapping[str, Mapping[str, bytes]]:
        found: dict[str, Mapping[str, bytes]] = {}
        for name in sorted(secrets_of(spec)):
            data = await self._references.get("secrets", resource.key.namespace, name, resource.key)
            if data is not None:
                found[name] = data
        return found

    async def _doubt(self, resource: Resource, report: Report, state: State) -> None:
        """Read the Secrets of a refused login again, less and less often: a watch of them that is dead, or lost an event, is
        noticed only after minutes, and they may have been put right long since."""
        if (condition(report.status or {}, "Ready") or {}).get("reason") not in REFUSED:
            self._doubts.reset(resource.key)
            state.doubted_again = 0.0
        elif time.monotonic() >= state.doubted_again:
            state.doubted_again = time.monotonic() + self._doubts.next(resource.key)
            for name in sorted(secrets_of(parse(KafkaClusterSpec, resource.spec))):
                await self._references.read_again("secrets", resource.key.namespace, name)

    async def _open(self, state: State, access: Access) -> KafkaAdmin:
        if state.kafka is None or state.fingerprint != access.fingerprint:
            await _close(state)
            state.registry = access.registry_client()
            state.kafka = KafkaAdmin(access.kafka)
            state.fingerprint = access.fingerprint
            state.registry_ca = access.registry.tls.ca_pem if access.registry and access.registry.tls else None
            state.service_registry = access.service_registry
        return state.kafka

    async def _lose(self, state: State, error: KafkadeError) -> None:
        """Without a valid spec a cluster has no connection."""
        await _close(state)
        state.connection, state.error = None, error

    @staticmethod
    def _deletion(resource: Resource, state: State, members: Iterable[Resource], context: Context) -> Report | None:
        """A deleted KafkaCluster stays until its resources in deletion are cleaned up: they need its connection."""
        if resource.deleted is None or state.deleting_since is None:
            return None
        age = time.monotonic() - state.deleting_since
        waiting = [m.key for m in members if m.deleted and m.is_held]
        if not waiting and age >= DELETION_GRACE:
            return Report(resource.key, release=True)
        if not waiting:
            return Report(resource.key, retry=1.0)
        message = f"waits for the deletion of {len(waiting)} resources, {waiting[0]} among them"
        outcome = Outcome.progressing("Deleting", message)
        return Report(
            resource.key, next_status(resource.status, resource.generation, outcome, context.now()), retry=1.0
        )


def _paused(resource: Resource, context: Context) -> Report:
    return Report(resource.key, next_status(resource.status, resource.generation, Outcome.paused(), context.now()))


async def _close(state: State) -> None:
    kafka, registry = state.kafka, state.registry
    state.kafka = state.registry = state.connection = None
    state.fingerprint = ""
    if kafka is not None:
        await kafka.close()
    if registry is not None:
        await registry.close()
