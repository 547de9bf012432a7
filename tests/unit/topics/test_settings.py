"""How topic settings compare and what is said of unknown ones."""

from __future__ import annotations

import pytest

from kafkade.topics.settings import same, unknown_key_message

SAME = [
    ("retention.ms", "604800000", "604800000", True, "equal text"),
    ("retention.ms", "604800000", "0604800000", True, "equal number"),
    ("min.cleanable.dirty.ratio", "0.5", "0.50", True, "equal fraction"),
    ("preallocate", "True", "true", True, "booleans without case"),
    ("cleanup.policy", "compact,delete", "delete, compact", True, "sets without order"),
    ("compression.type", "gzip", "GZIP", False, "names keep their case"),
    ("retention.ms", "1", "2", False, "another number"),
    ("retention.ms", None, "2", False, "nothing is not something"),
    ("follower.replication.throttled.replicas", "0:1,1:2", "1:2,0:1", False, "only known sets are sets"),
]


@pytest.mark.parametrize(("key", "left", "right", "expected", "reason"), SAME, ids=[s[4] for s in SAME])
def test_same(key: str, left: str | None, right: str | None, expected: bool, reason: str) -> None:
    assert same(key, left, right) is expected, reason
    assert same(key, right, left) is expected, reason


def test_unknown_keys_are_explained() -> None:
    assert "did you mean retention.ms?" in unknown_key_message("retention.mss")
    assert "did you mean retention.ms?" in unknown_key_message("log.retention.ms"), "a broker's name of its default"
    assert "message.timestamp.before.max.ms" in unknown_key_message("message.timestamp.difference.max.ms")
    assert "see Kafka's topic settings" in unknown_key_message("zzzzzz")
