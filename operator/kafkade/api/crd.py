"""The CustomResourceDefinitions, made from the pydantic types. Pure: dictionaries in, dictionaries out.

pydantic speaks JSON Schema 2020-12; the API server wants a *structural* OpenAPI v3 schema
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
On the way:

- ``$ref`` is replaced by what it names, since structural schemas have none.
- ``Optional[X]`` is ``anyOf: [X, null]``; it becomes X, and the field is not required. Null is not a value on the wire.
- ``additionalProperties: false`` goes: the API server prunes or, with strict field validation, refuses unknown fields.
- Defaults go. kafkade never writes spec, and neither may the API server, or GitOps tools would see drift. The one default
  is status.observedGeneration: -1, so that kstatus takes a resource that nobody has looked at yet for "in progress".
- Integers get a format, for clients that generate types.

A keyword that is not known here is an error and not dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from kafkade.api import GROUP, VERSION
from kafkade.api.common import Model
from kafkade.api.kinds import KINDS, Column, Kind

Schema = dict[str, Any]

CATEGORY = "kafkade"
"""``kubectl get kafkade`` lists all kinds."""

UNSEEN = -1
"""status.observedGeneration of a resource that no operator has looked at; metadata.generation starts at 1."""

_INT32_MAX = 2**31 - 1
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_RULES = "x-kubernetes-validations"

_COPIED = frozenset(
    {
        "description",
        "enum",
        "format",
        "maximum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minimum",
        "minItems",
        "minLength",
        "minProperties",
        "nullable",
        "pattern",
        "required",
        "type",
        "uniqueItems",
        _PRESERVE,
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
    }
)
"""Keywords that mean the same on both sides."""

_DROPPED = frozenset({"title", "default", "examples", "$defs"})


class UnsupportedType(TypeError):
    """A type of the models cannot be said in a structural schema. A mistake of the programmer, never of a user."""


def crds() -> dict[str, Schema]:
    """The CustomResourceDefinition of each kind, by plural name."""
    return {kind.plural: crd(kind) for kind in KINDS.values()}


def crd(kind: Kind) -> Schema:
    """One CustomResourceDefinition (apiextensions.k8s.io/v1).

    Raises:
        UnsupportedType: when a model holds what a structural schema cannot say.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "kafkade"},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": [kind.short],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root(kind)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                }
            ],
        },
    }


def structural(model: type[Model]) -> Schema:
    """The structural schema of a model, without any default.

    Raises:
        UnsupportedType: naming the model and the field.
    """
    source = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(source, source.get("$defs", {}), model.__name__)


def _root(kind: Kind) -> Schema:
    spec, status = structural(kind.spec), structural(kind.status)
    status["default"] = {"observedGeneration": UNSEEN}
    status["properties"]["observedGeneration"]["default"] = UNSEEN
    status["properties"]["conditions"] |= {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    root: Schema = {
        "type": "object",
        "description": spec["description"],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{kind.kind}."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    if kind.rules:
        root[_RULES] = [dict(rule) for rule in kind.rules]
    return root


def _column(column: Column) -> Schema:
    wide = {"priority": 1} if column.wide else {}
    return {"name": column.name, "type": column.type, "jsonPath": column.path, **wide}


def _convert(source: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> Schema:
    """``source`` as a structural schema; ``where`` names the place for errors."""
    source = _resolve(source, defs, where)
    result: Schema = {}
    for keyword, value in source.items():
        if keyword in _COPIED:
            result[keyword] = deepcopy(value)
        elif keyword == _RULES:
            result[_RULES] = [{"rule": rule["rule"], **rule} for rule in value]
        elif keyword == "const":
            result["enum"] = [value]
        elif keyword == "properties":
            result["properties"] = {name: _convert(v, defs, f"{where}.{name}") for name, v in value.items()}
        elif keyword == "items":
            result["items"] = _convert(value, defs, f"{where}[]")
        elif keyword == "additionalProperties":
            if isinstance(value, Mapping) and not source.get(_PRESERVE):
                result["additionalProperties"] = _convert(value, defs, f"{where}{{}}")
        elif keyword not in _DROPPED:
            raise UnsupportedType(f"{where}: the JSON Schema keyword {keyword} has no place in a structural schema")
    if "type" not in result:
        raise UnsupportedType(f"{where}: a structural schema must name a type")
    if result["type"] == "integer":
        result.setdefault("format", "int32" if result.get("maximum", _INT32_MAX + 1) <= _INT32_MAX else "int64")
    return _ordered(result)


def _resolve(source: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """``source`` with its ``$ref`` and its ``anyOf: [X, null]`` taken in; its own description wins, rules add up."""
    while "$ref" in source or "anyOf" in source:
        outer = {k: v for k, v in source.items() if k not in ("$ref", "anyOf")}
        if "$ref" in source:
            inner = defs[source["$ref"].removeprefix("#/$defs/")]
        else:
            variants = [v for v in source["anyOf"] if v.get("type") != "null"]
            if len(variants) != 1:
                raise UnsupportedType(f"{where}: a union of several types has no place in a structural schema")
            inner = variants[0]
        source = {**inner, **outer}
        if found := [*inner.get(_RULES, ()), *outer.get(_RULES, ())]:
            source[_RULES] = found
    return source


def _ordered(schema: Schema) -> Schema:
    """Keywords in the order that people read: what it is, its limits, its rules, then what is inside."""
    first = ("type", "format", "description", "enum")
    last = (_RULES, "required", "properties", "additionalProperties", "items")
    middle = sorted(k for k in schema if k not in first and k not in last)
    return {k: schema[k] for k in (*first, *middle, *last) if k in schema}
