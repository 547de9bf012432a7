"""Interrupted watches are noticed by the list that Kopf makes then."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from kafkade.handlers.sight import interruptions
from support.http import serving

TOPICS = "/apis/kafkade.io/v1alpha1/kafkatopics"
SHOP = "/apis/kafkade.io/v1alpha1/namespaces/shop/kafkatopics"


async def test_only_a_second_list_that_was_answered_is_an_interruption() -> None:
    status, lost = 200, 0

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status)

    def told() -> None:
        nonlocal lost
        lost += 1

    async with aiohttp.ClientSession(trace_configs=[interruptions(told)]) as session, serving(handle) as base:

        async def get(path: str, **query: str) -> int:
            async with session.get(base + path, params=query):
                return lost

        assert await get(TOPICS, limit="500") == 0, "the first one"
        assert await get(TOPICS, limit="500", **{"continue": "abc"}) == 0, "its second page"
        assert await get(TOPICS, watch="true") == 0
        assert await get(TOPICS, watch="true") == 0, "a watch that goes on where it was"
        assert await get(SHOP) == 0, "of another namespace"
        assert await get(f"{SHOP}/orders") == await get(f"{SHOP}/orders") == 0, "no list"
        assert await get("/api/v1/secrets") == await get("/api/v1/secrets") == 0, "not kafkade's"
        status = 503
        assert await get(TOPICS) == 0, "not answered: it is not listed yet"
        status = 200
        assert await get(TOPICS, limit="500") == 1
        assert await get(SHOP) == 2
