"""The kinds of the group: names, plural, spec and status types, printer columns. The CRDs are made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kafkade.api.binding import MAX_NAME, KafkaServiceBindingSpec, KafkaServiceBindingStatus
from kafkade.api.cluster import KafkaClusterSpec, KafkaClusterStatus
from kafkade.api.common import Model, cel
from kafkade.api.dlq import KafkaDLQPolicySpec, KafkaDLQPolicyStatus
from kafkade.api.redrive import KafkaDLQRedriveSpec, KafkaDLQRedriveStatus
from kafkade.api.schema import KafkaSchemaSpec, KafkaSchemaStatus
from kafkade.api.topic import MAX_TOPIC_NAME, KafkaTopicSpec, KafkaTopicStatus

CLUSTER = "KafkaCluster"
TOPIC = "KafkaTopic"
SCHEMA = "KafkaSchema"
DLQ_POLICY = "KafkaDLQPolicy"
DLQ_REDRIVE = "KafkaDLQRedrive"
SERVICE_BINDING = "KafkaServiceBinding"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ``kubectl get``; ``wide`` ones are shown by ``-o wide`` only."""

    name: str
    path: str
    """JSONPath into the resource."""
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


_CONDITION = (
    Column("Ready", _ready("status")),
    Column("Reason", _ready("reason")),
    Column("Message", _ready("message"), wide=True),
    Column("Age", ".metadata.creationTimestamp", "date"),
)
"""What every kind's columns end with."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource type."""

    kind: str
    plural: str
    short: str
    spec: type[Model]
    status: type[Model]
    columns: tuple[Column, ...] = _CONDITION
    rules: tuple[Mapping[str, str], ...] = ()
    """CEL rules on the whole resource: those that need metadata.name."""
    is_run: bool = False
    """A resource is one run: its own reconcile stops what is at work when it is paused, and what a deletion would clean up is
    not worth waiting for a cluster that cannot be reached."""
    is_access: bool = False
    """A resource gives rights to others: what it has given is taken back when its cluster lets its namespace in no more."""


_CLUSTER_COLUMNS = (
    Column("Bootstrap", ".spec.bootstrapServers", wide=True),
    Column("Topics", ".status.topics", "integer"),
    Column("Partitions", ".status.partitions", "integer"),
    Column("Under-Replicated", ".status.underReplicatedPartitions", "integer"),
    Column("Offline", ".status.offlinePartitions", "integer"),
    Column("Registry", ".status.registry.flavour"),
    *_CONDITION,
)
_TOPIC_COLUMNS = (
    Column("Topic", ".status.topicName"),
    Column("Cluster", ".spec.clusterRef.name"),
    Column("Partitions", ".status.partitions", "integer"),
    Column("Replicas", ".status.replicationFactor", "integer"),
    *_CONDITION,
)
_SCHEMA_COLUMNS = (
    Column("Subject", ".status.subject"),
    Column("Type", ".status.schemaType"),
    Column("Version", ".status.version", "integer"),
    Column("Id", ".status.id", "integer", wide=True),
    Column("Compatibility", ".status.compatibility"),
    *_CONDITION,
)
_DLQ_POLICY_COLUMNS = (
    Column("Cluster", ".spec.clusterRef.name"),
    Column("Topics", ".status.matched", "integer"),
    Column("Depth", ".status.depth", "integer"),
    Column("Oldest", ".status.oldest", "date"),
    Column("Alert", '.status.conditions[?(@.type=="Alert")].reason'),
    *_CONDITION,
)
_DLQ_REDRIVE_COLUMNS = (
    Column("Phase", ".status.phase"),
    Column("Moved", ".status.counts.moved", "integer"),
    Column("Failed", ".status.counts.failed", "integer"),
    *_CONDITION,
)
_SERVICE_BINDING_COLUMNS = (
    Column("Service", ".status.service"),
    Column("Cluster", ".spec.clusterRef.name"),
    Column("Secret", ".status.binding.name"),
    Column("User", ".status.credentials.username"),
    *_CONDITION,
)
_SERVICE_BINDING_RULES = (
    cel(
        f"size(self.metadata.name) <= {MAX_NAME}",
        f"metadata.name is longer than {MAX_NAME} characters: the Secret, the consumer group and the user are named by it",
    ),
)
_TOPIC_RULES = (
    cel(
        f"has(self.spec.topicName) || size(self.metadata.name) <= {MAX_TOPIC_NAME}",
        f"metadata.name is longer than the {MAX_TOPIC_NAME} characters of a Kafka topic's name: set spec.topicName",
    ),
)

KINDS: dict[str, Kind] = {
    kind.kind: kind
    for kind in (
        Kind(CLUSTER, "kafkaclusters", "kcl", KafkaClusterSpec, KafkaClusterStatus, _CLUSTER_COLUMNS),
        Kind(TOPIC, "kafkatopics", "ktop", KafkaTopicSpec, KafkaTopicStatus, _TOPIC_COLUMNS, _TOPIC_RULES),
        Kind(SCHEMA, "kafkaschemas", "ksch", KafkaSchemaSpec, KafkaSchemaStatus, _SCHEMA_COLUMNS),
        Kind(
            DLQ_POLICY,
            "kafkadlqpolicies",
            "kdlq",
            KafkaDLQPolicySpec,
            KafkaDLQPolicyStatus,
            _DLQ_POLICY_COLUMNS,
        ),
        Kind(
            DLQ_REDRIVE,
            "kafkadlqredrives",
            "kdlqr",
            KafkaDLQRedriveSpec,
            KafkaDLQRedriveStatus,
            _DLQ_REDRIVE_COLUMNS,
            is_run=True,
        ),
        Kind(
            SERVICE_BINDING,
            "kafkaservicebindings",
            "ksb",
            KafkaServiceBindingSpec,
            KafkaServiceBindingStatus,
            _SERVICE_BINDING_COLUMNS,
            _SERVICE_BINDING_RULES,
            is_access=True,
        ),
    )
}
