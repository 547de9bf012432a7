"""The queue in which namespaces take turns."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.objects import Key
from kafkade.engine.turns import Turns


def key(namespace: str, n: int) -> Key:
    return Key("KafkaTopic", namespace, f"t{n}")


def filled(**counts: int) -> Turns:
    turns = Turns()
    for namespace, count in counts.items():
        for n in range(count):
            turns.add(key(namespace, n))
    return turns


@pytest.mark.parametrize(
    ("counts", "limit", "taken"),
    [
        ({"a": 10}, 4, {"a": 4}),
        ({"a": 10_000, "b": 1}, 200, {"a": 199, "b": 1}),
        ({"a": 100, "b": 100}, 10, {"a": 5, "b": 5}),
        ({"a": 100, "b": 2, "c": 100}, 12, {"a": 5, "b": 2, "c": 5}),
        ({"a": 1, "b": 1, "c": 1}, 2, {"a": 1, "b": 1}),
        ({"a": 2, "b": 1}, 10, {"a": 2, "b": 1}),
        ({}, 10, {}),
    ],
)
def test_each_namespace_gets_its_share_and_nothing_stays_unused(
    counts: dict[str, int], limit: int, taken: dict[str, int]
) -> None:
    turns = filled(**counts)
    batch = turns.take(limit)
    assert Counter(k.namespace for k in batch) == taken
    assert len(turns) == sum(counts.values()) - len(batch)


def test_within_a_namespace_the_order_of_arrival_holds() -> None:
    turns = filled(a=3, b=1)
    turns.add(key("a", 0))  # waits already, and keeps its place
    assert [k for k in turns.take(10) if k.namespace == "a"] == [key("a", 0), key("a", 1), key("a", 2)]


def test_with_more_namespaces_than_room_each_comes_in_its_turn() -> None:
    turns = filled(**{f"n{n}": 5 for n in range(10)})
    seen = [k.namespace for _ in range(5) for k in turns.take(2)]
    assert sorted(seen) == sorted(f"n{n}" for n in range(10))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.sampled_from(["add", "discard", "take"]))),
)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, int, str]]) -> None:
    turns, waiting = Turns(), set()
    for namespace, n, step in steps:
        one = key(namespace, n)
        if step == "add":
            turns.add(one)
            waiting.add(one)
        elif step == "discard":
            turns.discard(one)
            waiting.discard(one)
        else:
            taken = turns.take(n)
            assert len(taken) == min(n, len(waiting))
            assert len(set(taken)) == len(taken)
            assert waiting.issuperset(taken)
            waiting -= set(taken)
        assert len(turns) == len(waiting)
        assert all(k in turns for k in waiting)
    assert set(turns.take(1000)) == waiting
    assert not turns


def test_busy_keys_and_namespaces_left_out_go_on_waiting() -> None:
    turns = filled(a=3, b=2, c=1)
    taken = turns.take(10, busy=[key("a", 1), key("x", 1)], without=["b", "y"])
    assert Counter(taken) == Counter([key("a", 0), key("a", 2), key("c", 0)])
    assert len(turns) == 3
    assert Counter(turns.take(10)) == Counter([key("a", 1), key("b", 0), key("b", 1)])
    assert len(turns) == 0
