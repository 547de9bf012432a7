"""The few calls that kafkade makes to the Kubernetes API, on one aiohttp pool, with Kopf's own credentials.

Why not the official client: it costs tens of MiB of resident memory for generated models that nobody reads, and a
topic operator makes six kinds of calls. Watches of kafkade's kinds are Kopf's; the single-object watches here follow
referenced Secrets and ConfigMaps only, by field selector, so that no other Secret is ever read.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, cast

import aiohttp

from kafkade.api import API_VERSION, FINALIZER, FINALIZERS, GROUP, VERSION
from kafkade.api.errors import (
    ApiConflict,
    ApiForbidden,
    ApiGone,
    ApiInvalid,
    ApiNotFound,
    ApiUnavailable,
    KubernetesError,
)
from kafkade.api.kinds import KINDS
from kafkade.api.lease import LEASE_API, Lease, LeaseName
from kafkade.api.objects import Event, Key, Owner, Resource
from kafkade.api.packing import Pile
from kafkade.api.text import visible
from kafkade.clients.fence import FENCE, Fence, fenced
from kafkade.clients.kube_api import Listing
from kafkade.clients.slots import Slots
from kafkade.clients.tracing import http_spans

_ERRORS: dict[int, type[KubernetesError]] = {
    400: ApiInvalid,
    401: ApiForbidden,
    403: ApiForbidden,
    404: ApiNotFound,
    409: ApiConflict,
    410: ApiGone,
    422: ApiInvalid,
}
SECRET_TYPE = "servicebinding.io/kafka"  # noqa: S105 -- a kind of Secret
"""Type of a binding's Secret, as the Service Binding specification recommends it: servicebinding.io/<its type>."""
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_NOT_AS_TESTED = "the server rejected our request due to an error in our request"
"""With 422, all that an API server says of a JSON patch that does not go with the object, above all of a test that failed."""
_PAGE = 200
"""Objects a list page: once parsed some 11 KB each. With 8,000 topics 200 take 2 MiB less than 500, in the same time."""
WATCH_SECONDS = 290
"""After so long a watch of Secrets or ConfigMaps begins anew with a list, whatever it told or did not."""
WATCH_SILENCE = 90.0
"""Seconds of silence, longer than a bookmark's period, that mean a dead connection, not a quiet object."""


class _TestFailed(ApiConflict):
    """A test of a JSON patch: it is not the object that was read, or not as it was."""


class KubeClient:
    """Reads and writes of the operator. Calls are bounded to ``concurrency`` at a time (``slots.py``); each has a time limit.

    Before the first :meth:`login` calls wait; a later one replaces the credentials for the calls after it. Writes have to
    pass ``fence`` and raise NotLeader where it is shut; None is for the Lease itself.
    """

    def __init__(self, *, concurrency: int = 16, timeout: float = 30.0, fence: Fence | None = FENCE) -> None:
        self._slots = Slots(concurrency)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._traces = [] if fence is None else [fenced(fence)]
        self._session: aiohttp.ClientSession | None = None
        self._under_way: Counter[aiohttp.ClientSession] = Counter()
        """How many requests each session has, former ones too, which are closed with their last request."""
        self._server = ""
        self._ready = asyncio.Event()

    async def login(self, server: str, headers: Mapping[str, str], context: ssl.SSLContext | None) -> None:
        """Use these credentials from now on: the API server's URL, headers with the authorization, TLS."""
        old = self._session
        connector = aiohttp.TCPConnector(limit=0, ssl=context if context is not None else True, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={**headers, "User-Agent": "kafkade"},
            trace_configs=[*self._traces, *http_spans("kubernetes")],
        )
        self._server = server.rstrip("/")
        self._ready.set()
        if old is not None and not self._under_way[old]:
            await old.close()

    async def close(self) -> None:
        """Close the connections."""
        self._ready.clear()
        current, self._session = self._session, None
        for session in {*self._under_way, *filter(None, [current])}:
            await session.close()

    async def list_resources(self, kind: str, namespace: str | None, selector: str | None) -> Listing:
        """All resources of a kind, in one namespace or (None) everywhere, by label selector."""
        found = Pile()
        version, token = await self._page(found, kind, namespace, selector)
        while token:
            # all pages are of the version that the first one was
            _, token = await self._page(found, kind, namespace, selector, token)
        return Listing(found, version)

    async def _page(
        self, found: Pile, kind: str, namespace: str | None, selector: str | None, token: str = ""
    ) -> tuple[str, str]:
        """Put a page on the pile; answers its resourceVersion, and the token of the next one, empty where it is the last.

        What was parsed ends with this call: two pages at a time would take twice the memory, and that is seldom given back.
        """
        params = {"limit": str(_PAGE)}
        if selector:
            params["labelSelector"] = selector
        if token:
            params["continue"] = token
        body = await self._call("GET", collection(kind, namespace), params=params)
        found.add(Resource.from_body(kind, item) for item in body["items"])
        return body["metadata"].get("resourceVersion", ""), body["metadata"].get("continue") or ""

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        """Replace the whole status, of this very object and no namesake (its uid is tested in the same patch).

        A PUT would cost an API server less. It would also take the labels and annotations that it leaves out from who owns them,
        as managedFields has it, so that a later server-side apply without them would leave them on.

        Raises:
            ApiNotFound: it is gone, or another object has its name now.
        """
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": resource.uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            body = await self._call("PATCH", f"{_object(resource.key)}/status", patch, _JSON_PATCH)
        except _TestFailed as error:  # another object has the name now; its own event is on the way
            raise ApiNotFound(error.message) from error
        return Resource.from_body(resource.key.kind, body)

    async def add_finalizer(self, resource: Resource) -> Resource:
        """Raises ApiConflict when the object is not as ``resource`` shows it any more."""
        meta = {"resourceVersion": resource.resource_version, "finalizers": [*resource.finalizers, FINALIZER]}
        body = await self._call("PATCH", _object(resource.key), {"metadata": meta}, _MERGE_PATCH)
        return Resource.from_body(resource.key.kind, body)

    async def remove_finalizer(self, resource: Resource) -> Resource | None:
        """Take kafkade's finalizers off and nobody else's; None when the object is gone with them or was before.

        Raises ApiConflict when the list of finalizers is not as ``resource`` shows it any more.
        """
        patch: list[dict[str, Any]] = [{"op": "test", "path": "/metadata/uid", "value": resource.uid}]
        # from the last one on, so that those before it stay where they are
        for index, name in reversed([*enumerate(resource.finalizers)]):
            if name in FINALIZERS:
                path = f"/metadata/finalizers/{index}"
                patch += [{"op": "test", "path": path, "value": name}, {"op": "remove", "path": path}]
        try:
            body = await self._call("PATCH", _object(resource.key), patch, _JSON_PATCH)
        except ApiNotFound:
            return None
        return Resource.from_body(resource.key.kind, body)

    async def annotate(self, resource: Resource, name: str, value: str | None) -> Resource:
        """Set an annotation of this very object, or (None) take it away, whatever else it has.

        Raises ApiConflict when another one has its name now.
        """
        meta = {"uid": resource.uid, "annotations": {name: value}}
        try:
            body = await self._call("PATCH", _object(resource.key), {"metadata": meta}, _MERGE_PATCH)
        except ApiInvalid as error:
            if "metadata.uid" in error.message:  # which cannot be changed
                raise ApiConflict(error.message) from error
            raise
        return Resource.from_body(resource.key.kind, body)

    async def create_resource(
        self, owner: Resource, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]
    ) -> Resource:
        """Make a resource that belongs to ``owner``. Raises ApiConflict when there is one of this name already."""
        body = {
            "apiVersion": API_VERSION,
            "kind": key.kind,
            "metadata": {
                "name": key.name,
                "labels": dict(labels),
                "ownerReferences": [Owner(owner.key, owner.uid).reference()],
            },
            "spec": spec,
        }
        return Resource.from_body(key.kind, await self._call("POST", collection(key.kind, key.namespace), body))

    async def replace_spec(self, resource: Resource, spec: Mapping[str, Any]) -> Resource:
        """Replace the whole spec of this very object. Raises ApiConflict when another one has its name now."""
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": resource.uid},
            {"op": "replace", "path": "/spec", "value": spec},
        ]
        body = await self._call("PATCH", _object(resource.key), patch, _JSON_PATCH)
        return Resource.from_body(resource.key.kind, body)

    async def delete_resource(self, resource: Resource) -> None:
        """Delete this very object; one that is gone is well. Raises ApiConflict when another one has its name now."""
        await self._delete(_object(resource.key), resource.uid)

    async def create_config_map(self, owner: Resource, name: str, data: Mapping[str, str]) -> None:
        """Make a ConfigMap that belongs to ``owner``. Raises ApiConflict when there is one of this name already."""
        labels = {"app.kubernetes.io/managed-by": "kafkade"}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels, "ownerReferences": [Owner(owner.key, owner.uid).reference()]},
            "data": data,
        }
        await self._call("POST", f"/api/v1/namespaces/{owner.key.namespace}/configmaps", body)

    async def replace_config_map_data(self, namespace: str, name: str, uid: str, data: Mapping[str, str]) -> None:
        """Replace what this very ConfigMap holds. Raises ApiConflict when another one has its name now."""
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/data", "value": data},
        ]
        await self._call("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/{name}", patch, _JSON_PATCH)

    async def delete_config_map(self, namespace: str, name: str, uid: str) -> None:
        """Delete this very ConfigMap; one that is gone is well. Raises ApiConflict when another one has its name now."""
        await self._delete(f"/api/v1/namespaces/{namespace}/configmaps/{name}", uid)

    async def create_secret(self, owner: Resource, name: str, data: Mapping[str, str]) -> None:
        """Make a Secret of the Service Binding specification's type that belongs to ``owner``.

        Raises ApiConflict when there is one of this name already.
        """
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": SECRET_TYPE,
            "metadata": {
                "name": name,
                "labels": {"app.kubernetes.io/managed-by": "kafkade"},
                "ownerReferences": [Owner(owner.key, owner.uid).reference()],
            },
            "data": _base64(data),
        }
        await self._call("POST", f"/api/v1/namespaces/{owner.key.namespace}/secrets", body)

    async def replace_secret_data(self, namespace: str, name: str, uid: str, data: Mapping[str, str]) -> None:
        """Replace what this very Secret holds. Raises ApiConflict when another one has its name now."""
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/data", "value": _base64(data)},
        ]
        await self._call("PATCH", f"/api/v1/namespaces/{namespace}/secrets/{name}", patch, _JSON_PATCH)

    async def post_event(self, resource: Resource, event: Event, now: str) -> None:
        """Post a core/v1 Event about a resource."""
        key = resource.key
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{key.name[:200]}.", "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                "namespace": key.namespace,
                "name": key.name,
                "uid": resource.uid,
                "resourceVersion": resource.resource_version,
            },
            "type": event.type,
            "reason": event.reason,
            "message": visible(event.message)[:1024],
            "source": {"component": "kafkade"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        await self._call("POST", f"/api/v1/namespaces/{key.namespace}/events", body)

    async def get_lease(self, name: LeaseName) -> Lease | None:
        """A Lease, or None where there is none of that name."""
        try:
            return Lease.from_body(await self._call("GET", f"{_leases(name.namespace)}/{name.name}"))
        except ApiNotFound:
            return None

    async def write_lease(self, lease: Lease) -> Lease:
        """Create a Lease, or replace the very version that was read.

        Raises:
            ApiConflict: it changed since, or somebody else created it.
            ApiNotFound: it is gone, or there is no such namespace.
        """
        path = _leases(lease.name.namespace)
        if lease.version:
            return Lease.from_body(await self._call("PUT", f"{path}/{lease.name.name}", lease.body()))
        return Lease.from_body(await self._call("POST", path, lease.body()))

    async def get(self, plural: str, namespace: str, name: str) -> Mapping[str, Any]:
        """A core/v1 object: secrets, configmaps or pods."""
        return cast(Mapping[str, Any], await self._call("GET", f"/api/v1/namespaces/{namespace}/{plural}/{name}"))

    async def get_stateful_set(self, namespace: str, name: str) -> Mapping[str, Any]:
        """A StatefulSet."""
        path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"
        return cast(Mapping[str, Any], await self._call("GET", path))

    async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Delete this very pod, with its own grace period; one that is gone is well.

        Raises ApiConflict when another one has its name now.
        """
        await self._delete(f"/api/v1/namespaces/{namespace}/pods/{name}", uid)

    async def get_namespace(self, name: str) -> Mapping[str, Any]:
        """A Namespace."""
        return cast(Mapping[str, Any], await self._call("GET", f"/api/v1/namespaces/{name}"))

    async def watch(
        self, plural: str, namespace: str, name: str | None
    ) -> AsyncIterator[tuple[Literal["LIST", "SET", "GONE"], list[Mapping[str, Any]]]]:
        """Core/v1 objects of a namespace, or one by name: first LIST with all, then SET and GONE with one each.

        Ends when the server ends the watch. Raises ApiGone, ApiUnavailable.
        """
        path = f"/api/v1/namespaces/{namespace}/{plural}"
        selector = {"fieldSelector": f"metadata.name={name}"} if name else {}
        listed = await self._call("GET", path, params=selector)
        yield "LIST", listed["items"]
        params = {
            **selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
            "resourceVersion": listed["metadata"]["resourceVersion"],
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=WATCH_SILENCE)
        async for lines in self.lines(path, params, timeout):
            for line in lines:
                event = parsed(f"GET {path}", line)
                if event["type"] == "ERROR":
                    raise ApiGone(str(event["object"].get("message", "the watch ended")))
                if event["type"] != "BOOKMARK":
                    yield "GONE" if event["type"] == "DELETED" else "SET", [event["object"]]

    async def lines(
        self, path: str, params: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[list[bytes]]:
        """The lines of a watch's answer, as many at a time as come together. Raises KubernetesError."""
        async with self._request("GET", path, params=params, timeout=limits) as response:
            buffer = b""
            async for chunk in response.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                yield lines

    async def _delete(self, path: str, uid: str) -> None:
        """Delete this very object; one that is gone is well. Raises ApiConflict when another one has its name now."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        with suppress(ApiNotFound):
            await self._call("DELETE", path, options)

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> Any:
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": content_type} if data is not None else {}
        async with (
            self._slots,
            self._request(method, path, params=params, timeout=self._timeout, data=data, headers=headers) as response,
        ):
            return parsed(f"{method} {path}", await response.read())

    @asynccontextmanager
    async def _request(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        await self._ready.wait()
        session = self._session
        if session is None:
            raise ApiUnavailable("not logged in to the Kubernetes API")
        self._under_way[session] += 1
        try:
            async with session.request(method, f"{self._server}{path}", **options) as response:
                if response.status >= 400:
                    raise await _error(method, path, response)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(f"Kubernetes API, {method} {path}: {type(error).__name__} {error}".rstrip()) from error
        finally:
            self._under_way[session] -= 1
            if not self._under_way[session]:
                del self._under_way[session]
                if session is not self._session:
                    await session.close()


def parsed(what: str, data: bytes) -> Any:
    """The object that an answer is; what stands before the API server may answer 200 with something else.

    Raises:
        ApiUnavailable: it is none.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ApiUnavailable(f"Kubernetes API, {what}: the answer is not JSON") from error
    if not isinstance(found, dict):
        raise ApiUnavailable(f"Kubernetes API, {what}: the answer is no object")
    return found


async def _error(method: str, path: str, response: aiohttp.ClientResponse) -> KubernetesError:
    text = await response.text()
    try:
        message = json.loads(text).get("message", text)
    except (ValueError, AttributeError):
        message = text
    busy = response.status == 429 or response.status >= 500
    kind = _ERRORS.get(response.status, ApiUnavailable if busy else KubernetesError)
    if response.status == 422 and message == _NOT_AS_TESTED:
        return _TestFailed(f"Kubernetes API, {method} {path}: the object is another one by now, or not as it was")
    return kind(f"Kubernetes API, {method} {path}: {response.status} {message[:500]}")


def _base64(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}


def collection(kind: str, namespace: str | None) -> str:
    """The path of a kind's resources."""
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}{scope}/{KINDS[kind].plural}"


def _leases(namespace: str) -> str:
    return f"/apis/{LEASE_API}/namespaces/{namespace}/leases"


def _object(key: Key) -> str:
    return f"{collection(key.kind, key.namespace)}/{key.name}"
