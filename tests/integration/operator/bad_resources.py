"""What a bad resource is in the tables beside this file, and the world that it is bad in.

One Kafka and one registry, and resources of others that are fine: ``NEIGHBOURS``. Every table entry is applied on top of
that, says what it gets, and must leave Kafka and the registry as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

HOME = "bad"
"""Namespace of the KafkaCluster; may use any name."""
GUEST = "bad-guest"
"""Namespace that may use names with the prefix ``guest.``; it also has a KafkaCluster of its own for the same Kafka."""
STRANGER = "bad-stranger"
"""Namespace that ``main`` does not let in."""

FINE = "fine-orders"
"""A topic of HOME, and the subject ``fine-orders-value``: what others must not take."""
BY_HAND = "made.by-hand"
TOPICS_BY_HAND = (BY_HAND, "by-hand-never", "by-hand-different")
"""Topics without a resource: 2 partitions, retention.ms=9000."""
GROWN_BY_HAND = "change-fewer-than-there-are"
"""A topic of the table that somebody gave 4 partitions."""
IDLE = "127.0.0.1:1"
"""Where nothing listens (tcpmux is an ancient, privileged port)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """``reason`` None: the API server itself refuses it. ``says``: fragments that a person can act on."""

    id: str
    """The test's id, and metadata.name unless ``name`` says otherwise."""
    kind: str
    spec: Spec
    says: tuple[str, ...]
    reason: str | None = None
    good: Spec | None = None
    """A spec of the same resource that was Ready before: the bad one is a change."""
    namespace: str = HOME
    name: str = ""
    silent: bool = False
    """No Warning Event: the reason is one of ordinary progress."""

    @property
    def resource(self) -> str:
        """metadata.name."""
        return self.name or self.id


def record(*fields: Mapping[str, Any], name: str = "Order") -> str:
    """An Avro record."""
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": list(fields)})


ID = {"name": "id", "type": "string"}

_PLAIN = {"bootstrapServers": "{PLAINTEXT}", "topicDefaults": {"partitions": 1, "replicationFactor": 1}}
_REGISTRY = {"urls": ["{REGISTRY}"]}
_RESYNC = {"resyncInterval": "2s"}

_ONLY_GUEST = {"name": GUEST, "topicPrefixes": ["guest."], "subjectPrefixes": ["guest."]}
_STRICT = {
    "pattern": "[a-z]+(-[a-z]+)+",
    "denied": ["test-events"],
    "message": "name it <service>-<what>, for example user-events",
}

NEIGHBOURS: tuple[tuple[str, str, str, Spec], ...] = (
    (
        "KafkaCluster",
        HOME,
        "main",
        _PLAIN
        | _RESYNC
        | {"schemaRegistry": _REGISTRY, "allowedNamespaces": {"from": "Selected", "namespaces": [_ONLY_GUEST]}},
    ),
    ("KafkaCluster", HOME, "strict", _PLAIN | _RESYNC | {"naming": _STRICT}),
    ("KafkaCluster", HOME, "replicated", _PLAIN | _RESYNC | {"topicDefaults": {"replicationFactor": 3}}),
    ("KafkaCluster", GUEST, "own", _PLAIN | _RESYNC | {"schemaRegistry": _REGISTRY}),
    (
        "KafkaTopic",
        HOME,
        FINE,
        {
            "clusterRef": {"name": "main"},
            "partitions": 2,
            "config": {"retention.ms": 60000, "cleanup.policy": "compact"},
        },
    ),
    ("KafkaTopic", HOME, "fine-dotted", {"clusterRef": {"name": "main"}, "topicName": "fine.dotted.name"}),
    ("KafkaTopic", HOME, "fine-for-guest", {"clusterRef": {"name": "main"}, "topicName": "guest.taken"}),
    (
        "KafkaSchema",
        HOME,
        FINE,
        {
            "clusterRef": {"name": "main"},
            "topicRef": {"name": FINE},
            "schema": record(ID),
            "compatibility": "FULL",
            "deletionPolicy": "HardDelete",
        },
    ),
    (
        "KafkaSchema",
        HOME,
        "fine-for-guest",
        {
            "clusterRef": {"name": "main"},
            "subject": "guest.taken-value",
            "schema": record(ID),
            "deletionPolicy": "HardDelete",
        },
    ),
)
"""Kind, namespace, name, spec; ``{…}`` stand for addresses."""


def filled(value: Any, addresses: Mapping[str, str]) -> Any:
    """``value`` with the addresses in place of ``{…}``, which only a running stack knows, and without fields that are None."""
    if isinstance(value, str):
        for name, address in addresses.items():
            value = value.replace(f"{{{name}}}", address)
        return value
    if isinstance(value, Mapping):
        return {k: filled(v, addresses) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [filled(v, addresses) for v in value]
    return value
