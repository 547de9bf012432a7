"""Facts and spec to steps, without any call; and how steps read in `kafkade plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.plan import Step
from kafkade.api.schema import Compatibility
from kafkade.clients.registry import Reference, Registered, SchemaBody, Verdict
from kafkade.schemas.desired import Desired
from kafkade.schemas.observe import SubjectFacts
from kafkade.schemas.plan import plan
from kafkade.schemas.source import Source
from kafkade.schemas.steps import DeleteSubject
from support.schemas import avro

V1, V2, BROKEN = avro("a"), avro("a", "b?"), avro("a", "b")
HELD = Registered(1, 7, V1)
WANTED = Desired("orders-value", SchemaBody(V1))
NEW = Desired("orders-value", SchemaBody(V2))
FACTS = SubjectFacts("Confluent", found=HELD, latest=HELD, global_level="BACKWARD", mode="READWRITE")
MISSING = replace(FACTS, found=None, source=Source(V2))

PLANS: list[Any] = [
    pytest.param(WANTED, FACTS, {}, [], id="as declared"),
    pytest.param(
        NEW,
        replace(MISSING, verdict=Verdict(True)),
        {},
        ["register subject orders-value: AVRO schema as version 2"],
        id="another schema, compatible",
    ),
    pytest.param(
        WANTED,
        SubjectFacts("Confluent", global_level="BACKWARD", source=Source(V1)),
        {},
        ["register subject orders-value: AVRO schema as version 1"],
        id="a new subject",
    ),
    pytest.param(
        replace(WANTED, body=SchemaBody('"int"', references=(Reference("A", "a-value", 3),))),
        SubjectFacts("Confluent", source=Source('"int"')),
        {},
        ["register subject orders-value: AVRO schema as version 1 (references a-value:3)"],
        id="references are told",
    ),
    pytest.param(
        replace(WANTED, level=Compatibility.FULL),
        FACTS,
        {},
        ["set compatibility subject orders-value: the registry default -> FULL"],
        id="a level",
    ),
    pytest.param(
        replace(WANTED, level=Compatibility.FULL), replace(FACTS, level="FULL"), {}, [], id="the level that is there"
    ),
    pytest.param(
        replace(WANTED, formerly_set=frozenset({"FULL"})),
        replace(FACTS, level="FULL"),
        {},
        ["unset compatibility subject orders-value: FULL -> the registry default"],
        id="a level that kafkade set is taken away",
    ),
    pytest.param(
        replace(WANTED, formerly_set=frozenset({"FULL"})),
        replace(FACTS, level="NONE"),
        {},
        [],
        id="and not one that it did not",
    ),
    pytest.param(
        replace(NEW, level=Compatibility.FULL),
        replace(MISSING, history=((1, Source(V1)),)),
        {},
        [
            "set compatibility subject orders-value: the registry default -> FULL",
            "register subject orders-value: AVRO schema as version 2",
        ],
        id="level first",
    ),
    pytest.param(
        replace(NEW, body=SchemaBody(BROKEN), level=Compatibility.FULL),
        replace(MISSING, source=Source(BROKEN), history=((1, Source(V1)),)),
        {},
        "IncompatibleSchema",
        id="the gate under a new level",
    ),
    pytest.param(NEW, replace(MISSING, verdict=Verdict(False)), {}, "IncompatibleSchema", id="the registry says no"),
    pytest.param(
        NEW, replace(MISSING, invalid="says the registry"), {}, "InvalidSchema", id="the registry cannot read it"
    ),
    pytest.param(NEW, replace(MISSING, mode="READONLY"), {}, "RegistryReadOnly", id="read-only"),
    pytest.param(
        replace(WANTED, body=SchemaBody(V1, metadata={"properties": {"a": "b"}})),
        replace(FACTS, flavour="Karapace"),
        {},
        "NotSupportedByCluster",
        id="metadata where they are dropped",
    ),
    pytest.param(
        replace(WANTED, body=SchemaBody(V1, metadata={"properties": {"a": "b"}})),
        replace(FACTS, found=replace(HELD, metadata={"properties": {"a": "b", "c": "by default"}})),
        {},
        [],
        id="more metadata than declared comes from the subject's defaults",
    ),
    pytest.param(
        WANTED,
        replace(FACTS, found=replace(HELD, references=None)),
        {},
        [],
        id="references that the registry does not tell are taken for equal",
    ),
    pytest.param(
        NEW,
        replace(MISSING, history=((1, Source("not a schema")),), level="FULL", verdict=Verdict(False, ("no",))),
        {},
        "IncompatibleSchema",
        id="an old version that does not parse is passed over",
    ),
]


def told(step: Step) -> str:
    return f"{step.verb} {step.change}"


@pytest.mark.parametrize(("wanted", "facts", "status", "expected"), PLANS)
def test_plan(wanted: Desired, facts: SubjectFacts, status: dict[str, Any], expected: list[str] | str) -> None:
    found = plan(wanted, facts, status)
    assert found == plan(wanted, facts, status) or found.error is not None
    if isinstance(expected, str):
        assert found.error is not None
        assert found.error.reason == expected
        assert found.steps == ()
    else:
        assert found.error is None
        assert [told(s) for s in found.steps] == expected
        assert not any(s.destructive for s in found.steps)


def test_many_violations_are_counted() -> None:
    many = avro(*(f"f{i}" for i in range(9)))
    facts = replace(MISSING, source=Source(many), history=((1, Source(avro())),), verdict=Verdict(False))
    error = plan(replace(NEW, body=SchemaBody(many)), facts, {}).error
    assert error is not None
    assert error.message.count("was added without a default") == 5
    assert "and 4 more" in error.message


@pytest.mark.parametrize(
    ("permanent", "expected"),
    [
        (False, "delete subject s, all versions (soft delete)"),
        (True, "delete subject s, all versions, permanently"),
    ],
)
def test_deletion(permanent: bool, expected: str) -> None:
    step = DeleteSubject("s", permanent)
    assert (told(step), step.destructive) == (expected, True)
