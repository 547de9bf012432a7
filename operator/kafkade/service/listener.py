"""What ``@service.listener`` was told: topics, group, handler, and the type of its events, read off the handler's annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafkade.service.errors import ServiceError
from kafkade.service.events import EventType
from kafkade.service.metadata import Metadata

OWN_PROPERTIES = ("max.poll.records",)
"""Properties of Java's consumer that librdkafka does not have, and the listener has."""

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener of a service.

    ``concurrency``: how many partitions are worked on at the same time; records of one are worked on in their order.
    ``max_poll_records``: how many records are fetched in one go, and, with ``exactly_once``, are at most in one transaction.
    """

    topics: tuple[str, ...]
    group: str
    handler: Handler
    event: EventType
    wants_metadata: bool
    concurrency: int = 1
    exactly_once: bool = False
    max_poll_records: int = 500
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The handler's name, for metrics and messages."""
        return getattr(self.handler, "__name__", type(self.handler).__name__)

    @property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function; a plain function runs in a thread."""
        return inspect.iscoroutinefunction(self.handler) or inspect.iscoroutinefunction(
            getattr(self.handler, "__call__", None)  # noqa: B004 -- an object whose __call__ is one
        )


def listener_of(
    handler: Handler,
    topics: tuple[str, ...],
    group: str,
    *,
    event: Any = None,
    concurrency: int = 1,
    exactly_once: bool = False,
    max_poll_records: int = 500,
    properties: Mapping[str, Any] | None = None,
) -> Listener:
    """A listener. ``event``: the events' type where the handler's first argument has no annotation.

    Raises:
        ServiceError: no topics, a concurrency below 1, or a handler that takes something else than an event and metadata.
    """
    where = f"listener {getattr(handler, '__name__', handler)}"
    if not topics:
        raise ServiceError(f"{where}: give at least one topic")
    if concurrency < 1:
        raise ServiceError(f"{where}: concurrency must be 1 or more")
    found = dict(properties or {})
    records = int(found.pop("max.poll.records", max_poll_records))
    if records < 1:
        raise ServiceError(f"{where}: max.poll.records must be 1 or more")
    kind, wants = _signature(handler, where)
    return Listener(
        topics,
        group,
        handler,
        EventType(event if event is not None else kind),
        wants,
        concurrency,
        exactly_once,
        records,
        found,
    )


def _signature(handler: Handler, where: str) -> tuple[Any, bool]:
    parameters = [
        p
        for p in inspect.signature(handler).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if not parameters or len([p for p in parameters if p.default is p.empty]) > 2:
        raise ServiceError(
            f"{where}: the handler takes an event and, if it wants to, Metadata: handler(event, metadata)"
        )
    try:
        hints = typing.get_type_hints(inspect.unwrap(handler), include_extras=True)
    except NameError as error:
        raise ServiceError(
            f"{where}: the annotation {error.name!r} is not known where the handler is defined: import it outside of"
            " TYPE_CHECKING, or give event=…"
        ) from error
    kind = hints.get(parameters[0].name, dict[str, Any])
    if kind is Metadata:
        raise ServiceError(f"{where}: the event comes first, and Metadata after it")
    wants = len(parameters) > 1 and (
        parameters[1].default is inspect.Parameter.empty or hints.get(parameters[1].name) is Metadata
    )
    return kind, wants
