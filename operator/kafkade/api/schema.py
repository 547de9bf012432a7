"""KafkaSchema: a subject of a schema registry, kept as declared."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from kafkade.api.common import (
    Bool,
    ClusterRef,
    Condition,
    DnsName,
    Drift,
    Int,
    Managed,
    Model,
    cel,
    rules,
)

SchemaText = Annotated[str, Field(min_length=1, max_length=1_000_000)]


class SchemaType(StrEnum):
    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"


class Compatibility(StrEnum):
    """The registry's compatibility levels."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"


class SchemaDeletionPolicy(StrEnum):
    """What deleting the resource does to the subject: nothing, a soft delete, or a soft and then a permanent one."""

    RETAIN = "Retain"
    SOFT_DELETE = "SoftDelete"
    HARD_DELETE = "HardDelete"


class NamingStrategy(StrEnum):
    """How Confluent's serializers derive a subject from a topic: <t>-value, <record>, <t>-<record>."""

    TOPIC_NAME = "TopicName"
    RECORD_NAME = "RecordName"
    TOPIC_RECORD_NAME = "TopicRecordName"


class TopicRef(Model):
    """A KafkaTopic in the same namespace."""

    name: DnsName = Field(description="Name of the KafkaTopic.")


class ConfigMapKeyRef(Model):
    """One key of a ConfigMap in the same namespace."""

    name: DnsName = Field(description="Name of the ConfigMap.")
    key: str = Field(min_length=1, max_length=253, description="Key with the schema text.")


class SchemaSource(Model):
    """Where the schema text comes from when it is not inline."""

    config_map_key_ref: ConfigMapKeyRef = Field(
        description="A ConfigMap in the same namespace; followed when it changes."
    )


class SchemaRef(Model):
    """A KafkaSchema in the same namespace."""

    name: DnsName = Field(description="Name of the KafkaSchema.")


class SchemaReference(Model):
    """A schema that this one uses: by subject and version, or a KafkaSchema (then its current version)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "has(self.schemaRef) ? !has(self.subject) && !has(self.version) : has(self.subject) && has(self.version)",
                "a reference takes schemaRef, or subject and version",
            )
        )
    )
    name: str = Field(
        min_length=1,
        max_length=1024,
        description="How the schema calls it: Avro full name, JSON $ref URL, Protobuf import path.",
    )
    subject: str | None = Field(default=None, min_length=1, max_length=1024, description="Subject in the registry.")
    version: Int | None = Field(default=None, ge=1, description="Version of that subject.")
    schema_ref: SchemaRef | None = Field(default=None, description="A KafkaSchema; it is registered first.")


class SchemaMetadata(Model):
    """Metadata of a schema (data contracts; Confluent)."""

    tags: dict[str, list[str]] | None = Field(default=None, description="Path to tags.")
    properties: dict[str, str] | None = Field(default=None, description="Free properties.")
    sensitive: list[str] | None = Field(default=None, description="Names of the properties that are sensitive.")


class Rule(Model):
    """One data-contract rule (Confluent)."""

    name: str = Field(min_length=1, description="Name of the rule.")
    doc: str | None = Field(default=None, description="What it is for.")
    kind: Literal["TRANSFORM", "CONDITION"] | None = Field(default=None, description="TRANSFORM or CONDITION.")
    mode: Literal["UPGRADE", "DOWNGRADE", "UPDOWN", "WRITE", "READ", "WRITEREAD"] | None = Field(
        default=None, description="When it runs."
    )
    type: str | None = Field(default=None, description="Executor, for example CEL or JSONATA.")
    tags: list[str] | None = Field(default=None, description="Tags that it applies to.")
    params: dict[str, str] | None = Field(default=None, description="Parameters of the executor.")
    expr: str | None = Field(default=None, description="Expression.")
    on_success: str | None = Field(default=None, description="Action on success.")
    on_failure: str | None = Field(default=None, description="Action on failure.")
    disabled: Bool | None = Field(default=None, description="true switches it off.")


class RuleSet(Model):
    """Data-contract rules (Confluent)."""

    migration_rules: list[Rule] | None = Field(default=None, description="Between versions.")
    domain_rules: list[Rule] | None = Field(default=None, description="On records.")
    encoding_rules: list[Rule] | None = Field(default=None, description="On encoded records.")
    enable_at: str | None = Field(default=None, description="When the rules begin to hold.")


class KafkaSchemaSpec(Managed):
    """A schema of a KafkaCluster's registry."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("has(self.subject) != has(self.topicRef)", "give subject or topicRef, one of the two"),
            cel("has(self.schema) != has(self.schemaFrom)", "give schema or schemaFrom, one of the two"),
            cel(
                "has(self.topicRef) || (!has(self.part) && !has(self.namingStrategy))",
                "part and namingStrategy belong to topicRef",
            ),
            cel(
                "self.clusterRef == oldSelf.clusterRef",
                "clusterRef is immutable: delete the resource and create it anew",
            ),
            cel(
                "has(self.subject) == has(oldSelf.subject) && (!has(self.subject) || self.subject == oldSelf.subject)",
                "subject is immutable: a registry cannot rename a subject",
            ),
            cel(
                "has(self.topicRef) == has(oldSelf.topicRef) && (!has(self.topicRef) || self.topicRef == oldSelf.topicRef)",
                "topicRef is immutable: the subject's name comes from it",
            ),
            cel(
                "(has(self.part) ? self.part : 'value') == (has(oldSelf.part) ? oldSelf.part : 'value')",
                "part is immutable: the subject's name comes from it",
            ),
            cel(
                "(has(self.namingStrategy) ? self.namingStrategy : 'TopicName')"
                " == (has(oldSelf.namingStrategy) ? oldSelf.namingStrategy : 'TopicName')",
                "namingStrategy is immutable: the subject's name comes from it",
            ),
        )
    )
    cluster_ref: ClusterRef = Field(description="The KafkaCluster whose registry it is; immutable.")
    subject: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Subject; or give topicRef; immutable."
    )
    topic_ref: TopicRef | None = Field(
        default=None, description="The KafkaTopic whose records this schema describes; immutable."
    )
    part: Literal["key", "value"] | None = Field(
        default=None, description="With topicRef: key or value; default value; immutable."
    )
    naming_strategy: NamingStrategy | None = Field(
        default=None, description="With topicRef: how the subject is named; default TopicName; immutable."
    )
    schema_type: SchemaType = Field(default=SchemaType.AVRO, description="AVRO (default), JSON or PROTOBUF.")
    schema_: SchemaText | None = Field(default=None, alias="schema", description="The schema's text.")
    schema_from: SchemaSource | None = Field(default=None, description="Where the schema's text is, when not inline.")
    references: Annotated[list[SchemaReference], Field(max_length=100)] = Field(
        default_factory=list, description="Schemas that this one uses."
    )
    compatibility: Compatibility | None = Field(
        default=None,
        description="Compatibility level of the subject; absent: by the cluster's schemaDefaults, else left alone.",
    )
    normalize: Bool = Field(
        default=False,
        description="Whether the registry normalizes the schema when registering and looking up; default false.",
    )
    metadata: SchemaMetadata | None = Field(default=None, description="Metadata, where the registry stores it.")
    rule_set: RuleSet | None = Field(default=None, description="Rules, where the registry stores them.")
    deletion_policy: SchemaDeletionPolicy | None = Field(
        default=None, description="Retain, SoftDelete or HardDelete; default by the cluster, else Retain."
    )


class KafkaSchemaStatus(Model):
    """What kafkade last saw and set of the subject."""

    observed_generation: Int = Field(default=-1, description="metadata.generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready, Reconciling, Stalled.")
    subject: str | None = Field(default=None, description="The subject.")
    id: Int | None = Field(default=None, description="The schema's id in the registry.")
    version: Int | None = Field(default=None, description="The subject's version that is as declared.")
    schema_type: str | None = Field(default=None, description="AVRO, JSON or PROTOBUF.")
    schema_hash: str | None = Field(
        default=None, description="SHA-256 of the schema text and its references that were registered last."
    )
    compatibility: str | None = Field(default=None, description="The subject's compatibility level in force.")
    compatibility_set: str | None = Field(default=None, description="The level that kafkade itself set on the subject.")
    compatibility_announced: str | None = Field(
        default=None,
        description="The level that kafkade is about to set: written down before, so that a crash leaves no doubt whose it is.",
    )
    mode: str | None = Field(default=None, description="The registry's mode for the subject.")
    references: list[str] | None = Field(default=None, description="Resolved references, subject:version.")
    drift: list[Drift] | None = Field(default=None, description="Differences last found that no spec change explains.")
