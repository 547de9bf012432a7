"""From what was read of groups and logs to series: which, how many, and what is told of the rest."""

from __future__ import annotations

import fnmatch

import pytest

from kafkade.clients.group_model import GroupKind, GroupListing, LogRange
from kafkade.groups.lag import GroupLag, PartitionLag
from kafkade.groups.series import (
    OTHERS,
    Bounds,
    Lag,
    Messages,
    bounded,
    groups_to_read,
    lag_by_pair,
    messages,
    states,
    with_others,
)

ALL = Bounds(None, None, 1000)
LOG = LogRange(0, 100)


def listing(
    name: str, kind: GroupKind = GroupKind.CLASSIC, state: str = "Stable", type_: str = "consumer"
) -> GroupListing:
    """A group of a list."""
    return GroupListing(name, kind, state, type_)


def part(topic: str, number: int, records: int | None, seconds: float | None = 0.0) -> PartitionLag:
    """A group at a partition."""
    return PartitionLag(topic, number, 1, LOG, records, seconds)


@pytest.mark.parametrize(
    ("bounds", "group", "wanted", "reason"),
    [
        (ALL, listing("orders"), True, "a consumer"),
        (ALL, listing("orders", GroupKind.CONSUMER), True, "KIP-848"),
        (ALL, listing("orders", GroupKind.STREAMS, type_="streams"), True, "Streams commit offsets too"),
        (ALL, listing("orders", type_=""), True, "offsets without any member"),
        (ALL, listing("orders", GroupKind.SHARE, type_="share"), False, "share groups commit none"),
        (ALL, listing("connect-cluster", type_="connect"), False, "workers have no offsets"),
        (ALL, listing("kafkade-dlq.orders.dlq"), False, "a ledger of kafkade's own"),
        (ALL, listing("kafkade-redrive.1"), False, "a redrive's progress"),
        (Bounds(("orders",), None, 1), listing("orders"), True, "by name"),
        (Bounds(("ord*", "x"), None, 1), listing("orders"), True, "by pattern"),
        (Bounds(("ord",), None, 1), listing("orders"), False, "not by its beginning"),
        (Bounds(("a[b]",), None, 1), listing("a[b]"), True, "brackets are themselves"),
        (Bounds(("a[b]",), None, 1), listing("ab"), False, "brackets are no set"),
        (Bounds((), None, 1), listing(""), False, "no pattern, no group"),
    ],
)
def test_which_groups_are_read(bounds: Bounds, group: GroupListing, wanted: bool, reason: str) -> None:
    assert bounds.wants_group(group) is wanted, reason


def test_patterns_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    translate = fnmatch.translate

    def counted(pattern: str) -> str:
        made.append(pattern)
        return translate(pattern)

    monkeypatch.setattr(fnmatch, "translate", counted)
    bounds = Bounds(None, ("made-once-*", "payments", "a*b"), 1)
    assert [bounds.wants_topic(n) for n in ("made-once-1", "payments", "payments2", "acb", "acbd")] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert len(made) == 3


def test_internal_topics_are_told_of_where_they_are_named() -> None:
    assert not ALL.wants_topic("__consumer_offsets")
    assert ALL.wants_topic("orders")
    assert Bounds(None, ("__*",), 1).wants_topic("__consumer_offsets")
    assert not Bounds(None, ("orders",), 1).wants_topic("payments")


def test_no_series_comes_and_goes_while_there_are_too_many() -> None:
    ranks = {"a": 3, "b": 1, "c": 2, "d": 0}
    first = bounded(["a", "b", "c"], (), 2, lambda e: ranks[e])
    assert first == ["b", "c"]
    assert bounded(["a", "b", "c", "d"], first, 2, lambda e: ranks[e]) == ["b", "c"], "who was told of stays"
    assert bounded(["a", "c", "d"], first, 2, lambda e: ranks[e]) == ["c", "d"], "and makes room when it goes"
    assert bounded(["a", "c"], first, 2, lambda e: ranks[e]) == ["a", "c"]


def test_groups_with_members_are_read_first() -> None:
    listings = {name: listing(name, state=state) for name, state in (("a", "Empty"), ("b", "Stable"), ("c", "Dead"))}
    listings["kafkade-dlq.x"] = listing("kafkade-dlq.x")
    assert groups_to_read(listings, Bounds(None, None, 1), ()) == ["b"]
    assert groups_to_read(listings, ALL, ()) == ["a", "b", "c"]
    assert states([*listings.values(), listing("old", state="")]) == {"Empty": 1, "Stable": 2, "Dead": 1, "Unknown": 1}


def test_lag_is_summed_by_topic_and_the_oldest_counts() -> None:
    orders = GroupLag("g", (part("orders", 0, 5, 1.5), part("orders", 1, 7, 60.0), part("payments", 0, 0)))
    assert lag_by_pair([orders], ALL) == ({("g", "orders"): Lag(12, 60.0), ("g", "payments"): Lag(0, 0.0)}, 0)
    assert lag_by_pair([orders], Bounds(None, ("pay*",), 9)) == ({("g", "payments"): Lag(0, 0.0)}, 0)


def test_a_part_of_the_lag_is_not_told_as_the_whole() -> None:
    unknown = GroupLag("g", (part("orders", 0, 5), part("orders", 1, None)))
    assert lag_by_pair([unknown], ALL) == ({}, 1)
    untimed = GroupLag("g", (part("orders", 0, 5, 9.0), part("orders", 1, 1, None)))
    assert lag_by_pair([untimed], ALL) == ({("g", "orders"): Lag(6, None)}, 0)


def test_the_rest_is_told_together() -> None:
    lag = {("g", "a"): Lag(1, 2.0), ("g", "b"): Lag(10, None), ("h", "a"): Lag(100, 7.0)}
    assert with_others(lag, list(lag)) == lag
    assert with_others(lag, [("g", "a")]) == {("g", "a"): Lag(1, 2.0), OTHERS: Lag(110, 7.0)}


def test_messages_are_counted_where_all_partitions_are_known() -> None:
    ranges = {("a", 0): LogRange(5, 10), ("a", 1): LogRange(0, 7), ("b", 0): LogRange(0, 1)}
    assert messages({"a": 2, "b": 2, "c": 0}, ranges, ["a", "b", "c"]) == {"a": Messages(17, 5), "c": Messages(0, 0)}
