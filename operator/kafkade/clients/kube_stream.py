"""A kind's resources as they change: one list, then one watch after the other, parsed once and kept by nobody here.

For kinds of which there may be tens of thousands. Kopf's own watches copy each object several times and keep a task and a
memory for each; for an event that costs a millisecond, three times what the write costs that the event leads to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import aiohttp

from kafkade.api.errors import ApiForbidden, ApiGone, ApiUnavailable, KubernetesError
from kafkade.api.objects import Resource
from kafkade.clients.kube import KubeClient, collection, parsed
from kafkade.clients.kube_api import Listing


class Change(NamedTuple):
    """What an event of a watch told of a resource."""

    what: Literal["SET", "GONE"]
    resource: Resource


class Stream:
    """All resources of a kind, in one namespace or (None) everywhere, by label selector.

    ``asked`` is called whenever the API server is asked for something. ``server_timeout``: seconds after which the server ends a
    watch and the next one is begun; ``inactivity``: seconds without an event or a bookmark, which come every 60, after
    which a connection is taken for dead.
    """

    def __init__(
        self,
        kube: KubeClient,
        kind: str,
        namespace: str | None,
        selector: str | None,
        asked: Callable[[], None],
        *,
        server_timeout: int,
        inactivity: float,
    ) -> None:
        self.kind, self.namespace = kind, namespace
        self._kube = kube
        self._selector = selector
        self._asked = asked
        self._server_timeout = server_timeout
        self._inactivity = inactivity
        self._version: str | None = None

    @property
    def goes_on(self) -> bool:
        """Whether ``changes`` goes on where it ended; otherwise everything has to be listed first."""
        return self._version is not None

    async def listed(self) -> Listing:
        """All of them as they are now; ``changes`` goes on from here. Raises KubernetesError."""
        self._asked()
        found = await self._kube.list_resources(self.kind, self.namespace, self._selector)
        self._version = found.version
        return found

    async def changes(self) -> AsyncIterator[Sequence[Change]]:
        """What changes from now on, in order and as it comes; ends when the server ends the watch.

        Raises:
            ApiGone: some changes are lost to us; everything has to be listed.
            ApiUnavailable, ApiForbidden: it can go on later.
        """
        assert self._version is not None  # noqa: S101 -- the caller listed
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._server_timeout),
            "resourceVersion": self._version,
        }
        if self._selector:
            params["labelSelector"] = self._selector
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=self._inactivity)
        self._asked()
        try:
            async for lines in self._kube.lines(collection(self.kind, self.namespace), params, timeout):
                found, error = self._changes(lines)
                if found:
                    yield found
                if error is not None:
                    raise error
        except ApiGone:
            self._version = None
            raise

    def _changes(self, lines: Sequence[bytes]) -> tuple[list[Change], KubernetesError | None]:
        """What the lines tell, up to one that ends the watch."""
        found: list[Change] = []
        for line in lines:
            try:
                change = self._change(line)
            except KubernetesError as error:
                return found, error
            if change is not None:
                found.append(change)
        return found, None

    def _change(self, line: bytes) -> Change | None:
        try:
            return self._read(parsed(f"watch of {self.kind}", line))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ApiUnavailable(f"Kubernetes API, watch of {self.kind}: what came is no event: {error!r}") from error

    def _read(self, event: Mapping[str, Any]) -> Change | None:
        what, body = event["type"], event["object"]
        if what == "ERROR":
            message, code = str(body.get("message", "the watch ended")), body.get("code")
            if code == 410:
                raise ApiGone(message)
            raise ApiForbidden(message) if code in (401, 403) else ApiUnavailable(message)
        known = None
        if what != "BOOKMARK":
            known = Change("GONE" if what == "DELETED" else "SET", Resource.from_body(self.kind, body))
        self._version = body["metadata"]["resourceVersion"]
        return known
