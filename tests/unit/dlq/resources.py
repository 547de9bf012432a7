"""Resources as the planner of policies sees them."""

from __future__ import annotations

from typing import Any

from kafkade.api.common import parse
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.kinds import DLQ_POLICY, TOPIC
from kafkade.api.objects import Key, Owner, Resource
from kafkade.api.policy import Grant
from kafkade.dlq.match import Rule, World

REF = {"clusterRef": {"name": "main"}}


def resource(kind: str, name: str, spec: dict[str, Any], **fields: Any) -> Resource:
    """A resource of namespace ``shop``."""
    given: dict[str, Any] = {
        "key": Key(kind, fields.pop("namespace", "shop"), name),
        "uid": f"uid-{name}",
        "generation": 1,
        "resource_version": "1",
        "created": "2026-01-01T00:00:00Z",
        "deleted": None,
        "finalizers": (),
        "labels": {},
        "annotations": {},
        "spec": {**REF, **spec},
        "status": {},
    }
    return Resource(**{**given, **fields})


def policy(name: str = "policy", **fields: Any) -> Resource:
    """A KafkaDLQPolicy; keywords that Resource has are its own, the others are its spec's."""
    own = {k: fields.pop(k) for k in ("created", "deleted", "status", "namespace") if k in fields}
    return resource(DLQ_POLICY, name, fields, **own)


def kafka_topic(name: str, *, owner: Resource | None = None, ready: bool = True, **fields: Any) -> Resource:
    """A KafkaTopic that is Ready or not."""
    own = {k: fields.pop(k) for k in ("labels", "namespace", "deleted") if k in fields}
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "TopicConflict", "message": "held"}
    status = {"observedGeneration": 1, "conditions": [condition]}
    if "partitions" in fields:
        status["partitions"] = fields["partitions"]
    by = None if owner is None else Owner(owner.key, owner.uid)
    return resource(TOPIC, name, fields, status=status, owner=by, **own)


def rule(resource: Resource, grant: Grant | None = None) -> Rule:
    """A policy as the others see it."""
    spec = parse(KafkaDLQPolicySpec, resource.spec)
    return Rule(resource.key, resource.uid, resource.created, spec, grant or Grant())


def world(topics: list[str], resources: list[Resource] | None = None, policies: list[Resource] | None = None) -> World:
    """Topics of Kafka, KafkaTopics and policies."""
    by_topic: dict[str, list[Resource]] = {}
    for found in resources or []:
        by_topic.setdefault(str(found.spec.get("topicName") or found.key.name), []).append(found)
    rules = tuple(rule(p) for p in policies or [] if not p.deleted)
    return World(topics, {name: tuple(found) for name, found in by_topic.items()}, rules)
