"""What a resource must pass before its kind's reconcile sees it: pause, a spec that parses, a cluster, a grant, a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kafkade.api import FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import Model, parse, seconds
from kafkade.api.conditions import Outcome, condition, next_status, transition_events
from kafkade.api.context import Work
from kafkade.api.errors import ClusterNotFound, ClusterNotReady, InvalidSpec, KafkadeError, KubernetesError, NotAllowed
from kafkade.api.kinds import KINDS
from kafkade.api.objects import Event, Key, Report, Resource
from kafkade.api.policy import Grant, grant_for, needs_labels
from kafkade.engine.connections import Connections
from kafkade.engine.namespaces import Namespaces
from kafkade.engine.store import Store, cluster_of

CLUSTER_REASONS = frozenset(
    {"ClusterNotFound", "ClusterNotReady", "SecretNotFound", "ClusterUnreachable", "AuthenticationFailed", "TLSFailed"}
)
"""Why a resource could not get to its Kafka: nothing of its own."""

YOUNG = 2.0
"""Seconds after its creation for which a resource waits for its KafkaCluster before anything is said, where watches tell of
them: who applies both at once has done nothing wrong where the one watch is some milliseconds ahead of the other."""


@dataclass(slots=True)
class Gates:
    """Turns a resource into Work, or into the Report that says why not; None: nothing to do and nothing to say."""

    store: Store
    connections: Connections
    namespaces: Namespaces
    now: Callable[[], str]
    taking: Callable[[Resource], bool] = field(default=lambda _: False)
    """Whether a topic is perhaps being made or taken over for a resource."""
    young: float = 0.0
    """Seconds of patience with a missing KafkaCluster: none where nothing comes that is not there at the start."""

    async def admit(self, resource: Resource) -> Work[Any] | Report | None:
        """Pass one resource through the gates, in order."""
        if resource.deleted and not resource.is_held:
            return None
        if resource.deleted and not self._is_begun(resource):
            # the API server's finalizer on a resource that nothing was ever done for: as if it were not there
            return Report(resource.key, release=True)
        if resource.spec.get("paused") is True and not KINDS[resource.key.kind].is_run:
            return self._paused(resource)
        try:
            spec = _spec(resource)
            cluster = self._cluster(resource)
            if cluster is None:
                return self._orphan(resource)
            grant = await self._grant(resource, cluster)
        except NotAllowed as error:
            if resource.deleted:
                return Report(
                    resource.key,
                    events=(Event("Warning", "Kept", f"nothing is deleted: {error.message}"),),
                    release=True,
                )
            return self.failed(resource, error)
        except ClusterNotReady as error:
            if resource.deleted and cluster is not None:
                return await self._deleted_while_away(resource, cluster, error)
            return self.failed(resource, error)
        except KafkadeError as error:
            return self.failed(resource, error)
        return await self._connected(resource, spec, grant, cluster)

    def _is_begun(self, resource: Resource) -> bool:
        """Whether anything may have been done in Kafka for a resource that is held."""
        recorded = resource.status.get("topicId") or resource.status.get("topicAnnounced")
        return FINALIZER in resource.finalizers or bool(recorded) or self.taking(resource)

    async def trouble(self, cluster: Key) -> KafkadeError | None:
        """Why there is no working connection, as what belongs to the cluster tells of it."""
        trouble = await self.connections.trouble(cluster)
        if trouble is None:
            return None
        # its message speaks of the KafkaCluster's spec, and only that one is Stalled by it
        kind = type(trouble) if trouble.retryable else ClusterNotReady
        return kind(f"{cluster}: {trouble.message}")

    def failed(self, resource: Resource, error: KafkadeError, retry: float | None = None) -> Report:
        """The report of a resource that did not pass. ``retry`` in seconds where a look at a set time is wanted."""
        status = next_status(resource.status, resource.generation, Outcome.failed(error), self.now())
        again: Literal["backoff"] | float | None = "backoff" if isinstance(error, KubernetesError) else retry
        return Report(resource.key, status, transition_events(resource.status, status), again)

    def _waiting(self, resource: Resource, error: KafkadeError, retry: float) -> Report:
        """The report of a deletion that waits for its cluster: told once."""
        return Report(resource.key, retry=retry) if _told(resource, error) else self.failed(resource, error, retry)

    async def grant(self, resource: Resource, cluster: Resource) -> Grant:
        """What the cluster lets the resource's namespace use. Raises NotAllowed, InvalidSpec, KubernetesError."""
        try:
            spec = parse(KafkaClusterSpec, cluster.spec)
        except InvalidSpec as error:
            raise ClusterNotReady(f"{cluster.key}: {error.message}") from error
        namespace = resource.key.namespace
        labels: Mapping[str, str] = {}
        if namespace != cluster.key.namespace and needs_labels(spec):
            labels = await self.namespaces.labels(namespace)
        return grant_for(cluster.key, spec, namespace, labels)

    async def _grant(self, resource: Resource, cluster: Resource) -> Grant:
        """What a resource may use: nothing at all, where it must take back what it has given to others."""
        try:
            return await self.grant(resource, cluster)
        except NotAllowed:
            if KINDS[resource.key.kind].is_access and FINALIZER in resource.finalizers:
                return Grant((), (), ())
            raise

    def _cluster(self, resource: Resource) -> Resource | None:
        key = cluster_of(resource)
        return None if key is None else self.store.get(key)

    def _paused(self, resource: Resource) -> Report:
        status = next_status(resource.status, resource.generation, Outcome.paused(), self.now())
        return Report(resource.key, status)

    def _orphan(self, resource: Resource) -> Report:
        key = cluster_of(resource)
        if resource.deleted:
            message = f"{key} is gone, so nothing is deleted in Kafka or the registry; the resource is let go"
            return Report(resource.key, events=(Event("Warning", "ClusterGone", message),), release=True)
        if self._is_young(resource):
            return Report(resource.key, retry=self.young)
        return self.failed(resource, ClusterNotFound(f"{key} does not exist; create it, or correct spec.clusterRef"))

    def _is_young(self, resource: Resource) -> bool:
        """Whether nothing was ever said of it and it was made a moment ago, by the API server's clock; where the clocks differ
        by more, nobody waits."""
        never_told = condition(resource.status, "Ready") is None
        return never_told and bool(resource.created) and abs(_age(resource.created, self.now())) < self.young

    async def _connected(
        self, resource: Resource, spec: Model, grant: Grant, cluster: Resource
    ) -> Work[Any] | Report | None:
        error = await self.trouble(cluster.key)
        if error is None:
            return Work(resource, spec, grant)
        if resource.deleted:
            return await self._deleted_while_away(resource, cluster, error)
        if _told(resource, error):
            return None
        return self.failed(resource, error)

    async def _deleted_while_away(self, resource: Resource, cluster: Resource, error: KafkadeError) -> Report:
        """The documented rule for letting go of what cannot be cleaned up (docs: deletion)."""
        why = None
        if cluster.deleted and not self.connections.seen_deleted(cluster.key):
            return Report(resource.key, retry=0.5)
        if cluster.deleted:
            why = f"{cluster.key} is being deleted and cannot be reached"
        elif await self.namespaces.terminating(resource.key.namespace):
            if resource.key.namespace == cluster.key.namespace:
                # it goes as well in a moment, and its Secrets went first: it may still have a connection
                return self._waiting(resource, error, retry=1.0)
            why = f"namespace {resource.key.namespace} is being deleted and {cluster.key} cannot be reached"
        patience = 0.0 if KINDS[resource.key.kind].is_run else _patience(cluster)
        since = (condition(cluster.status, "Ready") or {}).get("lastTransitionTime") or self.now()
        waited = _age(max(since, resource.deleted or since), self.now())
        if why is None and waited >= patience:
            why = (
                f"{cluster.key} cannot be reached"
                if patience == 0
                else f"{cluster.key} has been unreachable for longer than spec.finalizerReleaseAfter"
            )
        if why is None:
            return self._waiting(resource, error, retry=max(1.0, patience - waited))
        message = f"{why} ({error.reason}): nothing is deleted in Kafka or the registry, the resource is let go"
        return Report(resource.key, events=(Event("Warning", "ClusterGone", message),), release=True)


def _spec(resource: Resource) -> Model:
    """The spec. Raises InvalidSpec.

    The API server lets only settings through that do not parse; a deletion needs none, and must not get stuck on them.
    """
    kind = KINDS[resource.key.kind].spec
    raw = resource.spec
    return parse(kind, {k: v for k, v in raw.items() if k != "config"} if resource.deleted else raw)


def _patience(cluster: Resource) -> float:
    """spec.finalizerReleaseAfter in seconds, also of a spec that does not parse as a whole."""
    given = (
        cluster.spec.get("finalizerReleaseAfter") or KafkaClusterSpec.model_fields["finalizer_release_after"].default
    )
    return seconds(str(given))


def _told(resource: Resource, error: KafkadeError) -> bool:
    """Whether what was said of this generation holds until the cluster is back: the KafkaCluster itself tells of the outage.

    A resource that never got to Kafka says why, and says so anew when that is something else by now.
    """
    ready = condition(resource.status, "Ready")
    if ready is None or resource.status.get("observedGeneration") != resource.generation:
        return False
    return ready["reason"] == error.reason or ready["reason"] not in CLUSTER_REASONS


def _age(then: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()
