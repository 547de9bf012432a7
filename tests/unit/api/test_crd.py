"""The CRD generator: what it makes of each construct of the models, and what it made of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from kafkade.api.common import Int, Model, Settings, cel, rules
from kafkade.api.crd import UnsupportedType, crd, crds, structural
from kafkade.api.kinds import KINDS

KIND_NAMES = sorted(KINDS)


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = crd(KINDS[kind])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def walk(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema node with the path of the field that it describes."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    for name, keyword in (("[]", "items"), ("{}", "additionalProperties")):
        if isinstance(node.get(keyword), dict):
            yield from walk(node[keyword], path + name)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Model):
    """An inner object."""

    model_config = ConfigDict(json_schema_extra=rules(cel("self.a != ''", "a is empty")))
    a: str = Field(description="The a.")


class Sample(Model):
    """Everything the generator knows."""

    needed: str = Field(min_length=1, max_length=5, pattern="^x", description="d")
    optional: str | None = Field(default=None, max_length=9, description="d")
    defaulted: Int = Field(default=3, ge=1, le=9, description="d")
    unbounded: Int | None = Field(default=None, description="d")
    large: Int | None = Field(default=None, le=2**31, description="d")
    enumerated: Colour = Field(default=Colour.RED, description="d")
    literal: Literal["one", "two"] = Field(default="one", description="d")
    single: Literal["only"] | None = Field(default=None, description="d")
    inner: Inner | None = Field(default=None, description="own words", json_schema_extra=rules(cel("true", "outer")))
    plain_inner: Inner
    texts: Annotated[list[Annotated[str, Field(max_length=4)]], Field(max_length=7)] = Field(
        default_factory=list, description="d"
    )
    labels: dict[str, Annotated[str, Field(max_length=2)]] = Field(default_factory=dict, max_length=3, description="d")
    open: Settings = Field(default_factory=dict, description="d")
    title: str | None = Field(default=None, description="a field that is called like a keyword")
    default: str | None = Field(default=None, description="another one")


INNER = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "description": "The a."}}}
A_RULE = {"rule": "self.a != ''", "message": "a is empty"}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(
            "needed",
            {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^x", "description": "d"},
            id="limits",
        ),
        pytest.param("optional", {"type": "string", "maxLength": 9, "description": "d"}, id="null goes"),
        pytest.param(
            "defaulted",
            {"type": "integer", "format": "int32", "minimum": 1, "maximum": 9, "description": "d"},
            id="default goes, small integers are int32",
        ),
        pytest.param(
            "unbounded", {"type": "integer", "format": "int64", "description": "d"}, id="integers without a limit"
        ),
        pytest.param(
            "large",
            {"type": "integer", "format": "int64", "maximum": 2**31, "description": "d"},
            id="one more than int32",
        ),
        pytest.param(
            "enumerated", {"type": "string", "enum": ["red", "blue"], "description": "d"}, id="enum, not its words"
        ),
        pytest.param("literal", {"type": "string", "enum": ["one", "two"], "description": "d"}, id="literal"),
        pytest.param("single", {"type": "string", "enum": ["only"], "description": "d"}, id="const"),
        pytest.param(
            "inner",
            {
                **INNER,
                "description": "own words",
                "x-kubernetes-validations": [A_RULE, {"rule": "true", "message": "outer"}],
            },
            id="a reference is taken in, rules add up",
        ),
        pytest.param(
            "plainInner",
            {**INNER, "description": "An inner object.", "x-kubernetes-validations": [A_RULE]},
            id="the class's words where the field has none",
        ),
        pytest.param(
            "texts",
            {"type": "array", "maxItems": 7, "items": {"type": "string", "maxLength": 4}, "description": "d"},
            id="list",
        ),
        pytest.param(
            "labels",
            {
                "type": "object",
                "maxProperties": 3,
                "additionalProperties": {"type": "string", "maxLength": 2},
                "description": "d",
            },
            id="map",
        ),
        pytest.param(
            "open",
            {"type": "object", "nullable": True, "x-kubernetes-preserve-unknown-fields": True, "description": "d"},
            id="a map of several types keeps no union",
        ),
        pytest.param("title", {"type": "string", "description": "a field that is called like a keyword"}, id="title"),
        pytest.param("default", {"type": "string", "description": "another one"}, id="default"),
    ],
)
def test_each_construct(field: str, expected: dict[str, Any]) -> None:
    assert structural(Sample)["properties"][field] == expected


def test_only_fields_without_a_default_are_required() -> None:
    assert structural(Sample)["required"] == ["needed", "plainInner"]


class Union(Model):
    """A union of two types."""

    value: str | int


class Exclusive(Model):
    """A limit that OpenAPI v3 says otherwise."""

    value: int = Field(gt=1)


class Anything(Model):
    """No type at all."""

    value: Any


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(Union, r"Union\.value: a union", id="union"),
        pytest.param(Exclusive, r"Exclusive\.value: the JSON Schema keyword exclusiveMinimum", id="unknown keyword"),
        pytest.param(Anything, r"Anything\.value: a structural schema must name a type", id="no type"),
    ],
)
def test_what_cannot_be_said_is_an_error(model: type[Model], message: str) -> None:
    with pytest.raises(UnsupportedType, match=message):
        structural(model)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_field_is_described(kind: str) -> None:
    root = schema(kind)
    silent = [
        f"{path}.{name}"
        for path, node in walk(root)
        for name, child in node.get("properties", {}).items()
        if not child.get("description") and f"{path}.{name}" != ".metadata"
    ]
    assert silent == []


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_the_only_default_is_the_observed_generation(kind: str) -> None:
    found = {path: node["default"] for path, node in walk(schema(kind)) if "default" in node}
    assert found == {".status": {"observedGeneration": -1}, ".status.observedGeneration": -1}


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_no_keyword_that_structural_schemas_refuse(kind: str) -> None:
    refused = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title"}
    found = [(path, keyword) for path, node in walk(schema(kind)) for keyword in refused & node.keys()]
    assert found == []
    assert [path for path, node in walk(schema(kind)) if node.get("additionalProperties") is False] == []


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_rule_has_a_message(kind: str) -> None:
    found = [rule for _, node in walk(schema(kind)) for rule in node.get("x-kubernetes-validations", ())]
    assert found
    assert [rule for rule in found if not rule.get("message")] == []


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_conditions_are_a_map_by_type(kind: str) -> None:
    conditions = schema(kind)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert "type" in conditions["items"]["required"]


def _names(path: str) -> list[str]:
    """``.status.registry.flavour`` as field names; a filter on conditions as its list's items."""
    return re.sub(r'conditions\[\?\(@.type=="\w+"\)\]', "conditions.[]", path).strip(".").split(".")


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_printer_columns_show_fields_that_exist(kind: str) -> None:
    """A misspelt JSONPath is no error to the API server: the column just stays empty."""
    for column in KINDS[kind].columns:
        if column.path == ".metadata.creationTimestamp":
            continue
        node = schema(kind)
        for name in _names(column.path):
            node = node["items"] if name == "[]" else node["properties"][name]
        shown = "date" if node.get("format") == "date-time" else node["type"]
        assert shown == column.type, column.name


def test_one_crd_a_kind_and_names_are_distinct() -> None:
    made = crds()
    assert sorted(made) == sorted(kind.plural for kind in KINDS.values())
    short = [name for each in made.values() for name in each["spec"]["names"]["shortNames"]]
    assert len(short) == len(set(short))


def test_the_generator_does_not_lend_out_its_own_objects() -> None:
    first = crds()
    for each in first.values():
        each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clear()
    assert crds() != first
    assert crds() == crds()
