"""Health and metrics of a service over plain HTTP, for services that have no web server of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from kafkade.service.errors import ServiceError
from kafkade.service.health import Ask, Health
from kafkade.service.metrics import Metrics
from kafkade.service.prometheus import Collector

_END = 1.0
"""Seconds that an answer under way has at the end."""


@asynccontextmanager
async def serving(
    ask: Ask, metrics: Metrics, host: str, port: int, registry: CollectorRegistry | None = None
) -> AsyncIterator[str]:
    """Answer ``/health`` (JSON, 200 or 503) and ``/metrics`` (Prometheus' text) while the block lasts; gives the address.

    ``port``: 0 for any that is free. ``registry``: what /metrics has, if not the service's three metrics alone.

    Raises:
        ServiceError: the address cannot be listened at.
    """
    if registry is None:
        registry = CollectorRegistry()
        registry.register(Collector(metrics))
    asked = Shared(ask)

    async def health(_: web.Request) -> web.Response:
        found = await asked()
        headers = {"Cache-Control": "no-store"}
        return web.json_response(found.data(), status=200 if found.up else 503, headers=headers)

    async def text(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/health", health), web.get("/metrics", text)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_END)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ServiceError(
                f"health and metrics cannot be served at {host}:{port}: {error.strerror or error}"
            ) from error
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()


class Shared:
    """One question to the brokers at a time: whoever asks meanwhile has its answer too."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._task: asyncio.Task[Health] | None = None

    async def __call__(self) -> Health:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer())
        return await asyncio.shield(self._task)

    async def _answer(self) -> Health:
        return await self._ask()
