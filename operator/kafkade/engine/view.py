"""The engine's side of api.context.Context: what a kind's reconcile may see and do besides Kafka and the registry."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api import FINALIZER
from kafkade.api.errors import (
    ApiForbidden,
    ApiNotFound,
    ConfigMapConflict,
    ConfigMapNotFound,
    SecretConflict,
    SecretsForbidden,
)
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.clients.kube_api import KubeApi
from kafkade.engine.ownership import Ownership
from kafkade.engine.references import References
from kafkade.engine.store import Store
from kafkade.engine.takings import Takings


@dataclass(frozen=True, slots=True)
class View:
    """See api.context.Context for what each method promises."""

    kube: KubeApi
    store: Store
    ownership: Ownership
    references: References
    takings: Takings
    clock: Callable[[], str]
    seen: Callable[[Resource], None]
    """Takes what a write answered, ahead of the watch."""
    selector: str | None = None
    """The label selector that this operator sees by."""

    def now(self) -> str:
        return self.clock()

    def get(self, key: Key) -> Resource | None:
        return self.store.get(key)

    def rival(self, resource: Resource, claim: str) -> Key | None:
        return self.ownership.rival(resource, claim)

    def dependants(self, key: Key) -> Iterable[Key]:
        return self.store.dependants(key)

    def members(self, cluster: Key, kind: str) -> list[Resource]:
        return [r for r in map(self.store.get, self.store.members(cluster, kind)) if r is not None]

    def grant(self, resource: Resource) -> Grant | None:
        return self.ownership.grant(resource)

    def inherited_labels(self, owner: Resource) -> Mapping[str, str]:
        selector = self.selector or ""
        return {k: v for k, v in owner.labels.items() if re.search(rf"(?<![\w./-]){re.escape(k)}(?![\w./-])", selector)}

    async def create(self, owner: Resource, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]) -> None:
        self.seen(await self.kube.create_resource(owner, key, labels, spec))

    async def replace_spec(self, resource: Resource, spec: Mapping[str, Any]) -> None:
        self.seen(await self.kube.replace_spec(resource, spec))

    async def delete(self, resource: Resource) -> None:
        await self.kube.delete_resource(resource)

    async def stateful_set(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        try:
            return await self.kube.get_stateful_set(namespace, name)
        except ApiNotFound:
            return None

    async def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        try:
            return await self.kube.get("pods", namespace, name)
        except ApiNotFound:
            return None

    async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        await self.kube.delete_pod(namespace, name, uid)

    async def keep_config_map(self, owner: Resource, name: str, data: Mapping[str, str]) -> bool:
        namespace = owner.key.namespace
        try:
            found = await self.kube.get("configmaps", namespace, name)
        except ApiNotFound:
            await self.kube.create_config_map(owner, name, data)
            return True
        meta = found["metadata"]
        if not _belongs(found, owner):
            raise ConfigMapConflict(
                f"ConfigMap {namespace}/{name} exists and is not this policy's; delete it, or set spec.configMapName"
            )
        if found.get("data") == data:
            return False
        await self.kube.replace_config_map_data(namespace, name, meta["uid"], data)
        return True

    async def take_config_map(self, owner: Resource, name: str) -> None:
        namespace = owner.key.namespace
        try:
            found = await self.kube.get("configmaps", namespace, name)
        except ApiNotFound:
            return
        if _belongs(found, owner):
            await self.kube.delete_config_map(namespace, name, found["metadata"]["uid"])

    async def own_secret(self, owner: Resource, name: str) -> Mapping[str, bytes] | None:
        found = await self._secret(owner, name)
        return None if found is None else _decoded(found)

    async def _secret(self, owner: Resource, name: str) -> Mapping[str, Any] | None:
        """Raises SecretConflict where it is not the owner's."""
        namespace = owner.key.namespace
        try:
            found = await self.kube.get("secrets", namespace, name)
        except ApiNotFound:
            return None
        if not _belongs(found, owner):
            raise SecretConflict(
                f"Secret {namespace}/{name} exists and is not this binding's; delete it, or create another binding with"
                " spec.secretName"
            )
        return found

    async def keep_secret(self, owner: Resource, name: str, data: Mapping[str, str]) -> bool:
        namespace = owner.key.namespace
        found = await self._secret(owner, name)
        try:
            if found is None:
                await self.kube.create_secret(owner, name, data)
                return True
            if _decoded(found) == {key: text.encode() for key, text in data.items()}:
                return False
            await self.kube.replace_secret_data(namespace, name, found["metadata"]["uid"], data)
        except ApiForbidden as error:
            raise SecretsForbidden(
                f"kafkade may not write Secret {namespace}/{name}: kubectl apply -n {namespace} -f deploy/rbac/bindings.yaml,"
                f" or add {namespace} to operator.rbac.serviceBindings of the chart ({error.message})"
            ) from error
        return True

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

    async def announce(self, resource: Resource, fields: Mapping[str, Any]) -> None:
        current = self.store.get(resource.key) or resource
        if any(current.status.get(name) != value for name, value in fields.items()):
            self.seen(await self.kube.patch_status(current, {**current.status, **fields}))

    def is_taking(self, cluster: Key, mark: str) -> bool:
        return self.takings.holds(cluster, mark)

    async def announce_takings(self, cluster: Key, marks: Mapping[str, Resource]) -> None:
        await self.takings.announce(cluster, marks)

    async def withdraw_takings(self, cluster: Key, keys: Collection[Key]) -> None:
        await self.takings.withdraw(cluster, keys)

    async def add_finalizer(self, resource: Resource) -> None:
        current = self.store.get(resource.key) or resource
        if FINALIZER not in current.finalizers:
            self.seen(await self.kube.add_finalizer(current))


def _belongs(found: Mapping[str, Any], owner: Resource) -> bool:
    return any(reference.get("uid") == owner.uid for reference in found["metadata"].get("ownerReferences") or ())


def _decoded(secret: Mapping[str, Any]) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
