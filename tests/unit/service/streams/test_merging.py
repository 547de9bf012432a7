"""Partitions side by side, by their records' times."""

from __future__ import annotations

from kafkade.service.streams.merging import Merge


def test_the_earliest_of_the_next_records_comes_first_and_each_partition_keeps_its_order() -> None:
    merge: Merge[str, int] = Merge(10)
    for name in "ab":
        merge.open(name)
    for timestamp, record in ((1, 1), (9, 2), (3, 3)):
        merge.put("a", timestamp, record)
    for timestamp, record in ((2, 4), (4, 5)):
        merge.put("b", timestamp, record)
    merge.end("a")
    merge.end("b")
    assert list(merge.take(100)) == [("a", 1), ("b", 4), ("b", 5), ("a", 2), ("a", 3)]


def test_a_partition_with_nothing_at_hand_is_waited_for_unless_it_was_read_to_its_end() -> None:
    merge: Merge[str, int] = Merge(10)
    merge.open("a")
    merge.open("b")
    assert merge.waits_for == ()  # for nobody's sake
    merge.put("a", 5, 1)
    merge.put("a", 6, 2)
    assert merge.waits_for == ("b",)
    assert list(merge.take(10)) == []
    assert list(merge.take(1, wait=False)) == [("a", 1)]
    merge.end("b")
    assert list(merge.take(10)) == [("a", 2)]
    merge.put("b", 1, 3)
    assert merge.waits_for == ("a",)  # it was not told that a is at its end
    merge.close("a")
    assert list(merge.take(10)) == [("b", 3)]


def test_most_is_the_most_that_is_taken_and_a_partition_is_full_at_the_limit() -> None:
    merge: Merge[str, int] = Merge(2)
    merge.open("a")
    merge.put("a", 1, 1)
    assert not merge.full("a")
    merge.put("a", 1, 2)
    assert merge.full("a")
    assert list(merge.take(1)) == [("a", 1)]
    assert merge.partitions == ("a",)
