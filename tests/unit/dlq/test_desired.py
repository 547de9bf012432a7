"""The KafkaTopics that a policy wants."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.common import parse
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.topic import KafkaTopicSpec
from kafkade.dlq.desired import SourceFacts, children, label_value, object_name
from kafkade.dlq.naming import source_topics
from unit.dlq.resources import REF

DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def wanted(source: SourceFacts, existing: dict[str, Any] | None = None, **spec: Any) -> dict[str, dict[str, Any]]:
    parsed = parse(KafkaDLQPolicySpec, {**REF, "topics": ["orders"], **spec})
    found = children("shop", parsed, source_topics("orders", parsed), source, existing or {})
    for child in found:
        parse(KafkaTopicSpec, child.spec)
    return {child.topic: dict(child.spec) for child in found}


def test_the_whole() -> None:
    assert wanted(SourceFacts(6, 1_048_588)) == {
        "orders.dlq": {
            "clusterRef": {"name": "main"},
            "topicName": "orders.dlq",
            "partitions": 6,
            "config": {"cleanup.policy": "delete", "max.message.bytes": "1114124", "retention.ms": "1209600000"},
            "deletionPolicy": "Retain",
        }
    }


@pytest.mark.parametrize(
    ("template", "field", "expected"),
    [
        pytest.param({}, "partitions", 6, id="as many as the source"),
        pytest.param({"partitions": 2}, "partitions", 2, id="a number"),
        pytest.param({"replicationFactor": 2}, "replicationFactor", 2, id="replication factor"),
        pytest.param({"deletionPolicy": "Delete"}, "deletionPolicy", "Delete", id="deletion"),
    ],
)
def test_fields(template: dict[str, Any], field: str, expected: object) -> None:
    assert wanted(SourceFacts(6), deadLetterTopics=template)["orders.dlq"][field] == expected


@pytest.mark.parametrize(
    ("template", "key", "expected"),
    [
        pytest.param({"retention": "1h30m"}, "retention.ms", "5400000", id="retention"),
        pytest.param({"config": {"retention.ms": -1}}, "retention.ms", "-1", id="a setting wins over retention"),
        pytest.param({"maxMessageBytesHeadroom": 0}, "max.message.bytes", "1000", id="no headroom"),
        pytest.param({"config": {"max.message.bytes": 5}}, "max.message.bytes", "5", id="a setting wins over headroom"),
        pytest.param({"config": {"cleanup.policy": "compact"}}, "cleanup.policy", "compact", id="even cleanup"),
        pytest.param({"config": {"preallocate": True}}, "preallocate", "true", id="as Kafka spells it"),
    ],
)
def test_settings(template: dict[str, Any], key: str, expected: str) -> None:
    assert wanted(SourceFacts(1, 1000), deadLetterTopics=template)["orders.dlq"]["config"][key] == expected


def test_an_unknown_limit_is_left_to_the_brokers() -> None:
    assert "max.message.bytes" not in wanted(SourceFacts(1))["orders.dlq"]["config"]


def test_headroom_ends_at_what_kafka_takes() -> None:
    assert wanted(SourceFacts(1, 2**31 - 5))["orders.dlq"]["config"]["max.message.bytes"] == str(2**31 - 1)


def test_partitions_are_never_taken_away() -> None:
    """The source may have been made anew with fewer."""
    before = {"orders.dlq": {"partitions": 9}}
    assert wanted(SourceFacts(3), before)["orders.dlq"]["partitions"] == 9


def test_retry_topics_are_made_alike() -> None:
    found = wanted(SourceFacts(3), retry={"strategy": "RetryTopics", "maxAttempts": 3})
    assert sorted(found) == ["orders.dlq", "orders.retry.1", "orders.retry.2"]
    assert {spec["partitions"] for spec in found.values()} == {3}


@given(st.text("abcXYZ019._-", min_size=1, max_size=249))
def test_every_topic_has_an_object_name(topic: str) -> None:
    name = object_name(topic)
    assert DNS.fullmatch(name)
    assert len(name) <= 253
    assert name == topic or name != object_name(topic + "x")


def test_names_that_look_alike_stay_apart() -> None:
    assert object_name("orders.dlq") == "orders.dlq"
    assert len({object_name(n) for n in ("orders_dlq", "orders-dlq", "Orders-dlq", "orders.dlq", "orders-.dlq")}) == 5


def test_a_long_policy_name_becomes_a_label() -> None:
    assert label_value("policy") == "policy"
    assert len(label_value("p" * 200)) == 63
    assert label_value("p" * 200) != label_value("p" * 201)
