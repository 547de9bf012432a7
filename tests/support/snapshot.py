"""All that Kafka and a registry hold, read back past the operator, as plain values that can be compared."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import ConfigResource

from support import registry
from support.kafka import KafkaView

Snapshot = dict[str, Any]

TRIES = 50

_OWN = frozenset({1, 2, 3})
"""Sources of a setting that somebody made: on the topic, on one broker, on all brokers (ConfigSource)."""


def of_kafka(view: KafkaView) -> Snapshot:
    """Each topic's id, replicas and own settings, Kafka's own topics included; and the brokers' dynamic settings.

    Looked at anew where a topic that was listed is not there any more, or not yet for the broker that is asked for it.
    """
    for _ in range(TRIES):
        try:
            return _of_kafka(view)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            time.sleep(0.1)
    raise AssertionError("topics come and go all the time")


def _of_kafka(view: KafkaView) -> Snapshot:
    metadata = view.admin.list_topics(timeout=20)
    topics = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in metadata.topics]
    brokers = [ConfigResource(ConfigResource.Type.BROKER, str(number)) for number in metadata.brokers]
    # a broker's settings are asked of that broker alone, one a request
    asked = dict(view.admin.describe_configs(topics)) if topics else {}
    for broker in brokers:
        asked |= view.admin.describe_configs([broker])
    described = view.admin.describe_topics(TopicCollection(list(metadata.topics))) if topics else {}
    made = {r: {k: e.value for k, e in f.result(20).items() if int(e.source) in _OWN} for r, f in asked.items()}
    found: Snapshot = {f"broker {r.name}": made[r] for r in brokers}
    for resource in topics:
        description = described[resource.name].result(20)
        found[f"topic {resource.name}"] = {
            "id": str(description.topic_id),
            "replicas": [[n.id for n in p.replicas] for p in description.partitions],
            "config": made[resource],
        }
    return found


def of_registry(url: str) -> Snapshot:
    """Each subject's versions with their texts and ids, its level and its mode, deleted ones included; and the registry's own."""

    def ask(path: str) -> Any:
        return registry.found(url, path)

    result: Snapshot = {"config": ask("/config"), "mode": ask("/mode")}
    for subject in ask("/subjects?deleted=true"):
        path = quote(subject, safe="")
        versions = ask(f"/subjects/{path}/versions?deleted=true") or []
        result[f"subject {subject}"] = {
            "versions": [ask(f"/subjects/{path}/versions/{v}?deleted=true") for v in versions],
            "config": ask(f"/config/{path}"),
            "mode": ask(f"/mode/{path}"),
        }
    return result


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What is not as it was, one line each."""
    return [
        f"{name}: {before.get(name, 'was not there')} -> {after.get(name, 'is gone')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
