"""Resources of Jikkou: KafkaTopic and SchemaRegistrySubject, single or in a list, and the ConfigMaps that topics refer to.

providers/jikkou-provider-kafka/src/main/json/V1KafkaTopic.json, …-schema-registry/…/V1SchemaRegistrySubject.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kafkade.api.kinds import SCHEMA, TOPIC
from kafkade.imports.fields import Fields
from kafkade.imports.model import (
    Found,
    Imported,
    Include,
    Target,
    labels,
    spec_of_schema,
    spec_of_topic,
    warn_of_unset,
)
from kafkade.imports.schema_fields import references, text_of
from kafkade.local.documents import Document

_GROUPS = ("kafka.jikkou.io/", "core.jikkou.io/", "schemaregistry.jikkou.io/", "kafka.aiven.io/")
_REGISTRY = "schemaregistry.jikkou.io/"
_READ_ONLY = (f"{_REGISTRY}url", f"{_REGISTRY}schema-version", f"{_REGISTRY}schema-id", "kafka.jikkou.io/topic-id")
"""Annotations that ``jikkou get`` writes; they say nothing that is wanted."""
_UNWANTED = {"jikkou.io/ignore": "Jikkou ignores it", "jikkou.io/delete": "Jikkou is to delete it"}
"""Annotations that keep a resource from being made, and why."""
_KINDS = ("KafkaTopic", "SchemaRegistrySubject", "ConfigMap")
_UNSET = -1


def convert(documents: Sequence[Document], target: Target, include: Include) -> Imported:
    """KafkaTopics and KafkaSchemas; other kinds get a warning."""
    imported = Imported()
    objects = [(kind, fields) for document in documents for kind, fields in _objects(document, imported)]
    maps = {
        fields.inner("metadata").text("name"): fields.settings("data")
        for kind, fields in objects
        if kind == "ConfigMap"
    }
    for kind, fields in objects:
        if kind == "KafkaTopic":
            _topic(fields, target, imported, maps)
        elif kind == "SchemaRegistrySubject":
            _subject(fields, target, imported, include)
    return imported


def _objects(document: Document, imported: Imported) -> Iterator[tuple[str, Fields]]:
    """The objects of a document: itself, or the items of a list."""
    version, kind = str(document.body.get("apiVersion")), str(document.body.get("kind"))
    plain = kind.removesuffix("List")
    if not version.startswith(_GROUPS):
        imported.warn(document.place(("kind",)), f"{kind} of {version} is left out: it is not Jikkou's")
        return
    if plain not in _KINDS:
        imported.warn(
            document.place(("kind",)), f"{kind} is left out: only KafkaTopics and SchemaRegistrySubjects are imported"
        )
        return
    fields = Fields(document, imported)
    fields.skip("apiVersion", "kind")
    if kind == plain:
        yield plain, fields
        return
    meta = fields.inner("metadata")
    for name in ("labels", "annotations"):
        if name in meta and meta.take(name):
            meta.warn(name, "of a list is left out: write it to its items")
    fields.skip("items")
    fields.rest()
    for item in fields.items("items"):
        item.skip("apiVersion", "kind")
        yield plain, item


def _topic(
    fields: Fields, target: Target, imported: Imported, maps: dict[str | None, dict[str, str | int | bool]]
) -> None:
    meta, spec = fields.inner("metadata"), fields.inner("spec")
    fields.skip("status")
    name, given = meta.required("name"), meta.texts("labels")
    annotations = meta.texts("annotations")
    partitions, factor = (_number(spec, field) for field in ("partitions", "replicas"))
    config = spec.settings("configs")
    references = spec.take("configMapRefs") or []
    if not isinstance(references, list) or not all(isinstance(name, str) for name in references):
        spec.refuse("configMapRefs", "expected a list of names")
        references = []
    for reference in references:
        if reference not in maps:
            spec.refuse("configMapRefs", f"no ConfigMap {reference} is in these files")
        config |= maps.get(reference, {})  # Jikkou lets the ConfigMap win
    for part in (fields, spec):
        part.rest()
    if name and _wanted(name, annotations, meta, imported):
        warn_of_unset({"spec.partitions": partitions, "spec.replicas": factor}, "Jikkou", spec.place(), imported)
        made = spec_of_topic(target.cluster_for(None), partitions, factor, config)
        _take(TOPIC, name, made, meta, given, annotations, target, imported)


def _number(spec: Fields, name: str) -> int | None:
    found = spec.integer(name)
    return None if found == _UNSET else found


def _subject(fields: Fields, target: Target, imported: Imported, include: Include) -> None:
    meta, spec = fields.inner("metadata"), fields.inner("spec")
    name, given = meta.required("name"), meta.texts("labels")
    annotations = meta.texts("annotations")
    normalize = annotations.pop(f"{_REGISTRY}normalize-schema", "").lower() == "true"
    text = _schema_text(spec, include)
    for field, where in (
        ("schemaRegistry", "the KafkaCluster says which registry it is"),
        ("mode", "kafkade sets no mode"),
    ):
        if field in spec:
            spec.take(field)
            spec.warn(field, f"is left out: {where}")
    made = spec_of_schema(
        target.cluster_for(None),
        name or "",
        text or "",
        schemaType=spec.text("schemaType"),
        references=references(spec),
        compatibility=spec.text("compatibilityLevel"),
        normalize=normalize or None,
    )
    for part in (fields, spec):
        part.rest()
    if name and text is not None and _wanted(name, annotations, meta, imported):
        _take(SCHEMA, name, made, meta, given, annotations, target, imported)


def _schema_text(spec: Fields, include: Include) -> str | None:
    """The text itself, or that of the file which $ref names."""
    if not isinstance(spec.take("schema"), dict):
        return spec.required("schema")
    schema = spec.inner("schema")
    file = schema.required("$ref")
    schema.rest()
    if file is None:
        return None
    return text_of(file, schema, "$ref", include)


def _wanted(name: str, annotations: dict[str, str], meta: Fields, imported: Imported) -> bool:
    """Whether Jikkou keeps it: what it ignores or deletes must not be made."""
    for key, why in _UNWANTED.items():
        if annotations.get(key, "").lower() == "true":
            imported.warn(meta.place("name"), f"{name} is left out: {why} ({key})")
            return False
    return True


def _take(
    kind: str,
    name: str,
    spec: dict[str, Any],
    meta: Fields,
    given: dict[str, str],
    annotations: dict[str, str],
    target: Target,
    imported: Imported,
) -> None:
    meta.rest()
    kept = {}
    for key, value in annotations.items():
        if "jikkou.io/" not in key:
            kept[key] = value
        elif key not in _READ_ONLY and key not in _UNWANTED:
            meta.warn("annotations", f"{key} is left out: it is Jikkou's own")
    imported.take(
        Found(
            kind=kind,
            own_name=name,
            document=meta.document,
            path=(*meta.path, "name"),
            namespace=target.namespace_for(None),
            spec=spec,
            labels=labels(given, imported, meta.place()),
            annotations=kept,
        )
    )
