"""Conditions: what kstatus reads, what moves lastTransitionTime, which transitions deserve an Event."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.conditions import Outcome, conditions, next_status, transition_events
from kafkade.api.errors import ClusterUnreachable, InvalidConfig

T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def flags(status: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in status["conditions"]}


CASES = [
    (Outcome.done("x"), {"Ready": "True", "Reconciling": "False", "Stalled": "False"}),
    (Outcome.failed(InvalidConfig("x")), {"Ready": "False", "Reconciling": "False", "Stalled": "True"}),
    (Outcome.failed(ClusterUnreachable("x")), {"Ready": "False", "Reconciling": "True", "Stalled": "False"}),
    (Outcome.progressing("Reassigning", "x", ready=True), {"Ready": "True", "Reconciling": "True", "Stalled": "False"}),
    (Outcome.paused(), {"Ready": "Unknown", "Reconciling": "False", "Stalled": "False"}),
]


@pytest.mark.parametrize(("outcome", "expected"), CASES, ids=[c[0].reason for c in CASES])
def test_flags(outcome: Outcome, expected: dict[str, str]) -> None:
    status = next_status({}, 4, outcome, T1)
    assert flags(status) == expected
    assert status["observedGeneration"] == 4
    assert {c["observedGeneration"] for c in status["conditions"]} == {4}


def test_the_same_outcome_gives_the_same_status_later() -> None:
    first = next_status({"topicId": "a"}, 1, Outcome.done("x"), T1, {"partitions": 3})
    assert next_status(first, 1, Outcome.done("x"), T2, {"partitions": 3}) == first


def test_transition_time_moves_only_with_the_status() -> None:
    first = conditions([], 1, Outcome.done("x"), T1)
    told = conditions(first, 2, Outcome.done("other words"), T2)
    assert {c["lastTransitionTime"] for c in told} == {T1}
    failed = {c["type"]: c["lastTransitionTime"] for c in conditions(told, 2, Outcome.failed(InvalidConfig("x")), T2)}
    assert failed == {"Ready": T2, "Reconciling": T1, "Stalled": T2}


def test_a_field_given_as_none_is_taken_out() -> None:
    assert "drift" not in next_status({"drift": [1]}, 1, Outcome.done("x"), T1, {"drift": None})


def events(*outcomes: Outcome) -> list[list[str]]:
    status: dict[str, Any] = {}
    result = []
    for outcome in outcomes:
        new = next_status(status, 1, outcome, T1)
        result.append([f"{e.type} {e.reason}" for e in transition_events(status, new)])
        status = new
    return result


def test_events_only_on_transitions_worth_one() -> None:
    bad, away = Outcome.failed(InvalidConfig("x")), Outcome.failed(ClusterUnreachable("y"))
    assert events(Outcome.done("x"), Outcome.done("y")) == [[], []], "the way to Ready costs no Event"
    assert events(bad, bad, away, Outcome.done("x")) == [
        ["Warning InvalidConfig"],
        [],
        ["Warning ClusterUnreachable"],
        ["Normal Recovered"],
    ]
