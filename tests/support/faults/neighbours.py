"""Others on the same Kafka, registry and Kubernetes API, of whom nothing may be touched."""

from __future__ import annotations

import json
from typing import Any

from support.faults.world import World
from support.kubernetes import manifest
from support.letters import letter, write
from support.registry import ask

NAMESPACE = "neighbour"
TOPICS = ("neighbour-orders", "foreign-orders")
"""One with a KafkaTopic in another namespace, and one that somebody made by hand."""
_TEXT = json.dumps({"type": "record", "name": "Foreign", "fields": [{"name": "id", "type": "string"}]})


class Neighbours:
    """Made at the beginning; :meth:`touched` compares."""

    def __init__(self, world: World) -> None:
        self._world = world
        view = world.view
        view.create(TOPICS[1], 2, retention_ms="123456789")
        self._registry("POST", "/subjects/foreign-orders-value/versions", {"schema": _TEXT})
        kubectl = self._kubectl = world.open_namespace(NAMESPACE)
        ref = {"clusterRef": {"name": "main"}}
        subject = {"subject": "neighbour-orders-value", "schema": _TEXT}
        kubectl.apply(
            manifest("KafkaTopic", TOPICS[0], {**ref, "config": {"retention.ms": 99_000_000}}, NAMESPACE),
            manifest("KafkaSchema", TOPICS[0], {**ref, **subject}, NAMESPACE),
        )
        kubectl.wait_ready("KafkaTopic", TOPICS[0], timeout=60)
        kubectl.wait_ready("KafkaSchema", TOPICS[0], timeout=60)
        for name in TOPICS:
            write(world.kafka.bootstrap, name, [letter(number, name) for number in range(1, 10)])
        self._before = self._look()

    def touched(self) -> list[str]:
        """What is not as it was."""
        now = self._look()
        return [f"{what}: {self._before[what]} -> {now[what]}" for what in now if now[what] != self._before[what]]

    def accept(self) -> None:
        """Take what there is for what is to stay: what was touched was told."""
        self._before = self._look()

    def _look(self) -> dict[str, Any]:
        view = self._world.view
        found: dict[str, Any] = {}
        for kind in ("KafkaTopic", "KafkaSchema"):
            item = self._kubectl.get(kind, TOPICS[0]) or {"metadata": {}}
            meta = {key: item["metadata"].get(key) for key in ("uid", "generation", "finalizers", "deletionTimestamp")}
            found[kind] = (meta, item.get("spec"))
        for name in TOPICS:
            found[f"topic {name}"] = (view.topic_id(name), view.partitions(name), view.config(name))
            found[f"subject {name}-value"] = [
                self._registry("GET", f"/subjects/{name}-value/versions/latest"),
                self._registry("GET", f"/config/{name}-value"),
            ]
        return found

    def _registry(self, method: str, path: str, body: Any = None) -> Any:
        return ask(self._world.registry.url, path, method, body)[1]
