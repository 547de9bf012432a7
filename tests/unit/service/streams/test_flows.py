"""Streams as they are written down, and what is refused when one is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kafkade.service import ServiceError
from kafkade.service.streams.flows import BUFFER, Flow, Late, Stream, stream_of
from kafkade.service.streams.windows import Window

Event = dict[str, Any]


def made(function: Any, *, inputs: tuple[str, ...] = ("in",), output: str = "out") -> Stream:
    return stream_of(function, inputs, output, "group")


def test_steps_stand_in_their_order_and_a_flow_is_not_changed_by_what_is_made_of_it() -> None:
    plain: Flow[Event] = Flow()
    longer = plain.filter(bool).map(len).buffer(7)
    assert [step.verb for step in longer.before] == ["filter", "map"]
    assert (longer.records, longer.windowing, longer.after) == (7, None, ())
    assert (plain.before, plain.records) == ((), BUFFER)


def test_windows_split_the_steps_and_need_a_topic_to_regroup_by() -> None:
    def users(events: Flow[Event]) -> Flow[str]:
        grouped = events.filter(bool).group_by(lambda e: e["user"])
        return grouped.windowed_by(timedelta(minutes=1), grace=timedelta(seconds=5)).map(lambda w: str(w.key)).buffer(3)

    stream = made(users)
    assert (stream.name, stream.regrouped, stream.flow.records) == ("users", "group-repartition", 3)
    assert [step.verb for step in stream.flow.before] == ["filter"]
    assert [step.verb for step in stream.flow.after] == ["map"]
    windowing = stream.flow.windowing
    assert windowing is not None
    assert (windowing.size, windowing.grace, windowing.late, windowing.idle) == (60_000, 5_000, Late.DROP, None)


def untyped(events):  # type: ignore[no-untyped-def]
    return events


def no_flow(events: Flow[Event]) -> Flow[Event]:
    return events.group_by(len)  # type: ignore[return-value]


def two(events: Flow[Event], more: Flow[Event]) -> Flow[Event]:
    return events


def strange(events: Flow[object()]) -> Flow[Event]:  # type: ignore[valid-type]
    return events


def regrouped_windows(events: Flow[Event]) -> Flow[Event]:
    windows: Flow[Window] = events.group_by(len).windowed_by(timedelta(minutes=1))
    return windows.group_by(len).windowed_by(timedelta(minutes=1))  # type: ignore[return-value, arg-type]


def grouped_behind_a_map(events: Flow[Event]) -> Flow[Window]:
    return events.map(len).group_by(str).windowed_by(timedelta(minutes=1))


def well(events: Flow[Event]) -> Flow[Event]:
    return events


@pytest.mark.parametrize(
    ("function", "inputs", "says"),
    [
        (untyped, ("in",), "annotated as Flow"),
        (no_flow, ("in",), "must return a Flow, and returned Grouped: end with windowed_by"),
        (two, ("in",), "takes one argument"),
        (strange, ("in",), "cannot be an event.s type"),
        (regrouped_windows, ("in",), "write them to a topic and make a stream of that one"),
        (grouped_behind_a_map, ("in",), "group the events as they come"),
        (well, (), "at least one topic"),
        (well, ("in", "out"), "read what it writes to out"),
    ],
)
def test_what_is_no_stream_is_refused(function: Any, inputs: tuple[str, ...], says: str) -> None:
    with pytest.raises(ServiceError, match=says):
        made(function, inputs=inputs)


@pytest.mark.parametrize(
    "times",
    [{"size": timedelta()}, {"grace": timedelta(seconds=-1)}, {"idle": timedelta()}],
    ids=lambda t: next(iter(t)),
)
def test_times_that_make_no_sense_are_refused(times: dict[str, timedelta]) -> None:
    with pytest.raises(ServiceError, match="must be positive"):
        Flow[Event]().group_by(len).windowed_by(**{"size": timedelta(minutes=1), **times})  # type: ignore[arg-type]


def test_a_buffer_of_nothing_is_refused() -> None:
    with pytest.raises(ServiceError, match="takes 1 or more"):
        Flow[Event]().buffer(0)
