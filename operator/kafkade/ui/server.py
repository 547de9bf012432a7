"""The web server: addresses to pages, errors to pages, and all of it behind the guard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web
from aiohttp.typedefs import Handler

from kafkade.api.errors import (
    AuthorizationFailed,
    DependencyError,
    KafkadeError,
    NotSupportedByCluster,
    RegistryNotFound,
    UnknownTopic,
)
from kafkade.ui.access import TOKEN, Access, guarded
from kafkade.ui.clusters import Cluster, Clusters
from kafkade.ui.layout import STATIC, Column, Place, asset, badge, content_of, notice, page, table
from kafkade.ui.markup import Content, el, link
from kafkade.ui.pages.asking import Missing, Page, Query, Show
from kafkade.ui.pages.dead_letters import dead_letters, peek
from kafkade.ui.pages.groups import group, groups
from kafkade.ui.pages.overview import overview
from kafkade.ui.pages.resources import resources
from kafkade.ui.pages.schemas import schema, schemas
from kafkade.ui.pages.topics import topic, topics
from kafkade.ui.threads import AT_ONCE

log = logging.getLogger("kafkade.ui")

PAGE_TIMEOUT = 25.0
"""Seconds that a page may take."""

_TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}

_SHOWN: Mapping[str, tuple[str, Show]] = MappingProxyType(
    {
        "overview": ("overview", overview),
        "topics": ("topics", topics),
        "topics/{topic}": ("topic", topic),
        "schemas": ("schemas", schemas),
        "schema": ("schema", schema),
        "groups": ("groups", groups),
        "group": ("group", group),
        "dead-letters": ("dead-letters", dead_letters),
        "peek": ("peek", peek),
        "resources": ("resources", resources),
    }
)
"""Pages of a cluster by their paths: their names, and what makes them."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Its address for a browser on this machine or, where it listens on one address, for one that reaches that."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def _never() -> bool:
    return False


def application(clusters: Clusters, access: Access, standby: Callable[[], bool] = _never) -> web.Application:
    """All pages over these clusters, for those that ``access`` lets in.

    ``standby``: whether another replica is the one that knows the clusters.
    """
    pages = _Pages(clusters, standby)
    made = web.Application(middlewares=[guarded(access, refused, STATIC)])
    made.router.add_get("/", pages.first)
    made.router.add_get(STATIC + "{name}", _static)
    for path, (name, show) in _SHOWN.items():
        made.router.add_get("/clusters/{cluster}/" + path, pages.of(name, show))
    made.router.add_get("/clusters/{cluster}", pages.of("overview", overview))
    return made


@asynccontextmanager
async def serving(
    clusters: Clusters, access: Access, host: str, port: int, *, standby: Callable[[], bool] = _never
) -> AsyncIterator[Listening]:
    """Serve the pages meanwhile; port 0: any that is free. No request is logged: addresses can have the token.

    Raises:
        OSError: nobody can listen there.
    """
    runner = web.AppRunner(
        application(clusters, access, standby), access_log=None, handler_cancellation=True, shutdown_timeout=2
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield Listening(host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def refused(request: web.Request, status: int, title: str, advice: str) -> web.Response:
    """The page for who may not see another one."""
    body: Content = el("p", advice)
    if status == 401:
        body = (
            body,
            el(
                "form",
                el("label", "Token", for_="token"),
                el("input", type="password", name=TOKEN, id="token", autocomplete="off", required=True, autofocus=True),
                el("button", "Show the pages", type="submit"),
                method="get",
                action="/",
                class_="search",
            ),
        )
    return _response(page(title, body), status)


class _Pages:
    """The handlers."""

    def __init__(self, clusters: Clusters, standby: Callable[[], bool]) -> None:
        self._clusters = clusters
        self._standby = standby
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._making: set[asyncio.Task[Page]] = set()
        """Also pages that nobody waits for any more: they keep their turns until they have ended."""

    async def first(self, request: web.Request) -> web.StreamResponse:
        """The list of clusters; where there is one, that one."""
        if self._standby():
            return _stands_by()
        found = self._clusters()
        if len(found) == 1:
            (only,) = found.values()
            return web.Response(status=302, headers={"Location": only.page("overview")})
        rows = (
            (
                link(cluster.page("overview"), cluster.title),
                badge("connected", "good") if cluster.kafka is not None else badge("not connected", "bad"),
                None if cluster.trouble is None else cluster.trouble.message,
            )
            for cluster in found.values()
        )
        columns = (Column("Cluster"), Column("Connection"), Column("Why"))
        return _response(page("Clusters", table("Clusters", columns, rows, empty="No cluster is known yet.")))

    def of(self, name: str, show: Show) -> Handler:
        """The handler of one page."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self._standby():
                return _stands_by()
            found = self._clusters()
            cluster = found.get(request.match_info["cluster"])
            if cluster is None:
                return refused(request, 404, "There is no such cluster", "It may be gone, or not known yet.")
            place = Place(cluster, name, tuple(found.values()))
            status = 200
            try:
                made = await self._made(show, cluster, {**request.query, **request.match_info})
            except KafkadeError as error:
                status, made = _status(error), _failed(error)
            except TimeoutError:
                status, made = 504, _late()
            except Exception:
                log.exception("the page %s of %s cannot be made", name, cluster.title)
                status, made = 500, Page("This page cannot be made", el("p", "The log of kafkade says why."))
            return _response(page(made.title, made.body, place, made.up), status)

        return handle

    async def _made(self, show: Show, cluster: Cluster, query: Query) -> Page:
        """The page.

        Raises:
            TimeoutError: it takes too long; what is done for it goes on until it can end.
        """
        making = asyncio.create_task(self._in_turn(show, cluster, query))
        self._making.add(making)
        making.add_done_callback(self._ended)
        try:
            await asyncio.wait({making}, timeout=PAGE_TIMEOUT)
            if not making.done():
                raise TimeoutError
            return making.result()
        finally:
            making.cancel()

    async def _in_turn(self, show: Show, cluster: Cluster, query: Query) -> Page:
        async with self._turns:
            return await show(cluster, query)

    def _ended(self, making: asyncio.Task[Page]) -> None:
        self._making.discard(making)
        if not making.cancelled():
            making.exception()  # where nobody waits, nobody asks for it


def _stands_by() -> web.Response:
    """The page of a replica that waits: a Service leads the next connection to another one, soon or later."""
    told = "Another replica of the operator is the one at work, and this one waits. The page asks again by itself."
    response = _response(page("This replica stands by", notice(told)), 503)
    response.headers["Refresh"] = "2"
    response.headers["Retry-After"] = "2"
    response.force_close()
    return response


def _failed(error: KafkadeError) -> Page:
    return Page(
        _TITLES.get(error.reason, "That cannot be shown now"),
        (
            notice(error.message, "bad"),
            el(
                "p",
                "Reason: ",
                el("code", error.reason),
                ". ",
                "Load the page again to ask once more." * error.retryable,
            ),
        ),
    )


_TITLES = {
    "ClusterUnreachable": "The cluster does not answer",
    "RegistryUnreachable": "The schema registry does not answer",
    "AuthenticationFailed": "The cluster refuses the credentials",
    "RegistryAuthenticationFailed": "The schema registry refuses the credentials",
    "AuthorizationFailed": "A right is missing",
    "NotFound": "That is not there",
    "UnknownTopic": "There is no such topic",
    "ClusterNotReady": "There is no connection yet",
}


def _late() -> Page:
    told = f"There was no answer within {PAGE_TIMEOUT:.0f} seconds: brokers are away or busy."
    return Page("That takes too long", (notice(told, "bad"), el("p", "Load the page again to ask once more.")))


def _status(error: KafkadeError) -> int:
    if isinstance(error, Missing | UnknownTopic | RegistryNotFound | NotSupportedByCluster):
        return 404
    if isinstance(error, AuthorizationFailed):
        return 403
    return 503 if isinstance(error, DependencyError) else 502


def _response(text: str, status: int = 200) -> web.Response:
    # a title can hold half of a surrogate pair, which nothing encodes
    body = text.encode("utf-8", "replace")
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound
    kept = "public, max-age=31536000, immutable" if request.query_string in asset(name) else "no-cache"
    return web.Response(
        body=content_of(name), content_type=_TYPES[name], charset="utf-8", headers={"Cache-Control": kept}
    )
