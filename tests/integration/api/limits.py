"""From a schema and valid examples: for every limit a spec that just keeps it and one that just breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from integration.api.examples import EXAMPLES, Spec
from kafkade.api.cluster import CLIENT_CONFIG_KEYS

Path = tuple[str | int, ...]

GONE = object()
"""In place of a value: the field is taken out."""

REFUSALS = {
    "required": "Required value",
    "type": "must be of type",
    "minLength": "should be at least {limit} chars long",
    "maxLength": "Too long: may not be more than {limit} bytes",
    "pattern": "should match '{limit}'",
    "enum": "Unsupported value",
    "minimum": "should be greater than or equal to {limit}",
    "maximum": "should be less than or equal to {limit}",
    "minItems": "should have at least {limit} items",
    "maxItems": "must have at most {limit} items",
    "minProperties": "should have at least {limit} properties",
    "maxProperties": "must have at most {limit} items",
}
"""What the API server answers when a limit is broken."""

_WRONG_TYPE = {"string": 7, "integer": "7", "number": "7", "boolean": "true", "object": "text", "array": "text"}


@dataclass(frozen=True, slots=True)
class Limit:
    """One keyword of one field. ``kept`` is None where the example itself is the proof."""

    kind: str
    field: str
    keyword: str
    kept: Spec | None
    broken: Spec
    cause: str
    """Field and message of the refusal."""
    message: str

    @property
    def id(self) -> str:
        """The test's name."""
        return f"{self.kind}.{self.field} {self.keyword}"


def limits(kind: str, schema: dict[str, Any]) -> list[Limit]:
    """All limits that the spec's schema has, each at the first example that uses its field."""
    found: dict[tuple[str, str], Limit] = {}
    for example in EXAMPLES[kind]:
        for field, path, node, value in fields(schema, example):
            for keyword, kept, broken, at in _variants(node, value):
                where = path + at
                limit = Limit(
                    kind,
                    field + "".join(f".{name}" for name in at),
                    keyword,
                    None if kept is None else _replaced(example, path, kept),
                    _replaced(example, where, broken),
                    _written(where),
                    REFUSALS[keyword].format(limit=_shown(node.get(keyword))),
                )
                found.setdefault((limit.field, keyword), limit)
    return list(found.values())


def _shown(limit: Any) -> Any:
    """A limit as the API server writes it: 1.0 is 1."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def fields(schema: dict[str, Any], spec: Spec) -> Iterator[tuple[str, Path, dict[str, Any], Any]]:
    """Each field that ``spec`` has: its name in the schema, its place in the spec, its schema, its value."""
    yield from _walk("spec", (), schema, spec)


def declared(schema: dict[str, Any], name: str = "spec") -> Iterator[str]:
    """The names of all fields of a schema, as :func:`fields` gives them."""
    yield name
    for child, node in schema.get("properties", {}).items():
        yield from declared(node, f"{name}.{child}")
    if "items" in schema:
        yield from declared(schema["items"], f"{name}[]")
    if "additionalProperties" in schema:
        yield from declared(schema["additionalProperties"], f"{name}{{}}")


def _walk(name: str, path: Path, schema: dict[str, Any], value: Any) -> Iterator[tuple[str, Path, dict[str, Any], Any]]:
    yield name, path, schema, value
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(f"{name}[]", (*path, index), schema["items"], item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in schema.get("properties", {}):
                yield from _walk(f"{name}.{key}", (*path, key), schema["properties"][key], item)
            elif "additionalProperties" in schema:
                yield from _walk(f"{name}{{}}", (*path, key), schema["additionalProperties"], item)


def _variants(node: dict[str, Any], value: Any) -> Iterator[tuple[str, Any, Any, Path]]:
    """Keyword, a value that just keeps it (None: the example does), one that breaks it, where in the value it breaks."""
    yield "type", None, _WRONG_TYPE[node["type"]], ()
    for name in node.get("required", ()):
        yield "required", None, GONE, (name,)
    for keyword, make in _MAKERS.items():
        if keyword in node:
            kept, broken = make(node, value)
            yield keyword, kept, broken, ()


def _text(node: dict[str, Any], value: str, length: int) -> str:
    """``value`` made ``length`` long, so that it still fits the field's pattern where that can be."""
    more = length - len(value)
    candidates = ["a" * more + value, value + "a" * more, "1" * more + value]
    return next((c for c in candidates if re.search(node.get("pattern", ""), c)), candidates[0])


def _list(node: dict[str, Any], value: list[Any], length: int) -> list[Any]:
    """Items as the first one, which differ only in what they are told apart by."""
    items = [deepcopy(value[0]) for _ in range(length)]
    for key in node.get("x-kubernetes-list-map-keys", ()):
        for number, item in enumerate(items):
            item[key] = f"{item[key]}-{number}"
    return items


def _map(value: dict[str, Any], length: int) -> dict[str, Any]:
    item = next(iter(value.values()))
    names = CLIENT_CONFIG_KEYS if value.keys() <= set(CLIENT_CONFIG_KEYS) else ()
    return dict.fromkeys([*names, *(f"key{n}" for n in range(length))][:length], item)


_MAKERS: dict[str, Callable[[dict[str, Any], Any], tuple[Any, Any]]] = {
    # a letter rather than a part of the example, which need not be a regular expression where one is asked for
    "minLength": lambda node, _value: ("a" * node["minLength"] if "pattern" not in node else None, ""),
    "maxLength": lambda node, value: (
        _text(node, value, node["maxLength"]),
        _text(node, value, node["maxLength"] + 1),
    ),
    "pattern": lambda _node, _value: (None, "no such thing!"),
    "enum": lambda _node, _value: (None, "Nonsense"),
    "minimum": lambda node, _value: (node["minimum"], node["minimum"] - 1),
    "maximum": lambda node, _value: (node["maximum"], node["maximum"] + 1),
    "minItems": lambda node, value: (_list(node, value, node["minItems"]), []),
    "maxItems": lambda node, value: (
        _list(node, value, node["maxItems"]),
        _list(node, value, node["maxItems"] + 1),
    ),
    "minProperties": lambda node, value: (_map(value, node["minProperties"]), {}),
    "maxProperties": lambda node, value: (
        _map(value, min(node["maxProperties"], len(CLIENT_CONFIG_KEYS))),
        _map(value, node["maxProperties"] + 1),
    ),
}


def _replaced(spec: Spec, path: Path, value: Any) -> Any:
    """A copy of ``spec`` with another value at ``path``, or without the field there."""
    if not path:
        return value
    copy = deepcopy(spec)
    node: Any = copy
    for step in path[:-1]:
        node = node[step]
    if value is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return copy


def _written(path: Path) -> str:
    """``spec.a[0].b``, as the API server writes it."""
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
