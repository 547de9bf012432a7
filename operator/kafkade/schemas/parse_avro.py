"""Avro schemas by the ``avro`` package, with the path of the field where one is wrong.

The package's own messages name no place. So after a failure the schema is parsed again in ever smaller parts until
the smallest one that still fails is found. Defaults are checked here: the package does not, registries do (Avro's
Schema.Parser).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import avro.errors
import avro.name
import avro.schema

from kafkade.api.errors import InvalidSchema
from kafkade.schemas.source import Source, load_json

_INT, _LONG = 2**31, 2**63


def parse(source: Source) -> Any:
    """The avro.schema.Schema of ``source``; named types may come from its references.

    Raises:
        InvalidSchema: with the path of the field.
    """
    known = [(name, load_json(s.text, f"Avro schema of reference {name}")) for name, s in source.dependencies()]
    root = load_json(source.text, "Avro schema")
    before: list[Any] = []
    names = avro.name.Names(None)
    for name, node in known:
        _try(node, before, names, f"reference {name}")
        before.append(node)
    schema = _try(root, before, names, "")
    for path, problem in _wrong_defaults(schema, _root_name(schema), set()):
        raise InvalidSchema(f"Avro schema, {path}: {problem}")
    return schema


def _build(node: Any, before: Sequence[Any], namespace: str | None = None) -> Any:
    names = avro.name.Names(namespace)
    for earlier in before:
        _add(earlier, names)
    return _add(node, names)


def _add(node: Any, names: Any) -> Any:
    """The schema of ``node``, whose named types are among ``names`` from here on."""
    with warnings.catch_warnings():
        # logical types that do not fit are ignored, as the specification wants
        warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
        if isinstance(node, str):
            # the package looks names up only inside of another type
            array: Any = avro.schema.make_avsc_object({"type": "array", "items": node}, names)
            return array.items
        return avro.schema.make_avsc_object(node, names)


_FAILURES = (avro.errors.AvroException, AttributeError, KeyError, TypeError, ValueError)
"""The package answers some malformed shapes (a number for a name, a null for fields) with Python's own errors."""


def _try(node: Any, before: Sequence[Any], names: Any, path: str) -> Any:
    """The schema of ``node``; ``names`` has the types of what came ``before``, each made once."""
    try:
        return _add(node, names)
    except _FAILURES as error:
        where, problem = _locate(node, list(before), path or _name(node), None, error)
        raise InvalidSchema(f"Avro schema, {where}: {problem}") from error
    except RecursionError as error:
        raise InvalidSchema("Avro schema is nested too deeply") from error


def _name(node: Any) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return str(name) if name else "top level"


def _locate(node: Any, before: list[Any], path: str, namespace: str | None, error: Exception) -> tuple[str, str]:
    """The path of the smallest part of ``node`` that fails, and why. ``error`` is that of the whole."""
    for part, inner_path, known, inner_namespace in _parts(node, before, path, namespace):
        try:
            _build(part, known, inner_namespace)
        except _FAILURES as inner:
            return _locate(part, known, inner_path, inner_namespace, inner)
    return path, _reason(node, error)


def _parts(
    node: Any, before: list[Any], path: str, namespace: str | None
) -> Iterator[tuple[Any, str, list[Any], str | None]]:
    """What ``node`` is made of: part, its path, what comes before it, the namespace it stands in."""
    if isinstance(node, list):
        for index, branch in enumerate(node):
            yield branch, f"{path}[{index}]", before, namespace
        return
    if not isinstance(node, Mapping):
        return
    kind = node.get("type")
    if kind == "array" and "items" in node:
        yield node["items"], f"{path}[]", before, namespace
    elif kind == "map" and "values" in node:
        yield node["values"], f"{path}{{}}", before, namespace
    elif kind in ("record", "error") and isinstance(node.get("fields"), list):
        yield from _bad_field(node, before, path, namespace)
    elif isinstance(kind, Mapping | list):
        yield kind, path, before, namespace


def _bad_field(
    node: Mapping[str, Any], before: list[Any], path: str, namespace: str | None
) -> Iterator[tuple[Any, str, list[Any], str | None]]:
    fields = node["fields"]

    def fails(count: int) -> bool:
        try:
            _build({**node, "fields": fields[:count]}, before, namespace)
        except _FAILURES:
            return True
        return False

    if any(isinstance(f, _Broken) for f in fields) or fails(0) or not fails(len(fields)):
        return
    low, high = 0, len(fields)  # low parses, high does not: more fields never heal a record
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    field = fields[low]
    label = field.get("name") if isinstance(field, Mapping) else None
    field_path = f"{path}.{label if label else f'fields[{low}]'}"
    inner = _namespace(node, namespace)
    if isinstance(field, Mapping) and "type" in field and isinstance(field.get("name"), str):
        yield field["type"], field_path, [*before, {**node, "fields": fields[:low]}], inner
    broken = _Broken(field) if isinstance(field, Mapping) else _Broken()
    yield {**node, "fields": [*fields[:low], broken]}, field_path, before, namespace


class _Broken(dict[str, Any]):
    """A field of which the field itself is wrong: its name, its order, a doublet; there is nothing smaller to try."""


def _namespace(node: Mapping[str, Any], namespace: str | None) -> str | None:
    name = str(node.get("name") or "")
    if "." in name:
        return name.rpartition(".")[0]
    return str(node["namespace"]) if node.get("namespace") else namespace


def _reason(node: Any, error: Exception) -> str:
    if isinstance(node, str):
        return f'unknown type "{node}"'
    if isinstance(node, Mapping):
        fields = node.get("fields")
        if isinstance(fields, list) and fields and isinstance(fields[-1], _Broken):
            return _field_reason(fields[-1], error)
        if "type" not in node:
            return 'has no "type"'
        if node["type"] in ("record", "enum", "fixed", "error") and not node.get("name"):
            return f'a {node["type"]} needs a "name"'
        if node["type"] in ("record", "error") and not isinstance(node.get("fields"), list):
            return 'a record needs a list of "fields"'
        if isinstance(node["type"], str) and str(error).startswith(("Undefined type", "Type property")):
            return f'unknown type "{node["type"]}"'
    if not isinstance(node, str | Mapping | list):
        return f"expected a type, found {node!r}"
    return str(error) or type(error).__name__


def _field_reason(field: Mapping[str, Any], error: Exception) -> str:
    if not field.get("name"):
        return 'a field needs a "name"'
    if "type" not in field:
        return 'the field has no "type"'
    return str(error) or type(error).__name__


def _root_name(schema: Any) -> str:
    return str(getattr(schema, "name", None) or "top level")


def _wrong_defaults(schema: Any, path: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Defaults that do not fit their field's type (Avro specification, "Complex Types: Records")."""
    if id(schema) in seen:
        return
    seen.add(id(schema))
    match schema.type:
        case "record" | "error":
            for field in schema.fields:
                at = f"{path}.{field.name}"
                if field.has_default and not fits(field.type, field.default):
                    yield at, f"default {field.default!r} does not fit {describe(field.type)}"
                yield from _wrong_defaults(field.type, at, seen)
        case "array":
            yield from _wrong_defaults(schema.items, f"{path}[]", seen)
        case "map":
            yield from _wrong_defaults(schema.values, f"{path}{{}}", seen)
        case "union":
            for branch in schema.schemas:
                yield from _wrong_defaults(branch, path, seen)


def fits(schema: Any, value: Any) -> bool:
    """Whether a JSON value is a legal default for a schema. Any branch of a union will do (Avro 1.12)."""
    match schema.type:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            limit = _INT if schema.type == "int" else _LONG
            return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string" | "bytes":
            return isinstance(value, str)
        case "fixed":
            return isinstance(value, str) and len(value) == schema.size
        case "enum":
            return value in schema.symbols
        case "array":
            return isinstance(value, list) and all(fits(schema.items, item) for item in value)
        case "map":
            return isinstance(value, dict) and all(fits(schema.values, item) for item in value.values())
        case "union":
            return any(fits(branch, value) for branch in schema.schemas)
        case "record" | "error":
            return isinstance(value, dict) and all(
                fits(f.type, value[f.name]) if f.name in value else f.has_default for f in schema.fields
            )
    return False


def describe(schema: Any) -> str:
    """A type for people: ``string``, ``record Order``, ``union of null, string``."""
    match schema.type:
        case "record" | "error" | "enum" | "fixed":
            return f"{schema.type} {schema.name}"
        case "array":
            return f"array of {describe(schema.items)}"
        case "map":
            return f"map of {describe(schema.values)}"
        case "union":
            return "union of " + ", ".join(describe(branch) for branch in schema.schemas)
    return str(schema.type)
