"""What the fault suite takes for as declared: no less than what the operator promises, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from support.faults.shop import policy_differences

HERE, LETTERS = "orders", "orders.dlq"
MINE, FORMER = "uid-2", "uid-1"


def policy(reason: str, observed: int = 2) -> dict[str, Any]:
    ready = {"type": "Ready", "status": str(reason == "Reconciled"), "reason": reason, "message": ""}
    status = {"observedGeneration": observed, "conditions": [ready]}
    return {"metadata": {"name": "dead-letters", "uid": MINE, "generation": 2}, "status": status}


def kafka_topic(owner: str = MINE, **meta: str) -> dict[str, Any]:
    return {"metadata": {"name": LETTERS, "ownerReferences": [{"uid": owner}], **meta}}


@pytest.mark.parametrize(
    ("reason", "made", "there", "says"),
    [
        pytest.param("Reconciled", kafka_topic(), {HERE, LETTERS}, None, id="all there"),
        pytest.param("Reconciled", kafka_topic(), {LETTERS}, None, id="its source went"),
        pytest.param("TopicNotFound", None, set(), None, id="its source never was"),
        pytest.param("TopicNotFound", None, {LETTERS}, None, id="dead letters of a policy before it"),
        pytest.param(
            "TopicNotFound", kafka_topic(FORMER), {LETTERS}, None, id="a policy before it is being cleaned up"
        ),
        pytest.param("TopicNotFound", kafka_topic(), {LETTERS}, "TopicNotFound", id="its own, and not ready"),
        pytest.param("TopicNotFound", kafka_topic(), {HERE, LETTERS}, "TopicNotFound", id="did not see its source"),
        pytest.param("WaitingForTopics", kafka_topic(), {HERE}, "WaitingForTopics", id="not finished"),
        pytest.param("Reconciled", None, set(), "is not there, nor was", id="ready without anything"),
        pytest.param("Reconciled", kafka_topic(FORMER), {LETTERS}, "is not there, nor was", id="ready by another's"),
        pytest.param(
            "Reconciled",
            kafka_topic(deletionTimestamp="now"),
            {LETTERS},
            "is not there, nor was",
            id="ready by what goes",
        ),
        pytest.param("Reconciled", None, {HERE, LETTERS}, "has no KafkaTopic", id="ready without a KafkaTopic"),
        pytest.param("Reconciled", kafka_topic(), {HERE}, "is not in Kafka", id="ready without its topic"),
    ],
)
def test_a_policy_is_as_declared(reason: str, made: dict[str, Any] | None, there: set[str], says: str | None) -> None:
    found = list(policy_differences(policy(reason), HERE, made, there))
    assert len(found) == (says is not None), found
    assert says is None or says in found[0]


def test_a_status_of_an_older_generation_does_not_count() -> None:
    (found,) = policy_differences(policy("Reconciled", observed=1), HERE, kafka_topic(), {HERE, LETTERS})
    assert found.endswith("of an older generation")
