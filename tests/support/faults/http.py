"""A proxy for HTTP: plain towards the operator, with or without TLS towards the API server or a registry."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from kafkade.devstack.ports import HOST
from support.faults.network import DELAY, PIECE, REFUSED, Listener, Network, owner, reset
from support.faults.schedule import Drawn, Fault, Schedule

_READS = frozenset({"GET", "HEAD"})
_STATUS = {Fault.CONFLICT: 409, Fault.GONE: 410, Fault.BUSY: 429, Fault.ERROR: 500, Fault.UNAVAILABLE: 503}
_HOP = frozenset({"connection", "host", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"})
_ALWAYS = frozenset(
    {Fault.REFUSE, Fault.RESET, Fault.DELAY, Fault.DUPLICATE, Fault.LOST_REPLY, Fault.DRIP, Fault.HALF_OPEN}
) | frozenset({Fault.BUSY, Fault.ERROR, Fault.UNAVAILABLE})
_WATCH = frozenset({Fault.REFUSE, Fault.RESET, Fault.HALF_OPEN, Fault.BUSY, Fault.ERROR, Fault.UNAVAILABLE, Fault.GONE})
_EVENT = frozenset({Fault.DROP_EVENT, Fault.REPLAY_EVENT, Fault.RESET, Fault.HALF_OPEN, Fault.DELAY})
_ASKED = web.RequestKey("asked", float)
_KEPT = 6
"""Replies to one read that are kept, and events of one watch."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that the server behind the proxy has answered. ``who``: the process that asked; times are monotonic."""

    who: str
    method: str
    path: str
    status: int
    asked: float
    """When it came to the proxy, which may have kept it for a while."""
    sent: float
    answered: float
    body: bytes
    reply: bytes

    @property
    def is_write(self) -> bool:
        """Whether it was to change something."""
        return self.method not in _READS


@dataclass(slots=True)
class _Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    read_at: float


def _errors_of_kubernetes(status: int) -> bytes:
    reason = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 503: "ServiceUnavailable"}.get(status, "")
    told = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "injected by the test",
    }
    return json.dumps({**told, "reason": reason or "InternalError", "code": status}).encode()


def _errors_of_a_registry(status: int) -> bytes:
    return json.dumps({"error_code": status, "message": "injected by the test"}).encode()


class HttpProxy:
    """``where`` is its name in the schedule; ``pids`` tells whose processes the connections are.

    ``watches``: the server is a Kubernetes API, whose watches are passed on event by event.
    """

    def __init__(
        self,
        network: Network,
        schedule: Schedule,
        where: str,
        upstream: str,
        *,
        ca_pem: str | None = None,
        watches: bool = False,
        pids: Callable[[], dict[int, str]] = dict,
    ) -> None:
        self.passed: list[Passed] = []
        """Writes that were answered, in order of the answers; reads are not kept."""
        self.oldest = 20.0
        """Seconds that a stale read's reply is old at most."""
        self._network, self._schedule, self._where = network, schedule, where
        self._upstream = upstream.rstrip("/")
        self._tls: ssl.SSLContext | bool = True if ca_pem is None else ssl.create_default_context(cadata=ca_pem)
        self._watches, self._pids = watches, pids
        self._replies: dict[tuple[str, str], deque[_Reply]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._session: aiohttp.ClientSession | None = None
        self._web: web.Server | None = None
        self._listener = Listener(self._protocol, self._cut)

    @property
    def possible(self) -> frozenset[Fault]:
        """All that can become of some request."""
        possible = _ALWAYS | {Fault.CONFLICT, Fault.STALE}
        return possible | _WATCH | _EVENT if self._watches else possible

    @property
    def url(self) -> str:
        """Where the operator is to send what is for the server."""
        return f"http://{HOST}:{self._listener.port}"

    def __enter__(self) -> HttpProxy:
        self._network.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._network.run(self._end())

    def refuse(self) -> None:
        """Listen no more, until :meth:`accept`."""
        self._network.call(self._listener.shut)

    def accept(self) -> None:
        """Listen again."""
        self._network.call(self._listener.open)

    def cut(self) -> None:
        """Reset all connections."""
        self._network.call(self._cut)

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None, sock_connect=5)
        )
        self._web = web.Server(self._handle)
        self._listener.open()

    async def _end(self) -> None:
        self._listener.end()
        assert self._web is not None
        assert self._session is not None
        await self._web.shutdown(0.1)
        await self._session.close()

    def _protocol(self) -> asyncio.BaseProtocol:
        assert self._web is not None
        return self._web()

    def _cut(self) -> None:
        for connection in list(self._web.connections) if self._web is not None else []:
            reset(connection.transport)

    # --- a request -----------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        request[_ASKED] = time.monotonic()
        watch = self._watches and request.query.get("watch") in ("true", "1")
        what = f"{request.method} {'watch ' if watch else ''}{request.path}"
        drawn = self._schedule.draw(self._where, what, self._possible(request, watch))
        try:
            if drawn is not None and (answer := await self._instead(request, body, drawn, watch)) is not None:
                return answer
            if watch:
                return await self._watch(request, what)
            return await self._plain(request, body, drawn)
        except (aiohttp.ClientError, OSError):
            reset(request.transport)  # what is behind the proxy is down: the operator is to see just that
            raise web.HTTPBadGateway from None

    def _possible(self, request: web.BaseRequest, watch: bool) -> frozenset[Fault]:
        if watch:
            return _WATCH
        if request.method not in _READS:
            return _ALWAYS | {Fault.CONFLICT}
        possible = set(_ALWAYS)
        if self._watches and "continue" in request.query:
            possible.add(Fault.GONE)
        if self._known(request):
            possible.add(Fault.STALE)
        return frozenset(possible)

    def _known(self, request: web.BaseRequest) -> list[_Reply]:
        since = time.monotonic() - self.oldest
        return [r for r in self._replies.get(self._key(request), ()) if r.read_at >= since]

    def _key(self, request: web.BaseRequest) -> tuple[str, str]:
        return (request.headers.get("Authorization", ""), str(request.rel_url))

    async def _instead(
        self, request: web.BaseRequest, body: bytes, drawn: Drawn, watch: bool
    ) -> web.StreamResponse | None:
        """Carry out a fault that leaves nothing to be done; None: the request goes on."""
        fault = drawn.fault
        if fault in _STATUS:
            status = _STATUS[fault]
            text = _errors_of_kubernetes(status) if self._watches else _errors_of_a_registry(status)
            headers = {"Retry-After": "1"} if fault is Fault.BUSY else {}
            return web.Response(status=status, body=text, content_type="application/json", headers=headers)
        if fault is Fault.REFUSE:
            self._listener.refuse_for(REFUSED * drawn.share)
        elif fault is Fault.HALF_OPEN:
            if drawn.share < 0.5 and not watch:  # the way back is dead, or the way there too
                await self._ask(request, body)
            await self._hang(request)
        elif fault is Fault.STALE:
            known = self._known(request)
            old = known[int(drawn.share * len(known))]
            return web.Response(status=old.status, body=old.body, headers=old.headers)
        elif fault is Fault.DELAY:
            await asyncio.sleep(DELAY * drawn.share)
            return None
        elif fault is Fault.DUPLICATE:
            await self._ask(request, body)
            return None
        elif fault is Fault.LOST_REPLY:
            await self._ask(request, body)
            reset(request.transport)
        else:
            return None  # of the reply, not of the request
        return web.Response(status=502)  # nobody reads it

    async def _hang(self, request: web.BaseRequest) -> None:
        """Until the other side gives up."""
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.1)

    async def _plain(self, request: web.BaseRequest, body: bytes, drawn: Drawn | None) -> web.StreamResponse:
        reply = await self._ask(request, body)
        fault = drawn.fault if drawn is not None else None
        if fault not in (Fault.RESET, Fault.DRIP):
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        response.content_length = len(reply.body)
        await response.prepare(request)
        if fault is Fault.RESET:
            assert drawn is not None
            await response.write(reply.body[: int(len(reply.body) * drawn.share)])
            await asyncio.sleep(0.01)
            reset(request.transport)
            return response
        piece = max(1, len(reply.body) // 20)
        for start in range(0, len(reply.body), piece):
            await response.write(reply.body[start : start + piece])
            await asyncio.sleep(PIECE)
        return response

    async def _ask(self, request: web.BaseRequest, body: bytes) -> _Reply:
        """The server's own reply."""
        assert self._session is not None
        sent = time.monotonic()
        who = "" if request.method in _READS else self._who(request)
        async with self._session.request(
            request.method,
            self._upstream + str(request.rel_url),
            headers=_through(request.headers),
            data=body or None,
            allow_redirects=False,
        ) as found:
            text = await found.read()
        now = time.monotonic()
        reply = _Reply(found.status, _through(found.headers), text, now)
        if request.method not in _READS:
            self.passed.append(
                Passed(who, request.method, request.path, found.status, request[_ASKED], sent, now, body, text)
            )
        elif found.status == 200:
            self._replies[self._key(request)].append(reply)
        return reply

    def _who(self, request: web.BaseRequest) -> str:
        return owner(request.transport, self._pids()) if request.transport is not None else ""

    # --- a watch -------------------------------------------------------------------------------

    async def _watch(self, request: web.BaseRequest, what: str) -> web.StreamResponse:
        assert self._session is not None
        upstream = self._upstream + str(request.rel_url)
        async with self._session.get(upstream, headers=_through(request.headers)) as found:
            response = web.StreamResponse(status=found.status, headers=_through(found.headers))
            await response.prepare(request)
            events: deque[bytes] = deque(maxlen=_KEPT)
            buffer = b""
            async for chunk in found.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    if not await self._event(request, response, what, line + b"\n", events):
                        return response
            if buffer:
                await response.write(buffer)
        return response

    async def _event(
        self, request: web.BaseRequest, response: web.StreamResponse, what: str, line: bytes, events: deque[bytes]
    ) -> bool:
        """Pass one event of a watch on, or not; whether the watch goes on."""
        drawn = self._schedule.draw(self._where, f"event of {what}", _EVENT)
        fault = drawn.fault if drawn is not None else None
        if fault is Fault.DROP_EVENT:
            return True
        if fault is Fault.RESET:
            await response.write(line[: len(line) // 2])
            reset(request.transport)
            return False
        if fault is Fault.HALF_OPEN:
            await self._hang(request)
            return False
        if drawn is not None and fault is Fault.DELAY:
            await asyncio.sleep(DELAY * drawn.share)
        await response.write(line)
        events.append(line)
        if drawn is not None and fault is Fault.REPLAY_EVENT:
            await response.write(events[int(drawn.share * len(events))])
        return True


def _through(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP}
