"""kafkade's spans as OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from kafkade.api.tracing import Attributes, Span


class _Span:
    """One span of OpenTelemetry's."""

    def __init__(self, made: trace.Span) -> None:
        self.made = made

    def note(self, attributes: Attributes) -> None:
        """Tell more of it."""
        self.made.set_attributes(attributes)

    def end(self, error: BaseException | None = None) -> None:
        """It is done; of an error its text and its reason are told, and no traceback."""
        if error is not None:
            kind = str(getattr(error, "reason", "") or type(error).__name__)
            self.made.set_attribute("error.type", kind)
            self.made.set_status(Status(StatusCode.ERROR, str(error)))
        self.made.end()


class OpenTelemetry:
    """A :class:`kafkade.api.tracing.Tracer`."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start(self, name: str, attributes: Attributes, *, root: bool, client: bool) -> Span | None:
        """A span that begins now."""
        # a task keeps the span that it was made in, also when that is over
        if not root and not trace.get_current_span().is_recording():
            return None
        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        around = Context() if root else None
        return _Span(self._tracer.start_span(name, around, kind, attributes))

    @contextmanager
    def current(self, span: Span) -> Iterator[None]:
        """What begins meanwhile is part of this span."""
        assert isinstance(span, _Span)  # noqa: S101 -- it was made above
        with trace.use_span(span.made, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            yield

    def ids(self) -> Mapping[str, str]:
        """The current span's ids."""
        span = trace.get_current_span()
        # a task keeps the span that it was made in: a line that comes when that is over is no part of it
        if not span.is_recording():
            return {}
        context = span.get_span_context()
        return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
