"""Spans of what is under way, for whoever traces it. Nobody does at first, and then they cost a comparison with None.

Who sets a :class:`Tracer` is ``handlers/tracing.py``; nothing here or below knows of OpenTelemetry. Names and attributes follow
its semantic conventions where there are some; all else is called ``kafkade.…``. No attribute has credentials or records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

Value = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Value]


class Span(Protocol):
    """Something that is under way."""

    def note(self, attributes: Attributes) -> None:
        """Tell more of it."""

    def end(self, error: BaseException | None = None) -> None:
        """It is done, or came to this error."""


class Tracer(Protocol):
    """Where spans go."""

    def start(self, name: str, attributes: Attributes, *, root: bool, client: bool) -> Span | None:
        """A span that begins now, as part of the current one: None where that is none, or over. A ``root`` is part of none.

        ``client``: it waits for another process.
        """

    @contextmanager
    def current(self, span: Span) -> Iterator[None]:
        """What begins meanwhile is part of this span."""

    def ids(self) -> Mapping[str, str]:
        """The current span's ``trace_id`` and ``span_id`` in hexadecimal; empty without one."""


class _Nothing:
    """A span that nobody wants."""

    def note(self, attributes: Attributes) -> None:
        """Told to nobody."""

    def end(self, error: BaseException | None = None) -> None:
        """Told to nobody."""


NOTHING = _Nothing()
_tracer: Tracer | None = None


def trace_by(tracer: Tracer | None) -> None:
    """From now on spans go there; None: nowhere."""
    global _tracer
    _tracer = tracer


def tracer() -> Tracer | None:
    """Where spans go now."""
    return _tracer


def ids() -> Mapping[str, str]:
    """The current span's ids, for a line of the log; empty where there is none."""
    return {} if _tracer is None else _tracer.ids()


@contextmanager
def span(name: str, attributes: Attributes, *, root: bool = False, client: bool = False) -> Iterator[Span]:
    """What is done meanwhile is a span, as :meth:`Tracer.start` has it; an exception that comes out of it is told."""
    made = None if _tracer is None else _tracer.start(name, attributes, root=root, client=client)
    if _tracer is None or made is None:
        yield NOTHING
        return
    try:
        with _tracer.current(made):
            yield made
    except BaseException as error:
        made.end(error)
        raise
    made.end()
