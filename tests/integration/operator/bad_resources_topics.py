"""Bad KafkaTopics."""

from __future__ import annotations

from typing import Any

from integration.operator.bad_resources import BY_HAND, FINE, GUEST, HOME, STRANGER, Bad, Spec

LONG = "a" * 250
MAIN = {"name": "main"}
STRICT = {"name": "strict"}
HOMES = {"name": "main", "namespace": HOME}


def _spec(fields: dict[str, Any]) -> Spec:
    return {"clusterRef": MAIN, **fields}


def refused(id_: str, *says: str, name: str = "", was: Spec | None = None, **fields: Any) -> Bad:
    """The API server says no."""
    good = None if was is None else _spec(was)
    return Bad(id=id_, kind="KafkaTopic", spec=_spec(fields), says=says, name=name, good=good)


def bad(id_: str, reason: str, *says: str, was: Spec | None = None, namespace: str = HOME, **fields: Any) -> Bad:
    """The operator says no."""
    good = None if was is None else _spec(was)
    return Bad(id=id_, kind="KafkaTopic", spec=_spec(fields), reason=reason, says=says, good=good, namespace=namespace)


def setting(id_: str, reason: str, config: Spec, *says: str) -> Bad:
    """One setting that is wrong, of a topic that is not there yet."""
    return bad(id_, reason, *says, config=config)


def changed(id_: str, reason: str, good: Spec, now: Spec, *says: str) -> Bad:
    """A topic that was fine before."""
    return bad(id_, reason, *says, was=good, **now)


REFUSED = (
    refused("topic-name-too-long", "spec.topicName", "249", topicName=LONG),
    refused("topic-name-of-resource-too-long", "metadata.name is longer than the 249", "set spec.topicName", name=LONG),
    refused("topic-name-with-a-space", "spec.topicName", "should match '^[a-zA-Z0-9._-]+$'", topicName="user events"),
    refused("topic-name-with-an-umlaut", "spec.topicName", "should match", topicName="käufe"),
    refused("topic-name-empty", "spec.topicName", "at least 1 chars", topicName=""),
    refused("topic-name-dots", "a topic cannot be named . or ..", topicName=".."),
    refused("topic-partitions-zero", "spec.partitions", "greater than or equal to 1", partitions=0),
    refused("topic-partitions-negative", "spec.partitions", "greater than or equal to 1", partitions=-3),
    refused("topic-partitions-in-words", ".spec.partitions", "expected numeric", partitions="three"),
    refused("topic-partitions-a-fraction", "spec.partitions", "must be of type integer", partitions=2.5),
    refused("topic-replicas-zero", "spec.replicationFactor", "greater than or equal to 1", replicationFactor=0),
    refused("topic-config-a-list", ".spec.config", "expected map", config=["retention.ms=1"]),
    refused("topic-field-misspelt", ".spec.partition", "not declared in schema", partition=3),
    refused("topic-cluster-as-text", ".spec.clusterRef", "expected map", clusterRef="main"),
    refused("topic-cluster-unnamed", "spec.clusterRef.name", "Required value", clusterRef={}),
    refused("topic-deletion-policy-unknown", "spec.deletionPolicy", '"Delete", "Retain"', deletionPolicy="Remove"),
    refused("topic-paused-in-words", ".spec.paused", "expected boolean", paused="yes"),
    refused("topic-fewer-partitions", "partitions can only grow", was={"partitions": 3}, partitions=2),
    refused("topic-renamed", "topicName is immutable", was={"topicName": "fine-before"}, topicName="fine-after"),
    refused("topic-moved", "clusterRef is immutable", was={}, clusterRef=STRICT),
)

NAMES = (
    bad("topic-internal-offsets", "NamingRefused", "__consumer_offsets", "internal", topicName="__consumer_offsets"),
    bad(
        "topic-internal-transactions",
        "NamingRefused",
        "__transaction_state",
        "never managed",
        topicName="__transaction_state",
    ),
    *(
        bad(
            id_,
            "NamingRefused",
            f"topic name {name}",
            "[a-z]+(-[a-z]+)+",
            "user-events",
            clusterRef=STRICT,
            topicName=name,
        )
        for id_, name in (
            ("topic-policy-casing", "UserEvents"),
            ("topic-policy-too-generic", "orders"),
            ("topic-policy-unclear", "svc1"),
            ("topic-policy-dlq-of-a-bad-name", "UserEvents.dlq"),
        )
    ),
    bad(
        "topic-policy-denied",
        "NamingRefused",
        "denies test-events",
        "user-events",
        clusterRef=STRICT,
        topicName="test-events",
    ),
    bad(
        "topic-collides-with-a-resource", "TopicConflict", f"{HOME}/fine-dotted", "older", topicName="fine_dotted_name"
    ),
    bad(
        "topic-collides-with-one-by-hand",
        "NamingRefused",
        "made_by-hand",
        "collides",
        BY_HAND,
        topicName="made_by-hand",
    ),
)

SETTINGS = (
    setting("config-misspelt", "InvalidConfig", {"retention.sm": 1}, "retention.sm", "did you mean retention.ms?"),
    setting(
        "config-of-a-broker", "InvalidConfig", {"log.retention.ms": 1}, "log.retention.ms", "did you mean retention.ms?"
    ),
    setting("config-unknown", "InvalidConfig", {"colour": "red"}, "config colour", "no such topic setting"),
    setting(
        "config-removed",
        "InvalidConfig",
        {"message.format.version": "2.8"},
        "message.format.version",
        "removed in Kafka 4.0",
    ),
    setting(
        "config-replaced",
        "InvalidConfig",
        {"message.timestamp.difference.max.ms": 5},
        "removed in Kafka 4.0",
        "use message.timestamp.before.max.ms",
    ),
    setting("config-number-in-words", "InvalidConfig", {"retention.ms": "abc"}, "retention.ms", "abc", "Not a number"),
    setting("config-number-empty", "InvalidConfig", {"retention.ms": ""}, "retention.ms"),
    setting("config-negative", "InvalidConfig", {"segment.ms": -5}, "segment.ms", "-5", "at least 1"),
    setting("config-too-small", "InvalidConfig", {"retention.ms": -2}, "retention.ms", "at least -1"),
    setting("config-too-large", "InvalidConfig", {"max.message.bytes": 2**31}, "max.message.bytes", "2147483648"),
    setting(
        "config-ratio-above-one",
        "InvalidConfig",
        {"min.cleanable.dirty.ratio": "1.5"},
        "min.cleanable.dirty.ratio",
        "no more than 1",
    ),
    setting(
        "config-not-one-of", "InvalidConfig", {"cleanup.policy": "shred"}, "cleanup.policy", "shred", "compact, delete"
    ),
    setting("config-codec-misspelt", "InvalidConfig", {"compression.type": "gizp"}, "compression.type", "gizp", "gzip"),
    setting("config-boolean-in-words", "InvalidConfig", {"preallocate": "maybe"}, "preallocate", "true or false"),
    setting(
        "config-value-a-list",
        "InvalidSpec",
        {"cleanup.policy": ["compact", "delete"]},
        "spec.config.cleanup.policy",
        "a string, an integer or a boolean",
        "list",
    ),
    setting(
        "config-value-an-object",
        "InvalidSpec",
        {"retention": {"ms": 5}},
        "spec.config.retention",
        "a string, an integer or a boolean",
    ),
    setting(
        "config-value-a-fraction",
        "InvalidSpec",
        {"min.cleanable.dirty.ratio": 0.5},
        "spec.config.min.cleanable.dirty.ratio",
        '"0.5"',
    ),
    setting(
        "config-isr-above-the-factor",
        "InvalidConfig",
        {"min.insync.replicas": 2},
        "min.insync.replicas is 2",
        "replication factor 1",
        "acks=all",
    ),
)

PLACES = (
    bad(
        "topic-more-replicas-than-brokers",
        "NotEnoughBrokers",
        "replication factor 2",
        "the cluster has 1",
        replicationFactor=2,
    ),
    bad(
        "topic-more-default-replicas-than-brokers",
        "NotEnoughBrokers",
        "replication factor 3 (from the cluster's topicDefaults)",
        clusterRef={"name": "replicated"},
    ),
    bad(
        "topic-of-no-cluster",
        "ClusterNotFound",
        f"KafkaCluster {HOME}/nowhere does not exist",
        "spec.clusterRef",
        clusterRef={"name": "nowhere"},
    ),
    bad(
        "topic-of-an-unreachable-cluster",
        "ClusterUnreachable",
        "127.0.0.1:1",
        clusterRef={"name": "cluster-nothing-listens"},
    ),
    bad(
        "topic-of-a-cluster-without-its-secret",
        "SecretNotFound",
        "no-such-secret",
        clusterRef={"name": "cluster-secret-missing"},
    ),
    bad(
        "topic-of-a-stranger",
        "NotAllowed",
        f"namespace {STRANGER} may not use",
        "spec.allowedNamespaces",
        namespace=STRANGER,
        clusterRef=HOMES,
    ),
    bad(
        "topic-without-the-prefix",
        "NotAllowed",
        "topic orders-of-guest",
        "start with guest.",
        namespace=GUEST,
        clusterRef=HOMES,
        topicName="orders-of-guest",
    ),
    bad(
        "topic-of-another-namespace",
        "TopicConflict",
        "topic guest.taken",
        f"{HOME}/fine-for-guest",
        "leaves the topic alone",
        namespace=GUEST,
        clusterRef=HOMES,
        topicName="guest.taken",
        partitions=7,
        config={"retention.ms": 1},
        adoptionPolicy="Always",
    ),
    bad(
        "topic-taken-through-another-cluster-resource",
        "TopicConflict",
        f"topic {FINE}",
        f"{HOME}/{FINE}",
        namespace=GUEST,
        clusterRef={"name": "own"},
        topicName=FINE,
        partitions=7,
        adoptionPolicy="Always",
    ),
    bad("topic-taken-twice", "TopicConflict", f"{HOME}/{FINE}", "older", topicName=FINE, config={"retention.ms": 1}),
    bad(
        "topic-there-before",
        "AdoptionRefused",
        "by-hand-never",
        "adoptionPolicy is Never",
        topicName="by-hand-never",
        adoptionPolicy="Never",
    ),
    bad(
        "topic-there-before-and-different",
        "AdoptionRefused",
        "partitions is 2, declared 4",
        "config[retention.ms] is 9000, declared 8000",
        "adoptionPolicy to Always",
        topicName="by-hand-different",
        partitions=4,
        config={"retention.ms": 8000},
    ),
)

CHANGES = (
    changed(
        "change-fewer-than-there-are",
        "PartitionShrinkRefused",
        {},
        {"partitions": 1},
        "has 4 partitions",
        "set spec.partitions to 4 or more",
    ),
    changed(
        "change-misspelt-among-good-ones",
        "InvalidConfig",
        {"config": {"retention.ms": 60000}},
        {"config": {"retention.ms": 70000, "segment.m": 1}, "partitions": 3},
        "segment.m",
        "did you mean segment.ms?",
    ),
    changed(
        "change-out-of-range-among-good-ones",
        "InvalidConfig",
        {"config": {"retention.ms": 60000}},
        {"config": {"retention.ms": 70000, "segment.ms": 0}, "partitions": 3},
        "segment.ms",
        "at least 1",
    ),
    changed(
        "change-removed-setting",
        "InvalidConfig",
        {},
        {"config": {"message.format.version": "3.0"}},
        "message.format.version",
        "removed in Kafka 4.0",
    ),
    changed(
        "change-isr-above-the-factor",
        "InvalidConfig",
        {"replicationFactor": 1},
        {"replicationFactor": 1, "config": {"min.insync.replicas": "3"}},
        "min.insync.replicas is 3",
    ),
    changed(
        "change-more-replicas-than-brokers",
        "NotEnoughBrokers",
        {"replicationFactor": 1},
        {"replicationFactor": 3, "config": {"retention.ms": 5}},
        "needs 3 brokers and the cluster has 1",
    ),
    changed(
        "change-value-a-list",
        "InvalidSpec",
        {"config": {"cleanup.policy": "compact"}},
        {"config": {"cleanup.policy": ["delete"]}, "partitions": 2},
        "spec.config.cleanup.policy",
    ),
)

TOPICS = (*REFUSED, *NAMES, *SETTINGS, *PLACES, *CHANGES)
