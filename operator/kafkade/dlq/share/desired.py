"""What a policy wants of a share group: its settings in Kafka, and the KafkaTopic of its dead letters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkade.api.common import config_text
from kafkade.api.dlq import DEFAULT_GROUP_PREFIX, KafkaDLQPolicySpec, ShareGroup
from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Key
from kafkade.dlq.backoff import milliseconds
from kafkade.dlq.desired import Child, object_name

TOPIC_NAME = "errors.deadletterqueue.topic.name"
COPY_RECORD = "errors.deadletterqueue.copy.record.enable"
DELIVERY_LIMIT = "share.delivery.count.limit"
"""Settings of a group (org.apache.kafka.coordinator.group.GroupConfig of Kafka 4.4; KIP-1191, KIP-1240)."""

FOR_GROUPS = "errors.deadletterqueue.group.enable"
"""Setting of a topic: without it brokers write no share group's dead letters there (KIP-1191)."""

NAME_PREFIX = "errors.deadletterqueue.topic.name.prefix"
"""Setting of the brokers: what each share group's dead-letter topic must start with; empty: any name will do."""


def dead_letter_topic(group: ShareGroup) -> str:
    """Where the group's dead letters go: dlq.workers."""
    return group.dead_letter_topic or f"{DEFAULT_GROUP_PREFIX}{group.group}"


def settings(group: ShareGroup) -> dict[str, str]:
    """The group's settings as declared."""
    wanted = {TOPIC_NAME: dead_letter_topic(group), COPY_RECORD: config_text(group.copy_record)}
    if group.max_attempts is not None:
        wanted[DELIVERY_LIMIT] = str(group.max_attempts)
    return wanted


def child(namespace: str, spec: KafkaDLQPolicySpec, topic: str, before: Mapping[str, Any]) -> Child:
    """The KafkaTopic of a group's dead letters. ``before``: the spec of the one that the policy made earlier.

    Any number of partitions will do (the broker takes the source's modulo it), so that one that was made is left as it
    is. max.message.bytes is the brokers', since the topics that a group reads are its members' choice.
    """
    template = spec.dead_letter_topics
    config: dict[str, Any] = {"cleanup.policy": "delete", "retention.ms": milliseconds(template.retention)}
    config |= template.config
    config[FOR_GROUPS] = True
    wanted: dict[str, Any] = {
        "clusterRef": spec.cluster_ref.model_dump(exclude_none=True),
        "topicName": topic,
        "config": {key: config_text(value) for key, value in sorted(config.items())},
        "deletionPolicy": template.deletion_policy.value,
    }
    found = before.get("partitions")
    partitions = max(template.partitions or 0, found if isinstance(found, int) else 0)
    if partitions:
        wanted["partitions"] = partitions
    if template.replication_factor is not None:
        wanted["replicationFactor"] = template.replication_factor
    return Child(Key(TOPIC, namespace, object_name(topic)), topic, wanted)
