"""A stream of a kind's resources: what it asks for, where it goes on, and what ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from kafkade.api.errors import ApiGone, ApiUnavailable, KubernetesError
from kafkade.api.kinds import TOPIC
from kafkade.clients.kube import KubeClient
from kafkade.clients.kube_stream import Change, Stream
from support.http import serving


def body(name: str, version: int) -> dict[str, Any]:
    """A KafkaTopic as the API server has it."""
    meta = {"name": name, "namespace": "shop", "uid": name, "generation": 1, "resourceVersion": str(version)}
    return {"metadata": meta, "spec": {"clusterRef": {"name": "main"}}}


def event(what: str, found: dict[str, Any]) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": what, "object": found}).encode() + b"\n"


class Server:
    """Lists two topics, and then gives one prepared answer to each watch; it knows what it was asked."""

    def __init__(self, *watches: list[bytes]) -> None:
        self.watches = list(watches)
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        query = dict(request.query)
        self.asked.append(query)
        if "watch" not in query:
            items = [body("a", 5), body("b", 7)]
            return web.json_response({"items": items, "metadata": {"resourceVersion": "10"}})
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in self.watches.pop(0):
            await response.write(chunk)
        return response


async def told(stream: Stream) -> list[Change]:
    """All changes of one watch."""
    return [change async for changes in stream.changes() for change in changes]


def stream_of(kube: KubeClient, asked: list[str]) -> Stream:
    """A stream of the topics of a namespace that have a label."""
    return Stream(kube, TOPIC, "shop", "team=a", lambda: asked.append("!"), server_timeout=5, inactivity=5)


async def test_a_watch_goes_on_where_the_one_before_ended() -> None:
    created = event("ADDED", body("c", 11))
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "20"}})
    server = Server([created[:30], created[30:] + event("DELETED", body("a", 12)) + bookmark], [])
    asked: list[str] = []
    async with serving(server.answer) as url:
        kube = KubeClient()
        await kube.login(url, {}, None)
        stream = stream_of(kube, asked)
        assert not stream.goes_on
        assert [r.key.name for r in (await stream.listed()).resources] == ["a", "b"]
        first, second = await told(stream), await told(stream)
        await kube.close()
    assert [(c.what, c.resource.key.name) for c in first] == [("SET", "c"), ("GONE", "a")]
    assert second == []
    assert [q.get("resourceVersion") for q in server.asked] == [None, "10", "20"]
    assert {q["labelSelector"] for q in server.asked} == {"team=a"}
    assert all(q["allowWatchBookmarks"] == "true" for q in server.asked[1:])
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("line", "error", "goes_on"),
    [
        (event("ERROR", {"code": 410, "message": "too old resource version"}), ApiGone, False),
        (event("ERROR", {"code": 500, "message": "etcd is away"}), ApiUnavailable, True),
        (b'{"type": "ADDED", "obj\n', ApiUnavailable, True),
        (b'{"type": "ADDED"}\n', ApiUnavailable, True),
        (b'{"type": "ADDED", "object": {"metadata": []}}\n', ApiUnavailable, True),
    ],
)
async def test_what_ends_a_watch(line: bytes, error: type[KubernetesError], goes_on: bool) -> None:
    server = Server([event("MODIFIED", body("a", 11)) + line])
    async with serving(server.answer) as url:
        kube = KubeClient()
        await kube.login(url, {}, None)
        stream = stream_of(kube, [])
        await stream.listed()
        before: list[Change] = []

        async def read() -> None:
            async for changes in stream.changes():
                before.extend(changes)

        with pytest.raises(error):
            await read()
        await kube.close()
    assert [c.resource.key.name for c in before] == ["a"]
    assert stream.goes_on is goes_on
