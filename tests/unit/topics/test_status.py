"""What is told of a topic that was made, where nobody can look at it yet: whose it is stays known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafkade.api.errors import ClusterUnreachable
from kafkade.api.objects import Key, Resource
from kafkade.api.plan import Plan
from kafkade.api.topic import DeletionPolicy
from kafkade.clients.model import NewTopic
from kafkade.topics.act import Acted
from kafkade.topics.desired import Desired
from kafkade.topics.observe import TopicFacts
from kafkade.topics.reconcile import failed_round
from kafkade.topics.status import report
from kafkade.topics.steps import Create

RESOURCE = Resource(
    key=Key("KafkaTopic", "shop", "orders"),
    uid="u1",
    generation=1,
    resource_version="1",
    created="2026-01-01T00:00:00Z",
    deleted=None,
    finalizers=(),
    labels={},
    annotations={},
    spec={},
    status={},
)
PLAN = Plan((Create(NewTopic("orders", 1, 1, {})),))


@pytest.mark.parametrize(
    ("policy", "recorded", "done", "announced"),
    [
        pytest.param(DeletionPolicy.RETAIN, None, Acted(created=True), True, id="no broker shows it yet"),
        pytest.param(DeletionPolicy.DELETE, None, Acted(created=True), False, id="and a finalizer says whose it is"),
        pytest.param(
            DeletionPolicy.RETAIN, None, Acted(error=ClusterUnreachable("no")), True, id="perhaps it was made"
        ),
        pytest.param(
            DeletionPolicy.DELETE, "former", Acted(error=ClusterUnreachable("no")), True, id="perhaps, over a record"
        ),
        pytest.param(DeletionPolicy.DELETE, None, Acted(error=ClusterUnreachable("no")), False, id="by its finalizer"),
    ],
)
def test_a_topic_without_a_mark_stays_announced(
    policy: DeletionPolicy, recorded: str | None, done: Acted, announced: bool
) -> None:
    known = replace(RESOURCE, status={} if recorded is None else {"topicId": recorded})
    wanted = Desired("orders", None, None, 1, 1, deletion=policy)
    status = report(known, wanted, TopicFacts(None), PLAN, done, "2026-01-01T00:00:01Z").status
    assert status is not None
    assert status.get("topicAnnounced", False) is announced


def test_a_round_that_nobody_answered_keeps_what_it_announced() -> None:
    """The request may have been carried out; what the round began with knows nothing of the announcement."""
    now = replace(RESOURCE, status={"topicAnnounced": True})
    status = failed_round(RESOURCE, now, ClusterUnreachable("no"), "2026-01-01T00:00:01Z").status
    assert status is not None
    assert status["topicAnnounced"] is True
    namesake = replace(now, uid="u2")
    status = failed_round(RESOURCE, namesake, ClusterUnreachable("no"), "2026-01-01T00:00:01Z").status
    assert status is not None
    assert "topicAnnounced" not in status
