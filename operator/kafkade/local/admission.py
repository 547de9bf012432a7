"""What an API server with kafkade's CRDs refuses beyond what the types say, found out without one. Pure.

The CRDs are the source: their CEL rules are evaluated, unknown fields, items of a list that stand twice and times are
looked at as the API server does it. tests/integration/api holds this module and a real API server to the same verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import cel
from pydantic import ValidationError

from kafkade.api.common import OBJECT_NAME
from kafkade.api.crd import crd
from kafkade.api.kinds import KINDS
from kafkade.api.objects import Key
from kafkade.local.problems import Rule
from kafkade.local.words import nearest

Path = tuple[str | int, ...]

MAX_NAME, MAX_NAMESPACE = 253, 63
_NO_NAME = (
    f"Kubernetes takes lowercase letters, digits, '-' and '.', {MAX_NAME} at most, with a letter or digit at both ends"
)
_NO_NAMESPACE = f"Kubernetes takes lowercase letters, digits and '-', {MAX_NAMESPACE} at most"

_RULES = "x-kubernetes-validations"
_OPEN = "x-kubernetes-preserve-unknown-fields"
_LIST_KEYS = "x-kubernetes-list-map-keys"
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[tT]([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]+)?([zZ]|[+-]\d\d:\d\d)"
)
"""RFC 3339, as go-openapi/strfmt takes it."""
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that would be refused. ``path``: of the field in the object; ``of_key``: its name is what is wrong."""

    path: Path
    message: str
    rule: Rule
    of_key: bool = False

    def __str__(self) -> str:
        if self.rule is Rule.FIELD:
            return f"unknown field {written(self.path)}{self.message}"
        return f"{written(self.path)}: {self.message}" if self.path else self.message


def refusals(kind: str, name: str, spec: Any) -> list[Refusal]:
    """Why a resource of this kind could not be created. ``spec``: one that its type takes already."""
    root, body = _schema(kind), _body(name, spec)
    found = list(_shapes(root["properties"]["spec"], spec, ("spec",)))
    return found or list(_broken(root, body, None, ()))


def is_name(text: str) -> bool:
    """Whether Kubernetes takes it for a resource's name (RFC 1123 subdomain)."""
    return len(text) <= MAX_NAME and OBJECT_NAME.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Whether Kubernetes takes it for a namespace's name, which has no dots (RFC 1123 label)."""
    return len(text) <= MAX_NAMESPACE and "." not in text and is_name(text)


def faults(key: Key, spec: Mapping[str, Any]) -> list[str]:
    """Why Kubernetes would not take a resource that kafkade is about to write; nothing: it would."""
    found = []
    if not is_name(key.name):
        found.append(f"metadata.name {key.name}: {_NO_NAME}")
    if not is_namespace(key.namespace):
        found.append(f"metadata.namespace {key.namespace}: {_NO_NAMESPACE}")
    try:
        KINDS[key.kind].spec.model_validate(spec)
    except ValidationError as error:
        for entry in error.errors(include_url=False, include_input=False):
            found.append(f"{written(('spec', *entry['loc']))} of the {key.kind}: {entry['msg']}")
        return found
    return found + [str(refusal) for refusal in refusals(key.kind, key.name, spec)]


def forbidden_changes(kind: str, name: str, old: Any, new: Any) -> list[Refusal]:
    """Why a resource with the spec ``old`` could not be changed to ``new``. Both can be created."""
    found = _broken(_schema(kind), _body(name, new), _body(name, old), ())
    return [Refusal(r.path, r.message, Rule.IMMUTABLE, r.of_key) for r in found]


def without_nulls(kind: str, spec: Any) -> Any:
    """``spec`` as an API server takes it: a field that is null is none, unless null is a value of it."""
    return _without_nulls(_schema(kind)["properties"]["spec"], spec)


def written(path: Path) -> str:
    """``spec.references[0].name``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _body(name: str, spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


@cache
def _schema(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = crd(KINDS[kind])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


@cache
def _program(rule: str) -> Any:
    return cel.compile(rule)


def _inner(schema: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The schema of a field; None where there is none of that name, or nothing is said of it."""
    found = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else None


def _without_nulls(schema: Mapping[str, Any] | None, value: Any) -> Any:
    if schema is None or schema.get(_OPEN):
        return value
    if isinstance(value, list):
        return [_without_nulls(schema.get("items"), item) for item in value]
    if not isinstance(value, Mapping):
        return value
    inner = {name: _inner(schema, name) for name in value}
    return {
        name: _without_nulls(inner[name], item)
        for name, item in value.items()
        if item is not None or (inner[name] or {}).get("nullable", inner[name] is None)
    }


def _shapes(schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Refusal]:
    if value is None or schema.get(_OPEN):
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            inner = _inner(schema, name)
            at = (*path, name)
            if inner is None:
                hint = nearest(str(name), schema.get("properties", ()))
                yield Refusal(at, hint, Rule.FIELD, of_key=True)
            else:
                yield from _shapes(inner, item, at)
    elif isinstance(value, list):
        yield from _twice(schema, value, path)
        for index, item in enumerate(value):
            yield from _shapes(schema["items"], item, (*path, index))
    elif schema["type"] == "integer" and value not in _INT64:
        yield Refusal(path, "is too large a number", Rule.VALUE)
    elif schema.get("format") == "date-time" and not _is_date_time(value):
        yield Refusal(path, "is no time of RFC 3339, such as 2026-11-01T08:00:00Z", Rule.VALUE)


def _twice(schema: Mapping[str, Any], items: list[Any], path: Path) -> Iterator[Refusal]:
    keys = schema.get(_LIST_KEYS, ())
    seen = set()
    for index, item in enumerate(items):
        identity = tuple(item.get(key) for key in keys) if isinstance(item, Mapping) else ()
        if keys and identity in seen:
            same = ", ".join(f"{key} {value}" for key, value in zip(keys, identity, strict=True))
            yield Refusal((*path, index), f"the {same} stands in the list twice", Rule.ADMISSION)
        seen.add(identity)


def _is_date_time(value: Any) -> bool:
    found = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return False
    try:
        date.fromisoformat(found[1])
    except ValueError:
        return False
    return True


def _broken(schema: Mapping[str, Any], new: Any, old: Any, path: Path) -> Iterator[Refusal]:
    """CEL rules that ``new`` breaks: those on a change when ``old`` is given, else those on the object alone."""
    for rule in schema.get(_RULES, ()):
        if ("oldSelf" in rule["rule"]) is (old is not None) and not _holds(rule["rule"], new, old):
            yield Refusal(path, rule["message"], Rule.ADMISSION, of_key=True)
    if isinstance(new, Mapping):
        for name, item in new.items():
            inner, before = _inner(schema, name), old.get(name) if isinstance(old, Mapping) else None
            # what was not there before is no change
            if inner is not None and (old is None or before is not None):
                yield from _broken(inner, item, before, (*path, name))
    elif isinstance(new, list) and old is None:
        # items cannot be told apart from one revision to the next: the API server takes no rule on their changes
        for index, item in enumerate(new):
            yield from _broken(schema["items"], item, None, (*path, index))


def _holds(rule: str, new: Any, old: Any) -> bool:
    try:
        return _program(rule).execute({"self": new, "oldSelf": old}) is True
    except (ValueError, TypeError, RuntimeError):
        return False  # as the API server has it: what cannot be evaluated is refused
