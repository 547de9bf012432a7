"""Names of dead-letter and retry topics."""

from __future__ import annotations

import pytest

from kafkade.api.common import ClusterRef
from kafkade.api.dlq import KafkaDLQPolicySpec, Retry, RetryStrategy
from kafkade.api.errors import NamingRefused
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.naming import check_names, dead_letter_topic, is_own, retry_topics, source_topics


def policy(suffix: str = ".dlq", retry_suffix: str = ".retry.", attempts: int = 3) -> KafkaDLQPolicySpec:
    """A policy with retry topics."""
    return KafkaDLQPolicySpec(
        cluster_ref=ClusterRef(name="main"),
        topics=["*"],
        suffix=suffix,
        retry=Retry(max_attempts=attempts, strategy=RetryStrategy.RETRY_TOPICS, suffix=retry_suffix),
    )


NAMES = [
    (policy(), "user-events.dlq", ("user-events.retry.1", "user-events.retry.2"), "the defaults"),
    (policy(attempts=1), "user-events.dlq", (), "one attempt needs no retry topic"),
    (policy("-dlt", "-retry-"), "user-events-dlt", ("user-events-retry-1", "user-events-retry-2"), "other suffixes"),
]


@pytest.mark.parametrize(("spec", "dead", "retries", "reason"), NAMES, ids=[case[3] for case in NAMES])
def test_names(spec: KafkaDLQPolicySpec, dead: str, retries: tuple[str, ...], reason: str) -> None:
    assert source_topics("user-events", spec) == SourceTopics("user-events", dead, retries), reason
    assert dead_letter_topic("user-events", spec) == dead, reason
    assert retry_topics("user-events", spec.retry) == retries, reason


def test_in_place_has_no_retry_topics() -> None:
    assert retry_topics("user-events", Retry(max_attempts=5)) == ()


OWN = [
    (policy(), "user-events.dlq", True, "a dead-letter topic"),
    (policy(), "user-events.retry.1", True, "a retry topic"),
    (policy(), "user-events.retry.12", True, "a retry topic of an earlier spec with more attempts"),
    (policy(), "user-events.retry.1.dlq", True, "what a reader of a retry topic might write to"),
    (policy(), "user-events", False, "a source"),
    (policy(), "user-events.retry.", False, "no number"),
    (policy(), "user-events.retry.1a", False, "not only a number"),
    (policy(), "user-events.retry.late", False, "no number but a word"),
    (policy(), "user-events.retry.1.copy", False, "the number is not at the end"),
    (policy(), "user-eventsxretryx1", False, "a dot of the suffix is a dot"),
    (policy(), "user-events.retry.\u0661", False, "a digit that Kafka does not know"),
    (policy(), "dlq", False, "the word alone"),
    (policy(), ".dlq", False, "a suffix without a source"),
    (policy(), ".retry.1", False, "a retry suffix without a source"),
    (policy(), "user-events-dlt", False, "another policy's suffix"),
    (policy("-dlt"), "user-events-dlt", True, "this policy's suffix"),
    (policy("-dlt"), "user-events.dlq", False, "the default suffix, which this policy does not have"),
]


@pytest.mark.parametrize(("spec", "name", "expected", "reason"), OWN, ids=[case[3] for case in OWN])
def test_is_own(spec: KafkaDLQPolicySpec, name: str, expected: bool, reason: str) -> None:
    assert is_own(name, spec) is expected, reason


def test_in_place_knows_retry_topics_of_an_earlier_spec() -> None:
    spec = KafkaDLQPolicySpec(cluster_ref=ClusterRef(name="main"), topics=["*"])
    assert is_own("user-events.retry.1", spec)


def test_everything_that_is_made_is_own() -> None:
    for spec, _, _, _ in NAMES:
        made = source_topics("a.b_c-d", spec)
        assert all(is_own(name, spec) for name in (made.dead_letter_topic, *made.retry_topics))


LENGTHS = [
    (245, 1, None, "249 characters fit"),
    (246, 1, "dlq", "a dead-letter topic of 250"),
    (241, 2, None, "249 characters of a retry topic fit"),
    (241, 11, "retry.10", "the tenth retry topic has a digit more"),
]


@pytest.mark.parametrize(("length", "attempts", "wrong", "reason"), LENGTHS, ids=[case[3] for case in LENGTHS])
def test_check_names(length: int, attempts: int, wrong: str | None, reason: str) -> None:
    names = [source_topics("short", policy()), source_topics("x" * length, policy(attempts=attempts))]
    if wrong is None:
        check_names(names)
        return
    with pytest.raises(NamingRefused) as caught:
        check_names(names)
    assert f"x.{wrong} cannot be made" in caught.value.message, reason
    assert "at most 249" in caught.value.message
    assert "shorter suffix" in caught.value.message, "the way out"


def test_check_names_refuses_an_internal_topic() -> None:
    with pytest.raises(NamingRefused, match="internal"):
        check_names([SourceTopics("__consumer", "__consumer_offsets")])
