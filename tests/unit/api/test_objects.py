"""What is kept of a Kubernetes object: equal to what came, in as little memory as can be."""

from __future__ import annotations

import json
from typing import Any

from kafkade.api.objects import Resource

MESSAGE = "topic orders is as declared: 1 partitions, replication factor 1"


def body(name: str) -> dict[str, Any]:
    """A KafkaTopic, parsed anew."""
    conditions = [{"type": kind, "reason": "Reconciled", "message": MESSAGE} for kind in ("Ready", "Stalled")]
    meta = {"name": name, "namespace": "shop", "uid": name, "labels": {"team": "a"}, "finalizers": ["kafkade.io/x"]}
    spec = {"partitions": 3, "config": {"retention.ms": 60000, "preallocate": True}}
    found: dict[str, Any] = json.loads(
        json.dumps({"metadata": meta, "spec": spec, "status": {"conditions": conditions}})
    )
    return found


def test_it_is_equal_to_what_came() -> None:
    found = Resource.from_body("KafkaTopic", body("orders"))
    assert found.spec == body("orders")["spec"]
    assert found.status == body("orders")["status"]
    assert found.labels == {"team": "a"}


def test_texts_stand_once() -> None:
    one, two = (Resource.from_body("KafkaTopic", body(name)) for name in ("orders", "payments"))
    first, second = one.status["conditions"]
    assert first["message"] is second["message"]
    assert first["reason"] is two.status["conditions"][0]["reason"]
    assert [*map(id, one.spec["config"])] == [*map(id, two.spec["config"])]
    assert one.finalizers is two.finalizers
    assert one.key.namespace is two.key.namespace


def test_texts_of_a_class_of_their_own_stay() -> None:
    class Located(str):
        """A text that knows where it stood."""

        line = 7

    raw = body("orders") | {"spec": {"topicName": Located("orders")}}
    assert Resource.from_body("KafkaTopic", raw).spec["topicName"].line == 7
