"""KafkaTopic: a topic, kept as declared."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict, Field

from kafkade.api.common import (
    ClusterRef,
    Condition,
    Drift,
    Int,
    Managed,
    Model,
    Settings,
    cel,
    rules,
)

MAX_TOPIC_NAME = 249
"""Kafka's limit on a topic's name (org.apache.kafka.common.internals.Topic)."""


class DeletionPolicy(StrEnum):
    """Delete takes the topic and its records away with the resource; Retain keeps them."""

    DELETE = "Delete"
    RETAIN = "Retain"


class AdoptionPolicy(StrEnum):
    """What happens when the topic exists already and kafkade did not create it."""

    NEVER = "Never"
    IF_IDENTICAL = "IfIdentical"
    ALWAYS = "Always"


class KafkaTopicSpec(Managed):
    """A topic of a KafkaCluster."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "self.clusterRef == oldSelf.clusterRef",
                "clusterRef is immutable: delete the resource (deletionPolicy: Retain keeps the topic) and create it anew",
            ),
            cel(
                "has(self.topicName) == has(oldSelf.topicName) && (!has(self.topicName) || self.topicName == oldSelf.topicName)",
                "topicName is immutable: Kafka cannot rename a topic",
            ),
            cel(
                "!has(self.partitions) || !has(oldSelf.partitions) || self.partitions >= oldSelf.partitions",
                "partitions can only grow: Kafka cannot take partitions away from a topic",
            ),
        )
    )
    cluster_ref: ClusterRef = Field(description="The KafkaCluster; immutable.")
    topic_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TOPIC_NAME,
        pattern=r"^[a-zA-Z0-9._-]+$",
        description="Name of the topic in Kafka; default metadata.name; immutable.",
        json_schema_extra=rules(cel("self != '.' && self != '..'", "a topic cannot be named . or ..")),
    )
    partitions: Int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Number of partitions; can only grow; default by the cluster, else 3.",
    )
    replication_factor: Int | None = Field(
        default=None,
        ge=1,
        le=32_767,
        description="Number of replicas; a change moves partitions; default by the cluster, else 3.",
    )
    config: Settings = Field(
        default_factory=dict,
        description="Topic settings (string, integer or boolean). Only keys named here or in the cluster's topicDefaults are managed.",
    )
    deletion_policy: DeletionPolicy | None = Field(
        default=None, description="Delete or Retain; default by the cluster, else Delete."
    )
    adoption_policy: AdoptionPolicy | None = Field(
        default=None,
        description="For a topic that exists already: Never, IfIdentical or Always; default by the cluster, else IfIdentical.",
    )


class ReassignmentProgress(Model):
    """A running partition reassignment."""

    target_replication_factor: Int = Field(description="Where it goes.")
    partitions_done: Int = Field(description="Partitions that are there.")
    partitions_total: Int = Field(description="Partitions of the topic.")
    throttle_bytes_per_second: Int | None = Field(default=None, description="The throttle in force.")


class KafkaTopicStatus(Model):
    """What kafkade last saw and set of the topic."""

    observed_generation: Int = Field(default=-1, description="metadata.generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready, Reconciling, Stalled.")
    topic_name: str | None = Field(default=None, description="Name of the topic in Kafka.")
    topic_id: str | None = Field(default=None, description="Kafka's id of the topic (KIP-516) that this resource owns.")
    partitions: Int | None = Field(default=None, description="Partitions found.")
    replication_factor: Int | None = Field(default=None, description="Replicas found, the lowest of all partitions.")
    config: dict[str, str] | None = Field(default=None, description="Settings that kafkade keeps on the topic.")
    topic_announced: bool | None = Field(
        default=None,
        description="true while a topic is being made or taken over for a resource without a finalizer of kafkade's own (as with"
        " Retain), or made anew because somebody deleted it: after a crash it is known whose it is.",
    )
    drift: list[Drift] | None = Field(default=None, description="Differences last found that no spec change explains.")
    reassignment: ReassignmentProgress | None = Field(
        default=None, description="A running change of the replication factor."
    )
