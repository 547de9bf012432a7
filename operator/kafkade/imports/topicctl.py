"""Topic configs of segmentio/topicctl: meta and spec of a file without apiVersion (pkg/config/topic.go, meta.go)."""

from __future__ import annotations

from collections.abc import Sequence

from kafkade.api.kinds import TOPIC
from kafkade.imports.fields import Fields
from kafkade.imports.model import Found, Imported, Target, labels, spec_of_topic
from kafkade.local.documents import Document

_MILLISECONDS = 60_000
_CLUSTER_FIELDS = ("bootstrapAddrs", "zkAddrs")


def convert(documents: Sequence[Document], target: Target) -> Imported:
    """KafkaTopics for topic configs; configs of clusters and ACLs get a warning."""
    imported = Imported()
    for document in documents:
        spec = document.body.get("spec")
        if "meta" not in document.body or not isinstance(spec, dict):
            imported.refuse(document.place(), "is no config of topicctl: expected meta and spec")
        elif any(name in spec for name in _CLUSTER_FIELDS):
            imported.warn(
                document.place(("meta",)),
                "the config of a cluster is left out: write a KafkaCluster for it (kafkade export writes one)",
            )
        elif "acls" in spec:
            imported.warn(document.place(("meta",)), "ACLs are left out: kafkade keeps none")
        else:
            _topic(document, target, imported)
    return imported


def _topic(document: Document, target: Target, imported: Imported) -> None:
    fields = Fields(document, imported)
    meta, spec = fields.inner("meta"), fields.inner("spec")
    name = meta.required("name")
    given = {key: text for key in ("environment", "region") if (text := meta.text(key))} | meta.texts("labels")
    annotations = {"description": text.strip()} if (text := meta.text("description")) else {}
    consumers = meta.take("consumers")
    if isinstance(consumers, list) and consumers:
        annotations["consumers"] = ",".join(map(str, consumers))
    config = spec.settings("settings")
    minutes = spec.integer("retentionMinutes")
    if minutes:
        if "retention.ms" in config:
            spec.refuse("retentionMinutes", "is set beside settings.retention.ms: topicctl takes one of the two")
        config["retention.ms"] = minutes * _MILLISECONDS
    partitions, factor = spec.integer("partitions"), spec.integer("replicationFactor")
    _placement(spec)
    if "migration" in spec:
        spec.take("migration")
        spec.warn("migration", "is left out: the KafkaCluster's spec.reassignment.throttleBytesPerSecond does it")
    cluster = target.cluster_for(meta.text("cluster"))
    for part in (fields, meta, spec):
        part.rest()
    if name:
        imported.take(
            Found(
                kind=TOPIC,
                own_name=name,
                document=document,
                path=("meta", "name"),
                namespace=target.namespace_for(None),
                spec=spec_of_topic(cluster, partitions, factor, config),
                labels=labels(given, imported, meta.place()),
                annotations=annotations,
            )
        )


def _placement(spec: Fields) -> None:
    placement = spec.inner("placement")
    strategy = placement.text("strategy")
    if strategy not in (None, "any"):
        placement.warn(
            "strategy", f"{strategy} is left out: kafkade leaves the placement of replicas to Kafka (racks count)"
        )
    for name in ("picker", "staticAssignments", "staticRackAssignments"):
        if name in placement:
            placement.warn(name, "is left out with the strategy")
            placement.take(name)
    placement.rest()
