"""Which dead-letter topics a redrive is for, and who is at work on them."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.common import parse
from kafkade.api.errors import InvalidSpec, KafkadeError, NamingRefused, NotAllowed, PolicyNotReady, UnknownTopic
from kafkade.api.kinds import CLUSTER, DLQ_REDRIVE
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.api.redrive import KafkaDLQRedriveSpec
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.pool import Run
from kafkade.dlq.redrive.progress import Progress
from kafkade.dlq.redrive.sources import check, dead_letter_topics, holders, is_allowed, policy_of
from unit.dlq.resources import policy, resource

MAIN = Key(CLUSTER, "shop", "main")
OURS = Grant(topic_prefixes=("shop-",))


def spec(**source: Any) -> KafkaDLQRedriveSpec:
    return parse(KafkaDLQRedriveSpec, {"clusterRef": {"name": "main"}, "source": source})


def entries(*topics: str, **reasons: str) -> dict[str, Any]:
    """A policy's status."""
    shown: list[dict[str, Any]] = [{"topic": t, "deadLetterTopic": f"{t}.dlq"} for t in topics]
    shown += [{"topic": t, "deadLetterTopic": f"{t}.dlq", "reason": reason} for t, reason in reasons.items()]
    return {"observedGeneration": 1, "topics": shown}


def found(policy: Resource | None, known: list[str], cluster: Key = MAIN) -> list[str]:
    wanted = spec(policyRef={"name": "policy"})
    key = policy_of(resource(DLQ_REDRIVE, "again", {}), wanted)
    return dead_letter_topics(wanted, cluster, key, policy, known)


@pytest.mark.parametrize(
    ("status", "known", "topics"),
    [
        pytest.param(entries("b", "a"), ["a.dlq", "b.dlq"], ["b.dlq", "a.dlq"], id="in the policy's order"),
        pytest.param(entries("a", "b"), ["b.dlq"], ["b.dlq"], id="one is not made yet"),
        pytest.param(entries("a", b="PolicyConflict"), ["a.dlq", "b.dlq"], ["a.dlq"], id="another policy has one"),
        pytest.param(entries(b="TopicNotFound"), ["b.dlq"], ["b.dlq"], id="its source is gone, its letters are not"),
        pytest.param(entries(), ["a.dlq"], [], id="none"),
        pytest.param(
            entries("a") | {"shareGroups": [{"group": "g", "deadLetterTopic": t} for t in ("g.dlq", "a.dlq")]},
            ["a.dlq", "g.dlq"],
            ["a.dlq", "g.dlq"],
            id="those of share groups too, and each once",
        ),
    ],
)
def test_topics_of_a_policy(status: dict[str, Any], known: list[str], topics: list[str]) -> None:
    assert found(policy(status=status), known) == topics


@pytest.mark.parametrize(
    ("given", "cluster", "error", "says"),
    [
        pytest.param(None, MAIN, PolicyNotReady, "KafkaDLQPolicy shop/policy does not exist", id="no policy"),
        pytest.param(policy(deleted="2026-01-02T00:00:00Z"), MAIN, PolicyNotReady, "does not exist", id="going"),
        pytest.param(policy(), MAIN, PolicyNotReady, "is not looked at yet", id="new"),
        pytest.param(
            policy(status=entries("a")), MAIN._replace(name="other"), InvalidSpec, "different clusters", id="elsewhere"
        ),
        pytest.param(
            policy(status=entries("a")), MAIN._replace(namespace="x"), InvalidSpec, "different", id="a namesake's"
        ),
    ],
)
def test_a_policy_that_gives_no_topics(
    given: Resource | None, cluster: Key, error: type[KafkadeError], says: str
) -> None:
    with pytest.raises(error, match=says):
        found(given, ["a.dlq"], cluster)


def test_a_topic() -> None:
    assert dead_letter_topics(spec(topic="a.dlq"), MAIN, None, None, ["a.dlq"]) == ["a.dlq"]
    with pytest.raises(UnknownTopic, match=r"topic b\.dlq does not exist in Kafka"):
        dead_letter_topics(spec(topic="b.dlq"), MAIN, None, None, ["a.dlq"])


@pytest.mark.parametrize(
    ("topic", "grant", "error"),
    [
        ("shop-a.dlq", OURS, None),
        ("a.dlq", Grant(), None),
        ("a.dlq", OURS, NotAllowed),
        ("__consumer_offsets", Grant(), NamingRefused),
    ],
)
def test_what_may_be_read(topic: str, grant: Grant, error: type[KafkadeError] | None) -> None:
    if error is None:
        check([topic], grant, MAIN)
    else:
        with pytest.raises(error):
            check([topic], grant, MAIN)
    assert is_allowed(topic, grant, MAIN) is (error is None)


def redrive(name: str, phase: str | None, *topics: str, **fields: Any) -> Resource:
    """One that has begun, unless it has no phase."""
    begun = {"started": "2026-01-01T00:00:00Z", "topics": list(topics)} if topics else {}
    return resource(DLQ_REDRIVE, name, {}, status={"phase": phase, **begun} if phase else {}, **fields)


def test_holders() -> None:
    """Who has begun and is not finished; what still runs counts as well, whatever became of its resource."""
    redrives = [
        redrive("new", None),
        redrive("waits", "Pending"),
        redrive("runs", "Running", "a", "b"),
        redrive("stops", "Cancelling", "c"),
        redrive("done", "Completed", "d"),
        redrive("cancelled", "Cancelled", "e"),
        redrive("failed", "Failed", "f"),
        redrive("going", "Running", "g", deleted="2026-01-02T00:00:00Z"),
        redrive("odd", "Nonsense", "h"),
    ]
    ended = Run(Key(DLQ_REDRIVE, "shop", "gone"), "uid", [Job("uid", "i")], lambda *_: Progress())
    assert {topic: key.name for topic, key in holders(redrives, [ended]).items()} == {
        "a": "runs",
        "b": "runs",
        "c": "stops",
    }
