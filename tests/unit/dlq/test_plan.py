"""What a policy does about each of its topics."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.objects import Resource
from kafkade.dlq.desired import SourceFacts
from kafkade.dlq.plan import Entry, Facts, PolicyPlan, plan
from unit.dlq.resources import kafka_topic, policy, rule, world

MINE = policy(topics=["orders"])
SPEC: dict[str, Any] = {
    "topicName": "orders.dlq",
    "partitions": 3,
    "config": {"cleanup.policy": "delete", "max.message.bytes": "66536", "retention.ms": "1209600000"},
    "deletionPolicy": "Retain",
}


def planned(
    mine: Resource = MINE,
    *,
    here: tuple[Resource, ...] = (),
    partitions: int | None = 3,
    others: tuple[Resource, ...] = (),
) -> PolicyPlan:
    """The plan of a policy for ``orders``; ``here``: KafkaTopics that there are."""
    sources = {} if partitions is None else {"orders": SourceFacts(partitions, 1000)}
    made = {str(r.spec["topicName"]): r for r in here if r.owner is not None and r.owner.uid == mine.uid}
    facts = Facts(world(["orders"], list(here), [mine, *others]), sources, made)
    return plan(mine, rule(mine), ["orders"], facts)


def only(found: PolicyPlan) -> Entry:
    (entry,) = found.entries
    return entry


def test_a_new_topic_is_created() -> None:
    (child,) = only(planned()).create
    assert (child.key.name, child.spec) == ("orders.dlq", {"clusterRef": {"name": "main"}, **SPEC})


def test_nothing_to_do() -> None:
    assert only(planned(here=(kafka_topic("orders.dlq", owner=MINE, **SPEC),))).ready


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"partitions": 2}, id="partitions"),
        pytest.param({"config": {}}, id="settings"),
        pytest.param({"deletionPolicy": "Delete"}, id="deletion"),
        pytest.param({"paused": True}, id="a field that the policy does not set"),
    ],
)
def test_what_differs_is_set_back(change: dict[str, Any]) -> None:
    before = kafka_topic("orders.dlq", owner=MINE, **{**SPEC, **change})
    ((old, child),) = only(planned(here=(before,))).change
    assert (old, child.spec["config"], child.spec["partitions"]) == (before, SPEC["config"], 3)


def test_a_kafka_topic_that_is_not_ready_is_waited_for() -> None:
    entry = only(planned(here=(kafka_topic("orders.dlq", owner=MINE, ready=False, **SPEC),)))
    assert (entry.ready, entry.reason) == (False, "TopicConflict")
    assert entry.waits == "KafkaTopic shop/orders.dlq: held"


def test_what_somebody_declared_is_used() -> None:
    entry = only(planned(here=(kafka_topic("my-dead-letters", topicName="orders.dlq", partitions=3),)))
    assert (entry.create, entry.change, entry.ready) == ((), (), True)


def test_a_namesake_of_another_namespace_is_not_used() -> None:
    """Its KafkaTopic is older, so ours will say TopicConflict."""
    entry = only(planned(here=(kafka_topic("orders.dlq", topicName="orders.dlq", namespace="other"),)))
    assert len(entry.create) == 1


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(
            planned(here=(kafka_topic("mine", topicName="orders.dlq", partitions=2),)), "TooFewPartitions", id="too few"
        ),
        pytest.param(planned(partitions=None), "TopicNotFound", id="no source"),
        pytest.param(
            planned(others=(policy("older", topics=["o*"], created="2025-01-01T00:00:00Z"),)),
            "PolicyConflict",
            id="older",
        ),
        pytest.param(
            planned(
                policy(topics=["orders"], deadLetterTopics={"partitions": 2}),
                here=(kafka_topic("orders.dlq", owner=MINE, **SPEC),),
            ),
            "PartitionShrinkRefused",
            id="fewer partitions than before",
        ),
    ],
)
def test_refused(found: PolicyPlan, reason: str) -> None:
    error = only(found).error
    assert error is not None
    assert error.reason == reason


@pytest.mark.parametrize("retry", [False, True])
def test_fewer_partitions_are_refused_and_applications_keep_the_topics_that_are_there(retry: bool) -> None:
    """They lost their dead-letter topic over a number that nothing came of."""
    strategy = {"retry": {"strategy": "RetryTopics", "maxAttempts": 2}} if retry else {}
    asked = policy(topics=["orders"], deadLetterTopics={"partitions": 2}, **strategy)
    entry = only(planned(asked, here=(kafka_topic("orders.dlq", owner=MINE, **SPEC),)))
    assert entry.usable is not retry, "a retry topic is not there yet"
    assert not entry.ready


def test_a_source_that_is_gone_leaves_its_dead_letters_as_they_are() -> None:
    """Their limit has the headroom in it already: added at each look, it grew without end, and the status was written as often."""
    entry = only(planned(here=(kafka_topic("orders.dlq", owner=MINE, **SPEC),), partitions=None))
    assert (entry.create, entry.change, entry.error) == ((), (), None)
    assert entry.ready


def test_what_is_not_matched_any_more_leaves() -> None:
    former = kafka_topic("users.dlq", owner=MINE, **{**SPEC, "topicName": "users.dlq"})
    found = planned(here=(former, kafka_topic("orders.dlq", owner=MINE, **SPEC)))
    assert found.leaving == (former,)
