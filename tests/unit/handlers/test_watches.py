"""What Kopf's watches survive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kopf
import pytest
from aiohttp import web
from kopf._cogs.clients import auth, errors, watching
from kopf._cogs.structs import credentials

from kafkade.handlers.operator import Options, configure
from kafkade.handlers.watches import go_on_after_errors
from support.http import serving

RESOURCE = kopf.Resource("kafkade.io", "v1alpha1", "kafkaclusters", namespaced=True)
ERROR = {"kind": "Status", "status": "Failure", "message": "etcd is away", "code": 500}


class Server:
    """Its watches are answered in their order; the last one shows an object."""

    def __init__(self, *answers: web.Response) -> None:
        self.lists = 0
        self.answers = list(answers)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if "watch" not in request.query:
            self.lists += 1
            return web.json_response({"metadata": {"resourceVersion": str(self.lists)}, "items": []})
        if self.answers:
            return self.answers.pop(0)
        meta = {"name": "main", "namespace": "shop", "resourceVersion": "9"}
        return _events({"type": "ADDED", "object": {"metadata": meta}})


def _events(*events: dict[str, Any]) -> web.Response:
    return web.Response(text="".join(f"{json.dumps(event)}\n" for event in events))


@asynccontextmanager
async def watched(server: Server) -> AsyncIterator[AsyncIterator[Any]]:
    """Kopf's watch of it."""
    settings = kopf.OperatorSettings()
    configure(settings, Options())
    settings.watching.reconnect_backoff = 0.0
    go_on_after_errors()
    async with serving(server.handle) as url:
        vault = credentials.Vault({credentials.VaultKey("test"): kopf.ConnectionInfo(server=url)})
        token = auth.vault_var.set(vault)
        stream = watching.infinite_watch(settings=settings, resource=RESOURCE, namespace=None)
        try:
            yield stream
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
            auth.vault_var.reset(token)
            await vault.close()


async def _first(stream: AsyncIterator[Any]) -> Any:
    async with asyncio.timeout(20):
        async for event in stream:
            if isinstance(event, dict):
                return event
    return None


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({**ERROR, "reason": "Expired", "code": 410}, status=410),
        _events({"type": "ERROR", "object": {**ERROR, "reason": "Expired", "code": 410}}),
        _events({"type": "ERROR", "object": ERROR}),
    ],
    ids=["410 for an answer", "410 as an event", "another error as an event"],
)
async def test_after_an_error_a_kind_is_listed_anew(answer: web.Response) -> None:
    server = Server(answer)
    async with watched(server) as stream:
        event = await _first(stream)
    assert event["object"]["metadata"]["name"] == "main"
    assert server.lists == 2


async def test_a_kind_that_is_not_known_is_no_passing_error() -> None:
    server = Server(web.json_response({**ERROR, "code": 404}, status=404))
    async with watched(server) as stream:
        with pytest.raises(errors.APINotFoundError):
            await _first(stream)
