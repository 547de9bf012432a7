"""What the engine gives to a kind's reconcile: the view of other resources and the few effects that are not Kafka's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from kafkade.api.common import Model
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant

S = TypeVar("S", bound=Model, covariant=True)


@dataclass(frozen=True, slots=True)
class Work(Generic[S]):
    """One resource of a batch that passed the gates: its spec parses, it is not paused, its namespace is let in."""

    resource: Resource
    spec: S
    grant: Grant


class Context(Protocol):
    """The engine's side of a reconcile. Small, so that a test can bring its own."""

    def now(self) -> str:
        """The time as conditions have it: RFC 3339, UTC, whole seconds."""
        ...

    def get(self, key: Key) -> Resource | None:
        """Another resource as last seen."""
        ...

    def rival(self, resource: Resource, claim: str) -> Key | None:
        """Who else holds ``claim`` (a topic's collision key, a subject) on the same Kafka; None when ``resource`` does.

        The older creationTimestamp holds; at the same second, who holds it already; then namespace and name decide.
        """
        ...

    def dependants(self, key: Key) -> Iterable[Key]:
        """Resources whose spec names ``key`` (schemas that reference a schema or hang on a topic)."""
        ...

    def members(self, cluster: Key, kind: str) -> list[Resource]:
        """All resources of a kind that belong to a KafkaCluster."""
        ...

    def grant(self, resource: Resource) -> Grant | None:
        """What a resource's namespace may use of its cluster; None when it is not let in."""
        ...

    def inherited_labels(self, owner: Resource) -> Mapping[str, str]:
        """Labels that a resource made for ``owner`` must carry, or this operator would not see it."""
        ...

    async def create(self, owner: Resource, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]) -> None:
        """Make a resource that belongs to ``owner`` and goes with it. Raises ApiConflict when there is one of this name."""
        ...

    async def replace_spec(self, resource: Resource, spec: Mapping[str, Any]) -> None:
        """Give a resource that kafkade made another spec. Raises ApiNotFound when it is gone."""
        ...

    async def delete(self, resource: Resource) -> None:
        """Delete a resource, this very one: one that kafkade made, or that asked for it. It may be gone already."""
        ...

    async def stateful_set(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """A StatefulSet as the API server has it now; None when there is none. Raises KubernetesError."""
        ...

    async def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """A pod as the API server has it now; None when there is none. Raises KubernetesError."""
        ...

    async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Delete this very pod, with its own grace period. Raises ApiConflict when another one has its name now."""
        ...

    async def keep_config_map(self, owner: Resource, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap of ``owner`` hold just ``data``; whether that took a write.

        Raises:
            ConfigMapConflict: there is one of this name that does not belong to ``owner``.
        """
        ...

    async def take_config_map(self, owner: Resource, name: str) -> None:
        """Delete the ConfigMap of this name if it belongs to ``owner``. Raises KubernetesError."""
        ...

    async def own_secret(self, owner: Resource, name: str) -> Mapping[str, bytes] | None:
        """What the Secret of ``owner`` holds, as the API server has it now; None when there is none of this name.

        Raises:
            SecretConflict: there is one of this name that does not belong to ``owner``; nothing of it is used.
        """
        ...

    async def keep_secret(self, owner: Resource, name: str, data: Mapping[str, str]) -> bool:
        """Make the Secret of ``owner`` hold just ``data``; whether that took a write.

        Raises:
            SecretConflict: there is one of this name that does not belong to ``owner``.
            SecretsForbidden: the operator may not write Secrets in this namespace.
            NeedsKubernetes: there is no Kubernetes to keep it.
        """
        ...

    async def config_map_value(self, asker: Key, name: str, key: str) -> str:
        """A ConfigMap's value, from the asker's namespace; the asker is woken when it changes. Raises ConfigMapNotFound."""
        ...

    async def announce(self, resource: Resource, fields: Mapping[str, Any]) -> None:
        """Write what is about to be done into status, beside what is there, so that whoever goes on after a crash knows of it.

        Raises KubernetesError: it is not written down, and must not be done.
        """
        ...

    def is_taking(self, cluster: Key, mark: str) -> bool:
        """Whether a mark was announced by ``announce_takings``, perhaps by an operator before this one, and holds."""
        ...

    async def announce_takings(self, cluster: Key, marks: Mapping[str, Resource]) -> None:
        """Write down at a KafkaCluster, in one write for all, that these resources' topics are about to become theirs.

        A mark holds until the resource has another topic id in its status, or the announcement itself. Raises
        KubernetesError: nothing is written down, and nothing of it must be done.
        """
        ...

    async def withdraw_takings(self, cluster: Key, keys: Collection[Key]) -> None:
        """Marks of these resources hold no more: Kafka refused, and a topic that gets the name from here on is another's."""
        ...

    async def add_finalizer(self, resource: Resource) -> None:
        """Put kafkade's finalizer on, unless it is there. Raises ApiNotFound or ApiConflict when the resource moved on."""
        ...
