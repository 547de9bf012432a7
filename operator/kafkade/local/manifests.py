"""Documents as kafkade's resources and what they refer to, checked by the resources' own types."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from kafkade.api import API_VERSION, GROUP
from kafkade.api.common import OBJECT_NAME
from kafkade.api.crd import structural
from kafkade.api.kinds import KINDS, Kind
from kafkade.api.objects import Key
from kafkade.local.admission import MAX_NAME, MAX_NAMESPACE, refusals, without_nulls
from kafkade.local.documents import Document, Fingerprint, fingerprint, read
from kafkade.local.problems import Place, Problem, Rule
from kafkade.local.words import nearest

_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
_MAX_LABEL = 63
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_OBJECT_TYPES = ("model_type", "dict_type")
"""pydantic's errors whose message speaks of Python's types."""

CONFIG_MAP = "ConfigMap"

Named = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One resource as declared."""

    key: Key
    spec: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None
    """None: no file has it, options of the command do."""


@dataclass(slots=True)
class Manifests:
    """What files declare. Secrets show in no ``repr``."""

    resources: dict[Key, Manifest] = field(default_factory=dict)
    secrets: dict[Named, Mapping[str, bytes]] = field(default_factory=dict, repr=False)
    config_maps: dict[Named, Mapping[str, str]] = field(default_factory=dict, repr=False)
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels by name."""
    runs: list[Manifest] = field(default_factory=list)
    """Resources that are runs and not kept."""
    others: Counter[str] = field(default_factory=Counter)
    """Documents of other kinds, which mean nothing here."""
    problems: list[Problem] = field(default_factory=list)
    documents: dict[Key, Document] = field(default_factory=dict, repr=False)
    """Where resources and ConfigMaps stand, those with problems among them."""
    fingerprint: Fingerprint = frozenset()
    """Of the files just before they were read: one of a later moment differs if they changed since."""


def load(paths: Sequence[str], namespace: str) -> Manifests:
    """Read files and folders. ``namespace``: of documents that name none. What is wrong is in ``problems``."""
    before = fingerprint(paths)
    found = manifests_of(*read(paths), namespace)
    found.fingerprint = before
    return found


def manifests_of(documents: Iterable[Document], problems: Sequence[Problem], namespace: str) -> Manifests:
    """Take documents for what they declare. ``problems``: what was wrong with the files."""
    found = Manifests(problems=list(problems))
    for document in documents:
        _take(document, found, namespace)
    return found


def _take(document: Document, found: Manifests, default_namespace: str) -> None:
    body = document.body
    version, kind = body.get("apiVersion"), body.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        missing = "apiVersion" if not isinstance(version, str) else "kind"
        found.problems.append(Problem(document.place(), f"has no {missing}", Rule.OBJECT))
        return
    meta = body.get("metadata")
    if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str):
        if version.startswith(f"{GROUP}/") or version == "v1":
            found.problems.append(Problem(document.place(("metadata",)), "has no metadata.name", Rule.OBJECT))
        return
    namespace = meta.get("namespace") or default_namespace
    if version.startswith(f"{GROUP}/"):
        _resource(document, version, Key(kind, str(namespace), meta["name"]), found)
    elif version == "v1" and kind == "Secret":
        _secret(document, (str(namespace), meta["name"]), found)
    elif version == "v1" and kind == "ConfigMap":
        found.config_maps[str(namespace), meta["name"]] = _texts(_mapping(document, found.problems, "data"))
        found.documents[Key(CONFIG_MAP, str(namespace), meta["name"])] = document
    elif version == "v1" and kind == "Namespace":
        found.namespaces[meta["name"]] = _texts(_mapping(document, found.problems, "metadata", "labels"))
    else:
        found.others[kind] += 1


def _secret(document: Document, name: Named, found: Manifests) -> None:
    data: dict[str, bytes] = {}
    for key, value in _mapping(document, found.problems, "data").items():
        try:
            data[str(key)] = base64.b64decode(str(value), validate=False)
        except (binascii.Error, ValueError):
            # the value itself is left out of the message
            found.problems.append(Problem(document.place(("data", key)), f"data.{key} is not base64", Rule.VALUE))
    texts = _texts(_mapping(document, found.problems, "stringData"))
    data |= {key: text.encode() for key, text in texts.items()}
    found.secrets[name] = data


def _mapping(document: Document, problems: list[Problem], *path: str) -> Mapping[Any, Any]:
    """The object at ``path``; empty where there is none, or something else, which is a problem."""
    value: Any = document.body
    for step in path:
        value = value.get(step)
    if value is None or isinstance(value, Mapping):
        return value or {}
    problems.append(Problem(document.place(path), f"{'.'.join(path)} is no object", Rule.VALUE))
    return {}


def _texts(values: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def _resource(document: Document, version: str, key: Key, found: Manifests) -> None:
    kind = KINDS.get(key.kind)
    if kind is None:
        text = f"unknown kind {key.kind}{nearest(key.kind, KINDS)}"
        found.problems.append(Problem(document.place(("kind",)), text, Rule.FIELD))
        return
    if version != API_VERSION:
        text = f"{key.kind} has the apiVersion {version}; kafkade knows {API_VERSION}"
        found.problems.append(Problem(document.place(("apiVersion",)), text, Rule.OBJECT))
        return
    spec = without_nulls(key.kind, document.body.get("spec") or {})
    problems = [*_shape(document, key), *_spec(document, kind, key, spec)]
    labels = _texts(_labels(document, problems))
    annotations = _texts(_annotations(document, problems))
    known = found.documents.get(key)
    if known is not None:
        text = f"{key} is declared in {known.place()} already"
        problems.append(Problem(document.place(("metadata", "name")), text, Rule.TWICE))
    else:
        found.documents[key] = document
    found.problems += [replace(problem, key=key) for problem in problems]
    if problems:
        return
    manifest = Manifest(
        key,
        json.loads(json.dumps(spec, default=str)),  # as an API server would hand it back
        labels,
        {name: text for name, text in annotations.items() if name.startswith(f"{GROUP}/")},
        document.place(),
    )
    if kind.is_run:
        found.runs.append(manifest)
    else:
        found.resources[key] = manifest


def _shape(document: Document, key: Key) -> Iterator[Problem]:
    for name in document.body:
        if name not in _TOP:
            text = f"unknown field {name}{nearest(str(name), _TOP)}"
            yield Problem(document.place((name,), of_key=True), text, Rule.FIELD)
    for field_name, value, limit in (("name", key.name, MAX_NAME), ("namespace", key.namespace, MAX_NAMESPACE)):
        place = document.place(("metadata", field_name))
        if not OBJECT_NAME.fullmatch(value) or (field_name == "namespace" and "." in value):
            others = "'-'" if field_name == "namespace" else "'-' and '.'"
            text = f"metadata.{field_name} {value}: only lowercase letters, digits and {others}"
            yield Problem(place, text, Rule.VALUE)
        elif len(value) > limit:
            text = f"metadata.{field_name} has {len(value)} characters; Kubernetes takes at most {limit}"
            yield Problem(place, text, Rule.VALUE)


def _labels(document: Document, problems: list[Problem]) -> Mapping[Any, Any]:
    labels = _mapping(document, problems, "metadata", "labels")
    for name, value in labels.items():
        place = document.place(("metadata", "labels", name))
        if not isinstance(value, str):
            problems.append(Problem(place, f"metadata.labels.{name} is no text: put it in quotes", Rule.VALUE))
        elif len(value) > _MAX_LABEL or not _LABEL.fullmatch(value):
            text = (
                f"metadata.labels.{name}: at most {_MAX_LABEL} letters, digits, '-', '_' and '.', a letter or digit first"
                " and last"
            )
            problems.append(Problem(place, text, Rule.VALUE))
    return labels


def _annotations(document: Document, problems: list[Problem]) -> Mapping[Any, Any]:
    annotations = _mapping(document, problems, "metadata", "annotations")
    for name, value in annotations.items():
        if not isinstance(value, str):
            place = document.place(("metadata", "annotations", name))
            problems.append(Problem(place, f"metadata.annotations.{name} is no text: put it in quotes", Rule.VALUE))
    return annotations


def _spec(document: Document, kind: Kind, key: Key, spec: Any) -> Iterator[Problem]:
    try:
        kind.spec.model_validate(spec)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            path = ("spec", *item["loc"])
            name = ".".join(str(part) for part in path)
            if item["type"] == "extra_forbidden":
                hint = nearest(str(path[-1]), _names(kind, path[1:-1]))
                yield Problem(document.place(path, of_key=True), f"unknown field {name}{hint}", Rule.FIELD)
            else:
                message = "expected an object" if item["type"] in _OBJECT_TYPES else item["msg"]
                text = f"{name}: {message[0].lower()}{message[1:]}"
                yield Problem(document.place(path), text, Rule.VALUE)
        return
    for refusal in refusals(key.kind, key.name, spec):
        yield Problem(document.place(refusal.path, of_key=refusal.of_key), str(refusal), refusal.rule)


def _names(kind: Kind, path: Sequence[str | int]) -> Iterable[str]:
    """The fields that there are at ``path`` of a spec."""
    schema: Mapping[str, Any] = structural(kind.spec)
    for step in path:
        inner = schema.get("properties", {}).get(step) or schema.get("items") or schema.get("additionalProperties")
        schema = inner if isinstance(inner, Mapping) else {}
    return tuple(schema.get("properties", {}))
