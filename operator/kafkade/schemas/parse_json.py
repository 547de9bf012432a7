"""JSON Schema by ``jsonschema``'s meta-schemas, and ``$ref`` by the schema's references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import jsonschema.validators
from jsonschema.exceptions import SchemaError
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # ships no type information
from referencing import Registry, Resource, Specification
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from kafkade.api.errors import InvalidSchema
from kafkade.schemas.source import Source, load_json

_SPECIFICATIONS: dict[str, Specification[Any]] = {
    "Draft4Validator": DRAFT4,
    "Draft6Validator": DRAFT6,
    "Draft7Validator": DRAFT7,
    "Draft201909Validator": DRAFT201909,
    "Draft202012Validator": DRAFT202012,
}
_LITERALS = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose values are data, in which "$ref" means nothing."""


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """A JSON Schema and how its ``$ref``s resolve."""

    root: Any
    resolver: Any


def parse(source: Source) -> JsonDocument:
    """The document of ``source``. Without ``$schema`` it is read as draft 7, as registries do.

    Raises:
        InvalidSchema: with line and column, or the JSON path of the keyword.
    """
    root = load_json(source.text, "JSON Schema")
    if not isinstance(root, Mapping | bool):
        raise InvalidSchema(f"JSON Schema: top level: expected an object or a boolean, found {type(root).__name__}")
    try:
        return _document(root, source)
    except _FAILURES as error:
        raise InvalidSchema(f"JSON Schema: an identifier in it or in a reference is none: {error}") from error


_FAILURES = (AttributeError, TypeError, ValueError, LookupError)
"""jsonschema and referencing answer an ``$id`` or ``$schema`` that is no text, or no URI, with Python's own errors."""


def _document(root: Any, source: Source) -> JsonDocument:
    validator = jsonschema.validators.validator_for(root, default=jsonschema.Draft7Validator)
    try:
        validator.check_schema(cast("dict[str, Any]", root))
    except SchemaError as error:
        raise InvalidSchema(f"JSON Schema, {error.json_path}: {error.message}") from error
    except RecursionError as error:
        raise InvalidSchema("JSON Schema is nested too deeply") from error
    resolver = _resolver(root, _SPECIFICATIONS.get(validator.__name__, DRAFT7), source)
    for path, ref in _dangling(root, resolver, "$"):
        names = ", ".join(name for name, _ in source.references) or "none"
        raise InvalidSchema(f'JSON Schema, {path}: $ref "{ref}" leads nowhere; references are: {names}')
    return JsonDocument(root, resolver)


def _resolver(root: Any, specification: Specification[Any], source: Source) -> Any:
    registry: Registry[Any] = REGISTRY
    for name, other in source.dependencies():
        contents = load_json(other.text, f"JSON Schema of reference {name}")
        if not isinstance(contents, Mapping | bool):
            found = type(contents).__name__
            raise InvalidSchema(f"JSON Schema of reference {name}: expected an object or a boolean, found {found}")
        resource = Resource.from_contents(contents, default_specification=specification)
        registry = registry.with_resource(name, resource)
        if resource.id() is not None:
            registry = resource @ registry
    resource = Resource.from_contents(root, default_specification=specification)
    base = resource.id() or ""
    return registry.with_resource(base, resource).resolver(base_uri=base)


def _dangling(node: Any, resolver: Any, path: str) -> Iterator[tuple[str, str]]:
    """``$ref``s that resolve neither locally nor by the references. Web addresses are left to the registry."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _dangling(item, resolver, f"{path}[{index}]")
    if not isinstance(node, Mapping):
        return
    if path != "$" and ("$id" in node or "id" in node) and isinstance(node.get("$id", node.get("id")), str):
        resolver = resolver.in_subresource(Resource.from_contents(node, default_specification=DRAFT7))
    ref = node.get("$ref")
    if isinstance(ref, str) and not _resolves(resolver, ref):
        yield path, ref
    for key, value in node.items():
        if key not in _LITERALS:
            yield from _dangling(value, resolver, f"{path}.{key}")


def _resolves(resolver: Any, ref: str) -> bool:
    try:
        resolver.lookup(ref)
    except Unresolvable:
        return ref.startswith(("http://", "https://"))
    return True
