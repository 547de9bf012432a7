"""What a stream does, as it is written down: filter, map, buffer, group by a key, windows of time. Pure; nothing runs here."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar, get_args, get_origin

from kafkade.service.errors import ServiceError
from kafkade.service.events import EventType
from kafkade.service.streams.windows import Window

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")

BUFFER = 500
"""Records that are at most in one transaction, unless ``buffer`` says otherwise."""


class Late(StrEnum):
    """What becomes of an event whose window was emitted already. A topic's name in its place: it is written there as it is."""

    DROP = "drop"
    """It is counted (kafka.messages, status ``late``), and that is all."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``filter`` or ``map``, and its function."""

    verb: str
    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Windowing:
    """Windows by a key. ``size`` and ``grace`` in ms; ``timestamp``: an event's own time, None for its record's."""

    key: Callable[[Any], Any]
    size: int
    grace: int
    late: str
    idle: float | None
    timestamp: Callable[[Any], Any] | None


class Flow(Generic[T]):
    """Events of a type, and what is done with them, step by step. Each method gives a new flow."""

    def __init__(
        self,
        before: Sequence[Step] = (),
        windowing: Windowing | None = None,
        after: Sequence[Step] = (),
        buffer: int = BUFFER,
    ) -> None:
        self.before = tuple(before)
        """Steps on events as they come."""
        self.windowing = windowing
        self.after = tuple(after)
        """Steps on windows."""
        self.records = buffer
        """Records that are at most in one transaction."""

    def _with(self, step: Step) -> Flow[Any]:
        if self.windowing is None:
            return Flow((*self.before, step), None, (), self.records)
        return Flow(self.before, self.windowing, (*self.after, step), self.records)

    def filter(self, predicate: Callable[[T], bool]) -> Flow[T]:
        """Only the events that a predicate holds for."""
        return self._with(Step("filter", predicate))

    def map(self, function: Callable[[T], R]) -> Flow[R]:
        """What a function makes of each event."""
        return self._with(Step("map", function))

    def buffer(self, records: int) -> Flow[T]:
        """At most so many records are under way at a time: they and what comes of them are one transaction.

        Raises: ServiceError: below 1.
        """
        if records < 1:
            raise ServiceError(f"buffer({records}): it takes 1 or more")
        return Flow(self.before, self.windowing, self.after, records)

    def group_by(self, key: Callable[[T], Any]) -> Grouped[T]:
        """Bring the events of each key together, whatever partition and topic they are in. A key is a JSON value.

        Raises: ServiceError: they are windows already, or were mapped: filter before, map the windows.
        """
        if self.windowing is not None:
            raise ServiceError("group_by after windows: write them to a topic and make a stream of that one")
        if any(step.verb == "map" for step in self.before):
            raise ServiceError("group_by after map: group the events as they come, and map the windows")
        return Grouped(self, key)


class Grouped(Generic[T]):
    """Events by key; there are windows to be had of it."""

    def __init__(self, flow: Flow[T], key: Callable[[T], Any]) -> None:
        self._flow = flow
        self._key = key

    def windowed_by(
        self,
        size: timedelta,
        *,
        grace: timedelta = timedelta(),
        late: str = Late.DROP,
        idle: timedelta | None = None,
        timestamp: Callable[[T], Any] | None = None,
    ) -> Flow[Window]:
        """Tumbling windows of event time, each emitted once: when a later event of its partition is past its end and ``grace``.

        ``late``: the rule for what comes after that. ``idle``: a partition that nothing came for in so long goes by the clock,
        so that the last windows are emitted too; without it they wait for later events. ``timestamp``: an event's own time
        (datetime), in place of its record's.

        Raises: ServiceError: a size that is not positive, or a grace that is negative.
        """
        if size <= timedelta() or grace < timedelta() or (idle is not None and idle <= timedelta()):
            raise ServiceError("windowed_by: size and idle must be positive, and grace not negative")
        windowing = Windowing(
            self._key,
            size // timedelta(milliseconds=1),
            grace // timedelta(milliseconds=1),
            str(late),
            None if idle is None else idle.total_seconds(),
            timestamp,
        )
        return Flow(self._flow.before, windowing, (), self._flow.records)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a service: what is read, what is done, where it goes.

    ``group``: the consumer group that it reads as, its own one, since the offsets of its topics are its state.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    group: str
    event: EventType
    flow: Flow[Any]
    key: Callable[[Any], Any] | None = None

    @property
    def regrouped(self) -> str | None:
        """The topic that events go through on their way to their key's partition; None where nothing is grouped."""
        return None if self.flow.windowing is None else f"{self.group}-repartition"


def stream_of(
    function: Callable[[Flow[Any]], Flow[Any]],
    inputs: Sequence[str],
    output: str,
    group: str,
    *,
    event: Any = None,
    key: Callable[[Any], Any] | None = None,
) -> Stream:
    """The stream that a function describes: it is given a flow of the events of ``inputs`` and returns what goes to ``output``.

    ``event``: their type, default that of the annotation ``Flow[…]``.

    Raises:
        ServiceError: no inputs, no type, or something else than a flow is returned.
    """
    name = getattr(function, "__name__", str(function))
    where = f"stream {name}"
    if not inputs:
        raise ServiceError(f"{where}: give at least one topic")
    if output in inputs:
        raise ServiceError(f"{where}: it would read what it writes to {output}")
    if event is None:
        event = _event(function, where)
    flow = function(Flow())
    if not isinstance(flow, Flow):
        raise ServiceError(
            f"{where}: it must return a Flow, and returned {type(flow).__name__}: end with windowed_by(…)"
        )
    return Stream(name, tuple(inputs), output, group, EventType(event), flow, key)


def _event(function: Callable[..., Any], where: str) -> Any:
    parameters = list(inspect.signature(function).parameters)
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ServiceError(
            f"{where}: the annotation {error.name!r} is not known where the stream is defined: import it outside of"
            " TYPE_CHECKING, or give event=…"
        ) from error
    hint = hints.get(parameters[0]) if len(parameters) == 1 else None
    if get_origin(hint) is not Flow:
        raise ServiceError(f"{where}: it takes one argument, annotated as Flow[…] with the events' type")
    return get_args(hint)[0]
