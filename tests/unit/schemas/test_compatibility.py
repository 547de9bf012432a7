"""The local check under the seven levels: each rule by type, and words that name the field, the rule and the way out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkade.api.schema import Compatibility
from kafkade.schemas.compatibility import violations
from kafkade.schemas.parse import Parsed, parse
from kafkade.schemas.source import Source
from support.compatibility import AVRO, JSON, PROTOBUF, f, proto, rec

L = Compatibility


def check(level: Compatibility, kind: str, new: object, *old: object) -> tuple[str, ...]:
    """Violations as text; schemas other than texts are put into JSON."""

    def parsed(schema: object) -> Parsed:
        return parse(Source(schema if isinstance(schema, str) else json.dumps(schema), kind))

    return tuple(str(v) for v in violations(level, parsed(new), [(i + 1, parsed(s)) for i, s in enumerate(old)]))


CASES = [
    pytest.param(kind, *case, id=f"{kind}: {reason}")
    for kind, table in (("AVRO", AVRO), ("JSON", JSON), ("PROTOBUF", PROTOBUF))
    for reason, case in table.items()
]


@pytest.mark.parametrize(("kind", "old", "new", "backward", "forward"), CASES)
def test_rules(kind: str, old: object, new: object, backward: str | None, forward: str | None) -> None:
    found = {level: check(level, kind, new, old) for level in (L.BACKWARD, L.FORWARD, L.FULL, L.NONE)}
    for level, told in ((L.BACKWARD, backward), (L.FORWARD, forward)):
        if told is None:
            assert found[level] == (), level
        else:
            assert any(told in v for v in found[level]), (level, found[level])
    assert set(found[L.FULL]) == {*found[L.BACKWARD], *found[L.FORWARD]}
    assert found[L.NONE] == ()


V1, V2, V3 = rec(f("a")), rec(f("a"), f("b", default="")), rec(f("a"), f("b", default=""), f("c", default=""))
NO_A = rec(f("b", default=""))
TRANSITIVE = [
    # a field of the first version comes back with another type: only the transitive levels remember it
    pytest.param(L.BACKWARD, rec(f("x", "int", default=0)), False, id="BACKWARD asks about the latest only"),
    pytest.param(L.BACKWARD_TRANSITIVE, rec(f("x", "int", default=0)), True, id="BACKWARD_TRANSITIVE asks about all"),
    pytest.param(L.FORWARD, rec(f("x", "int", default=0)), False, id="FORWARD asks about the latest only"),
    pytest.param(L.FORWARD_TRANSITIVE, rec(f("x", "int", default=0)), True, id="FORWARD_TRANSITIVE asks about all"),
    pytest.param(L.FULL, rec(f("x", "int", default=0)), False, id="FULL asks about the latest only"),
    pytest.param(L.FULL_TRANSITIVE, rec(f("x", "int", default=0)), True, id="FULL_TRANSITIVE asks about all"),
    pytest.param(L.NONE, rec(f("x", "int", default=0)), False, id="NONE asks nothing"),
]


@pytest.mark.parametrize(("level", "new", "broken"), TRANSITIVE)
def test_transitive_levels(level: Compatibility, new: object, broken: bool) -> None:
    found = check(level, "AVRO", new, rec(f("x", "string", default="")), rec())
    assert bool(found) is broken
    assert all("version 1" in v or "old" in v for v in found)


def test_another_type_of_schema() -> None:
    new, old = parse(Source('"int"', "AVRO")), parse(Source("{}", "JSON"))
    (found,) = violations(L.BACKWARD, new, [(3, old)])
    assert str(found).startswith("schemaType: the subject's schemas are JSON, this one is AVRO")


def test_what_only_the_registry_can_read_is_passed_over() -> None:
    assert violations(L.FULL, Parsed("PROTOBUF", None), [(1, Parsed("PROTOBUF", None))]) == ()


def test_first_version_is_compatible_with_nothing_before_it() -> None:
    assert check(L.FULL_TRANSITIVE, "AVRO", V1) == ()


def test_a_new_version_of_an_import_is_looked_into() -> None:
    def with_import(inner: str) -> Parsed:
        text = proto('import "i.proto";\nmessage M { I i = 1; }')
        return parse(Source(text, "PROTOBUF", (("i.proto", Source(proto(f"message I {{ {inner} }}"), "PROTOBUF")),)))

    (found,) = violations(L.BACKWARD, with_import("int32 a = 1;"), [(1, with_import("string a = 1;"))])
    assert "I.a (number 1): type changed from string to int32" in str(found)


names = st.sampled_from(["a", "b", "c"])
primitives = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])


def types(depth: int) -> st.SearchStrategy[Any]:
    if depth == 0:
        return primitives
    inner = types(depth - 1)
    unions = st.lists(primitives, min_size=1, max_size=3, unique=True)
    return st.one_of(
        primitives,
        st.builds(lambda i: {"type": "array", "items": i}, inner),
        st.builds(lambda v: {"type": "map", "values": v}, inner),
        unions,
    )


fields = st.lists(st.tuples(names, types(2), st.booleans()), max_size=3, unique_by=lambda t: t[0]).map(
    lambda found: rec(*(f(n, t if not d else ["null", "int"], **({"default": None} if d else {})) for n, t, d in found))
)


@settings(max_examples=300)
@given(old=fields, new=fields)
def test_avro_words_go_with_the_library_verdict(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Whenever avro.compatibility refuses, the walk names a place of its own; it never falls back on the library's words."""
    for violation in check(L.FULL, "AVRO", new, old):
        assert "/" not in violation.split(":")[0]


@settings(max_examples=200)
@given(schema=fields)
def test_a_schema_is_compatible_with_itself(schema: dict[str, Any]) -> None:
    assert check(L.FULL, "AVRO", schema, schema) == ()


def hard_json(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "string"}
    for i in range(depth):
        node = {
            "anyOf": [
                {"type": "object", "properties": {f"p{i}{j}": node}, "additionalProperties": False} for j in range(3)
            ]
        }
    return node


def test_hostile_nesting_does_not_hold_the_operator_up() -> None:
    began = time.monotonic()
    check(L.FULL, "JSON", hard_json(7), hard_json(7) | {"title": "x"})
    assert time.monotonic() - began < 10


def many_records(number: int, first: int = 0) -> list[Any]:
    fields = [{"name": "a", "type": "int"}]
    return [{"type": "record", "name": f"R{n}", "fields": fields} for n in range(first, first + number)]


@pytest.mark.parametrize(
    "schemas",
    [
        pytest.param((many_records(400), many_records(400, 400)), id="a union"),
        pytest.param((rec(*(f(f"f{n}", "int") for n in range(2_000))),) * 2, id="a record"),
    ],
)
def test_what_takes_too_long_to_compare_is_left_to_the_registry(schemas: tuple[Any, Any]) -> None:
    """The package takes a minute for it, in which nothing else goes on; pytest's time limit tells."""
    assert check(L.FULL, "AVRO", *schemas) == ()


def test_multiples_of_any_size_are_compared() -> None:
    small, large = {"type": "number", "multipleOf": 1e-300}, {"type": "number", "multipleOf": 1e300}
    assert check(L.BACKWARD, "JSON", small, large) == ()
    assert check(L.BACKWARD, "JSON", large, small) != ()
