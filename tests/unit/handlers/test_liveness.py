"""What the liveness probe says, and when it wants a restart."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import web

from kafkade.api import API_VERSION
from kafkade.devstack.ports import accepts, free_port
from kafkade.handlers.liveness import (
    DEAD_LOOP,
    DEAD_WATCH,
    INACTIVITY,
    SERVER_TIMEOUT,
    Endpoint,
    Liveness,
    LivenessRefused,
    answering,
)
from support.http import serving


class Clock:
    """Time that a test makes pass."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(url: str) -> tuple[int, Any]:
    """What the kubelet gets."""
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else None


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://0.0.0.0:8080/healthz", ("0.0.0.0", 8080, "/healthz")),  # noqa: S104 -- only read
        ("http://[::]:8080/a/b", ("::", 8080, "/a/b")),
        ("http://localhost", ("localhost", 80, "/")),
    ],
)
def test_endpoints(url: str, endpoint: tuple[str, int, str]) -> None:
    assert Endpoint.parse(url) == endpoint


@pytest.mark.parametrize(
    "url",
    ["", "8080", "0.0.0.0:8080", "https://a:1/healthz", "http://:8080/", "http://a:port/", "http://a:1/?b=c", "http://[a"],
)  # fmt: skip
def test_other_texts_are_refused(url: str) -> None:
    with pytest.raises(LivenessRefused, match="is not a URL like"), answering(url, Liveness(lambda: False)):
        pass


def test_a_port_that_is_taken_is_refused() -> None:
    url = f"http://127.0.0.1:{free_port()}/healthz"
    liveness = Liveness(lambda: False)
    with answering(url, liveness), pytest.raises(LivenessRefused, match="cannot be served"), answering(url, liveness):
        pass


def test_it_answers_at_an_ipv6_address() -> None:
    port = free_port()
    with answering(f"http://[::1]:{port}/healthz", Liveness(lambda: False)):
        assert ask(f"http://[::1]:{port}/healthz")[0] == 200


def test_it_answers_until_the_end() -> None:
    port = free_port()
    failed = False
    with answering(f"http://127.0.0.1:{port}/healthz", Liveness(lambda: failed)):
        assert ask(f"http://127.0.0.1:{port}/healthz") == (200, {"alive": True, "leads": True, "watches": {}})
        assert ask(f"http://127.0.0.1:{port}/healthz?verbose")[0] == 200
        assert ask(f"http://127.0.0.1:{port}/metrics")[0] == 404
        failed = True
        status, body = ask(f"http://127.0.0.1:{port}/healthz")
        assert status == 503
        assert body["trouble"] == "a task of the operator's has ended: see its log"
    assert not accepts(port)
    with answering(None, Liveness(lambda: False)):
        pass


async def test_an_event_loop_that_hangs() -> None:
    clock = Clock()
    liveness = Liveness(lambda: False, clock)
    assert liveness.trouble() is None, "it has not begun to turn"
    beating = asyncio.create_task(liveness.beat())
    await asyncio.sleep(0.01)
    clock.now += DEAD_LOOP
    assert liveness.trouble() is None
    clock.now += 1
    assert liveness.trouble() == "the event loop has not turned for 21 s"
    beating.cancel()


def test_watches_that_never_began() -> None:
    clock = Clock()
    liveness = Liveness(lambda: False, clock)
    clock.now += DEAD_WATCH * 2
    assert liveness.trouble() is None, "a standby watches nothing"
    liveness.expect(["kafkatopics"], ["shop"])
    clock.now += DEAD_WATCH
    assert liveness.trouble() is None
    clock.now += 1
    assert liveness.trouble() == "the watch of kafkatopics in shop has been dead for 301 s"


def test_a_watch_that_is_alive_asks_often_enough() -> None:
    assert SERVER_TIMEOUT + INACTIVITY + 60 < DEAD_WATCH


@pytest.mark.parametrize(
    ("namespaces", "path", "watch"),
    [
        ([], f"/apis/{API_VERSION}/kafkatopics", "kafkatopics"),
        (["shop", "bar"], f"/apis/{API_VERSION}/namespaces/shop/kafkatopics", "kafkatopics in shop"),
    ],
)
async def test_requests_are_signs_of_life(namespaces: list[str], path: str, watch: str) -> None:
    """Also those that fail: where the API server is away, or refuses, a restart does not help."""
    clock = Clock()
    liveness = Liveness(lambda: False, clock)
    liveness.expect(["kafkatopics", "kafkaschemas"], namespaces)

    async def handle(_: web.BaseRequest) -> web.Response:
        return web.Response(status=503)

    async with aiohttp.ClientSession(trace_configs=[liveness.trace()]) as session:
        async with serving(handle) as base:
            clock.now += 100
            for each in (path, f"{path}/orders", "/api/v1/namespaces/shop/secrets"):
                async with session.get(base + each, params={"watch": "true"}) as response:
                    assert response.status == 503
        ages = liveness.report()["watches"]
        assert {name for name, age in ages.items() if age == 0} == {watch}
        clock.now += 100
        with pytest.raises(aiohttp.ClientError):
            await session.get(base + path)
    assert liveness.report()["watches"][watch] == 0
    assert set(liveness.report()["watches"].values()) == {0, 200}
