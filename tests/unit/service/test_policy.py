"""What becomes of a record by a mounted policy: tables of cases, and the file that changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.dlq.naming import source_topics
from kafkade.dlq.render import render
from kafkade.service.errors import DeserializationException, PolicyError, ProcessingException
from kafkade.service.policy import Decision, Do, MountedPolicy, Policy, fits


def text(*topics: str, **fields: Any) -> str:
    spec = KafkaDLQPolicySpec.model_validate({"clusterRef": {"name": "main"}, "topics": list(topics), **fields})
    return render(spec, [source_topics(topic, spec) for topic in topics])["policy.json"]


DOCUMENT = {
    "retry": {"maxAttempts": 3, "backoff": {"initial": "100ms", "multiplier": 2.0}},
    "routes": [
        {"exception": "DeserializationException", "action": "DEAD_LETTER"},
        {"exception": "ProcessingException", "action": "RETRY"},
        {"exception": "Harmless", "action": "SKIP"},
        {"exception": "OSError", "action": "STOP"},
    ],
}
"""The document's error handling."""


class Harmless(Exception):
    """A class that a route names without its package."""


LETTER = Decision(Do.DEAD_LETTER, "user-events.dlq")


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (ProcessingException("x"), 1, Decision(Do.AGAIN, delay=0.1)),
        (ProcessingException("x"), 2, Decision(Do.AGAIN, delay=0.2)),
        (ProcessingException("x"), 3, LETTER),
        (ValueError("by default action"), 1, Decision(Do.AGAIN, delay=0.1)),
        (DeserializationException("x"), 1, LETTER),
        (Harmless(), 1, Decision(Do.SKIP)),
        (FileNotFoundError("a subclass"), 1, Decision(Do.STOP)),
    ],
)
def test_in_place(error: Exception, attempt: int, expected: Decision) -> None:
    assert Policy.parse(text("user-events", **DOCUMENT)).decide("user-events", error, attempt) == expected


def test_what_an_error_came_from_counts() -> None:
    error = ValueError("x")
    error.__cause__ = FileNotFoundError()
    assert Policy.parse(text("user-events", **DOCUMENT)).decide("user-events", error, 1) == Decision(Do.STOP)


def test_retry_topics() -> None:
    policy = Policy.parse(
        text("a", "b", retry={"maxAttempts": 3, "strategy": "RetryTopics", "backoff": {"initial": "1s"}})
    )
    assert policy.retry_topics("a") == ("a.retry.1", "a.retry.2")
    assert policy.source("a.retry.2") == "a"
    assert (policy.delay("a"), policy.delay("a.retry.1"), policy.delay("a.retry.2")) == (0, 1, 2)
    error = ProcessingException("x")
    assert policy.decide("a", error, 1) == Decision(Do.RETRY_TOPIC, "a.retry.1")
    assert policy.decide("a.retry.1", error, 2) == Decision(Do.RETRY_TOPIC, "a.retry.2")
    assert policy.decide("a.retry.2", error, 3) == Decision(Do.DEAD_LETTER, "a.dlq")


def test_jitter_is_part_of_the_delay() -> None:
    policy = Policy.parse(text("a", retry={"backoff": {"initial": "1s", "jitter": 0.5}}))
    delays = {policy.decide("a", ValueError(), 1).delay for _ in range(50)}
    assert len(delays) > 1
    assert all(0.5 <= delay <= 1 for delay in delays)


def test_without_a_policy_nothing_is_lost() -> None:
    for policy in (Policy(), Policy.parse(text("other"))):
        assert policy.decide("a", ValueError(), 1).do is Do.AGAIN
        assert policy.decide("a", ValueError(), 3) == Decision(Do.STOP)
        assert policy.decide("a", DeserializationException("x"), 1) == Decision(Do.STOP)


@pytest.mark.parametrize(
    ("route", "name", "expected"),
    [
        ("ValueError", "builtins.ValueError", True),
        ("builtins.ValueError", "builtins.ValueError", True),
        ("Error", "builtins.ValueError", False),
        ("shop.Failed", "app.shop.Failed", True),
        ("Outer.Inner", "app.Outer.Inner", True),
        ("com.example.Failed", "app.Failed", False),
    ],
)
def test_names_of_classes(route: str, name: str, expected: bool) -> None:
    assert fits(route, name) is expected


def test_a_file_that_changes_is_read_anew_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text("a"))
    mounted = MountedPolicy(file)
    assert not mounted.reload()
    (tmp_path / "new").write_text(text("a", retry={"maxAttempts": 1}))
    (tmp_path / "new").rename(file)
    assert mounted.reload()
    assert mounted.current.decide("a", ValueError(), 1) == Decision(Do.DEAD_LETTER, "a.dlq")
    file.write_text("{")
    os.utime(file, (1, 1))
    assert not mounted.reload()
    assert not mounted.reload()
    assert caplog.text.count("the policy stays as it was") == 1
    assert mounted.current.decide("a", ValueError(), 1).do is Do.DEAD_LETTER
    file.unlink()
    assert not mounted.reload()


def test_a_service_does_not_begin_with_a_broken_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="mount the ConfigMap"):
        MountedPolicy(tmp_path / "policy.json")
    with pytest.raises(PolicyError, match=r"policy\.json is no policy.*schemaVersion"):
        Policy.parse(text("a").replace("dlq-policy/v1", "dlq-policy/v9"))
