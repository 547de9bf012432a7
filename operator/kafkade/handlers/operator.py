"""The running operator: Kopf's loop with bare ``on.event`` handlers, which keep no copy of a spec in annotations.

Kinds of which there are thousands have streams of kafkade's own (``streams.py``).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import kopf

from kafkade.api import GROUP, VERSION
from kafkade.api.errors import ApiForbidden, ApiNotFound, KubernetesError
from kafkade.api.kinds import KINDS
from kafkade.api.lease import LeaseName
from kafkade.api.objects import Key, Resource
from kafkade.clients.fence import fenced
from kafkade.clients.kube import KubeClient
from kafkade.clients.kube_stream import Stream
from kafkade.engine.engine import Engine, Scope
from kafkade.handlers.leading import Leading
from kafkade.handlers.liveness import INACTIVITY, SERVER_TIMEOUT, Liveness, answering
from kafkade.handlers.login import Sessions, login
from kafkade.handlers.memory import few_arenas, freeze, large_blocks_apart, small_buffers
from kafkade.handlers.metrics import LeaderMetric, serving
from kafkade.handlers.sight import interruptions
from kafkade.handlers.streams import STREAMED, follow
from kafkade.handlers.tracing import traced
from kafkade.handlers.ui import Pages, serving_pages
from kafkade.handlers.watches import go_on_after_errors

log = logging.getLogger("kafkade")

IDLE_TIMEOUT = 0.2
"""Seconds that Kopf keeps an object's worker: with the default of 5 s and a worker limit throughput is capped."""


CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 30.0
"""Seconds that Kopf waits for a connection, and for a page of a list. With the default of 300 s one half-open connection left a
kind unwatched for as long as liveness.DEAD_WATCH lets it live."""

ENDING = 10.0
"""Seconds that Kopf gets to end once all of kafkade has."""


class Forever:
    """Pauses in seconds between tries of a request of Kopf's, as often as it is made anew.

    By default Kopf gives up after 54 s of refusals and its watch ends, and the process with it: an API server whose storage is
    away answers for minutes, with errors, and to restart the operator helps nobody.
    """

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.5, 1.0, 2.0, 3.0), itertools.repeat(5.0))


@dataclass(frozen=True, slots=True)
class Options:
    """How the operator runs. ``namespaces`` empty: cluster-wide."""

    namespaces: frozenset[str] = frozenset()
    selector: str | None = None
    liveness: str | None = None
    metrics: str | None = None
    """Host and port that metrics are served at."""
    lease: LeaseName | None = None
    """Of several operators with the same Lease one acts. None: this one is on its own."""
    tracing: bool | None = None
    """Whether traces are sent. None: where OpenTelemetry's environment variables name an endpoint."""
    pages: Pages | None = None
    """Where web pages are served, and for whom."""


def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SystemExit: with 1 when the operator could not start, lost one of its own tasks or the Lease.
        MetricsRefused, LivenessRefused, TracingRefused: one of them cannot be served where it should, or traces not sent;
            nothing was begun.
    """
    few_arenas()
    large_blocks_apart()
    small_buffers()
    freeze()
    with traced(options.tracing):
        _run(_Operator(options), options)


def _run(operator: _Operator, options: Options) -> None:
    # Kopf's name for itself among peers, of which there are none; without it Kopf asks the system for the name of the
    # user that it runs as, and the numbered user of an image has none
    os.environ.setdefault("POD_ID", "kafkade")
    go_on_after_errors()
    loop = asyncio.new_event_loop()
    try:
        with (
            answering(options.liveness, operator.liveness),
            serving(options.metrics, (*operator.engine.collectors, LeaderMetric())),
        ):
            kopf.run(
                loop=loop,
                registry=operator.registry,
                standalone=True,
                clusterwide=not options.namespaces,
                namespaces=sorted(options.namespaces),
                stop_flag=operator.stop,
            )
    finally:
        loop.close()
    if operator.failed:
        raise SystemExit(1)


class _Operator:
    """What Kopf calls."""

    def __init__(self, options: Options) -> None:
        self.registry = kopf.OperatorRegistry()
        self._kube = KubeClient()
        scope = Scope(options.namespaces, options.selector)
        self.engine = Engine(self._kube, scope, watches_groups=options.metrics is not None)
        self.stop = asyncio.Event()
        self.liveness = Liveness(lambda: self.engine.health.failed is not None)
        self._options = options
        self._settings: kopf.OperatorSettings | None = None
        self._leading = None if options.lease is None else Leading(options.lease, self._log_in)
        self._sessions = Sessions(fenced(), self.liveness.trace(), interruptions(self.engine.interrupted))
        self._beating: asyncio.Task[None] | None = None
        self._served = AsyncExitStack()
        kopf.on.startup(registry=self.registry)(self._startup)
        kopf.on.login(registry=self.registry)(self._session)
        kopf.on.cleanup(registry=self.registry)(self._cleanup)
        for kind in KINDS.values():
            if kind.kind not in STREAMED:
                _watch(self.registry, self.engine, kind.kind, kind.plural)

    @property
    def failed(self) -> bool:
        """Whether it did not end because it was told to."""
        told = self._leading is not None and self._leading.ended_waiting
        return self.engine.health.failed is not None or not (self.engine.health.primed or told)

    async def _startup(self, settings: kopf.OperatorSettings, **_: Any) -> None:
        self._settings = settings
        configure(settings, self._options)
        self._beating = asyncio.create_task(self.liveness.beat(), name="liveness")
        try:
            await self._serve()
            await self._log_in()
            if self._leading is not None:
                await self._leading.begin()
            await _start(self.engine)
        except asyncio.CancelledError:  # Kopf calls no cleanup then
            await self._cleanup()
            raise
        except (kopf.LoginError, kopf.PermanentError) as error:
            log.error("%s", error)  # noqa: TRY400 -- the message says it all
            await self._cleanup()
            raise kopf.PermanentError(str(error)) from error
        self.engine.on_failure(self.stop.set)
        self.liveness.expect((kind.plural for kind in KINDS.values()), sorted(self._options.namespaces))
        for kind in sorted(STREAMED):
            for area in self.engine.scope.areas():
                self.engine.spawn(follow(self._stream(kind, area), self.engine), f"watch {kind}")

    def _stream(self, kind: str, area: str | None) -> Stream:
        def asked() -> None:
            self.liveness.asked(KINDS[kind].plural, area)

        scope = self.engine.scope
        return Stream(
            self._kube, kind, area, scope.selector, asked, server_timeout=SERVER_TIMEOUT, inactivity=INACTIVITY
        )

    async def _serve(self) -> None:
        pages = self._options.pages
        try:
            await self._served.enter_async_context(serving_pages(pages, self.engine))
        except OSError as error:
            assert pages is not None  # noqa: S101 -- else nothing is served
            raise kopf.PermanentError(
                f"web pages cannot be served at {pages.address.host}:{pages.address.port}: {error.strerror or error}"
            ) from error

    async def _log_in(self) -> kopf.ConnectionInfo:
        assert self._settings is not None  # noqa: S101 -- Kopf starts with _startup
        own = () if self._leading is None else (self._leading.kube,)
        return await login((self._kube, *own), self._settings, log)

    async def _session(self, **_: Any) -> kopf.AiohttpSession:
        return self._sessions.session(await self._log_in())

    async def _cleanup(self, **_: Any) -> None:
        await self._served.aclose()
        await self.engine.stop()
        if self._leading is not None:
            await self._leading.end()
        if self._beating is not None:
            self._beating.cancel()
        self.stop.set()  # or Kopf waits five seconds for its own task that waits for this flag
        ending = threading.Timer(ENDING, _give_up)
        ending.daemon = True
        ending.start()


def _give_up() -> None:
    """Kopf 1.45 never ends where one of its watches has failed: it waits for the others, which it does not end."""
    log.critical("Kopf did not end within %.0f s; the process is ended", ENDING)
    os._exit(1)


def _watch(registry: kopf.OperatorRegistry, engine: Engine, kind: str, plural: str) -> None:
    @kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"watch-{plural}")
    async def watch(type: str | None, body: Mapping[str, Any], **_: Any) -> None:  # noqa: A002 -- Kopf's name for it
        raw = dict(body)
        if type == "DELETED":
            meta = raw["metadata"]
            engine.gone(Key(kind, meta["namespace"], meta["name"]), meta.get("resourceVersion", ""))
        else:
            engine.seen(Resource.from_body(kind, raw))


def configure(settings: kopf.OperatorSettings, options: Options) -> None:
    """Kopf's settings: no scanning (so no rights on CRDs and namespaces), no peering, no log Events, no worker cap."""
    settings.scanning.disabled = True
    settings.posting.enabled = False
    # never kafkade's own name: Kopf takes its finalizer off whatever has no deletion handler of Kopf's
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.queueing.idle_timeout = IDLE_TIMEOUT
    settings.queueing.worker_limit = None
    settings.watching.chunk_size = 500
    settings.watching.reconnect_backoff = 0.5
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.inactivity_timeout = INACTIVITY
    settings.networking.enforce_retry_after = True
    settings.networking.error_backoffs = Forever()
    settings.networking.connect_timeout = CONNECT_TIMEOUT
    settings.networking.request_timeout = REQUEST_TIMEOUT
    if options.selector:
        settings.watching.label_selectors[GROUP, VERSION, kopf.EVERYTHING] = options.selector


async def _start(engine: Engine) -> None:
    """Start the engine as soon as the API server answers.

    Raises:
        kopf.PermanentError: the CRDs or the rights are missing.
    """
    pause = 0.5
    while True:
        try:
            await engine.start()
        except ApiNotFound as error:
            raise kopf.PermanentError(
                f"kafkade's resources are not known to this Kubernetes: kubectl apply --server-side -f crds/ ({error.message})"
            ) from error
        except ApiForbidden as error:
            raise kopf.PermanentError(f"missing rights, see deploy/rbac/: {error.message}") from error
        except KubernetesError as error:
            log.warning("waiting for the Kubernetes API: %s", error.message)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter
            pause = min(pause * 2, 15.0)
        else:
            return
