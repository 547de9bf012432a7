"""All that Kafka and a registry hold, read back past the operator, as plain values that can be compared."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from confluent_kafka.admin import ConfigResource

from support.kafka import KafkaView

Snapshot = dict[str, Any]

_OWN = frozenset({1, 2, 3})
"""Sources of a setting that somebody made: on the topic, on one broker, on all brokers (ConfigSource)."""


def of_kafka(view: KafkaView) -> Snapshot:
    """Each topic's id, replicas and own settings, Kafka's own topics included; and the brokers' dynamic settings."""
    metadata = view.admin.list_topics(timeout=20)
    topics = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in metadata.topics]
    brokers = [ConfigResource(ConfigResource.Type.BROKER, str(number)) for number in metadata.brokers]
    asked = view.admin.describe_configs([*topics, *brokers])
    made = {r: {k: e.value for k, e in f.result(20).items() if int(e.source) in _OWN} for r, f in asked.items()}
    found: Snapshot = {f"broker {r.name}": made[r] for r in brokers}
    for resource in topics:
        description = view.describe(resource.name)
        found[f"topic {resource.name}"] = {
            "id": str(description.topic_id),
            "replicas": [[n.id for n in p.replicas] for p in description.partitions],
            "config": made[resource],
        }
    return found


def of_registry(url: str) -> Snapshot:
    """Each subject's versions with their texts and ids, its level and its mode, deleted ones included; and the registry's own."""
    found: Snapshot = {"config": ask(url, "/config"), "mode": ask(url, "/mode")}
    for subject in ask(url, "/subjects?deleted=true"):
        path = quote(subject, safe="")
        versions = ask(url, f"/subjects/{path}/versions?deleted=true") or []
        found[f"subject {subject}"] = {
            "versions": [ask(url, f"/subjects/{path}/versions/{v}?deleted=true") for v in versions],
            "config": ask(url, f"/config/{path}"),
            "mode": ask(url, f"/mode/{path}"),
        }
    return found


def ask(url: str, path: str) -> Any:
    """GET from a registry; None for 404."""
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=20) as response:
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return None
        raise


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What is not as it was, one line each."""
    return [
        f"{name}: {before.get(name, 'was not there')} -> {after.get(name, 'is gone')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
