"""Resources of michelin/ns4kafka as kafkactl applies them: Topic and Schema, apiVersion v1 (model/Topic.java, schema/Schema.java)."""

from __future__ import annotations

from collections.abc import Sequence

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

_SERVER_MADE = ("generation", "creationTimestamp", "updateTimestamp", "status")


def convert(documents: Sequence[Document], target: Target, include: Include) -> Imported:
    """KafkaTopics and KafkaSchemas; other kinds get a warning."""
    imported = Imported()
    for document in documents:
        kind = document.body.get("kind")
        if kind in ("Topic", "Schema") and document.body.get("apiVersion") == "v1":
            _resource(document, kind, target, imported, include)
        elif kind is None:
            imported.refuse(document.place(), "has no kind")
        else:
            imported.warn(document.place(("kind",)), f"{kind} is left out: only Topics and Schemas are imported")
    return imported


def _resource(document: Document, kind: str, target: Target, imported: Imported, include: Include) -> None:
    fields = Fields(document, imported)
    fields.skip("apiVersion", "kind", "status")
    meta, spec = fields.inner("metadata"), fields.inner("spec")
    meta.skip(*_SERVER_MADE)
    name = meta.required("name")
    cluster = target.cluster_for(meta.text("cluster"))
    namespace = target.namespace_for(meta.text("namespace"))
    given, annotations = meta.texts("labels"), dict[str, str]()
    made = _topic(spec, cluster, annotations, imported) if kind == "Topic" else _schema(spec, cluster, name, include)
    for part in (fields, meta, spec):
        part.rest()
    if name and made is not None:
        imported.take(
            Found(
                kind=TOPIC if kind == "Topic" else SCHEMA,
                own_name=name,
                document=document,
                path=("metadata", "name"),
                namespace=namespace,
                spec=made,
                labels=labels(given, imported, meta.place()),
                annotations=annotations,
            )
        )


def _topic(spec: Fields, cluster: str, annotations: dict[str, str], imported: Imported) -> dict[str, object]:
    partitions, factor = spec.integer("partitions"), spec.integer("replicationFactor")
    numbers = {"spec.partitions": partitions, "spec.replicationFactor": factor}
    warn_of_unset(numbers, "ns4kafka", spec.place(), imported)
    if description := spec.text("description"):
        annotations["description"] = description
    tags = spec.take("tags")
    if isinstance(tags, list) and tags:
        annotations["tags"] = ",".join(map(str, tags))
    return spec_of_topic(cluster, partitions, factor, spec.settings("configs"))


def _schema(spec: Fields, cluster: str, subject: str | None, include: Include) -> dict[str, object] | None:
    spec.skip("id", "version")  # what the registry gave it
    text, file = spec.text("schema"), spec.text("schemaFile")
    if text is None and file is not None:
        text = text_of(file, spec, "schemaFile", include)
    elif text is None:
        spec.refuse("schema", "is not there")
    if text is None:
        return None
    level = spec.text("compatibility")
    if "alias" in spec:
        spec.take("alias")
        spec.warn("alias", "is left out: a KafkaSchema has no alias")
    return spec_of_schema(
        cluster,
        subject or "",
        text,
        schemaType=spec.text("schemaType"),
        references=references(spec),
        compatibility=None if level == "GLOBAL" else level,
    )
