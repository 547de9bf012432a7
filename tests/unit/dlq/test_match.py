"""Which topics a policy is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.errors import DeadLetterLoop, NotAllowed
from kafkade.api.policy import Grant
from kafkade.dlq import match
from kafkade.dlq.match import holder, matched, rules_of
from unit.dlq.resources import kafka_topic, policy, rule, world

TOPICS = ["user-events", "order-events", "order-events.dlq", "order-events.retry.1", "__consumer_offsets", "metrics"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"topics": ["user-events"]}, ["user-events"], id="a name"),
        pytest.param({"topics": ["not-there"]}, ["not-there"], id="a name that is no topic yet"),
        pytest.param({"topics": ["*-events"]}, ["order-events", "user-events"], id="a pattern"),
        pytest.param(
            {"topics": ["*"]},
            ["elsewhere", "labelled", "metrics", "order-events", "user-events"],
            id="all, without what is made",
        ),
        pytest.param({"topics": ["user-event?"]}, ["user-events"], id="one character"),
        pytest.param({"topicSelector": {"matchLabels": {"a": "b"}}}, ["labelled"], id="labels"),
        pytest.param({"topicSelector": {"matchLabels": {"a": "c"}}}, [], id="other labels"),
        pytest.param(
            {"topics": ["metrics"], "topicSelector": {"matchLabels": {"a": "b"}}}, ["labelled", "metrics"], id="both"
        ),
    ],
)
def test_matched(spec: dict[str, Any], expected: list[str]) -> None:
    found = policy(**spec)
    here = [kafka_topic("labelled", labels={"a": "b"}), kafka_topic("elsewhere", labels={"a": "b"}, namespace="other")]
    assert matched(rule(found), world(TOPICS, here, [found])) == expected


def test_what_another_policy_makes_is_no_source() -> None:
    other = policy("other", topics=["order-*"], suffix=".dead", retry={"suffix": ".again."})
    mine = policy(topics=["*"])
    topics = ["order-events", "order-events.dead", "order-events.again.2"]
    assert matched(rule(mine), world(topics, policies=[mine, other])) == ["order-events"]


def test_what_a_policy_made_is_no_source_whatever_its_name() -> None:
    """A suffix that a policy had before it was made anew."""
    mine = policy(topics=["*"])
    here = [kafka_topic("orders.old", owner=policy("former"))]
    assert matched(rule(mine), world(["orders", "orders.old"], here, [mine])) == ["orders"]


@pytest.mark.parametrize("name", ["order-events.dlq", "order-events.retry.1", "__consumer_offsets", "__mine"])
def test_a_loop_is_refused(name: str) -> None:
    found = policy(topics=[name])
    with pytest.raises(DeadLetterLoop, match=name):
        matched(rule(found), world(TOPICS, policies=[found]))


def test_a_grant_bounds_patterns_and_refuses_names() -> None:
    grant = Grant(topic_prefixes=("user-",))
    wide, named = policy(topics=["*"]), policy(topics=["metrics"])
    assert matched(rule(wide, grant), world(TOPICS, policies=[wide])) == ["user-events"]
    with pytest.raises(NotAllowed, match="topics that start with user-"):
        matched(rule(named, grant), world(TOPICS, policies=[named]))


def test_the_older_policy_holds() -> None:
    old = policy("old", topics=["*-events"], created="2026-01-01T00:00:00Z")
    new = policy("new", topics=["user-events"], created="2026-01-02T00:00:00Z")
    here = world(TOPICS, policies=[old, new])
    assert holder("user-events", rule(old), here) is None
    found = holder("user-events", rule(new), here)
    assert found is not None
    assert found.key == old.key
    assert holder("metrics", rule(new), here) is None


def test_who_is_not_let_in_or_goes_or_does_not_parse_holds_nothing() -> None:
    good, going = policy("good", topics=["a"]), policy("going", topics=["a"], deleted="2026-01-01T00:00:00Z")
    broken = policy("broken", topics=[])
    stranger = policy("stranger", topics=["a"])
    found = rules_of([(good, Grant()), (going, Grant()), (broken, Grant()), (stranger, None)])
    assert [r.key.name for r in found] == ["good"]


def test_each_of_many_policies_looks_at_its_own_topic_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of policies among thousands of topics: what they have in common is found out once, not by each for each."""

    class Topics(list[str]):
        def __iter__(self) -> Iterator[str]:
            raise AssertionError("of all topics, nobody wants to know who holds one")

    asked: list[str] = []
    own = match.is_own
    monkeypatch.setattr(match, "is_own", lambda name, spec: asked.append(name) or own(name, spec))
    policies = [policy(f"p{n:03}", topics=[f"orders-{n:03}"]) for n in range(100)]
    youngest = rule(policies[-1])
    found = world([], policies=[*policies, policy("z", topics=["orders-099"], created="2026-01-01T00:00:01Z")])
    assert holder("orders-099", youngest, replace(found, topics=Topics(["orders-099"]))) is None
    assert len(asked) <= 100
    late = rule(policy("z", topics=["orders-099"], created="2026-01-01T00:00:01Z"))
    other = holder("orders-099", late, found)
    assert other is not None
    assert other.key.name == "p099"
