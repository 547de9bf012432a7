"""What kafkade asks of a Kubernetes API, whoever answers: an API server (kube.KubeClient), or files and a state file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kafkade.api.objects import Event, Key, Resource


@dataclass(frozen=True, slots=True)
class Listing:
    """All resources of a kind, as they were together at ``version``, a resourceVersion; empty where it is not known."""

    resources: Iterable[Resource]
    """To be read one after the other, as often as one likes."""
    version: str = ""


class KubeApi(Protocol):
    """Reads and writes of resources, Secrets and ConfigMaps. Each write returns the object as it is now, where it has one.

    What each method promises and raises is said by ``kube.KubeClient``.
    """

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing: ...

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource: ...

    async def add_finalizer(self, resource: Resource) -> Resource: ...

    async def remove_finalizer(self, resource: Resource) -> Resource | None: ...

    async def annotate(self, resource: Resource, name: str, value: str | None) -> Resource: ...

    async def create_resource(
        self, owner: Resource, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]
    ) -> Resource: ...

    async def replace_spec(self, resource: Resource, spec: Mapping[str, Any]) -> Resource: ...

    async def delete_resource(self, resource: Resource) -> None: ...

    async def create_config_map(self, owner: Resource, name: str, data: Mapping[str, str]) -> None: ...

    async def replace_config_map_data(self, namespace: str, name: str, uid: str, data: Mapping[str, str]) -> None: ...

    async def delete_config_map(self, namespace: str, name: str, uid: str) -> None: ...

    async def create_secret(self, owner: Resource, name: str, data: Mapping[str, str]) -> None: ...

    async def replace_secret_data(self, namespace: str, name: str, uid: str, data: Mapping[str, str]) -> None: ...

    async def post_event(self, resource: Resource, event: Event, now: str) -> None: ...

    async def get(self, plural: str, namespace: str, name: str) -> Mapping[str, Any]: ...

    async def get_stateful_set(self, namespace: str, name: str) -> Mapping[str, Any]: ...

    async def delete_pod(self, namespace: str, name: str, uid: str) -> None: ...

    async def get_namespace(self, name: str) -> Mapping[str, Any]: ...

    def watch(
        self, plural: str, namespace: str, name: str | None
    ) -> AsyncIterator[tuple[Literal["LIST", "SET", "GONE"], list[Mapping[str, Any]]]]: ...

    async def close(self) -> None: ...
