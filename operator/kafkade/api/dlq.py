"""KafkaDLQPolicy: which topics have dead-letter and retry topics, and what applications do with records that fail."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kafkade.api.common import (
    Bool,
    ClusterRef,
    Condition,
    DnsName,
    Duration,
    Int,
    Managed,
    Model,
    Number,
    Settings,
    cel,
    rules,
)
from kafkade.api.topic import MAX_TOPIC_NAME, DeletionPolicy

DEFAULT_SUFFIX = ".dlq"
DEFAULT_RETRY_SUFFIX = ".retry."
DEFAULT_RETENTION = "336h"
DEFAULT_HEADROOM = 65_536
"""Bytes that a dead letter may be larger than its source's max.message.bytes: room for the headers that tell of the error."""
MAX_HEADROOM = 1_073_741_823

ALERT = "Alert"
"""Type of the condition that says whether a limit of spec.alert is passed."""


class ErrorAction(StrEnum):
    """What an application does with a record whose processing failed."""

    RETRY = "RETRY"
    DEAD_LETTER = "DEAD_LETTER"
    SKIP = "SKIP"
    STOP = "STOP"


class RetryStrategy(StrEnum):
    """InPlace holds the partition up until the record is done; RetryTopics lets the others pass."""

    IN_PLACE = "InPlace"
    RETRY_TOPICS = "RetryTopics"


class TopicLabels(Model):
    """matchLabels of a Kubernetes label selector."""

    match_labels: Annotated[dict[str, str], Field(min_length=1, max_length=16)] = Field(
        description="Labels that a KafkaTopic must have."
    )


TopicPattern = Annotated[str, Field(min_length=1, max_length=MAX_TOPIC_NAME, pattern=r"^[a-zA-Z0-9._*?-]+$")]

Suffix = Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[._-][a-zA-Z0-9._-]+$")]


class DeadLetterTopics(Model):
    """How the dead-letter topics are made. Each is kept like a KafkaTopic."""

    partitions: Int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Number of partitions; absent: as many as the source, which software that writes a dead letter to the"
        " partition of the same number needs.",
    )
    replication_factor: Int | None = Field(
        default=None, ge=1, le=32_767, description="Number of replicas; default by the cluster's topicDefaults."
    )
    retention: Duration = Field(default=DEFAULT_RETENTION, description="retention.ms; default 336h, which is 14 days.")
    max_message_bytes_headroom: Int = Field(
        default=DEFAULT_HEADROOM,
        ge=0,
        le=MAX_HEADROOM,
        description="Bytes that max.message.bytes is above the source's, for the headers that tell of the error; default 65536.",
    )
    config: Settings = Field(
        default_factory=dict, description="Further topic settings; one named here wins over retention and headroom."
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="Whether dead-letter and retry topics go, with their records, when the policy is deleted: Retain (default)"
        " or Delete. A topic that only leaves the policy is kept either way.",
    )


class Backoff(Model):
    """Delays between attempts: initial, then times multiplier, up to maxDelay."""

    initial: Duration = Field(default="100ms", description="Delay before the second attempt; default 100ms.")
    multiplier: Annotated[Number, Field(ge=1.0, le=100.0)] = Field(default=2.0, description="Factor; default 2.0.")
    max_delay: Duration = Field(default="1m", description="No delay is longer; default 1m.")
    jitter: Annotated[Number, Field(ge=0.0, le=1.0)] = Field(
        default=0.0, description="Part of each delay that is drawn at random, 0 to 1; default 0."
    )


class Retry(Model):
    """How often and how a record is tried before it is a dead letter."""

    max_attempts: Int = Field(
        default=3, ge=1, le=100, description="Attempts in all, the first one included; default 3."
    )
    strategy: RetryStrategy = Field(
        default=RetryStrategy.IN_PLACE,
        description="InPlace (default) tries again before the next record; RetryTopics sends the record to a retry topic"
        " for each further attempt, so that others pass.",
    )
    backoff: Backoff = Field(default_factory=Backoff, description="Delays between attempts.")
    suffix: Suffix = Field(
        default=DEFAULT_RETRY_SUFFIX,
        description="What stands between a topic's name and the number of its retry topic; default .retry. (user-events.retry.1).",
    )


def _class_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise PydanticCustomError("pattern", "not a class name: {why}", {"why": str(error)}) from error
    return text


ExceptionName = Annotated[
    str,
    Field(min_length=1, max_length=512, pattern=r"^[a-zA-Z_][a-zA-Z0-9_.$]*$"),
    AfterValidator(_class_pattern),
]


class Route(Model):
    """What happens when an exception of this class ends a record's processing."""

    exception: ExceptionName = Field(
        description="Class of the exception, with or without its package: DeserializationException."
    )
    action: ErrorAction = Field(description="RETRY, DEAD_LETTER, SKIP or STOP.")


class Alert(Model):
    """Limits; the condition Alert is True while one is passed."""

    depth: Int | None = Field(default=None, ge=0, description="Records in one dead-letter topic not put back yet.")
    age: Duration | None = Field(default=None, description="Age of the oldest of them.")
    growth_per_minute: Int | None = Field(
        default=None, ge=0, description="Records that arrive in one dead-letter topic in a minute."
    )


DEFAULT_GROUP_PREFIX = "dlq."
"""What a share group's dead-letter topic starts with. It is the default of the brokers'
errors.deadletterqueue.topic.name.prefix (KIP-1191), and they refuse other names."""


class ShareGroup(Model):
    """A share group whose broker writes dead letters (KIP-1191, Kafka 4.4 with share.version 2).

    The group has one dead-letter topic, whatever topics it reads. The fields are settings of the group in Kafka (resource
    type GROUP), named in their descriptions.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!has(self.deadLetterTopic) || !self.deadLetterTopic.startsWith('__')",
                "deadLetterTopic: brokers refuse a name that starts with __ as a share group's dead-letter topic",
            ),
            cel(
                f"has(self.deadLetterTopic) || size(self.group) <= {MAX_TOPIC_NAME - len(DEFAULT_GROUP_PREFIX)}"
                " && self.group.matches('^[a-zA-Z0-9._-]+$')",
                "no topic can be named after this group: give deadLetterTopic",
            ),
        )
    )
    group: Annotated[str, Field(min_length=1, max_length=MAX_TOPIC_NAME)] = Field(description="The group's id.")
    dead_letter_topic: (
        Annotated[str, Field(min_length=1, max_length=MAX_TOPIC_NAME, pattern=r"^[a-zA-Z0-9._-]+$")] | None
    ) = Field(
        default=None,
        description="errors.deadletterqueue.topic.name; default dlq.<group>. It starts with the brokers'"
        " errors.deadletterqueue.topic.name.prefix, which is dlq. unless they say otherwise.",
    )
    copy_record: Bool = Field(
        default=False,
        description="errors.deadletterqueue.copy.record.enable: whether a dead letter has the record's key and value; default"
        " false, and then it only says where the record is.",
    )
    max_attempts: Int | None = Field(
        default=None,
        ge=2,
        le=10,
        description="share.delivery.count.limit (KIP-1240): deliveries of a record until it is a dead letter; default by"
        " the brokers' group.share.delivery.count.limit, which is 5 unless they say otherwise.",
    )


class KafkaDLQPolicySpec(Managed):
    """Dead letters of some topics and share groups of a KafkaCluster."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "has(self.topics) || has(self.topicSelector) || has(self.shareGroups)",
                "say which topics the policy is for: give topics, topicSelector or both, or shareGroups",
            ),
            cel(
                "self.clusterRef == oldSelf.clusterRef",
                "clusterRef is immutable: delete the resource and create it anew",
            ),
            cel(
                "(has(self.suffix) ? self.suffix : '.dlq') == (has(oldSelf.suffix) ? oldSelf.suffix : '.dlq')",
                "suffix is immutable: Kafka cannot rename a topic",
            ),
        )
    )
    cluster_ref: ClusterRef = Field(description="The KafkaCluster; immutable.")
    topics: Annotated[list[TopicPattern], Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="Names of topics, or patterns with * and ?. Dead-letter, retry and internal topics never match.",
    )
    topic_selector: TopicLabels | None = Field(
        default=None, description="KafkaTopics of this namespace and cluster with these labels."
    )
    suffix: Suffix = Field(
        default=DEFAULT_SUFFIX, description="A dead-letter topic is named <topic><suffix>; default .dlq; immutable."
    )
    dead_letter_topics: DeadLetterTopics = Field(
        default_factory=DeadLetterTopics, description="How the topics are made."
    )
    retry: Retry = Field(default_factory=Retry, description="What comes before a record is a dead letter.")
    routes: Annotated[list[Route], Field(max_length=64)] = Field(
        default_factory=list, description="What happens by class of the exception; the first that fits counts."
    )
    default_action: ErrorAction = Field(
        default=ErrorAction.RETRY, description="What happens on an exception without a route; default RETRY."
    )
    share_groups: Annotated[
        list[ShareGroup],
        Field(
            max_length=64, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["group"]}
        ),
    ] = Field(
        default_factory=list,
        description="Share groups whose dead letters the brokers write (KIP-1191, Kafka 4.4 with share.version 2). A group"
        " has one policy: the older one keeps it.",
    )
    alert: Alert = Field(default_factory=Alert, description="When to call for help; absent: never.")
    config_map_name: DnsName | None = Field(
        default=None,
        description="Name of the ConfigMap that applications mount; default <name>-dlq. When it changes, the one of the"
        " former name is deleted as soon as the new one is there: mount the new one first.",
    )


class PolicyTopic(Model):
    """One source topic of the policy, with what came of it."""

    topic: str = Field(description="The source topic.")
    dead_letter_topic: str = Field(description="Its dead-letter topic.")
    retry_topics: list[str] | None = Field(default=None, description="Its retry topics, in the order of attempts.")
    ready: Bool = Field(description="Whether the topics are there, as declared.")
    reason: str | None = Field(default=None, description="Why not.")
    message: str | None = Field(default=None, description="The cause and the way out.")
    depth: Int | None = Field(default=None, description="Dead letters not put back yet, when status was last written.")
    oldest: str | None = Field(
        default=None, description="Timestamp of the oldest of them.", json_schema_extra={"format": "date-time"}
    )
    growth_per_minute: Int | None = Field(
        default=None, description="Dead letters that came a minute, when status was last written."
    )


class PolicyShareGroup(Model):
    """One share group of the policy, with what came of it."""

    group: str = Field(description="The group's id.")
    dead_letter_topic: str = Field(description="Its dead-letter topic.")
    ready: Bool = Field(description="Whether its topic is there and its settings are as declared.")
    reason: str | None = Field(default=None, description="Why not.")
    message: str | None = Field(default=None, description="The cause and the way out.")
    config: dict[str, str] | None = Field(
        default=None, description="Settings of the group that kafkade has set, and takes back when the group leaves."
    )
    depth: Int | None = Field(default=None, description="Dead letters not put back yet, when status was last written.")
    oldest: str | None = Field(
        default=None, description="Timestamp of the oldest of them.", json_schema_extra={"format": "date-time"}
    )
    growth_per_minute: Int | None = Field(
        default=None, description="Dead letters that came a minute, when status was last written."
    )


class KafkaDLQPolicyStatus(Model):
    """What kafkade last saw and made for the policy."""

    observed_generation: Int = Field(default=-1, description="metadata.generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready, Reconciling, Stalled, Alert.")
    matched: Int | None = Field(default=None, description="Number of source topics.")
    depth: Int | None = Field(
        default=None,
        description="Dead letters of all topics and share groups not put back yet, when status was last written.",
    )
    oldest: str | None = Field(
        default=None, description="Timestamp of the oldest of them.", json_schema_extra={"format": "date-time"}
    )
    growth_per_minute: Int | None = Field(
        default=None, description="Dead letters that came a minute, when status was last written."
    )
    topics: list[PolicyTopic] | None = Field(default=None, description="The source topics, by name.")
    share_groups: list[PolicyShareGroup] | None = Field(default=None, description="The share groups, by id.")
    config_map: str | None = Field(default=None, description="The ConfigMap that applications mount.")
    former_config_maps: list[str] | None = Field(
        default=None, description="ConfigMaps of former names that are still to be deleted, if they are the policy's."
    )
