"""Taking, renewing and losing a Lease over HTTP, ten times as fast as in earnest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kafkade.api.errors import ApiForbidden, ApiNotFound
from kafkade.api.lease import LeaseName
from kafkade.clients.fence import Fence
from kafkade.clients.kube import KubeClient
from kafkade.engine.election import Timing
from kafkade.engine.leadership import Leadership
from support.http import serving

NAME = LeaseName("kafkade-system", "kafkade")
TIMING = Timing(duration=2, deadline=1.2, retry=0.1)


class Server:
    """What an API server does with a Lease; ``status`` is answered in place of it, and ``hangs`` answers nothing."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.status: int | None = None
        self.token: str | None = None
        self.hangs = False
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """One request."""
        if self.hangs:
            await asyncio.sleep(5)
        if self.token is not None and request.headers.get("Authorization") != self.token:
            return web.json_response({"message": "Unauthorized"}, status=401)
        if self.status is not None:
            return web.json_response({"message": "told so"}, status=self.status)
        sent = await request.json() if request.can_read_body else None
        match request.method:
            case "POST" if self.lease is not None:
                return web.json_response({"message": "exists"}, status=409)
            case "GET" | "PUT" if self.lease is None:
                return web.json_response({"message": "not found"}, status=404)
            case "PUT" if self.lease is not None and self.stale(sent):
                return web.json_response({"message": "changed"}, status=409)
            case "POST" | "PUT":
                self.store(sent)
        return web.json_response(self.lease)

    def stale(self, sent: Any) -> bool:
        """Whether it was made from an older version."""
        assert self.lease is not None
        return bool(sent["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"])

    def store(self, lease: Any) -> None:
        """As the newest version."""
        self.version += 1
        self.lease = {**lease, "metadata": {**lease["metadata"], "uid": "u", "resourceVersion": str(self.version)}}

    @property
    def holder(self) -> str:
        """Who holds it."""
        return "" if self.lease is None else str(self.lease["spec"]["holderIdentity"])


Join = Callable[[str], Awaitable[Leadership]]
"""An operator that wants the Lease, by its identity."""


@asynccontextmanager
async def beginning() -> AsyncIterator[tuple[Server, Join]]:
    """A server without a Lease, and operators for it."""
    server, clients = Server(), []

    async def join(identity: str) -> Leadership:
        kube = KubeClient(fence=None)
        clients.append(kube)

        async def login() -> None:
            await kube.login(server.url, {"Authorization": "new"}, None)

        await kube.login(server.url, {"Authorization": "old"}, None)
        return Leadership(kube, NAME, login, identity, TIMING, Fence())

    async with serving(server.handle) as server.url:
        yield server, join
        for kube in clients:
            await kube.close()


@pytest.fixture
async def ground() -> AsyncIterator[tuple[Server, Join]]:
    async with beginning() as made:
        yield made


@pytest.fixture
def server(ground: tuple[Server, Join]) -> Server:
    return ground[0]


@pytest.fixture
def join(ground: tuple[Server, Join]) -> Join:
    return ground[1]


async def test_one_leads_and_another_one_follows_when_it_is_told(server: Server, join: Join) -> None:
    first, second = await join("first"), await join("second")
    assert not first.fence.is_open, "from the beginning"
    await first.acquire()
    assert first.fence.is_open
    keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.acquire())
    await asyncio.sleep(TIMING.duration + 0.3)
    assert first.fence.is_open, "by renewals"
    assert not waiting.done()
    keeping.cancel()
    await asyncio.wait([keeping])
    await first.release()
    assert not first.fence.is_open
    assert server.holder == ""
    await asyncio.wait_for(waiting, 0.5)
    assert second.fence.is_open
    assert server.holder == "second"
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 1


async def test_another_one_follows_when_it_is_silent(server: Server, join: Join) -> None:
    first, second = await join("first"), await join("second")
    await first.acquire()
    began = time.monotonic()
    await second.acquire()
    assert time.monotonic() - began >= TIMING.duration
    assert second.fence.is_open
    assert not first.fence.is_open, "though nobody has told it"
    await first.release()
    assert server.holder == "second", "it gives back only what it holds"


def hang(server: Server) -> None:
    server.hangs = True


def fail(server: Server) -> None:
    server.status = 500


def forbid(server: Server) -> None:
    server.status = 403


async def test_what_cannot_be_renewed_is_lost_at_the_deadline() -> None:
    async def lost(trouble: Callable[[Server], None]) -> None:
        async with beginning() as (server, join):
            leader = await join("leader")
            began = time.monotonic()
            await leader.acquire()
            trouble(server)
            await asyncio.wait_for(leader.keep(), 2)
            assert TIMING.deadline - 0.01 <= time.monotonic() - began < TIMING.deadline + 0.5, trouble
            assert not leader.fence.is_open

    # side by side, as each is waited for
    await asyncio.gather(*(lost(trouble) for trouble in (hang, fail, forbid)))


def take(server: Server) -> None:
    assert server.lease is not None
    server.store({**server.lease, "spec": {**server.lease["spec"], "holderIdentity": "somebody"}})


def delete(server: Server) -> None:
    server.lease = None


@pytest.mark.parametrize("trouble", [take, delete])
async def test_what_is_taken_away_is_lost_at_the_next_renewal(
    server: Server, join: Join, trouble: Callable[[Server], None]
) -> None:
    leader = await join("leader")
    await leader.acquire()
    trouble(server)
    await asyncio.wait_for(leader.keep(), TIMING.deadline / 2)
    assert not leader.fence.is_open


async def test_short_trouble_is_lived_through(server: Server, join: Join) -> None:
    leader = await join("leader")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    for _ in range(3):
        server.status = 500
        await asyncio.sleep(0.3)
        server.status = None
        await asyncio.sleep(0.3)
        assert server.lease is not None
        server.store({**server.lease, "metadata": {**server.lease["metadata"], "labels": {"a": "b"}}})
    assert leader.fence.is_open
    assert not keeping.done()
    keeping.cancel()


async def test_credentials_that_have_expired_are_found_anew(server: Server, join: Join) -> None:
    leader, standby = await join("leader"), await join("standby")
    await leader.acquire()
    waiting = asyncio.create_task(standby.acquire())
    await asyncio.sleep(0.2)
    server.token = "new"
    keeping = asyncio.create_task(leader.keep())
    await asyncio.sleep(TIMING.deadline + 0.2)
    assert leader.fence.is_open
    assert not waiting.done()
    waiting.cancel()
    keeping.cancel()


@pytest.mark.parametrize(("status", "error"), [(403, ApiForbidden), (401, ApiForbidden)])
async def test_without_rights_nobody_waits(server: Server, join: Join, status: int, error: type[Exception]) -> None:
    server.status = status
    with pytest.raises(error):
        await (await join("me")).acquire()


async def test_without_the_namespace_nobody_waits(server: Server, join: Join) -> None:
    server.status = 404
    with pytest.raises(ApiNotFound):
        await (await join("me")).acquire()


async def test_a_standby_outlives_an_api_server_that_has_just_been_started() -> None:
    async def outlived(status: int) -> None:
        async with beginning() as (server, join):
            leader, standby = await join("leader"), await join("standby")
            await leader.acquire()
            waiting = asyncio.create_task(standby.acquire())
            await asyncio.sleep(0.2)
            server.status = status
            await asyncio.sleep(0.3)
            assert not waiting.done(), status
            server.status = None
            await asyncio.wait_for(waiting, TIMING.duration + 1)
            assert standby.fence.is_open

    await asyncio.gather(*(outlived(status) for status in (401, 403, 404)))


async def test_a_standby_waits_for_the_api_server(server: Server, join: Join) -> None:
    server.status = 503
    standby = await join("me")
    waiting = asyncio.create_task(standby.acquire())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    server.status = None
    await asyncio.wait_for(waiting, 0.5)
    assert standby.fence.is_open
