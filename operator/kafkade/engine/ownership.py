"""Who holds a topic or a subject when several resources name it. Pure over the store."""

from __future__ import annotations

from collections.abc import Callable

from kafkade.api import FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import KINDS, TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant, grant_for
from kafkade.engine.connections import Connections
from kafkade.engine.namespaces import Namespaces
from kafkade.engine.store import Store, cluster_of


class Ownership:
    """The older resource holds. At the same second, who holds it already; then namespace and name decide."""

    def __init__(
        self, store: Store, connections: Connections, namespaces: Namespaces, taking: Callable[[Resource], bool]
    ) -> None:
        """``taking``: whether a topic is perhaps being made or taken over for a resource."""
        self._store = store
        self._namespaces = namespaces
        self._connections = connections
        self._taking = taking

    def rival(self, resource: Resource, claim: str) -> Key | None:
        """Who holds ``claim`` in place of ``resource``, or None when it is its own."""
        claimants = [o for o in self._store.claimants(resource.key.kind, claim) if o.uid != resource.uid]
        if not claimants:
            return None
        mine = self._rank(resource)
        others = [
            other
            for other in claimants
            if self._same_kafka(resource, other) and self._rank(other) < mine and self._entitled(other)
        ]
        return min(others, key=self._rank).key if others else None

    def grant(self, resource: Resource) -> Grant | None:
        """What the namespace of a resource may use of its cluster; None when the cluster does not let it in."""
        key = cluster_of(resource)
        cluster = self._store.get(key) if key else None
        if cluster is None:
            return None
        namespace = resource.key.namespace
        try:
            spec = parse(KafkaClusterSpec, cluster.spec)
            return grant_for(cluster.key, spec, namespace, self._namespaces.known_labels(namespace))
        except KafkadeError:
            return None

    def _same_kafka(self, left: Resource, right: Resource) -> bool:
        """The same KafkaCluster, or two whose brokers report one cluster id."""
        a, b = cluster_of(left), cluster_of(right)
        if a == b:
            return True
        known = [self._connections.cluster_id(key) for key in (a, b) if key is not None]
        return len(known) == 2 and known[0] is not None and known[0] == known[1]

    def _entitled(self, other: Resource) -> bool:
        """A resource that its cluster does not let in, or that does not parse, holds nothing against others."""
        key, grant = cluster_of(other), self.grant(other)
        if key is None or grant is None:
            return False
        try:
            parse(KINDS[other.key.kind].spec, other.spec)
            name = self._store.claim(other.key) or ""
            if other.key.kind == TOPIC:
                grant.check_topic(other.spec.get("topicName") or other.key.name, key)
            else:
                grant.check_subject(name, key)
        except KafkadeError:
            return False
        return True

    def _rank(self, resource: Resource) -> tuple[str, bool, str, str]:
        holds = (
            FINALIZER in resource.finalizers
            or "topicId" in resource.status
            or "id" in resource.status
            or self._taking(resource)
        )
        return (resource.created, not holds, resource.key.namespace, resource.key.name)
