"""Each fault of the HTTP proxy as a client and a server see it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from support.faults.http import HttpProxy
from support.faults.network import Network
from support.faults.schedule import Fault, Schedule
from support.http import serving


@dataclass
class Upstream:
    """Counts, and says how often it was asked; a watch tells of five events."""

    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            for number in range(5):
                await response.write(json.dumps({"event": number}).encode() + b"\n")
                await asyncio.sleep(0.02)
            return response
        body = {"asked": len(self.asked), "sent": (await request.read()).decode(), "pad": "x" * 2000}
        return web.json_response(body)


@dataclass
class Ground:
    upstream: Upstream
    proxy: HttpProxy
    schedule: Schedule
    session: aiohttp.ClientSession

    async def call(
        self, method: str = "GET", path: str = "/a", body: str | None = None
    ) -> tuple[int, dict[str, object]]:
        async with self.session.request(method, self.proxy.url + path, data=body) as answer:
            return answer.status, json.loads(await answer.read())

    async def watch(self) -> list[int]:
        found: list[int] = []
        async with self.session.get(f"{self.proxy.url}/a?watch=true") as answer:
            async for line in answer.content:
                found.append(json.loads(line)["event"])
        return found


@asynccontextmanager
async def ground(watches: bool = True) -> AsyncIterator[Ground]:
    upstream, schedule = Upstream(), Schedule()
    async with serving(upstream.handle) as url:
        network = Network()
        await asyncio.to_thread(network.__enter__)
        proxy = HttpProxy(network, schedule, "kube", url, watches=watches, pids=lambda: {os.getpid(): "test"})
        await asyncio.to_thread(proxy.__enter__)
        try:
            # without kept connections: aiohttp asks once more by itself where one of those is reset
            connector = aiohttp.TCPConnector(force_close=True)
            timeout = aiohttp.ClientTimeout(total=1.5)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                yield Ground(upstream, proxy, schedule, session)
        finally:
            await asyncio.to_thread(proxy.__exit__)
            await asyncio.to_thread(network.__exit__)


async def test_without_faults_it_passes_all_on_and_knows_who_wrote() -> None:
    async with ground() as at:
        assert (await at.call("POST", "/a?b=c%2Fd", "hello"))[1]["sent"] == "hello"
        assert await at.watch() == [0, 1, 2, 3, 4]
        (written,) = at.proxy.passed
        assert (written.who, written.method, written.path, written.status) == ("test", "POST", "/a", 200)
        assert written.is_write
        assert written.sent <= written.answered


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.CONFLICT, 409), (Fault.BUSY, 429), (Fault.ERROR, 500), (Fault.UNAVAILABLE, 503)],
)
async def test_an_error_instead_of_the_request(fault: Fault, status: int) -> None:
    async with ground() as at:
        at.schedule.force("kube", fault)
        answer = await at.call("POST")
        assert (answer[0], answer[1]["code"]) == (status, status)
        assert at.upstream.asked == []
        assert (await at.call("POST"))[0] == 200


async def test_gone_comes_to_watches_and_not_to_writes() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.GONE)
        assert (await at.call("POST"))[0] == 200
        assert (await at.call(path="/a?watch=true"))[1]["reason"] == "Expired"


async def test_a_registry_has_errors_of_its_own_form() -> None:
    async with ground(watches=False) as at:
        at.schedule.force("kube", Fault.UNAVAILABLE)
        assert await at.call() == (503, {"error_code": 503, "message": "injected by the test"})


async def test_refused_for_a_moment_and_until_told() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.REFUSE, share=0.2)
        with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ServerDisconnectedError)):
            await at.call()
        with pytest.raises(aiohttp.ClientConnectorError):
            await at.call()
        await asyncio.sleep(0.4)
        assert (await at.call())[0] == 200
        await asyncio.to_thread(at.proxy.refuse)
        with pytest.raises(aiohttp.ClientConnectorError):
            await at.call()
        await asyncio.to_thread(at.proxy.accept)
        assert (await at.call())[0] == 200


async def test_reset_in_the_middle_of_the_reply() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.RESET)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await at.call()
        assert at.upstream.asked == ["GET /a"]


async def test_delayed() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.DELAY, share=0.2)
        begun = time.monotonic()
        assert (await at.call())[0] == 200
        assert 0.35 < time.monotonic() - begun < 10


async def test_carried_out_twice_and_the_second_reply_comes() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.DUPLICATE)
        answer = await at.call("POST", body="once")
        assert (answer[1]["asked"], answer[1]["sent"]) == (2, "once")
        assert at.upstream.asked == ["POST /a"] * 2


async def test_carried_out_and_the_reply_is_lost() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.LOST_REPLY)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await at.call("POST")
        assert at.upstream.asked == ["POST /a"]


async def test_a_stale_read() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.STALE, share=0.0)
        assert [(await at.call())[1]["asked"] for _ in range(3)] == [1, 1, 2]
        at.schedule.force("kube", Fault.STALE, share=0.0)
        assert (await at.call(path="/b"))[1]["asked"] == 3, "nothing to be stale with"
        at.proxy.oldest = 0.0
        assert (await at.call())[1]["asked"] == 4, "too old"


async def test_a_slow_drip() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.DRIP)
        begun = time.monotonic()
        assert (await at.call())[1]["pad"] == "x" * 2000
        assert time.monotonic() - begun > 0.8


@pytest.mark.parametrize(("share", "carried_out"), [(0.2, True), (0.8, False)])
async def test_half_open(share: float, carried_out: bool) -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.HALF_OPEN, share=share)
        with pytest.raises(TimeoutError):
            await at.call("POST")
        assert (at.upstream.asked == ["POST /a"]) is carried_out


async def test_watch_events_dropped_replayed_cut_and_stuck() -> None:
    async with ground() as at:
        at.schedule.force("kube", Fault.DROP_EVENT)
        assert await at.watch() == [1, 2, 3, 4]
        skip = iter(range(9))
        at.schedule.force("kube", Fault.REPLAY_EVENT, lambda what: "event" in what and next(skip) == 2, share=0.0)
        assert await at.watch() == [0, 1, 2, 0, 3, 4]
        at.schedule.force("kube", Fault.RESET, lambda what: what.startswith("event"))
        with pytest.raises((aiohttp.ClientError, OSError, ValueError)):
            await at.watch()
        at.schedule.force("kube", Fault.HALF_OPEN, lambda what: what.startswith("event"))
        with pytest.raises(TimeoutError):
            await at.watch()


async def test_the_server_away_is_seen_as_such() -> None:
    async with ground() as at:
        at.proxy._upstream = "http://127.0.0.1:9"
        with pytest.raises((aiohttp.ClientError, OSError)):
            await at.call()
