"""Windows whose state is offsets: what is emitted is the same however often the service is killed in between."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from kafkade.service.streams.windows import NEVER, Mark, Windows, period

MINUTE = 60_000
Record = tuple[int, str]
"""Timestamp in ms, and key."""


def take(windows: Windows, offset: int, record: Record) -> tuple[bool, list[tuple[str, int, tuple[int, ...]]]]:
    """Whether a record came in time, and what was emitted behind it. An event is its offset."""
    timestamp, key = record
    return windows.add(offset, timestamp, key, offset), list(windows.closed())


def test_a_window_is_emitted_once_the_time_is_past_its_end_and_grace() -> None:
    windows = Windows(MINUTE, 10_000, Mark.of(0, None))
    assert take(windows, 0, (5_000, "a")) == (True, [])
    assert take(windows, 1, (59_999, "b")) == (True, [])
    assert take(windows, 2, (60_000, "a")) == (True, [])
    assert take(windows, 3, (69_999, "a")) == (True, [])
    assert take(windows, 4, (7_000, "a")) == (True, [])  # out of order, within the grace
    assert take(windows, 5, (70_000, "c")) == (True, [("a", 0, (0, 4)), ("b", 0, (1,))])
    assert take(windows, 6, (8_000, "a")) == (False, [])
    assert len(windows) == 2


def test_the_offset_to_commit_is_that_of_the_first_record_of_an_open_window() -> None:
    windows = Windows(MINUTE, 0, Mark.of(10, None))
    assert windows.mark() == Mark(10, 10, NEVER)
    take(windows, 10, (1_000, "a"))
    take(windows, 11, (2_000, "b"))
    assert windows.mark() == Mark(10, 12, 2_000)
    take(windows, 12, (61_000, "a"))
    assert windows.mark() == Mark(12, 13, 61_000)
    windows.advance(120_000)
    assert [key for key, _, _ in windows.closed()] == ["a"]
    assert windows.mark() == Mark(13, 13, 120_000)
    windows.skip(13)
    assert windows.mark() == Mark(14, 14, 120_000)


def test_a_mark_is_read_back_and_an_offset_of_somebody_else_starts_anew() -> None:
    mark = Mark(7, 12, 1_767_225_600_000)
    assert Mark.of(7, mark.metadata()) == mark
    for metadata in (None, "", "kafkade/1", "by hand", "kafkade/1 position=x time=1", "kafkade/2 position=9 time=1"):
        assert Mark.of(7, metadata) == Mark(7, 7, NEVER)
    # reset to an offset behind what was read, by a tool that kept the metadata
    assert Mark.of(20, mark.metadata()) == Mark(20, 20, NEVER)


def test_the_period_of_a_window() -> None:
    assert period(MINUTE, MINUTE) == (
        datetime(1970, 1, 1, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 2, tzinfo=UTC),
    )


records = st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abc")), max_size=60)


@given(records, st.integers(1, 60), st.integers(0, 80), st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59)))
def test_killed_anywhere_it_emits_the_same_and_finds_the_same_late(
    log: list[Record], size: int, grace: int, commits: set[int], kills: set[int]
) -> None:
    """Behind some records a commit is made, behind some the service is killed: what was not committed never was."""

    def run(kills: set[int]) -> tuple[list[object], list[int]]:
        emitted: list[object] = []
        late: list[int] = []
        kept = ([*emitted], [*late], Mark.of(0, None))
        windows = Windows(size, grace, kept[2])
        offset, killed = 0, set(kills)
        while offset < len(log):
            in_time, closed = take(windows, offset, log[offset])
            emitted += closed
            late += [] if in_time else [offset]
            if offset in killed:
                killed.discard(offset)
                emitted, late, mark = [*kept[0]], [*kept[1]], kept[2]
                windows = Windows(size, grace, Mark.of(mark.base, mark.metadata()))
                offset = mark.base
                continue
            if offset in commits and not windows.replaying:
                kept = ([*emitted], [*late], windows.mark())
            offset += 1
        return emitted, late

    assert run(kills) == run(set())
