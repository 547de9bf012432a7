"""The kinds of the group: names, plural, spec and status types, printer columns. The CRDs are made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from kafkade.api.cluster import KafkaClusterSpec, KafkaClusterStatus
from kafkade.api.common import Model
from kafkade.api.schema import KafkaSchemaSpec, KafkaSchemaStatus
from kafkade.api.topic import KafkaTopicSpec, KafkaTopicStatus

CLUSTER = "KafkaCluster"
TOPIC = "KafkaTopic"
SCHEMA = "KafkaSchema"


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource type."""

    kind: str
    plural: str
    short: str
    spec: type[Model]
    status: type[Model]


KINDS: dict[str, Kind] = {
    kind.kind: kind
    for kind in (
        Kind(CLUSTER, "kafkaclusters", "kc", KafkaClusterSpec, KafkaClusterStatus),
        Kind(TOPIC, "kafkatopics", "kt", KafkaTopicSpec, KafkaTopicStatus),
        Kind(SCHEMA, "kafkaschemas", "ks", KafkaSchemaSpec, KafkaSchemaStatus),
    )
}
