"""Finds each place where kafkade waits for somebody else, by looking at what its coroutines are suspended in, and ends the
process at one of them.

Nothing of kafkade says where its points are. Every task's coroutine is driven through this; whenever one gives up control,
the chain of what it awaits is walked from the outside in, and kafkade's own frames in it, with the lines that they stand at,
are the place. Two moments belong to each: when it is left, with a request in hand or on its way whose answer nobody has read;
and when it is come back to, with the answer there and nothing made of it. What runs between two places cannot be interrupted
by anything but the machine, and has no effect outside.

Redrives work in a thread that blocks in Kafka's client instead: there, each call of it is a place.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import kafkade

ROOT = f"{Path(kafkade.__file__).parent}/"
"""Whose frames count."""

Moment = Literal["left", "back"]
Place = tuple[str, ...]
"""Lines of kafkade as ``topics/act.py:91 act``, the outermost first."""

_CLIENT = ("cimpl", "confluent_kafka.cimpl")
_VALUES = ("Message", "TopicPartition", "KafkaError")
"""Of the client's types, those that ask nobody anything."""

_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at a place, the ``nth`` time that a process comes by it, from 1."""

    place: Place
    moment: Moment
    nth: int = 1

    def __str__(self) -> str:
        """The line itself, and where it was called from."""
        inner, *outer = reversed(self.place)
        way = f" < {' < '.join(outer)}" if outer else ""
        return f"{self.moment} {inner}{way}" + (f", time {self.nth}" if self.nth > 1 else "")


class AwaitPoints:
    """Sees every point that a process comes by, in its order, and tells ``reached`` of it: there the process may end."""

    def __init__(self, reached: Callable[[Point], None]) -> None:
        self._reached = reached
        self._times: Counter[tuple[Place, Moment]] = Counter()
        self._lock = threading.Lock()

    def watch(self) -> None:
        """From now on, on every event loop that is made, and in every thread that is started."""
        asyncio.set_event_loop_policy(_Policy(self._task))
        threading.setprofile(self._called)

    def tell(self, place: Place, moment: Moment) -> None:
        """Somebody is at a place."""
        with self._lock:  # also while the process is ended: no other thread shall come any further
            self._times[place, moment] += 1
            self._reached(Point(place, moment, self._times[place, moment]))

    def _task(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(_Driven(coro, self.tell), loop=loop, **options)

    def _called(self, frame: FrameType, event: str, function: Any) -> None:
        """A profile function: of all calls in a thread, kafkade's own of a method of librdkafka's matter."""
        if not event.startswith("c_") or not frame.f_code.co_filename.startswith(ROOT):
            return
        of = type(getattr(function, "__self__", None))
        if of.__module__ not in _CLIENT or of.__name__ in _VALUES:
            return
        frames, outer = [], frame
        while outer is not None and len(frames) < _DEPTH:
            frames.append(outer)
            outer = outer.f_back  # type: ignore[assignment]
        place = tuple(line for found in reversed(frames) if (line := _line(found)))
        self.tell((*place, f"Kafka's {function.__name__}"), "left" if event == "c_call" else "back")


class _Policy(asyncio.DefaultEventLoopPolicy):
    def __init__(self, factory: Any) -> None:
        super().__init__()
        self._factory = factory

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        loop.set_task_factory(self._factory)
        return loop


class _Driven(Coroutine[Any, Any, Any]):
    """A task's coroutine, looked at whenever it is suspended and before it goes on."""

    def __init__(self, coro: Coroutine[Any, Any, Any], tell: Callable[[Place, Moment], None]) -> None:
        self._coro = coro
        self._tell = tell
        self._place: Place = ()
        self.__name__ = getattr(coro, "__name__", "?")
        self.__qualname__ = getattr(coro, "__qualname__", "?")

    def send(self, value: Any) -> Any:
        return self._on(self._coro.send, value)

    def throw(self, *error: Any) -> Any:
        return self._on(self._coro.throw, *error)

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("a task's coroutine is nobody else's to await")

    def _on(self, go: Callable[..., Any], *values: Any) -> Any:
        if self._place:
            self._tell(self._place, "back")
        awaited = go(*values)
        self._place = place_of(self._coro)
        if self._place:
            self._tell(self._place, "left")
        return awaited


def place_of(suspended: Any) -> Place:
    """Kafkade's lines in the chain of what a suspended coroutine awaits; empty when it has none."""
    lines = []
    while suspended is not None:
        kind = next((k for k in ("cr", "gi", "ag") if hasattr(suspended, f"{k}_frame")), None)
        if kind is None:
            break
        frame = getattr(suspended, f"{kind}_frame")
        if frame is not None and (line := _line(frame)):
            lines.append(line)
        suspended = getattr(suspended, {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}[kind])
    return tuple(lines)


def _line(frame: FrameType) -> str | None:
    name = frame.f_code.co_filename
    return f"{name.removeprefix(ROOT)}:{frame.f_lineno} {frame.f_code.co_name}" if name.startswith(ROOT) else None
