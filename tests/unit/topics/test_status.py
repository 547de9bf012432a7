"""What is told of a topic that was made, where nobody can look at it yet: whose it is stays known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafkade.api.errors import ClusterUnreachable, InvalidConfig, KafkadeError
from kafkade.api.plan import Plan
from kafkade.api.topic import DeletionPolicy
from kafkade.clients.model import NewTopic, TopicDescription
from kafkade.topics.act import Acted, setting_announcements
from kafkade.topics.desired import Desired
from kafkade.topics.observe import TopicFacts
from kafkade.topics.reconcile import failed_round
from kafkade.topics.status import report
from kafkade.topics.steps import AlterConfig, Create
from support.schemas import resource

RESOURCE = resource("orders", "KafkaTopic")
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


@pytest.mark.parametrize(
    ("error", "recorded"),
    [(ClusterUnreachable("no"), {"retention.ms": "1", "segment.ms": "2"}), (InvalidConfig("no"), None)],
)
def test_the_settings_of_a_topic_that_was_perhaps_made_stay_recorded(
    error: KafkadeError, recorded: dict[str, str] | None
) -> None:
    """Those of an earlier try in doubt too; of one that was refused for good there is nothing."""
    known = replace(RESOURCE, status={"topicAnnounced": True, "config": {"segment.ms": "2"}})
    wanted = Desired("orders", None, None, 1, 1, deletion=DeletionPolicy.RETAIN)
    plan = Plan((Create(NewTopic("orders", 1, 1, {"retention.ms": "1"})),))
    status = report(known, wanted, TopicFacts(None), plan, Acted(error=error), "2026-01-01T00:00:01Z").status
    assert status is not None
    assert status.get("config") == recorded


@pytest.mark.parametrize("error", [ClusterUnreachable("no"), InvalidConfig("no")])
def test_a_setting_that_was_announced_stays_recorded_until_it_is_set_or_dropped(error: KafkadeError) -> None:
    """In doubt it may have been set; and what is refused again and again is announced once."""
    facts = TopicFacts(TopicDescription("orders", "id-1", {}))
    own = replace(RESOURCE, status={"topicId": "id-1"})
    plan = Plan((AlterConfig("orders", {"retention.ms": "1"}),))
    wanted = Desired("orders", None, None, 1, 1, config={"retention.ms": "1"})
    status = report(own, wanted, facts, plan, Acted(error=error), "2026-01-01T00:00:01Z").status
    assert status is not None
    assert status["config"] == {"retention.ms": "1"}
    assert not setting_announcements({"orders": (replace(own, status=status), wanted, plan)})
