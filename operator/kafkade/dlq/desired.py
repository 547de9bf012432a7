"""The KafkaTopics that a policy wants for one source topic. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api.common import OBJECT_NAME, config_text
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Key
from kafkade.dlq.backoff import milliseconds
from kafkade.dlq.model import SourceTopics

LABEL = "kafkade.io/dlq-policy"
"""Label of what a policy made, with the policy's name."""

_MAX_NAME = 253
_MAX_LABEL = 63
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What Kafka says of a source topic."""

    partitions: int
    max_message_bytes: int | None = None
    letters_max_bytes: int | None = None
    """Of a source that is gone: the limit that its dead-letter topic was made with, headroom and all."""


@dataclass(frozen=True, slots=True)
class Child:
    """A KafkaTopic that a policy keeps."""

    key: Key
    topic: str
    spec: Mapping[str, Any]


def children(
    namespace: str,
    spec: KafkaDLQPolicySpec,
    topics: SourceTopics,
    source: SourceFacts,
    existing: Mapping[str, Mapping[str, Any]],
) -> list[Child]:
    """The KafkaTopics of one source: the dead-letter topic and the retry topics.

    ``existing``: specs of those that the policy made before, by topic name; they never lose partitions.
    """
    result = []
    for name in (topics.dead_letter_topic, *topics.retry_topics):
        wanted = _spec(name, spec, source, existing.get(name, {}))
        result.append(Child(Key(TOPIC, namespace, object_name(name)), name, wanted))
    return result


def _spec(name: str, spec: KafkaDLQPolicySpec, source: SourceFacts, before: Mapping[str, Any]) -> dict[str, Any]:
    template = spec.dead_letter_topics
    config: dict[str, Any] = {
        # a compacted dead-letter topic would keep only the newest record of a key
        "cleanup.policy": "delete",
        "retention.ms": milliseconds(template.retention),
    }
    if source.max_message_bytes is not None:
        config["max.message.bytes"] = min(source.max_message_bytes + template.max_message_bytes_headroom, _INT32_MAX)
    elif source.letters_max_bytes is not None:
        config["max.message.bytes"] = source.letters_max_bytes
    config |= template.config
    wanted: dict[str, Any] = {
        "clusterRef": spec.cluster_ref.model_dump(exclude_none=True),
        "topicName": name,
        "partitions": max(template.partitions or source.partitions, _partitions(before)),
        "config": {key: config_text(value) for key, value in sorted(config.items())},
        "deletionPolicy": template.deletion_policy.value,
    }
    if template.replication_factor is not None:
        wanted["replicationFactor"] = template.replication_factor
    return wanted


def _partitions(before: Mapping[str, Any]) -> int:
    found = before.get("partitions")
    return found if isinstance(found, int) else 0


def object_name(topic: str) -> str:
    """The KafkaTopic's metadata.name: the topic's own where Kubernetes takes it, else a likeness with a hash."""
    if len(topic) <= _MAX_NAME and OBJECT_NAME.fullmatch(topic):
        return topic
    likeness = re.sub(r"[^a-z0-9]+", "-", topic.lower()).strip("-")[: _MAX_NAME - 9] or "topic"
    return f"{likeness.strip('-')}-{hashlib.sha256(topic.encode()).hexdigest()[:8]}"


def label_value(policy: str) -> str:
    """The policy's name as a label's value, which is shorter than an object's name may be."""
    if len(policy) <= _MAX_LABEL:
        return policy
    return f"{policy[: _MAX_LABEL - 9].rstrip('-.')}-{hashlib.sha256(policy.encode()).hexdigest()[:8]}"
