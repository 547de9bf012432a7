"""What the Kubernetes API is to kafkade, by manifests and a state: see ``clients.kube_api.KubeApi`` for what is promised."""

from __future__ import annotations

import asyncio
import base64
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kafkade.api import ANNOTATION_TAKING, FINALIZER, FINALIZERS
from kafkade.api.errors import ApiConflict, ApiNotFound, NeedsKubernetes
from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import Event, Key, Owner, Resource
from kafkade.clients.kube_api import KubeApi, Listing
from kafkade.local.manifests import Manifest, Manifests

log = logging.getLogger("kafkade.events")

CONFIG_MAP = "ConfigMap"
Body = Mapping[str, Any]


class Keep(Protocol):
    """Where objects are kept: a state file, or memory."""

    objects: dict[Key, Body]

    def put(self, key: Key, body: Body) -> None: ...

    def remove(self, key: Key) -> None: ...

    def commit(self) -> None: ...


class Memory:
    """Keeps objects as long as it lives: for plans, of which nothing is kept."""

    def __init__(self, objects: Mapping[Key, Body] | None = None) -> None:
        self.objects: dict[Key, Body] = dict(objects or {})

    def put(self, key: Key, body: Body) -> None:
        self.objects[key] = body

    def remove(self, key: Key) -> None:
        self.objects.pop(key, None)

    def commit(self) -> None:
        """Nothing to keep."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What manifests changed of what was known."""

    changed: frozenset[Key]
    """New ones, and those with another spec, labels or annotations."""
    left: frozenset[Key]
    """Known, and in no manifest any more: left as they are, and not looked at."""
    removed: frozenset[Key]
    """Known, and in no manifest any more: in deletion."""


class LocalKube:
    """Resources as manifests declare them, with what ``keep`` knows of each.

    ``behind``: where Secrets, ConfigMaps and Namespaces come from that no manifest has.
    ``seen`` and ``gone`` tell of changes, as a watch does: a moment later, on the event loop.
    """

    def __init__(self, keep: Keep, now: Callable[[], str], behind: KubeApi | None = None) -> None:
        self._keep = keep
        self._now = now
        self._behind = behind
        self._manifests = Manifests()
        self._left: frozenset[Key] = frozenset()
        self._version = max((int(b["metadata"]["resourceVersion"]) for b in keep.objects.values()), default=0)
        self._committing: asyncio.Future[None] | None = None
        self._news = asyncio.Event()
        self.seen: Callable[[Resource], None] | None = None
        self.gone: Callable[[Key], None] | None = None

    @property
    def version(self) -> int:
        """A number that grows with each write."""
        return self._version

    def declare(self, manifests: Manifests, *, prune: bool, hide: bool = True) -> Declared:
        """Take over what manifests say; ``prune``: what they do not name any more is deleted, else it is left alone.

        ``hide``: what is left alone is not among the resources.
        """
        self._manifests = manifests
        changed = frozenset(key for key, manifest in manifests.resources.items() if self._declare(manifest))
        missing = frozenset(
            key
            for key, body in self._keep.objects.items()
            if key.kind != CONFIG_MAP and key not in manifests.resources and not body["metadata"].get("ownerReferences")
        )
        before, self._left = self._left, missing if hide and not prune else frozenset()
        if prune:
            # a KafkaCluster is what the others are deleted through
            for key in sorted(missing, key=lambda k: k.kind == CLUSTER):
                self._delete(key)
        self._keep.commit()
        self._tell(self._left - before, before - self._left)
        self._news.set()
        self._news = asyncio.Event()
        return Declared(changed, self._left, missing if prune else frozenset())

    def _tell(self, hidden: frozenset[Key], shown: frozenset[Key]) -> None:
        """What is left alone from now on is gone for who watches, and the other way round."""
        for resource in self._known() if hidden or shown else ():
            if self.gone is not None and _names(resource) & hidden:
                asyncio.get_running_loop().call_soon(self.gone, resource.key)
            elif self.seen is not None and _names(resource) & shown:
                asyncio.get_running_loop().call_soon(self.seen, resource)

    def _declare(self, manifest: Manifest) -> bool:
        known = self._keep.objects.get(manifest.key)
        if known is None:
            self._store(manifest.key, self._new(manifest.key, manifest.spec, manifest.labels, manifest.annotations))
            return True
        meta = dict(known["metadata"])
        # kafkade's own is in no manifest
        own = {k: v for k, v in meta["annotations"].items() if k == ANNOTATION_TAKING}
        annotations = {**manifest.annotations, **own}
        same_meta = meta["labels"] == manifest.labels and meta["annotations"] == annotations
        if known["spec"] == manifest.spec and same_meta and "deletionTimestamp" not in meta:
            return False
        if known["spec"] != manifest.spec or "deletionTimestamp" in meta:
            meta["generation"] += 1
        meta.pop("deletionTimestamp", None)  # declared again before it was gone
        meta |= {"labels": dict(manifest.labels), "annotations": annotations}
        self._store(manifest.key, {**known, "metadata": meta, "spec": manifest.spec})
        return True

    def _new(self, key: Key, spec: Body, labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, Any]:
        meta = {
            "name": key.name,
            "namespace": key.namespace,
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": self._now(),
            "labels": dict(labels),
            "annotations": dict(annotations),
        }
        return {"metadata": meta, "spec": spec}

    def resources(self) -> list[Resource]:
        """All resources that are declared, made by another one, or in deletion."""
        return [resource for resource in self._known() if not _names(resource) & self._left]

    def _known(self) -> Iterator[Resource]:
        """All resources, those that are left alone too."""
        bodies = self._keep.objects.items()
        return (Resource.from_body(key.kind, body) for key, body in bodies if key.kind != CONFIG_MAP)

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing:
        return Listing([r for r in self.resources() if r.key.kind == kind and namespace in (None, r.key.namespace)])

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        body = self._current(resource)
        return await self._write(resource.key, {**body, "status": status})

    async def add_finalizer(self, resource: Resource) -> Resource:
        body = self._current(resource)
        return await self._write(resource.key, _with(body, finalizers=[*resource.finalizers, FINALIZER]))

    async def remove_finalizer(self, resource: Resource) -> Resource | None:
        try:
            body = self._current(resource)
        except ApiNotFound:
            return None
        left = [f for f in body["metadata"].get("finalizers") or () if f not in FINALIZERS]
        if "deletionTimestamp" in body["metadata"] and not left:
            self._forget(resource.key)
            await self._committed()
            return None
        return await self._write(resource.key, _with(body, finalizers=left))

    async def annotate(self, resource: Resource, name: str, value: str | None) -> Resource:
        body = self._current(resource)
        others = {k: v for k, v in body["metadata"]["annotations"].items() if k != name}
        return await self._write(
            resource.key, _with(body, annotations=others if value is None else {**others, name: value})
        )

    async def create_resource(
        self, owner: Resource, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]
    ) -> Resource:
        if key in self._keep.objects:
            raise ApiConflict(f"{key} exists already")
        body = self._new(key, spec, labels, {})
        return await self._write(key, _with(body, ownerReferences=[Owner(owner.key, owner.uid).reference()]))

    async def replace_spec(self, resource: Resource, spec: Mapping[str, Any]) -> Resource:
        body = self._current(resource)
        changed = body if body["spec"] == spec else _with(body, generation=body["metadata"]["generation"] + 1)
        return await self._write(resource.key, {**changed, "spec": spec})

    async def delete_resource(self, resource: Resource) -> None:
        known = self._keep.objects.get(resource.key)
        if known is not None and known["metadata"]["uid"] == resource.uid:
            self._delete(resource.key)
            await self._committed()

    async def create_config_map(self, owner: Resource, name: str, data: Mapping[str, str]) -> None:
        key = Key(CONFIG_MAP, owner.key.namespace, name)
        if key in self._keep.objects:
            raise ApiConflict(f"ConfigMap {key.namespace}/{name} exists already")
        body = _with(self._new(key, {}, {}, {}), ownerReferences=[Owner(owner.key, owner.uid).reference()])
        await self._write(key, {**body, "data": dict(data)})

    async def replace_config_map_data(self, namespace: str, name: str, uid: str, data: Mapping[str, str]) -> None:
        key = Key(CONFIG_MAP, namespace, name)
        known = self._keep.objects.get(key)
        if known is None or known["metadata"]["uid"] != uid:
            raise ApiConflict(f"ConfigMap {namespace}/{name} is another one by now")
        await self._write(key, {**known, "data": dict(data)})

    async def delete_config_map(self, namespace: str, name: str, uid: str) -> None:
        key = Key(CONFIG_MAP, namespace, name)
        known = self._keep.objects.get(key)
        if known is not None and known["metadata"]["uid"] == uid:
            self._delete(key)
            await self._committed()

    async def create_secret(self, owner: Resource, name: str, data: Mapping[str, str]) -> None:
        raise NeedsKubernetes(
            f"Secret {owner.key.namespace}/{name} is not written: without Kubernetes there is no place that is fit to keep"
            " passwords; apply KafkaServiceBindings to an operator"
        )

    async def replace_secret_data(self, namespace: str, name: str, uid: str, data: Mapping[str, str]) -> None:
        raise NeedsKubernetes(f"Secret {namespace}/{name} is one of the manifests, and is not written")

    async def post_event(self, resource: Resource, event: Event, now: str) -> None:
        level = logging.WARNING if event.type == "Warning" else logging.INFO
        log.log(level, "%s: %s: %s", resource.key, event.reason, event.message)

    async def get(self, plural: str, namespace: str, name: str) -> Mapping[str, Any]:
        if plural == "secrets":
            secret = self._manifests.secrets.get((namespace, name))
            if secret is None:
                if self._behind is not None:
                    return await self._behind.get(plural, namespace, name)
                raise ApiNotFound(f"no manifest has Secret {namespace}/{name}")
            return {"metadata": {}, "data": {k: base64.b64encode(v).decode() for k, v in secret.items()}}
        if plural != "configmaps":
            raise ApiNotFound(f"{namespace}/{name}: there are no {plural} without Kubernetes")
        declared = self._manifests.config_maps.get((namespace, name))
        if declared is not None:
            return {"metadata": {"uid": ""}, "data": declared}
        known = self._keep.objects.get(Key(CONFIG_MAP, namespace, name))
        if known is None:
            if self._behind is not None:
                return await self._behind.get(plural, namespace, name)
            raise ApiNotFound(f"no manifest has ConfigMap {namespace}/{name}")
        return known

    async def get_stateful_set(self, namespace: str, name: str) -> Mapping[str, Any]:
        raise ApiNotFound(f"{namespace}/{name}: there are no StatefulSets without Kubernetes")

    async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """There are none."""

    async def get_namespace(self, name: str) -> Mapping[str, Any]:
        if self._behind is not None and name not in self._manifests.namespaces:
            return await self._behind.get_namespace(name)
        return {"metadata": {"name": name, "labels": dict(self._manifests.namespaces.get(name, {}))}}

    async def watch(
        self, plural: str, namespace: str, name: str | None
    ) -> AsyncIterator[tuple[Literal["LIST", "SET", "GONE"], list[Mapping[str, Any]]]]:
        if self._behind is not None:
            await asyncio.Event().wait()  # what is read once is not followed
        while True:
            news = self._news
            found: list[Mapping[str, Any]] = []
            table = self._manifests.secrets if plural == "secrets" else self._manifests.config_maps
            for area, known in table:
                if area == namespace and name in (None, known):
                    body = await self.get(plural, namespace, known)
                    found.append({**body, "metadata": {**body["metadata"], "name": known}})
            yield "LIST", found
            await news.wait()

    async def close(self) -> None:
        """Close what is behind; whoever holds the state closes that."""
        if self._behind is not None:
            await self._behind.close()

    def _current(self, resource: Resource) -> Body:
        body = self._keep.objects.get(resource.key)
        if body is None or body["metadata"]["uid"] != resource.uid:
            raise ApiNotFound(f"{resource.key} is gone")
        return body

    async def _write(self, key: Key, body: Body) -> Resource:
        self._store(key, body)
        await self._committed()
        return Resource.from_body(key.kind, self._keep.objects.get(key, body))

    def _store(self, key: Key, body: Body) -> None:
        self._version += 1
        stored = _with(body, resourceVersion=str(self._version))
        self._keep.put(key, stored)
        if self.seen is not None and key.kind != CONFIG_MAP:
            asyncio.get_running_loop().call_soon(self.seen, Resource.from_body(key.kind, stored))

    def _delete(self, key: Key) -> None:
        body = self._keep.objects[key]
        meta = body["metadata"]
        if not meta.get("finalizers"):
            self._forget(key)
        elif "deletionTimestamp" not in meta:
            self._store(key, _with(body, deletionTimestamp=self._now(), generation=meta["generation"] + 1))

    def _forget(self, key: Key) -> None:
        """Take an object away, and then what it owned, as Kubernetes' garbage collector does."""
        uid = self._keep.objects[key]["metadata"]["uid"]
        self._keep.remove(key)
        if self.gone is not None and key.kind != CONFIG_MAP:
            asyncio.get_running_loop().call_soon(self.gone, key)
        for other, body in list(self._keep.objects.items()):
            if any(reference["uid"] == uid for reference in body["metadata"].get("ownerReferences") or ()):
                self._delete(other)

    async def _committed(self) -> None:
        """Wait until what was written is kept; all writes of one turn of the event loop share a commit."""
        if self._committing is None:
            loop = asyncio.get_running_loop()
            self._committing = loop.create_future()
            loop.call_soon(self._commit)
        await asyncio.shield(self._committing)

    def _commit(self) -> None:
        waiting, self._committing = self._committing, None
        assert waiting is not None  # noqa: S101 -- made by who asked for this call
        try:
            self._keep.commit()
        except Exception as error:  # noqa: BLE001 -- handed to all who wait
            waiting.set_exception(error)
        else:
            waiting.set_result(None)


def _with(body: Body, **meta: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], **meta}}


def _names(resource: Resource) -> set[Key]:
    """A resource, and the one that made it: what is left alone is so with all that it made."""
    return {resource.key} if resource.owner is None else {resource.key, resource.owner.key}
