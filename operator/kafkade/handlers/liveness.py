"""Whether this process is of any use: an endpoint for the kubelet, in a thread of its own, from the start of the process.

It fails when the event loop hangs, when a task of the engine's has ended, or when a watch is dead. Kopf's own endpoint shows
that the process lives, and nothing more. An API server or a Kafka that is away is no reason to restart anything: a watch that
tries is alive.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from kafkade.api import API_VERSION
from kafkade.clients.fence import FENCE, monotonic

log = logging.getLogger("kafkade")

SERVER_TIMEOUT = 120
"""Seconds after which the API server ends a watch, and Kopf asks for the next one."""

INACTIVITY = 70.0
"""Seconds without an event or a bookmark, which come every 60, after which Kopf takes a connection for dead and asks anew."""

DEAD_WATCH = 300.0
"""Seconds without a request after which a watch is taken for dead: more than the two above and a few failures in a row take."""

BEAT = 1.0
DEAD_LOOP = 20.0
"""Seconds without a turn of the event loop after which it is taken to hang."""

_WATCHED = re.compile(rf"/apis/{re.escape(API_VERSION)}/(?:namespaces/(?P<namespace>[^/]+)/)?(?P<plural>[^/]+)")


class LivenessRefused(Exception):
    """The endpoint cannot be served at this address; the text says why."""


class Endpoint(NamedTuple):
    """Where the kubelet asks."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """An endpoint from ``http://host:port/path``.

        Raises:
            LivenessRefused: it is something else.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "http" or not parts.hostname or parts.query or parts.fragment:
            raise LivenessRefused(f"--liveness {url!r} is not a URL like http://0.0.0.0:8080/healthz")
        return cls(parts.hostname, port, parts.path or "/")


class Liveness:
    """What is known of this process's health. Told from the event loop, asked from threads; ``clock`` in seconds.

    ``failed``: whether one of the engine's own tasks has ended.
    """

    def __init__(self, failed: Callable[[], bool], clock: Callable[[], float] = monotonic) -> None:
        self._failed = failed
        self._clock = clock
        self._beat: float | None = None
        self._watches: dict[str, float] = {}

    async def beat(self) -> None:
        """The event loop turns; runs until cancelled."""
        while True:
            self._beat = self._clock()
            await asyncio.sleep(BEAT)

    def expect(self, plurals: Iterable[str], namespaces: Iterable[str]) -> None:
        """From now on these are watched, in these namespaces or (none) everywhere."""
        now, everywhere = self._clock(), [*namespaces] or [""]
        self._watches = {_watch(plural, namespace): now for plural in plurals for namespace in everywhere}

    def asked(self, plural: str, namespace: str | None) -> None:
        """The watch of these asks the API server for something: a sign of life."""
        name = _watch(plural, namespace or "")
        if name in self._watches:
            self._watches[name] = self._clock()

    def trace(self) -> aiohttp.TraceConfig:
        """For the session that Kopf lists and watches with: each request that begins is a sign of life of its watch."""

        async def begun(_session: Any, _context: Any, params: aiohttp.TraceRequestStartParams) -> None:
            found = _WATCHED.fullmatch(params.url.path)
            if found is not None:
                self.asked(found["plural"], found["namespace"])

        config = aiohttp.TraceConfig()
        config.on_request_start.append(begun)
        return config

    def trouble(self) -> str | None:
        """Why this process should be restarted; None: it should not."""
        now = self._clock()
        if self._failed():
            return "a task of the operator's has ended: see its log"
        if self._beat is not None and now - self._beat > DEAD_LOOP:
            return f"the event loop has not turned for {now - self._beat:.0f} s"
        for name, seen in sorted(self._watches.items()):
            if now - seen > DEAD_WATCH:
                return f"the watch of {name} has been dead for {now - seen:.0f} s"
        return None

    def report(self) -> dict[str, Any]:
        """For people: ages of watches are seconds since they last asked the API server."""
        now, trouble = self._clock(), self.trouble()
        return {
            "alive": trouble is None,
            **({} if trouble is None else {"trouble": trouble}),
            "leads": FENCE.is_open,
            "watches": {name: round(now - seen, 1) for name, seen in sorted(self._watches.items())},
        }


def _watch(plural: str, namespace: str) -> str:
    return f"{plural} in {namespace}" if namespace else plural


@contextmanager
def answering(url: str | None, liveness: Liveness) -> Iterator[None]:
    """Answer probes meanwhile: 200, or 503 with the reason; None: do not.

    Raises:
        LivenessRefused: before anything begins: the URL is none, or nobody can listen there.
    """
    if url is None:
        yield
        return
    endpoint = Endpoint.parse(url)
    try:
        server = _server(endpoint, _handler(endpoint.path, liveness))
    except OSError as error:
        raise LivenessRefused(f"the liveness probe cannot be served at {url}: {error.strerror or error}") from error
    thread = threading.Thread(target=server.serve_forever, name="kafkade-liveness", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _server(endpoint: Endpoint, handler: type[BaseHTTPRequestHandler]) -> ThreadingTCPServer:
    """Python's own HTTPServer asks the DNS for the name of its address first, which may take long."""

    class Server(ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        allow_reuse_address = True
        daemon_threads = True

    return Server((endpoint.host, endpoint.port), handler)


def _handler(path: str, liveness: Liveness) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        """Seconds that a client may take to say what it wants."""

        def do_GET(self) -> None:
            """Called for each probe."""
            if urlsplit(self.path).path != path:
                self.send_error(404)
                return
            found = liveness.report()
            if not found["alive"]:
                log.error("not alive: %s", found["trouble"])
            text = json.dumps(found).encode()
            self.send_response(200 if found["alive"] else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Probes come every few seconds."""

    return Handler
