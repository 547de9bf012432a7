"""Traces by OpenTelemetry: batches, reconciles and the requests that they make, sent over OTLP. Imported only when wanted."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafkade import __version__
from kafkade.api import tracing

log = logging.getLogger("kafkade")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"
_DEFAULT_ENDPOINT = "http://localhost:4318"

_FLUSH = 5.0
"""Seconds that the last spans get to be sent at the end."""

_MISSING = "traces need OpenTelemetry's packages: pip install 'kafkade[otel]'"


class TracingRefused(Exception):
    """Traces cannot be sent as they should; the text says why."""


def _set(names: tuple[str, ...]) -> str:
    """The first of these environment variables that is not empty."""
    return next((value for value in (os.environ.get(name, "").strip() for name in names) if value), "")


@contextmanager
def traced(wanted: bool | None) -> Iterator[None]:
    """Send traces meanwhile. ``wanted`` None: where the environment has an endpoint for them, and the packages are there.

    Raises:
        TracingRefused: they are wanted, and cannot be sent.
    """
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    if wanted is False or (wanted is None and (off or not _set(_ENDPOINTS))):
        yield
        return
    try:
        provider, tracer = _made()
    except TracingRefused as error:
        if wanted:
            raise
        log.warning("no traces are sent: %s", error)
        yield
        return
    tracing.trace_by(tracer)
    log.info("traces are sent to %s", _set(_ENDPOINTS).rpartition("@")[2] or _DEFAULT_ENDPOINT)
    try:
        yield
    finally:
        tracing.trace_by(None)
        # a collector that does not answer must not keep the process
        ending = threading.Thread(target=provider.shutdown, name="kafkade-traces", daemon=True)
        ending.start()
        ending.join(_FLUSH)


def _made() -> tuple[Any, tracing.Tracer]:
    """What sends spans, by OpenTelemetry's own environment variables, and what makes them."""
    protocol = _set(_PROTOCOLS)
    if protocol not in ("", _HTTP):
        raise TracingRefused(f"{protocol} is not among what kafkade speaks: set OTEL_EXPORTER_OTLP_PROTOCOL={_HTTP}")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from kafkade.handlers.tracing_otel import OpenTelemetry
    except ImportError as error:
        raise TracingRefused(_MISSING) from error
    # the environment's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before these
    ours: Mapping[str, str] = {"service.name": "kafkade", "service.version": __version__}
    named = Resource.create()
    resource = Resource(ours).merge(_without_default_name(named))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider, OpenTelemetry(provider.get_tracer("kafkade", __version__))


def _without_default_name(resource: Any) -> Any:
    """The SDK's resource without the ``unknown_service`` that it makes up."""
    from opentelemetry.sdk.resources import Resource

    kept = {
        name: value
        for name, value in resource.attributes.items()
        if not (name == "service.name" and str(value).startswith("unknown_service"))
    }
    return Resource(kept, resource.schema_url)
