"""The fast answer to where a dead letter was, against that of kafkade.dlq.headers, which reads everything."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.clients.kafka_mover_model import Header
from kafkade.dlq.headers import read
from kafkade.dlq.redrive import origin
from kafkade.dlq.redrive.origin import Origins, Place
from unit.dlq.test_headers import CASES, KNOWN, ORIGINAL, SHARE, SPRING, connect, delayed_retry, smallrye

BY_NAME = {name: list(headers) for name, headers, _ in CASES}
OTHERS: list[bytes | None] = [
    None,
    b"",
    b"0",
    b"7",
    b"-1",
    b"9" * 30,
    b"\xff\xfe",
    b"payments",
    b"a.b.C: why",
    struct.pack(">i", 5),
    struct.pack(">i", -1),
    struct.pack(">q", 5),
]
"""Values that some header takes for a topic, a partition or an offset, and some for nothing."""


def slow(headers: list[Header]) -> Place:
    letters = read(headers)
    return (letters[0].origin.topic, letters[0].origin.partition) if letters else (None, None)


def agrees(origins: Origins, headers: list[Header]) -> None:
    expected = slow(headers)
    assert origins.place(headers) == expected
    assert origins.place(list(headers)) == expected, "from memory"


def other_values(headers: list[Header]) -> list[list[Header]]:
    """The same names, each time with one other value."""
    return [
        [*headers[:index], (headers[index][0], value), *headers[index + 1 :]]
        for index in range(len(headers))
        for value in OTHERS
    ]


@pytest.mark.parametrize("name", BY_NAME)
def test_every_case_of_every_dialect(name: str) -> None:
    origins, headers = Origins(), BY_NAME[name]
    agrees(origins, headers)
    for changed in other_values(headers):
        agrees(origins, changed)
    agrees(origins, headers)


def test_one_memory_for_all_of_them() -> None:
    """The same names with other values, in other orders and of several dialects, each seen again later."""
    origins, shuffled = Origins(), random.Random(4711)
    cases: list[list[Header]] = list(BY_NAME.values())
    cases += [list(reversed(headers)) for headers in BY_NAME.values()]
    cases += [[*one, *other] for one, other in itertools.product(BY_NAME.values(), repeat=2)]
    cases += [shuffled.sample(headers, len(headers)) for headers in cases]
    for _ in range(2):
        shuffled.shuffle(cases)
        for headers in cases:
            agrees(origins, headers)


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param((SPRING, connect()), id="Spring and Connect"),
        pytest.param((SHARE, connect()), id="a share group and Connect"),
        pytest.param((SHARE, smallrye()), id="a share group and SmallRye"),
        pytest.param((smallrye(), connect()), id="SmallRye and Connect"),
        pytest.param((delayed_retry("orders_retry_10000", 7), delayed_retry("orders", 42)), id="SmallRye's retries"),
        pytest.param((connect("first", 1), connect()), id="Connect twice"),
    ],
)
def test_several_on_a_record_with_other_values(pair: tuple[list[Header], list[Header]]) -> None:
    origins = Origins()
    for one, other in itertools.permutations(pair):
        for headers in ([*one, *other], [*ORIGINAL, *one, *other], [*one, *ORIGINAL, *other]):
            for changed in (headers, *other_values(headers)):
                agrees(origins, changed)


@pytest.mark.parametrize("prefix", sorted({name.removesuffix("topic") for name in KNOWN if name.endswith("topic")}))
def test_every_name_of_a_topic_and_a_partition(prefix: str) -> None:
    origins = Origins()
    for topic, partition in itertools.product(OTHERS, repeat=2):
        agrees(origins, [(prefix + "topic", topic), (prefix + "partition", partition), ("kafkade.dlq.offset", b"1")])
        agrees(origins, [(prefix + "topic", topic), (prefix + "partition", partition)])


def test_of_two_dialects_an_offset_decides() -> None:
    """SmallRye's stands first whether it is newer or older: the values that differ name neither topic nor partition."""
    origins = Origins()
    first = [*smallrye("orders", 41), *connect("orders", 42)]
    assert [letter.dialect for letter in read(first)] == ["Kafka Connect", "SmallRye"]
    second = [*smallrye("orders", 43), *connect("orders", 42)]
    assert [letter.dialect for letter in read(second)] == ["SmallRye", "Kafka Connect"]
    for headers in (first, second, first, second):
        agrees(origins, headers)


ORIGINS_OF_ALL = Origins()
"""Kept over all examples, so that what one leaves behind can mislead another."""


@given(st.lists(st.tuples(st.sampled_from(KNOWN) | st.text(max_size=3), st.sampled_from(OTHERS)), max_size=8))
def test_any_headers(headers: list[Header]) -> None:
    agrees(ORIGINS_OF_ALL, headers)


def test_it_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = Origins()
    assert origins.place([*connect()]) == ("orders", 3)
    monkeypatch.setattr(origin, "_read", lambda _: pytest.fail("read again"))
    assert origins.place([*connect(offset=43, error="another.Error")]) == ("orders", 3)


@pytest.mark.parametrize(("names", "places"), [(1, 10_000), (3, 2), (1_000, 1)])
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, names: int, places: int) -> None:
    monkeypatch.setattr(origin, "_MOST_NAMES", names)
    monkeypatch.setattr(origin, "_MOST_PLACES", places)
    origins = Origins()
    for number in range(50):
        agrees(origins, [*connect(f"topic-{number}"), (f"name-{number % 7}", b"")])
        assert len(origins._layouts) <= names
        assert len(origins._places) <= places
