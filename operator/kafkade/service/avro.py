"""Avro schemas of event types, made of pydantic's JSON Schema of them: what Avro can say, and no more.

============================ ==========================================================================
integer, number, boolean     long, double, boolean
string                       string; by format: timestamp-micros, date, time-micros, uuid, bytes
an enumeration of names      enum
a model, a dataclass         record, called as its class
list, dict                   array, map
None or something            a union with null, null first where it is the default
a union of models            a union of records
============================ ==========================================================================

Limits such as a maximum are left out: Avro has none, and the service checks them when it reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kafkade.service.errors import ServiceError
from kafkade.service.events import EventType, name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = {"integer": "long", "number": "double", "boolean": "boolean", "string": "string", "null": "null"}
_FORMATS: Mapping[str, Any] = {
    "date-time": {"type": "long", "logicalType": "timestamp-micros"},
    "date": {"type": "int", "logicalType": "date"},
    "time": {"type": "long", "logicalType": "time-micros"},
    "uuid": {"type": "string", "logicalType": "uuid"},
    "binary": "bytes",
}
_UNKNOWN = ("duration", "base64url")


def avro_schema(event: EventType, namespace: str) -> Any:
    """The Avro schema of a type, as JSON has it; its names are in ``namespace``.

    Raises:
        ServiceError: it has something that Avro cannot say; names the field.
    """
    assert event.adapter is not None  # noqa: S101 -- callers ask for raw and protobuf first
    schema = event.adapter.json_schema(by_alias=True, mode="validation")
    called = name(event.kind)
    made = _Made(schema.get("$defs", {})).of(schema, called, called)
    records = made if isinstance(made, list) else [made]
    if not all(isinstance(record, dict) and record["type"] == "record" for record in records):
        raise ServiceError(f"{called}: events in Avro are models, dataclasses or a union of these")
    named = [{"type": "record", "name": record["name"], "namespace": namespace, **record} for record in records]
    return named if isinstance(made, list) else named[0]


def _kind(made: Any) -> str:
    return str(made.get("type")) if isinstance(made, dict) else str(made)


class _Made:
    """One schema in the making: named types are written out where they come first, and called by their name after that."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._named: set[str] = set()

    def of(self, schema: Any, where: str, called: str) -> Any:
        """``called``: the name of a record or an enumeration that has none of its own."""
        if not isinstance(schema, dict):
            raise ServiceError(f"{where}: Avro has no type for what may be anything")
        if "$ref" in schema:
            key = schema["$ref"].rpartition("/")[2]
            return self.of(self._definitions[key], where, key)
        if "const" in schema and isinstance(schema["const"], str):
            return "string"  # a tag
        if "enum" in schema:
            return self._enum(schema["enum"], where, called)
        if "anyOf" in schema or "oneOf" in schema:
            ones = schema.get("anyOf") or schema["oneOf"]
            if {"number", "string"} <= {one.get("type") for one in ones}:  # which is what a Decimal looks like
                raise ServiceError(
                    f"{where}: Avro has no decimal of any scale: take text, a float, or a number of cents"
                )
            return self._union([self.of(one, where, f"{called}_{n}") for n, one in enumerate(ones)], where)
        kind, form = schema.get("type"), schema.get("format")
        if kind == "object":
            return self._object(schema, where, called)
        if kind == "array" and "items" in schema and not schema.get("uniqueItems") and "prefixItems" not in schema:
            return {"type": "array", "items": self.of(schema["items"], f"{where}[]", f"{called}_item")}
        if kind == "string" and str(form) in _FORMATS:
            return _FORMATS[str(form)]
        if kind in _PLAIN and form not in _UNKNOWN:
            return _PLAIN[kind]
        raise ServiceError(f"{where}: Avro has no type for {form or kind or 'what may be anything'}")

    def _name(self, called: str, where: str) -> str:
        found = re.sub(r"\W+", "_", called).strip("_")
        if not _NAME.fullmatch(found):
            raise ServiceError(f"{where}: {called} is no name that Avro takes")
        return found

    def _enum(self, values: list[Any], where: str, called: str) -> Any:
        if not all(isinstance(value, str) for value in values):
            raise ServiceError(f"{where}: enumerations are of text in Avro")
        if not all(_NAME.fullmatch(value) for value in values):
            return "string"  # symbols are names
        named = self._name(called, where)
        if named in self._named:
            return named
        self._named.add(named)
        return {"type": "enum", "name": named, "symbols": values}

    def _union(self, members: list[Any], where: str) -> Any:
        if any(isinstance(member, list) for member in members):
            raise ServiceError(f"{where}: Avro has no union within a union")
        kinds = [_kind(m) for m in members if not (isinstance(m, dict) and "name" in m) and m not in self._named]
        if len(set(kinds)) < len(kinds):
            raise ServiceError(f"{where}: a union in Avro has each type but once ({', '.join(kinds)})")
        return members if len(members) > 1 else members[0]

    def _object(self, schema: Mapping[str, Any], where: str, called: str) -> Any:
        if "properties" not in schema and isinstance(schema.get("additionalProperties"), dict):
            return {"type": "map", "values": self.of(schema["additionalProperties"], f"{where}{{}}", f"{called}_value")}
        if "properties" not in schema and (schema.get("additionalProperties") or "title" not in schema):
            raise ServiceError(f"{where}: Avro has no type for a dict of anything")
        named = self._name(called, where)
        if named in self._named:
            return named
        self._named.add(named)
        fields = [self._field(field, one, where, named) for field, one in schema.get("properties", {}).items()]
        return {"type": "record", "name": named, "fields": fields}

    def _field(self, field: str, schema: Any, where: str, record: str) -> dict[str, Any]:
        place = f"{where}.{field}"
        if not _NAME.fullmatch(field):
            raise ServiceError(f"{place} is no name that Avro takes")
        made = self.of(schema, place, f"{record}_{field}")
        if not isinstance(schema, dict) or "default" not in schema:
            return {"name": field, "type": made}
        default = schema["default"]
        if isinstance(made, list) and default is None:
            made = ["null", *(member for member in made if member != "null")]
        first = made[0] if isinstance(made, list) else made
        return {"name": field, "type": made, **({"default": default} if _fits(default, first) else {})}


def _fits(default: Any, made: Any) -> bool:
    """Whether a default of JSON Schema is one in Avro: those of dates and bytes are written otherwise."""
    if isinstance(made, dict):
        kind = made.get("type")
        return (kind in ("array", "map") and not default) or (kind == "enum" and default in made["symbols"])
    types: Mapping[str, Any] = {"long": int, "double": (int, float), "string": str, "boolean": bool}
    if made == "null":
        return default is None
    return made in types and isinstance(default, types[made]) and (made == "boolean") == isinstance(default, bool)
