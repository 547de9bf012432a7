"""Another login while requests are under way: Kopf logs in anew with each 401, and once more right after the start."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import web

from kafkade.clients.kube import KubeClient
from support.http import serving


async def test_a_login_ends_no_request_that_is_under_way() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    tokens: list[str | None] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        tokens.append(request.headers.get("Authorization"))
        asked.set()
        await go_on.wait()
        return web.json_response({"metadata": {"name": "shop"}})

    async with serving(handle) as url:
        kube = KubeClient()
        await kube.login(url, {"Authorization": "old"}, None)
        first = asyncio.create_task(kube.get_namespace("shop"))
        await asked.wait()
        former = kube._session
        assert isinstance(former, aiohttp.ClientSession)
        await kube.login(url, {"Authorization": "new"}, None)
        go_on.set()
        assert (await first)["metadata"] == {"name": "shop"}
        assert former.closed, "nobody uses it any more"
        await kube.get_namespace("shop")
        assert tokens == ["old", "new"]
        await kube.close()
