"""Policies by the names of topics: what they say, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed
from kafkade.clients.model import ConfigEntry, ConfigSource, Partition, TopicDescription
from kafkade.exports.dead_letters import SUFFIXES, Guessed, guess
from kafkade.exports.model import Target
from kafkade.topics.observe import TopicFacts

TARGET = Target("shop", "main")
DEFAULTS = {"cleanup.policy": "delete", "retention.ms": "604800000", "max.message.bytes": "1048588"}


def topic(name: str, partitions: int = 2, factor: int = 3, **config: str) -> TopicFacts:
    """With Kafka's defaults beneath its own settings."""
    entries = {key: ConfigEntry(value, ConfigSource.DEFAULT) for key, value in DEFAULTS.items()}
    entries |= {key.replace("_", "."): ConfigEntry(value, ConfigSource.TOPIC) for key, value in config.items()}
    replicas = tuple(range(factor))
    return TopicFacts(TopicDescription(name, name, (Partition(replicas, replicas, 0),) * partitions), entries)


def guessed(*topics: TopicFacts | str) -> Guessed:
    """Policies of these; a text is a topic without anything special."""
    facts = [topic(t) if isinstance(t, str) else t for t in topics]
    return guess({f.description.name: f for f in facts if f.description}, SUFFIXES, TARGET)


def specs(found: Guessed) -> dict[str, dict[str, Any]]:
    return {draft.key.name: dict(draft.spec) for draft in found.exported.drafts}


def test_equal_ones_share_a_policy() -> None:
    found = guessed("orders", "orders.dlq", "clicks", "clicks.dlq", "alone", "lonely.dlq")
    assert specs(found) == {
        "dead-letters": {
            "clusterRef": {"name": "main"},
            "topics": ["clicks", "orders"],
            "deadLetterTopics": {"replicationFactor": 3, "retention": "168h", "maxMessageBytesHeadroom": 0},
        }
    }
    assert found.kept == {"orders.dlq", "clicks.dlq"}
    assert found.names == {"orders.dlq", "clicks.dlq"}
    assert "2 topics are taken for dead-letter and retry topics" in found.exported.notes[-1]


@pytest.mark.parametrize(
    ("source", "dead_letters", "template", "reason"),
    [
        (
            topic("a"),
            topic("a.dlq", retention_ms="1209600000", max_message_bytes="1114124"),
            {"replicationFactor": 3},
            "as kafkade makes it by default",
        ),
        (topic("a", 4), topic("a.dlq", 1, 2), {"partitions": 1, "replicationFactor": 2}, "its own numbers"),
        (topic("a"), topic("a.dlq", retention_ms="-1"), {"config": {"retention.ms": -1}}, "no duration"),
        (
            topic("a", max_message_bytes="5000000"),
            topic("a.dlq"),
            {"config": {"max.message.bytes": 1048588}},
            "less than its source",
        ),
        (topic("a"), topic("a.dlq", retention_ms="90000"), {"retention": "90s"}, "seconds"),
        (topic("a"), topic("a.dlq", retention_ms="1"), {"retention": "1ms"}, "milliseconds"),
        (
            topic("a"),
            topic("a.dlq", cleanup_policy="compact,delete", segment_ms="1000"),
            {"config": {"cleanup.policy": "compact,delete", "segment.ms": 1000}},
            "further settings",
        ),
    ],
)
def test_the_template_is_the_topic_as_it_is(
    source: TopicFacts, dead_letters: TopicFacts, template: dict[str, Any], reason: str
) -> None:
    found = guessed(source, dead_letters)
    spec = specs(found)["dead-letters"]["deadLetterTopics"]
    assert spec.items() >= template.items(), reason
    assert found.kept == {"a.dlq"}, reason


def test_retry_topics_belong_to_the_policy_if_they_are_like_it() -> None:
    found = guessed("a", "a.dlq", "a.retry.1", "a.retry.2", "a.retry.4")
    assert specs(found)["dead-letters"]["retry"] == {"strategy": "RetryTopics", "maxAttempts": 3}
    assert found.kept == {"a.dlq", "a.retry.1", "a.retry.2"}, "the fourth does not follow the second"
    other = guessed("a", "a-dlt", "a-retry-1")
    assert specs(other)["dead-letters"]["retry"]["suffix"] == "-retry-"
    assert specs(other)["dead-letters"]["suffix"] == "-dlt"


@pytest.mark.parametrize(
    "other",
    [
        topic("Pays.retry.2", retention_ms="2592000000"),
        topic("Pays.retry.2", 3),
        topic("Pays.retry.2", factor=2),
        topic("Pays.retry.2", segment_ms="1000"),
    ],
)
def test_a_policy_that_would_make_one_retry_topic_otherwise_names_none(other: TopicFacts) -> None:
    found = guessed(
        "Pays", topic("Pays.dlq", retention_ms="86400000"), topic("Pays.retry.1", retention_ms="86400000"), other
    )
    assert "retry" not in specs(found)["dead-letters"], "applied first, it would make Pays.retry.2 by its own retention"
    assert found.kept == {"Pays.dlq"}, "the others are KafkaTopics"
    assert len(found.names) == 1
    assert (
        "topic Pays: spec.retry of its policy is left out, since it would make Pays.retry." in found.exported.notes[0]
    )


UNREADABLE = replace(topic("a"), configs={})


@pytest.mark.parametrize(
    ("source", "dead_letters"),
    [
        (topic("a"), topic("a.dlq", partitions=100_001)),
        (UNREADABLE, topic("a.dlq", max_message_bytes="2000000")),
    ],
)
def test_a_dead_letter_topic_that_no_policy_would_make_has_none(source: TopicFacts, dead_letters: TopicFacts) -> None:
    found = guessed(source, dead_letters, "b", "b.dlq")
    assert specs(found)["dead-letters"]["topics"] == ["b"]
    assert found.kept == {"b.dlq"}
    assert "topic a.dlq: no policy keeps it" in found.exported.notes[0]


def test_a_limit_far_above_the_sources_is_a_setting() -> None:
    found = guessed(topic("a", max_message_bytes="1000"), topic("a.dlq", max_message_bytes="1073742824"))
    template = specs(found)["dead-letters"]["deadLetterTopics"]
    assert template["config"] == {"max.message.bytes": 1073742824}
    assert "maxMessageBytesHeadroom" not in template
    assert found.kept == {"a.dlq"}


def test_what_differs_has_policies_of_its_own_the_largest_first() -> None:
    found = specs(guessed("a", topic("a.dlq", 9), "b", "b.dlq", "c", "c.dlq", "D_x", "D_x_DLQ"))
    assert {name: spec["topics"] for name, spec in found.items()} == {
        "dead-letters": ["b", "c"],
        "dead-letters-a": ["a"],
        "dead-letters-d-x": ["D_x"],
    }


@pytest.mark.parametrize(
    "topics",
    [
        ["a.dlq", "a.dlq.dlq"],
        ["a.retry.1", "a.retry.1.dlq"],
        ["a-dlt", "a-dlt.dlq"],
        [".dlq"],
        ["a"],
    ],
)
def test_a_dead_letter_topic_has_no_dead_letters(topics: list[str]) -> None:
    assert specs(guessed(*topics)) == {}


def test_of_two_dead_letter_topics_one_is_the_policys() -> None:
    found = guessed("a", "a-dlt", "a.dlq")
    assert found.kept == {"a.dlq"}


def test_a_policy_names_256_topics_at_most() -> None:
    found = specs(guessed(*(f"t{n}{s}" for n in range(300) for s in ("", ".dlq"))))
    assert [len(spec["topics"]) for spec in found.values()] == [256, 44]


def test_what_cannot_be_read_is_not_guessed() -> None:
    assert specs(guess({"a": topic("a"), "a.dlq": AuthorizationFailed("no")}, SUFFIXES, TARGET)) == {}
    bare = TopicFacts(topic("a.dlq").description)
    assert specs(guess({"a": topic("a"), "a.dlq": bare}, SUFFIXES, TARGET)) == {}
