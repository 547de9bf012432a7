"""The keywords of JSON Schema that only narrow: types, enum, const, numbers, strings, sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Any

from kafkade.schemas.findings import Direction, Violation

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})


def limits(reader: Mapping[str, Any], writer: Mapping[str, Any], path: str, d: Direction) -> Iterator[Violation]:
    """Where ``reader`` refuses by one of these keywords what ``writer`` accepts."""
    yield from _types(reader, writer, path, d)
    yield from _values(reader, writer, path, d)
    for key in (*_UPPER, *_LOWER):
        if _tighter(key, reader.get(key), writer.get(key)):
            what = f"{key} is {reader[key]} in {d.reader} and {writer.get(key, 'not set')} in {d.writer}"
            yield d.clash(f"{path}.{key}", what, "tighten no limit", "keep the limit")
    if reader.get("uniqueItems") is True and writer.get("uniqueItems") is not True:
        yield d.clash(f"{path}.uniqueItems", f"{d.reader} wants unique items", "do not demand it", "keep it")
    if reader.get("pattern") is not None and reader.get("pattern") != writer.get("pattern"):
        yield d.clash(
            f"{path}.pattern", f"pattern {reader['pattern']!r} is only in {d.reader}", "take it out", "keep it"
        )
    if _multiple_tighter(reader.get("multipleOf"), writer.get("multipleOf")):
        yield d.clash(
            f"{path}.multipleOf", f"{d.reader} wants a multiple of {reader['multipleOf']}", "take it out", "keep it"
        )


def type_names(schema: Mapping[str, Any]) -> frozenset[str] | None:
    """The types that a schema names; None when it names none."""
    value = schema.get("type")
    if value is None:
        return None
    return frozenset([value] if isinstance(value, str) else value)


def _types(reader: Mapping[str, Any], writer: Mapping[str, Any], path: str, d: Direction) -> Iterator[Violation]:
    ours = type_names(reader)
    if ours is None:
        return
    accepted = ours | {"integer"} if "number" in ours else ours
    theirs = type_names(writer)
    if theirs is None:
        theirs = _literal_types(writer)
    refused = sorted((_TYPES if theirs is None else theirs) - accepted)
    if refused and not (theirs is None and accepted >= _TYPES - {"integer"}):
        told = "any" if theirs is None else " or ".join(sorted(theirs))
        what = f"type is {told} in {d.writer} and {' or '.join(sorted(ours))} in {d.reader}"
        yield d.clash(path, what, "keep the type, or add the old one beside it", "keep the type")


def _literal_types(schema: Mapping[str, Any]) -> frozenset[str] | None:
    """Types of the values of an enum or const that stands without a type."""
    values = _literals(schema)
    return None if values is None else frozenset(_type_of(json.loads(v)) for v in values)


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _literals(schema: Mapping[str, Any]) -> set[str] | None:
    if "const" in schema:
        return {json.dumps(schema["const"], sort_keys=True)}
    values = schema.get("enum")
    return None if not isinstance(values, list) else {json.dumps(v, sort_keys=True) for v in values}


def _values(reader: Mapping[str, Any], writer: Mapping[str, Any], path: str, d: Direction) -> Iterator[Violation]:
    ours, theirs = _literals(reader), _literals(writer)
    if ours is None:
        return
    if theirs is None:
        yield d.clash(f"{path}.enum", f"{d.reader} accepts only certain values", "take the enum out", "keep the enum")
    elif theirs - ours:
        told = ", ".join(sorted(theirs - ours))
        yield d.clash(f"{path}.enum", f"{d.reader} does not accept {told}", "keep the values", "add no value")


def _tighter(key: str, ours: Any, theirs: Any) -> bool:
    if not _number(ours):
        return False
    if not _number(theirs):
        return True
    return bool(ours < theirs) if key in _UPPER else bool(ours > theirs)


def _multiple_tighter(ours: Any, theirs: Any) -> bool:
    if not _number(ours):
        return False
    if not _number(theirs):
        return True
    with localcontext() as context:
        context.prec = 700  # a float's digits, from the largest to the smallest
        return Decimal(str(theirs)) % Decimal(str(ours)) != 0


def _number(value: Any) -> bool:
    # draft 4 has booleans in exclusiveMinimum and exclusiveMaximum
    return isinstance(value, int | float) and not isinstance(value, bool)
