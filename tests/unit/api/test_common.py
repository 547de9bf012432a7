"""What a spec that does not parse is told: one clause a field, with the way out."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import Model, parse
from kafkade.api.errors import InvalidSpec
from kafkade.api.topic import KafkaTopicSpec

EXPECTED = "expected a string, an integer or a boolean, found"
TOPIC = {"clusterRef": {"name": "main"}}
CLUSTER = {"bootstrapServers": "kafka:9092"}

WRONG: list[tuple[str, type[Model], dict[str, Any], str]] = [
    (
        "a list",
        KafkaTopicSpec,
        {**TOPIC, "config": {"cleanup.policy": ["compact"]}},
        f"spec.config.cleanup.policy: {EXPECTED} a list: write its items into one string, with commas between them",
    ),
    (
        "a fraction",
        KafkaTopicSpec,
        {**TOPIC, "config": {"min.cleanable.dirty.ratio": 0.5}},
        f'spec.config.min.cleanable.dirty.ratio: {EXPECTED} the fraction 0.5: put it in quotes, "0.5"',
    ),
    ("an object", KafkaTopicSpec, {**TOPIC, "config": {"a": {}}}, f"spec.config.a: {EXPECTED} an object"),
    ("nothing", KafkaTopicSpec, {**TOPIC, "config": {"a": None}}, f"spec.config.a: {EXPECTED} nothing"),
    (
        "two at once",
        KafkaClusterSpec,
        {**CLUSTER, "brokerConfig": {"a": {}, "b": None}},
        f"spec.brokerConfig.a: {EXPECTED} an object; spec.brokerConfig.b: {EXPECTED} nothing",
    ),
    (
        "a pattern",
        KafkaClusterSpec,
        {**CLUSTER, "naming": {"pattern": "[a-z"}},
        "spec.naming.pattern: not a regular expression: missing ]: [a-z (by RE2, which has no look-around and no backreferences)",
    ),
]


@pytest.mark.parametrize(("model", "spec", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_a_wrong_spec_is_told(model: type[Model], spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse(model, spec)
    assert caught.value.message == message


def test_settings_keep_their_type() -> None:
    config = {"a": True, "b": 1, "c": "x"}
    assert list(map(repr, parse(KafkaTopicSpec, {**TOPIC, "config": config}).config.values())) == ["True", "1", "'x'"]
