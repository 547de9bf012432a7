"""The engine's side of api.context.Context: what a kind's reconcile may see and do besides Kafka and the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kafkade.api import FINALIZER
from kafkade.api.errors import ConfigMapNotFound
from kafkade.api.objects import Key, Resource
from kafkade.clients.kube import KubeClient
from kafkade.engine.ownership import Ownership
from kafkade.engine.references import References
from kafkade.engine.store import Store


@dataclass(frozen=True, slots=True)
class View:
    """See api.context.Context for what each method promises."""

    kube: KubeClient
    store: Store
    ownership: Ownership
    references: References
    clock: Callable[[], str]

    def now(self) -> str:
        return self.clock()

    def get(self, key: Key) -> Resource | None:
        return self.store.get(key)

    def rival(self, resource: Resource, claim: str) -> Key | None:
        return self.ownership.rival(resource, claim)

    def dependants(self, key: Key) -> Iterable[Key]:
        return self.store.dependants(key)

    async def config_map_value(self, asker: Key, name: str, key: str) -> str:
        data = await self.references.get("configmaps", asker.namespace, name, asker)
        if data is None:
            raise ConfigMapNotFound(
                f"ConfigMap {asker.namespace}/{name} does not exist; create it, or correct spec.schemaFrom"
            )
        if key not in data:
            has = ", ".join(sorted(data)) or "no keys"
            raise ConfigMapNotFound(f"ConfigMap {asker.namespace}/{name} has no key {key} (it has {has})")
        return data[key].decode()

    async def add_finalizer(self, resource: Resource) -> None:
        current = self.store.get(resource.key) or resource
        if FINALIZER not in current.finalizers:
            self.store.put(await self.kube.add_finalizer(current))
