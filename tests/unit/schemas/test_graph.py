"""Order by references, and rings."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kafkade.api.objects import Key
from kafkade.schemas.graph import cycle_error, ring, waves


def key(name: str) -> Key:
    return Key("KafkaSchema", "shop", name)


def references(graph: dict[str, str]):  # type: ignore[no-untyped-def]
    return lambda k: [key(n) for n in graph.get(k.name, "")]


WAVES = [
    pytest.param("ab", {}, ["ab"], id="independent ones together"),
    pytest.param("ab", {"a": "b"}, ["b", "a"], id="what is referenced first"),
    pytest.param("abcd", {"a": "bc", "b": "d", "c": "d"}, ["d", "bc", "a"], id="a diamond"),
    pytest.param("a", {"a": "z"}, ["a"], id="what is not in the batch does not count"),
    pytest.param("ab", {"a": "bb"}, ["b", "a"], id="the same reference twice"),
    pytest.param("", {}, [], id="nothing"),
]


@pytest.mark.parametrize(("batch", "graph", "expected"), WAVES)
def test_waves(batch: str, graph: dict[str, str], expected: list[str]) -> None:
    found = waves([key(n) for n in batch], references(graph))
    assert ["".join(k.name for k in wave) for wave in found] == expected


RINGS = [
    pytest.param({"a": "b"}, None, id="a chain"),
    pytest.param({"a": "a"}, "a", id="itself"),
    pytest.param({"a": "b", "b": "c", "c": "a"}, "abc", id="three"),
    pytest.param({"a": "bx", "b": "ca", "c": "a"}, "ab", id="the shortest of two"),
    pytest.param({"a": "b", "b": "c", "c": "b"}, None, id="hangs on a ring and is not in it"),
]


@pytest.mark.parametrize(("graph", "expected"), RINGS)
def test_rings(graph: dict[str, str], expected: str | None) -> None:
    found = ring(key("a"), references(graph))
    assert (None if found is None else "".join(k.name for k in found)) == expected


def test_long_chains_are_no_recursion() -> None:
    names = [f"s{i}" for i in range(5000)]
    graph = dict(pairwise(names))

    def chain(k: Key) -> list[Key]:
        return [key(graph[k.name])] if k.name in graph else []

    assert ring(key("s0"), chain) is None
    assert [len(w) for w in waves([key(n) for n in names], chain)] == [1] * 5000


def test_the_error_names_the_ring() -> None:
    assert "shop/a -> shop/b -> shop/a" in cycle_error((key("a"), key("b"))).message
