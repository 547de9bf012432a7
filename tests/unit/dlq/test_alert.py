"""Limits of a policy, and what of the counts is worth a write."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.common import parse
from kafkade.api.dlq import Alert
from kafkade.dlq.act import Acted
from kafkade.dlq.alert import alert_condition, alert_events, passed
from kafkade.dlq.depth import Depth
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.plan import Entry, PolicyPlan
from kafkade.dlq.status import report
from unit.dlq.resources import policy

NOW = "2026-01-01T12:00:00Z"
LATER = "2026-01-01T13:00:00Z"
HOUR_AGO = 1_767_265_200_000
DEPTHS = {"a.dlq": Depth(7, HOUR_AGO, 10), "b.dlq": Depth(9, None, 9), "c.dlq": Depth(0, None, 3)}


@pytest.mark.parametrize(
    ("limits", "growth", "reason", "says"),
    [
        pytest.param({}, {"a.dlq": 1e9}, None, "", id="no limits"),
        pytest.param({"depth": 9}, {}, None, "", id="just at the limit"),
        pytest.param({"depth": 8}, {}, "DepthExceeded", "9 dead letters wait in b.dlq, the limit is 8", id="depth"),
        pytest.param({"depth": 5}, {}, "DepthExceeded", "in b.dlq, the limit is 5; 1 more topics", id="two of them"),
        pytest.param({"depth": 0}, {}, "DepthExceeded", "the limit is 0", id="any at all"),
        pytest.param(
            {"age": "59m"}, {}, "AgeExceeded", "in a.dlq is from 2026-01-01T11:00:00Z, the limit is 59m", id="age"
        ),
        pytest.param({"age": "61m"}, {}, None, "", id="young enough"),
        pytest.param(
            {"growthPerMinute": 5}, {"a.dlq": 5.1, "b.dlq": 1}, "GrowthExceeded", "come to a.dlq", id="growth"
        ),
        pytest.param({"growthPerMinute": 5}, {}, None, "", id="growth is not known yet"),
        pytest.param({"depth": 1, "age": "1m"}, {}, "DepthExceeded", "", id="depth comes first"),
    ],
)
def test_passed(limits: dict[str, Any], growth: dict[str, float], reason: str | None, says: str) -> None:
    found = passed(parse(Alert, limits), DEPTHS, growth, NOW)
    assert (found[0] if found else None) == reason
    assert says in (found[1] if found else "")


def test_the_condition_moves_only_with_the_limit() -> None:
    on = alert_condition({}, 1, ("DepthExceeded", "9 wait"), NOW)
    assert (on["status"], on["lastTransitionTime"]) == ("True", NOW)
    again = alert_condition({"conditions": [on]}, 1, ("DepthExceeded", "10 wait"), LATER)
    assert again == on, "one more dead letter is no news"
    other = alert_condition({"conditions": [on]}, 1, ("AgeExceeded", "old"), LATER)
    assert (other["reason"], other["lastTransitionTime"]) == ("AgeExceeded", NOW)
    off = alert_condition({"conditions": [on]}, 1, None, LATER)
    assert (off["status"], off["reason"], off["lastTransitionTime"]) == ("False", "WithinLimits", LATER)


def test_events_at_the_beginning_and_at_the_end() -> None:
    on = alert_condition({}, 1, ("DepthExceeded", "9 wait"), NOW)
    off = alert_condition({}, 1, None, NOW)
    old = alert_condition({}, 1, ("AgeExceeded", "old"), NOW)

    def events(before: dict[str, Any] | None, after: dict[str, Any]) -> list[tuple[str, str]]:
        found = alert_events({"conditions": [before]} if before else {}, after)
        return [(event.type, event.reason) for event in found]

    assert events(None, off) == events(off, off) == events(on, on) == []
    assert events(None, on) == events(off, on) == [("Warning", "DepthExceeded")]
    assert events(on, old) == [("Warning", "AgeExceeded")]
    assert events(on, off) == [("Normal", "WithinLimits")]


@pytest.mark.parametrize(
    ("told", "waiting", "written"),
    [
        pytest.param(None, 5, 5, id="for the first time"),
        pytest.param(100, 109, 100, id="less than a tenth more"),
        pytest.param(100, 110, 110, id="a tenth more"),
        pytest.param(100, 91, 100, id="less than a tenth less"),
        pytest.param(100, 0, 0, id="nothing waits any more"),
        pytest.param(0, 1, 1, id="the first one"),
        pytest.param(5, 6, 6, id="one of a few"),
    ],
)
def test_a_depth_is_written_when_it_is_news(told: int | None, waiting: int, written: int) -> None:
    before = [{"topic": "a", "deadLetterTopic": "a.dlq", "ready": True} | ({} if told is None else {"depth": told})]
    resource = policy(topics=["a"], status={"topics": before})
    plan = PolicyPlan((Entry(SourceTopics("a", "a.dlq")),))
    made = report(
        resource,
        plan,
        Acted(),
        {"a.dlq": Depth(waiting, None, 200)},
        None,
        "map",
        NOW,
        counted=True,
        observe_only=False,
    )
    assert made.status is not None
    assert made.status["depth"] == made.status["topics"][0]["depth"] == written


GROWTH = {
    # told before, measured now, written
    "not measured yet": (None, None, None),
    "nothing comes, which is no news": (None, 0.2, None),
    "they begin to come": (None, 7.4, 7),
    "they come a little faster": (10, 14.0, 10),
    "they come much faster": (10, 16.0, 16),
    "they come half as fast": (10, 5.0, 5),
    "no more come": (10, 0.0, 0),
    "it is not known any more": (10, None, 10),
}


@pytest.mark.parametrize("case", GROWTH)
def test_a_growth_is_written_when_it_is_news(case: str) -> None:
    told, measured, written = GROWTH[case]
    before = {"topic": "a", "deadLetterTopic": "a.dlq", "ready": True, "depth": 100, "oldest": "2026-01-01T00:00:00Z"}
    if told is not None:
        before["growthPerMinute"] = told
    resource = policy(topics=["a"], status={"topics": [before]})
    made = report(
        resource,
        PolicyPlan((Entry(SourceTopics("a", "a.dlq")),)),
        Acted(),
        {"a.dlq": Depth(101, None, 200)},
        None,
        "map",
        NOW,
        counted=True,
        observe_only=False,
        growth={} if measured is None else {"a.dlq": measured},
    )
    assert made.status is not None
    assert made.status.get("growthPerMinute") == made.status["topics"][0].get("growthPerMinute") == written
    # all of a topic's numbers are of the same look
    assert made.status["depth"] == (100 if written == told else 101)


def test_what_was_counted_before_stays_where_nothing_can_be_counted() -> None:
    alert = alert_condition({}, 1, ("DepthExceeded", "9 wait"), NOW)
    before = [{"topic": "a", "deadLetterTopic": "a.dlq", "ready": True, "depth": 9}]
    resource = policy(topics=["a"], status={"topics": before, "conditions": [alert]})
    plan = PolicyPlan((Entry(SourceTopics("a", "a.dlq")),))
    made = report(resource, plan, Acted(), {}, None, "map", NOW, counted=False, observe_only=False)
    assert made.status is not None
    assert made.status["depth"] == 9
    assert made.status["conditions"][-1] == alert
