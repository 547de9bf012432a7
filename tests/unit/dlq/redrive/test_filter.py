"""Which dead letters a filter is for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.common import parse
from kafkade.api.errors import InvalidSpec
from kafkade.api.redrive import OffsetRange, RedriveFilter
from kafkade.clients.kafka_mover_model import Record
from kafkade.dlq.headers import read
from kafkade.dlq.redrive.filter import Filter, as_text
from unit.dlq.test_headers import SHARE, SPRING, connect

AT = 1_764_057_600_000
"""2025-11-25T08:00:00Z in milliseconds."""


def filter_of(**spec: Any) -> Filter:
    return Filter.of(parse(RedriveFilter, spec))


def offsets(*ranges: tuple[int, int | None, int | None]) -> list[dict[str, int]]:
    """Partition, first and last offset; None: open."""
    named = [{"partition": partition, "first": first, "last": last} for partition, first, last in ranges]
    return [{name: value for name, value in one.items() if value is not None} for one in named]


@pytest.mark.parametrize(
    ("spec", "first", "end", "windows"),
    [
        pytest.param({}, 10, 20, [(10, 20)], id="everything"),
        pytest.param({}, 20, 20, [], id="an empty partition"),
        pytest.param({}, 21, 20, [], id="beyond the end"),
        pytest.param({"partitions": [1, 3]}, 10, 20, [(10, 20)], id="this partition among others"),
        pytest.param({"partitions": [0, 2]}, 10, 20, [], id="other partitions"),
        pytest.param({"offsets": offsets((1, 12, 14))}, 10, 20, [(12, 15)], id="both ends are included"),
        pytest.param({"offsets": offsets((1, 12, 12))}, 10, 20, [(12, 13)], id="one record"),
        pytest.param({"offsets": offsets((1, None, 14))}, 10, 20, [(10, 15)], id="from the earliest"),
        pytest.param({"offsets": offsets((1, 14, None))}, 10, 20, [(14, 20)], id="to the latest"),
        pytest.param({"offsets": offsets((1, None, None))}, 10, 20, [(10, 20)], id="open at both ends"),
        pytest.param({"offsets": offsets((1, 0, 0))}, 0, 20, [(0, 1)], id="offset 0"),
        pytest.param({"offsets": offsets((1, 0, 5))}, 10, 20, [], id="retention took them"),
        pytest.param({"offsets": offsets((1, 0, 10))}, 10, 20, [(10, 11)], id="retention took all but one"),
        pytest.param({"offsets": offsets((1, 20, 30))}, 10, 20, [], id="not written yet"),
        pytest.param({"offsets": offsets((1, 19, 30))}, 10, 20, [(19, 20)], id="only the first is written"),
        pytest.param({"offsets": offsets((1, 15, 12))}, 10, 20, [], id="the wrong way round"),
        pytest.param({"offsets": offsets((0, 12, 14))}, 10, 20, [], id="of another partition"),
        pytest.param(
            {"offsets": offsets((1, 18, None), (0, 0, 99), (1, 12, 13))}, 10, 20, [(12, 14), (18, 20)], id="in order"
        ),
        pytest.param({"offsets": offsets((1, 11, 15), (1, 13, 17))}, 10, 20, [(11, 18)], id="they overlap"),
        pytest.param({"offsets": offsets((1, 11, 18), (1, 13, 14))}, 10, 20, [(11, 19)], id="one within the other"),
        pytest.param({"offsets": offsets((1, 11, 12), (1, 13, 14))}, 10, 20, [(11, 15)], id="they touch"),
        pytest.param({"offsets": offsets((1, 11, 11), (1, 13, 13))}, 10, 20, [(11, 12), (13, 14)], id="one between"),
        pytest.param({"offsets": offsets((1, 12, 13), (1, 12, 13))}, 10, 20, [(12, 14)], id="twice the same"),
        pytest.param(
            {"offsets": offsets((1, 11, 12), (1, 16, 14), (1, 18, 18))}, 10, 20, [(11, 13), (18, 19)], id="one is empty"
        ),
        pytest.param(
            {"partitions": [0], "offsets": offsets((1, 12, 14))}, 10, 20, [], id="partitions and offsets: both must fit"
        ),
        pytest.param({"partitions": [1], "offsets": offsets((1, 12, 14))}, 10, 20, [(12, 15)], id="both fit"),
    ],
)
def test_windows(spec: dict[str, Any], first: int, end: int, windows: list[tuple[int, int]]) -> None:
    assert list(filter_of(**spec).windows(1, first, end)) == windows


EDGE = st.none() | st.integers(0, 40)


@given(st.lists(st.tuples(st.integers(0, 1), EDGE, EDGE), max_size=8), st.integers(0, 30), st.integers(0, 30))
def test_windows_hold_what_a_set_would(
    ranges: list[tuple[int, int | None, int | None]], first: int, length: int
) -> None:
    end = first + length
    given_ranges = tuple(OffsetRange(partition=p, first=low, last=high) for p, low, high in ranges)
    windows = list(Filter(offsets=given_ranges).windows(1, first, end))
    wanted = {
        offset
        for p, low, high in ranges
        for offset in range(first, end)
        if p == 1 and (low is None or offset >= low) and (high is None or offset <= high)
    }
    assert {offset for low, high in windows for offset in range(low, high)} == (
        wanted if ranges else set(range(first, end))
    )
    assert all(low < high for low, high in windows)
    assert all(before[1] < after[0] for before, after in pairwise(windows)), "apart, in order"


def record(**fields: Any) -> Record:
    given_fields: dict[str, Any] = {"timestamp": AT, "key": b"order-4711", "value": b"v", "headers": connect()}
    return Record(partition=1, offset=5, **{**given_fields, **fields})


MESSAGE = "Converting byte\\[\\] to Kafka"
WANTS: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("nothing is asked", {}, {}, True),
    ("nothing is asked, and no dead letter", {}, {"headers": [], "key": None}, True),
    ("class of the error, a part of it", {"errorClass": "DataEx"}, {}, True),
    ("class of the error, all of it", {"errorClass": r"^org\.apache\..*\.DataException$"}, {}, True),
    ("class of the error, another", {"errorClass": "^DataException"}, {}, False),
    ("class of the error, not said", {"errorClass": "."}, {"headers": SHARE}, False),
    ("class of the error, anything, not said", {"errorClass": ".*"}, {"headers": SHARE}, True),
    ("class of the error, no dead letter", {"errorClass": ".*"}, {"headers": [("a", b"b")]}, False),
    ("message", {"errorMessage": MESSAGE}, {}, True),
    ("message, another case", {"errorMessage": "converting"}, {}, False),
    ("message, any case", {"errorMessage": "(?i)CONVERTING"}, {}, True),
    ("message, no dead letter", {"errorMessage": ".*"}, {"headers": []}, False),
    ("origin", {"origin": "orders"}, {}, True),
    ("origin, all of the name", {"origin": "order"}, {}, False),
    ("origin, not said", {"origin": "orders"}, {"headers": connect()[3:]}, False),
    ("origin, no dead letter", {"origin": "orders"}, {"headers": []}, False),
    ("the newest dialect counts", {"errorClass": "PaymentException"}, {"headers": [*connect(), *SPRING]}, True),
    ("older ones do not", {"errorClass": "DataException"}, {"headers": [*connect(), *SPRING]}, False),
    ("key", {"key": "^order-"}, {}, True),
    ("key, another", {"key": "^invoice-"}, {}, False),
    ("key, there is none", {"key": ".*"}, {"key": None}, False),
    ("key, empty", {"key": "^$"}, {"key": b""}, True),
    ("key, no text", {"key": "^\ufffd1$"}, {"key": b"\xff1"}, True),
    ("header", {"headers": [{"name": "__connect.errors.task.id"}]}, {}, True),
    ("header, absent", {"headers": [{"name": "task"}]}, {}, False),
    ("header with a value", {"headers": [{"name": "__connect.errors.task.id", "value": "0"}]}, {}, True),
    ("header with another value", {"headers": [{"name": "__connect.errors.task.id", "value": "1"}]}, {}, False),
    ("header, a part of the value", {"headers": [{"name": "a", "value": "b"}]}, {"headers": [("a", b"bc")]}, False),
    ("header, any value is null too", {"headers": [{"name": "a"}]}, {"headers": [("a", None)]}, True),
    ("header, empty is not null", {"headers": [{"name": "a", "value": ""}]}, {"headers": [("a", None)]}, False),
    ("header, empty", {"headers": [{"name": "a", "value": ""}]}, {"headers": [("a", b"")]}, True),
    ("header, UTF-8", {"headers": [{"name": "ä", "value": "ö"}]}, {"headers": [("ä", "ö".encode())]}, True),
    (
        "header, one of several of the name",
        {"headers": [{"name": "a", "value": "2"}]},
        {"headers": [("a", b"1"), ("a", b"2"), ("a", b"3")]},
        True,
    ),
    ("headers, all", {"headers": [{"name": "a"}, {"name": "b"}]}, {"headers": [("b", b""), ("a", b"")]}, True),
    ("headers, one is missing", {"headers": [{"name": "a"}, {"name": "b"}]}, {"headers": [("a", b"")]}, False),
    ("since, just then", {"since": "2025-11-25T08:00:00Z"}, {}, True),
    ("since, a millisecond before", {"since": "2025-11-25T08:00:00Z"}, {"timestamp": AT - 1}, False),
    ("until, just then", {"until": "2025-11-25T08:00:00Z"}, {}, False),
    ("until, a millisecond before", {"until": "2025-11-25T08:00:00Z"}, {"timestamp": AT - 1}, True),
    ("since, without a timestamp", {"since": "1970-01-01T00:00:00Z"}, {"timestamp": -1}, False),
    ("until, without a timestamp", {"until": "1970-01-01T00:00:00Z"}, {"timestamp": -1}, True),
    (
        "since and until, between",
        {"since": "2025-11-25T08:00:00Z", "until": "2025-11-25T08:00:00.001Z"},
        {},
        True,
    ),
    (
        "all fields",
        {
            "errorClass": "DataException",
            "errorMessage": MESSAGE,
            "origin": "orders",
            "key": "4711",
            "headers": [{"name": "__connect.errors.stage", "value": "VALUE_CONVERTER"}],
            "since": "2025-11-25T08:00:00Z",
            "until": "2025-11-25T09:00:00Z",
        },
        {},
        True,
    ),
    ("all but the key", {"errorClass": "DataException", "origin": "orders", "key": "4712"}, {}, False),
    ("all but the class", {"errorClass": "IOException", "origin": "orders", "key": "4711"}, {}, False),
    ("all but the message", {"errorClass": "DataException", "errorMessage": "no", "origin": "orders"}, {}, False),
    ("all but the origin", {"errorClass": "DataException", "errorMessage": MESSAGE, "origin": "o"}, {}, False),
]


@pytest.mark.parametrize(("spec", "fields", "wanted"), [pytest.param(*case, id=name) for name, *case in WANTS])
def test_wants(spec: dict[str, Any], fields: dict[str, Any], wanted: bool) -> None:
    fitting, one = filter_of(**spec), record(**fields)
    assert fitting.wants(one, read(one.headers)) is wanted
    if not fitting.asks_error:
        assert fitting.wants(one, ()) is wanted, "what the headers say of the error does not matter"
    if fitting.takes_all:
        assert wanted


@pytest.mark.parametrize(
    ("spec", "takes_all", "asks_error"),
    [
        ({}, True, False),
        ({"partitions": [1]}, True, False),
        ({"offsets": offsets((1, 2, 3))}, True, False),
        ({"errorClass": "a"}, False, True),
        ({"errorMessage": "a"}, False, True),
        ({"origin": "a"}, False, True),
        ({"key": "a"}, False, False),
        ({"headers": [{"name": "a"}]}, False, False),
        ({"since": "1970-01-01T00:00:00Z"}, False, False),
        ({"until": "1970-01-01T00:00:00Z"}, False, False),
    ],
)
def test_what_a_filter_asks_for(spec: dict[str, Any], takes_all: bool, asks_error: bool) -> None:
    found = filter_of(**spec)
    assert (found.takes_all, found.asks_error) == (takes_all, asks_error)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch"),
        pytest.param("2025-11-25T08:00:00Z", AT, id="UTC"),
        pytest.param("2025-11-25t08:00:00z", AT, id="small letters, as RFC 3339 has them too"),
        pytest.param("2025-11-25T09:30:00+01:30", AT, id="east"),
        pytest.param("2025-11-25T00:00:00-08:00", AT, id="west"),
        pytest.param("2025-11-25T08:00:00.123Z", AT + 123, id="milliseconds"),
        pytest.param("2025-11-25T08:00:00.1Z", AT + 100, id="tenths"),
        pytest.param("2025-11-25T08:00:00.000001Z", AT + 1, id="a microsecond is rounded up"),
        pytest.param("2025-11-25T08:00:00.123456789Z", AT + 124, id="nanoseconds"),
        pytest.param("1969-12-31T23:59:59.9995Z", 0, id="up, before the epoch too"),
        pytest.param("0001-01-01T00:00:00+14:00", -62_135_647_200_000, id="the first day"),
    ],
)
def test_since_and_until(text: str, milliseconds: int) -> None:
    found = filter_of(since=text, until=text)
    assert (found.since, found.until) == (milliseconds, milliseconds)


@pytest.mark.parametrize("field", ["since", "until"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no RFC 3339 timestamp"),
        ("now", "is no RFC 3339 timestamp"),
        ("1764057600000", "is no RFC 3339 timestamp"),
        ("2025-11-31T08:00:00Z", "is no RFC 3339 timestamp"),
        ("2025-11-25T25:00:00Z", "is no RFC 3339 timestamp"),
        ("2025-11-25T08:00:00 CET", "is no RFC 3339 timestamp"),
        ("2025-11-25", "has no time zone"),
        ("2025-11-25T08:00:00", "has no time zone"),
    ],
)
def test_what_is_no_moment(field: str, text: str, says: str) -> None:
    with pytest.raises(InvalidSpec, match=rf"^filter\.{field}: .*{says}"):
        filter_of(**{field: text})


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"a", "a"), ("ü".encode(), "ü"), (b"\xff\xfea", "\ufffd\ufffda")]
)
def test_as_text(data: bytes, text: str) -> None:
    assert as_text(data) == text
