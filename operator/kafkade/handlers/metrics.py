"""Metrics over HTTP, for Prometheus: what collectors tell, and the process itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector
from prometheus_client.exposition import start_http_server
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kafkade import __version__
from kafkade.clients.fence import FENCE, Fence
from kafkade.handlers.address import Address

log = logging.getLogger("kafkade")


class MetricsRefused(Exception):
    """Metrics cannot be served at this address; the text says why."""


class _Patient(WSGIRequestHandler):
    """A request, whose client may take ten seconds to say what it wants: each has a thread meanwhile."""

    timeout: ClassVar[float] = 10.0

    def handle(self) -> None:
        """Called for each connection."""
        with suppress(TimeoutError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Scrapes come every few seconds."""


class LeaderMetric(Collector):
    """Whether this operator acts, or is a standby."""

    def __init__(self, fence: Fence = FENCE) -> None:
        self._fence = fence

    def collect(self) -> Iterable[Metric]:
        """As it is at this moment; Prometheus calls it."""
        text = "1 while this operator acts, 0 while it waits for its Lease"
        yield GaugeMetricFamily("kafkade_leader", text, value=1.0 if self._fence.is_open else 0.0)


def registry(collectors: Iterable[Collector]) -> CollectorRegistry:
    """A registry with these, and with what tells of the process and its version."""
    made = CollectorRegistry()
    Info("kafkade_build", "Version of kafkade", registry=made).info({"version": __version__})
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    for collector in collectors:
        made.register(collector)
    return made


@contextmanager
def serving(address: str | None, collectors: Iterable[Collector]) -> Iterator[None]:
    """Serve metrics meanwhile, in a thread; None: do not.

    Raises:
        MetricsRefused: before anything begins: the address is none, or nobody can listen there.
    """
    if address is None:
        yield
        return
    try:
        where = Address.parse(address)
    except ValueError as error:
        raise MetricsRefused(f"--metrics {error}") from None
    try:
        server, thread = start_http_server(where.port, where.host, registry(collectors))
    except OSError as error:
        raise MetricsRefused(f"metrics cannot be served at {address}: {error.strerror or error}") from error
    server.RequestHandlerClass = _Patient  # there is no setting for it
    log.info("metrics are served at http://%s/metrics", address)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
