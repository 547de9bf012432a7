"""A receiver of traces: OTLP over HTTP, as a collector takes it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from kafkade.devstack.ports import HOST
from support.waiting import until


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it came."""

    id: bytes
    parent: bytes
    trace: bytes
    name: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    start: int
    end: int
    error: str | None
    """The text of its status where that is an error."""
    client: bool


class Receiver:
    """What came so far. ``raw``: all bodies, as they were sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.raw = b""
        self.spans: list[Span] = []

    def take(self, body: bytes) -> None:
        """A request."""
        request = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for of_resource in request.resource_spans:
            resource = _values(of_resource.resource.attributes)
            for scope in of_resource.scope_spans:
                self.spans += [_span(sent, resource) for sent in scope.spans]

    def wait(self, name: str, test: Callable[[Span], bool] = lambda _: True, timeout: float = 60) -> Span:
        """The first span with this name for which the test holds."""

        def found() -> list[Span]:
            return [span for span in list(self.spans) if span.name == name and test(span)]

        until(lambda: bool(found()), f"a span {name!r} among {sorted({s.name for s in self.spans})}", timeout)
        return found()[0]

    def parts(self, whole: Span) -> list[Span]:
        """The spans that are part of one."""
        return [span for span in list(self.spans) if span.parent == whole.id and span.trace == whole.trace]

    def within(self, whole: Span) -> list[Span]:
        """The same with theirs, and so on."""
        return [each for part in self.parts(whole) for each in (part, *self.within(part))]


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, str(kind))


def _values(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _span(sent: Sent, resource: dict[str, Any]) -> Span:
    return Span(
        sent.span_id,
        sent.parent_span_id,
        sent.trace_id,
        sent.name,
        _values(sent.attributes),
        resource,
        sent.start_time_unix_nano,
        sent.end_time_unix_nano,
        sent.status.message if sent.status.code == sent.status.STATUS_CODE_ERROR else None,
        sent.kind == Sent.SPAN_KIND_CLIENT,
    )


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Called for each request."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
            receiver.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Requests come every few seconds."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        receiver = Receiver(f"http://{HOST}:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
