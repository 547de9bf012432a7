"""Strimzi's KafkaTopic (kafka.strimzi.io/v1alpha1 to v1): spec.partitions, replicas, topicName, config.

https://strimzi.io/docs/operators/latest/configuring#type-KafkaTopic-reference
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafkade.api.kinds import TOPIC
from kafkade.imports.fields import Fields
from kafkade.imports.model import Found, Imported, Target, labels, spec_of_topic, warn_of_unset
from kafkade.local.documents import Document

_GROUP = "kafka.strimzi.io/"
_CLUSTER_LABEL = "strimzi.io/cluster"
_MANAGED, _PAUSED = "strimzi.io/managed", "strimzi.io/pause-reconciliation"
_SERVER_MADE = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "finalizers")


def convert(documents: Sequence[Document], target: Target) -> Imported:
    """KafkaTopics of kafkade for those of Strimzi; other documents get a warning."""
    imported = Imported()
    for document in documents:
        version, kind = str(document.body.get("apiVersion")), document.body.get("kind")
        if not version.startswith(_GROUP):
            imported.warn(document.place(("kind",)), f"{kind} of {version} is left out: it is not Strimzi's")
        elif kind != "KafkaTopic":
            imported.warn(document.place(("kind",)), f"{kind} is left out: only KafkaTopics are imported")
        else:
            _topic(document, target, imported)
    return imported


def _topic(document: Document, target: Target, imported: Imported) -> None:
    fields = Fields(document, imported)
    fields.skip("apiVersion", "kind", "status")
    meta, spec = fields.inner("metadata"), fields.inner("spec")
    meta.skip(*_SERVER_MADE)
    name = meta.required("name")
    given, more = meta.texts("labels"), dict[str, Any]()
    cluster = target.cluster_for(given.pop(_CLUSTER_LABEL, None))
    annotations = _annotations(meta.texts("annotations"), meta, more)
    partitions, factor = spec.integer("partitions"), spec.integer("replicas")
    warn_of_unset({"spec.partitions": partitions, "spec.replicas": factor}, "Strimzi", spec.place(), imported)
    topic = spec.text("topicName") or name
    found = spec_of_topic(cluster, partitions, factor, spec.settings("config"), **more)
    namespace = target.namespace_for(meta.text("namespace"))
    for part in (fields, meta, spec):
        part.rest()
    if name and topic:
        imported.take(
            Found(
                kind=TOPIC,
                own_name=topic,
                object_name=name,
                document=document,
                path=("metadata", "name"),
                namespace=namespace,
                spec=found,
                labels=labels(given, imported, meta.place("labels")),
                annotations=annotations,
            )
        )


def _annotations(given: dict[str, str], meta: Fields, more: dict[str, Any]) -> dict[str, str]:
    """Those that are not Strimzi's; what these say goes into ``more`` of the spec."""
    kept = {}
    for key, value in given.items():
        if key == _MANAGED:
            # Strimzi then neither changes nor deletes the topic
            more |= {"managementPolicy": "Observe"} if value.lower() == "false" else {}
        elif key == _PAUSED:
            more |= {"paused": True} if value.lower() == "true" else {}
        elif key.startswith("strimzi.io/"):
            meta.warn("annotations", f"{key} is left out: it is Strimzi's own")
        else:
            kept[key] = value
    return kept
