"""What the engine gives to a kind's reconcile: the view of other resources and the few effects that are not Kafka's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

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

    async def config_map_value(self, asker: Key, name: str, key: str) -> str:
        """A ConfigMap's value, from the asker's namespace; the asker is woken when it changes. Raises ConfigMapNotFound."""
        ...

    async def add_finalizer(self, resource: Resource) -> None:
        """Put kafkade's finalizer on, unless it is there. Raises ApiNotFound or ApiConflict when the resource moved on."""
        ...
