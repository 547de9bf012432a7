"""Traces cost nothing until they are wanted, and where they cannot be sent that is said."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import aiohttp
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kafkade.api import tracing
from kafkade.api.errors import TopicConflict
from kafkade.clients.tracing import http_spans, traced
from kafkade.handlers.tracing_otel import OpenTelemetry


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """All spans that are over."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", OpenTelemetry(provider.get_tracer("test")))
    return exporter


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Spans by name."""
    return {span.name: span for span in exporter.get_finished_spans()}


@traced("kafka")
class Client:
    """A client."""

    async def create_topics(self, names: list[str]) -> int:
        """A request."""
        return len(names)

    async def fails(self) -> None:
        """A request that is refused."""
        raise TopicConflict("another one has it")

    async def close(self) -> None:
        """No request."""

    def plain(self) -> int:
        """No request either."""
        return 1


async def test_without_a_tracer_nothing_is_made() -> None:
    with tracing.span("batch", {}, root=True) as span:
        assert span is tracing.NOTHING
        span.note({"a": 1})
        assert await Client().create_topics(["a"]) == 1
    assert tracing.ids() == {}
    assert http_spans("registry") == []


async def test_requests_are_part_of_what_makes_them(spans: InMemorySpanExporter) -> None:
    client = Client()
    with tracing.span("batch", {"kafkade.kind": "KafkaTopic"}, root=True):
        assert tracing.ids().keys() == {"trace_id", "span_id"}
        await client.create_topics(["a", "b"])
        await client.close()
        assert client.plain() == 1
        with pytest.raises(TopicConflict):
            await client.fails()
    found = by_name(spans)
    assert found.keys() == {"batch", "kafka create_topics", "kafka fails"}
    assert dict(found["kafka create_topics"].attributes or {})["kafkade.batch.size"] == 2
    assert (found["kafka fails"].attributes or {})["error.type"] == "TopicConflict"
    assert found["kafka fails"].status.description == "another one has it"
    batch = found["batch"].context
    assert {s.parent and s.parent.span_id for n, s in found.items() if n != "batch"} == {batch and batch.span_id}


async def test_what_is_no_part_of_anything_is_no_span(spans: InMemorySpanExporter) -> None:
    await Client().create_topics(["a"])
    with tracing.span("part", {}):
        pass
    assert by_name(spans) == {}


async def test_a_root_is_part_of_nothing_and_what_is_over_has_no_parts(spans: InMemorySpanExporter) -> None:
    async def later() -> None:
        with tracing.span("late", {}):
            assert tracing.ids() == {}, "what is over is not told of"

    with tracing.span("outer", {}, root=True):
        with tracing.span("batch", {}, root=True):
            pass
        task = asyncio.create_task(later())
    await task
    assert by_name(spans).keys() == {"outer", "batch"}
    assert by_name(spans)["batch"].parent is None


async def test_an_http_request_tells_no_credentials(spans: InMemorySpanExporter) -> None:
    with tracing.span("batch", {}, root=True):
        async with aiohttp.ClientSession(trace_configs=http_spans("registry")) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get("http://somebody:secret@127.0.0.1:1/subjects?token=secret")
    span = by_name(spans)["registry GET"]
    assert (span.attributes or {})["url.full"] == "http://127.0.0.1:1/subjects"
    assert "secret" not in span.to_json()
    assert (span.attributes or {})["error.type"] == "ClientConnectorError"


def test_opentelemetry_is_not_imported_until_it_is_wanted() -> None:
    text = "import sys, kafkade.handlers.operator; sys.exit(any(m.startswith('opentelemetry') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", text], timeout=60).returncode == 0


_RUN = """
import sys
from kafkade.handlers import tracing
if {missing}:
    sys.modules["opentelemetry.sdk.trace"] = None
import logging
logging.basicConfig(stream=sys.stdout)
try:
    with tracing.traced({wanted}):
        print("traces" if tracing.tracing.tracer() else "none")
except tracing.TracingRefused as error:
    print("refused:", error)
"""

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://somebody:secret@127.0.0.1:1"}


@pytest.mark.parametrize(
    ("wanted", "missing", "environment", "said"),
    [
        (None, False, {}, "none"),
        (None, False, ENDPOINT, "traces"),
        (None, False, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, "none"),
        (None, False, {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, "none"),
        (False, False, ENDPOINT, "none"),
        (True, False, {}, "traces"),
        (True, True, {}, "refused: traces need OpenTelemetry's packages: pip install 'kafkade[otel]'"),
        (None, True, ENDPOINT, "WARNING:kafkade:no traces are sent: traces need OpenTelemetry's packages"),
        (True, False, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "refused: grpc is not among what kafkade speaks"),
    ],
)
def test_when_traces_are_sent(wanted: bool | None, missing: bool, environment: dict[str, str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(wanted=wanted, missing=missing)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
        check=True,
    )
    assert said in done.stdout, done
    assert "secret" not in done.stdout
