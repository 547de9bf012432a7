"""The feed with a reader whose answers are written down: what a real broker cannot be made to answer on demand."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.clients.kafka_mover_client import TopicReader
from kafkade.clients.kafka_mover_model import Record
from kafkade.dlq.redrive import feed as feed_module
from kafkade.dlq.redrive.feed import FAR, Feed, Wanted

Answer = tuple[list[Record], dict[int, int]]


class Script:
    """Answers in their order, then nothing; remembers what was assigned and left."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = deque(answers)
        self.assigned: list[Mapping[int, int]] = []
        self.gone: list[int] = []
        self.reads = 0

    def assign(self, positions: Mapping[int, int]) -> None:
        self.assigned.append(dict(positions))

    def leave(self, partition: int) -> None:
        self.gone.append(partition)

    def read(self, limit: int, timeout: float) -> Answer:
        self.reads += 1
        assert limit > 0
        assert timeout >= 0
        answer = self.answers.popleft() if self.answers else ([], {})
        if isinstance(answer, Exception):
            raise answer
        return answer


def records(partition: int, offsets: Sequence[int] | range, value: bytes | None = b"v") -> list[Record]:
    return [Record(partition, offset, 1, b"k", value, []) for offset in offsets]


def feed_of(script: Script, **wanted: Any) -> Feed:
    """``wanted``: ``p0=([(first, end), ...], end of the partition)``."""
    feed = Feed(cast(TopicReader, script))
    feed.start({int(name[1:]): Wanted(deque(ranges), end) for name, (ranges, end) in wanted.items()})
    return feed


def offsets(found: list[Record]) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in found]


RANGES = {
    "one range": ([(0, 5)], 5, range(5), [0, 1, 2, 3, 4]),
    "what was put back before is passed over": ([(0, 2), (4, 6)], 6, range(6), [0, 1, 4, 5]),
    "not from the beginning": ([(3, 5)], 5, range(3, 5), [3, 4]),
    "offsets that are no records": ([(0, 9)], 9, [0, 3, 8], [0, 3, 8]),
    "the last offset of a range is no record": ([(0, 3), (5, 7)], 7, [0, 1, 5, 6], [0, 1, 5, 6]),
    "records that came later": ([(0, 2)], 2, range(4), [0, 1]),
}


@pytest.mark.parametrize("case", RANGES)
def test_hands_out_what_is_wanted(case: str) -> None:
    ranges, end, there, expected = RANGES[case]
    script = Script((records(0, there), {0: end}))
    feed = feed_of(script, p0=(ranges, end))
    assert script.assigned == [{0: ranges[0][0]}]
    assert offsets(feed.take(100)) == [(0, offset) for offset in expected]
    feed.take(100)
    assert not feed.open
    assert script.gone == [0]
    assert not feed.went_back


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_than_asked_for_and_none_twice(most: int) -> None:
    script = Script((records(0, range(4)) + records(1, range(3)), {}), ([], {0: 4, 1: 3}))
    feed = feed_of(script, p0=([(0, 4)], 4), p1=([(0, 3)], 3))
    found: list[Record] = []
    for _ in range(10):
        chunk = feed.take(most)
        assert len(chunk) <= most
        found += chunk
    assert offsets(found) == [(0, n) for n in range(4)] + [(1, n) for n in range(3)]
    assert not feed.open


def test_nothing_to_do() -> None:
    script = Script()
    feed = feed_of(script, p0=([], 5))
    assert not feed.open
    assert feed.take(10) == []
    assert script.reads == 0


@pytest.mark.parametrize(("gap", "jumps"), [(FAR - 1, False), (FAR + 2, True)])
def test_jumps_over_what_is_far(gap: int, jumps: bool) -> None:
    end = gap + 2
    ahead = records(0, range(3)) + records(1, [0])
    script = Script((ahead, {}), (records(0, [end - 1]), {0: end}), (records(1, [0]), {1: 2}))
    feed = feed_of(script, p0=([(0, 1), (end - 1, end)], end), p1=([(0, 2)], 2))
    found: list[Record] = []
    for _ in range(5):
        found += feed.take(10)
    assert sorted(offsets(found)) == [(0, 0), (0, end - 1), (1, 0)]
    assert script.assigned[1:] == ([{0: end - 1, 1: 0}] if jumps else [])


def test_an_end_that_is_too_early_is_believed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(feed_module.time, "monotonic", lambda: clock[0])
    script = Script((records(0, range(3)), {0: 3}))
    feed = feed_of(script, p0=([(0, 10)], 10))
    assert len(feed.take(10)) == 3
    for _ in range(3):
        clock[0] += feed_module.SHORT / 3
        assert feed.take(10) == []
        assert feed.open, "a new leader may not know more for a moment"
    clock[0] += feed_module.SHORT
    feed.take(10)
    assert not feed.open


def test_an_end_that_is_too_early_and_then_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(feed_module.time, "monotonic", lambda: clock[0])
    script = Script(
        (records(0, range(3)), {0: 3}), (records(0, range(3, 9)), {0: 9}), ([], {}), (records(0, [9]), {0: 10})
    )
    feed = feed_of(script, p0=([(0, 10)], 10))
    found = feed.take(20)
    for _ in range(4):
        clock[0] += feed_module.SHORT * 0.9
        found += feed.take(20)
    assert offsets(found) == [(0, n) for n in range(10)]
    assert not feed.open


def test_a_record_that_comes_again_is_told_and_not_handed_out() -> None:
    script = Script((records(0, range(5)), {}), (records(0, range(2)), {}))
    feed = feed_of(script, p0=([(0, 10)], 10))
    feed.take(10)
    assert not feed.went_back
    assert feed.take(10) == []
    assert feed.went_back


@st.composite
def topics(draw: st.DrawFn) -> dict[int, tuple[list[tuple[int, int]], list[int]]]:
    """By partition: ranges that neither touch nor overlap, and the offsets that have a record."""
    made: dict[int, tuple[list[tuple[int, int]], list[int]]] = {}
    for number in range(draw(st.integers(1, 3))):
        edges = sorted(draw(st.sets(st.integers(0, 40), max_size=12)))
        ranges = list(zip(edges[::2], edges[1::2], strict=False))
        made[number] = (ranges, sorted(draw(st.sets(st.integers(0, 45)))))
    return made


class Log:
    """A reader of a log in memory, which gives as few records at once as it likes."""

    def __init__(self, logs: Mapping[int, list[int]], sizes: Iterator[int]) -> None:
        self.logs = logs
        self.sizes = sizes
        self.at: dict[int, int] = {}

    def assign(self, positions: Mapping[int, int]) -> None:
        self.at = dict(positions)

    def leave(self, partition: int) -> None:
        del self.at[partition]

    def read(self, limit: int, timeout: float) -> Answer:
        found: list[Record] = []
        ends: dict[int, int] = {}
        for number in list(self.at):
            some = [offset for offset in self.logs[number] if offset >= self.at[number]][: next(self.sizes)]
            found += records(number, some)
            if some:
                self.at[number] = some[-1] + 1
            else:
                ends[number] = max(self.at[number], 46)
        return found, ends


@given(
    topics(), st.lists(st.integers(1, 7), min_size=1, max_size=5), st.lists(st.integers(1, 9), min_size=1, max_size=5)
)
def test_each_wanted_record_once_and_in_order_however_it_is_read(
    made: dict[int, tuple[list[tuple[int, int]], list[int]]], reads: list[int], takes: list[int]
) -> None:
    log = Log({number: there for number, (_, there) in made.items()}, itertools.cycle(reads))
    feed = Feed(cast(TopicReader, log))
    with patch.object(feed_module, "FAR", 5):
        feed.start({number: Wanted(deque(ranges), 46) for number, (ranges, _) in made.items()})
        found: dict[int, list[int]] = {number: [] for number in made}
        for most in itertools.islice(itertools.cycle(takes), 1_000):
            if not feed.open:
                break
            for record in feed.take(most):
                found[record.partition].append(record.offset)
    assert not feed.open
    assert not feed.went_back
    for number, (ranges, there) in made.items():
        assert found[number] == [offset for offset in there if any(first <= offset < end for first, end in ranges)]
