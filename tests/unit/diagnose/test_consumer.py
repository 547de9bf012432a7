"""Checks of a group, by what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed
from kafkade.clients.group_model import Group, GroupKind, GroupListing, LogRange, Member
from kafkade.diagnose.consumer import ConsumerFacts, DeadLetters, Limits, Outcomes, diagnose, topics_of
from kafkade.diagnose.finding import Severity
from kafkade.groups.lag import GroupLag, PartitionLag

OK, WARNING, PROBLEM, UNKNOWN = Severity.OK, Severity.WARNING, Severity.PROBLEM, Severity.UNKNOWN
LISTING = GroupListing("app", GroupKind.CLASSIC, "Stable", "consumer")
PARTS = [("orders", n) for n in range(4)]


def member(name: str, *partitions: int, topics: tuple[str, ...] = ("orders",)) -> Member:
    return Member(name, "orders-app", "10.0.0.1", None, frozenset(("orders", n) for n in partitions), None, topics)


def group(*members: Member, state: str = "Stable", kind: GroupKind = GroupKind.CLASSIC) -> Group:
    return Group("app", kind, state, "consumer", "range", members)


def at(*partitions: tuple[int | None, int, float | None], start: int = 0) -> GroupLag:
    """Partitions 0, 1, … by committed offset, end of the log, and seconds."""
    return GroupLag(
        "app",
        tuple(
            PartitionLag(
                "orders",
                n,
                committed,
                LogRange(start, end),
                None if committed is None else max(0, end - committed),
                seconds,
            )
            for n, (committed, end, seconds) in enumerate(partitions)
        ),
    )


STILL = at((100, 100, 0.0), (100, 100, 0.0), (100, 100, 0.0), (100, 100, 0.0))
WELL = ConsumerFacts(
    "app",
    LISTING,
    group(member("a", 0, 1), member("b", 2, 3)),
    group(member("a", 0, 1), member("b", 2, 3)),
    STILL,
    STILL,
    10.0,
    {"orders": 4},
)
BEHIND = at((100, 900, 300.0), (100, 900, 200.0), (100, 900, 200.0), (100, 900, 200.0))
LESS = at((300, 900, 250.0), (300, 900, 150.0), (300, 900, 150.0), (300, 900, 150.0))


def seen(facts: ConsumerFacts, **limits: float) -> dict[str, Severity]:
    """Severity by check."""
    return {found.check: found.severity for found in diagnose(facts, Limits(**limits)).findings}


def test_all_is_well() -> None:
    found = diagnose(WELL, Limits())
    assert found.worst is OK
    assert {f.check for f in found.findings} == {"kind", "assignment", "lag", "processing-rate"}
    assert found.data()["result"] == "ok"


@pytest.mark.parametrize(
    ("changes", "check", "severity", "says"),
    [
        pytest.param({"listing": None, "near": ("apps",)}, "group", PROBLEM, "no such group", id="no group"),
        pytest.param(
            {"described": group(state="Empty"), "again": None, "before": BEHIND, "after": BEHIND},
            "members",
            PROBLEM,
            "and 3200 records wait",
            id="no member, with lag",
        ),
        pytest.param({"described": group(state="Empty")}, "members", WARNING, "no member", id="no member, no lag"),
        pytest.param(
            {"described": group(member("a", 0), state="PreparingRebalance")},
            "rebalance",
            WARNING,
            "PreparingRebalance",
            id="rebalancing",
        ),
        pytest.param(
            {
                "described": group(member("a", 0), state="Reconciling", kind=GroupKind.CONSUMER),
                "again": group(member("a", 0), state="Assigning", kind=GroupKind.CONSUMER),
            },
            "rebalance",
            PROBLEM,
            "still so after 10 s",
            id="rebalancing still",
        ),
        pytest.param(
            {"again": group(member("a", 0, 1), member("c", 2, 3))},
            "rebalance",
            WARNING,
            "2 members came or went",
            id="members change",
        ),
        pytest.param(
            {"described": group(member("a", 0, 1), member("b", 2)), "again": None},
            "assignment",
            PROBLEM,
            "1 of 4 partitions have no consumer",
            id="a partition without consumer",
        ),
        pytest.param(
            {"described": group(member("a", 0, 1, 2, 3), member("b")), "again": None},
            "idle-members",
            WARNING,
            "1 of 2 members",
            id="more members than partitions",
        ),
        pytest.param(
            {"described": group(member("a", 0, 1, 2), member("b", 3)), "again": None},
            "assignment-skew",
            WARNING,
            "one member has 3, another 1",
            id="unevenly",
        ),
        pytest.param(
            {"after": at((5, 100, 9.0), start=10)}, "lost-records", PROBLEM, "5 records were deleted", id="lost"
        ),
        pytest.param({"after": at((200, 100, 0.0))}, "offset-ahead", PROBLEM, "beyond the log's end", id="ahead"),
        pytest.param({"after": at((None, 100, None))}, "no-offset", WARNING, "ever committed", id="no offset"),
        pytest.param({"before": BEHIND, "after": LESS}, "lag", WARNING, "the lag shrinks", id="catching up"),
        pytest.param({"before": LESS, "after": BEHIND}, "lag", PROBLEM, "wait for 5 min", id="falling behind"),
        pytest.param({"after": at((90, 100, None))}, "lag", OK, "for how long is not known", id="no timestamps"),
        pytest.param({"after": at((99, 100, 0.0))}, "lag", OK, "1 record waits", id="a control record"),
        pytest.param(
            {"before": at((100, 150, 99.0), (100, 150, 1.0)), "after": at((100, 200, 109.0), (190, 200, 1.0))},
            "stuck-partitions",
            PROBLEM,
            "1 partition stands still, others go on",
            id="one partition stands still",
        ),
        pytest.param(
            {
                "before": at((100, 150, 99.0), (100, 100, 0.0)),
                "after": at((100, 200, 109.0), (100, 100, 0.0)),
                "stable": {("orders", 0): 100},
            },
            "open-transaction",
            PROBLEM,
            "holds up 1 partition",
            id="a transaction is open",
        ),
        pytest.param(
            {"before": BEHIND, "after": at((100, 9000, 300.0), (900, 900, 0.0), (900, 900, 0.0))},
            "lag-skew",
            WARNING,
            "100% of the lag",
            id="all of it at one partition",
        ),
        pytest.param(
            {"before": LESS, "after": at((400, 1900, 250.0))},
            "processing-rate",
            PROBLEM,
            "as fast as they are processed",
            id="too slow",
        ),
        pytest.param(
            {"before": LESS, "after": LESS},
            "processing-rate",
            PROBLEM,
            "nothing was processed within 10 s",
            id="nothing",
        ),
        pytest.param(
            {"before": LESS, "after": LESS, "window": 1.0}, "processing-rate", WARNING, "within 1 s", id="a short look"
        ),
        pytest.param(
            {"before": at((90, 100, 5.0)), "after": at((90, 100, 12.0))},
            "processing-rate",
            WARNING,
            "nothing was processed",
            id="a short wait",
        ),
        pytest.param(
            {"before": BEHIND, "after": LESS}, "processing-rate", OK, "80/s are processed, 0.0/s arrive", id="fast"
        ),
        pytest.param(
            {"before": at((100, 200, 1.0)), "after": at((50, 200, 1.0))},
            "processing-rate",
            WARNING,
            "went back",
            id="offsets were reset",
        ),
        pytest.param(
            {"after": BEHIND, "retention": {"orders": 400.0}}, "retention", PROBLEM, "will be deleted", id="retention"
        ),
        pytest.param(
            {"letters": (DeadLetters("orders.dlq", "orders", 20, 1000),)},
            "error-rate",
            PROBLEM,
            "20 dead letters in the last hour, 2.0%",
            id="many errors",
        ),
        pytest.param(
            {"letters": (DeadLetters("orders.dlq", "orders", 2, 1000),)}, "error-rate", OK, "0.2%", id="few errors"
        ),
        pytest.param(
            {"letters": (DeadLetters("orders.dlq", "orders", 2, 0),)},
            "error-rate",
            PROBLEM,
            "2 dead letters",
            id="errors of older records",
        ),
        pytest.param({"letters_wanted": ("orders.dlq",)}, "error-rate", UNKNOWN, "is not known", id="no dead letters"),
        pytest.param(
            {"unread": {"orders/0": AuthorizationFailed("may not")}}, "unread", UNKNOWN, "could not be read", id="ACLs"
        ),
        pytest.param(
            {"listing": replace(LISTING, kind=GroupKind.SHARE), "described": None},
            "kind",
            UNKNOWN,
            "a share group",
            id="share group",
        ),
        pytest.param(
            {"listing": replace(LISTING, kind=GroupKind.STREAMS), "described": None},
            "kind",
            UNKNOWN,
            "a Streams group",
            id="Streams group",
        ),
    ],
)
def test_findings(changes: Mapping[str, Any], check: str, severity: Severity, says: str) -> None:
    found = [f for f in diagnose(replace(WELL, **changes), Limits()).findings if f.check == check]
    assert [f.severity for f in found] == [severity]
    assert says in found[0].says
    if severity in (WARNING, PROBLEM):
        assert found[0].cause
        assert found[0].remedy


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        pytest.param({"window": 1.0, "before": BEHIND, "after": BEHIND}, "stuck-partitions", id="too short a look"),
        pytest.param(
            {"before": at((99, 100, 0.0)), "after": at((99, 100, 0.0))}, "stuck-partitions", id="a control record"
        ),
        pytest.param(
            {"before": at((90, 91, 1.0)), "after": at((90, 91, 2.0))}, "stuck-partitions", id="it only just came"
        ),
        pytest.param(
            {"described": group(state="Empty"), "before": BEHIND, "after": BEHIND}, "stuck-partitions", id="none"
        ),
        pytest.param({"described": group(member("a", 0), state="Assigning")}, "assignment", id="while it rebalances"),
        pytest.param(
            {"described": replace(group(member("a")), protocol_type="connect")}, "assignment", id="Connect's workers"
        ),
    ],
)
def test_what_is_not_said(changes: Mapping[str, Any], check: str) -> None:
    assert check not in seen(replace(WELL, **changes))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("kafkade-dlq.orders.dlq", "what was put back of dead-letter topic orders.dlq"),
        ("kafkade-redrive.1f-uid", "how far a KafkaDLQRedrive is"),
    ],
)
def test_own_groups_are_said_to_be_that(name: str, says: str) -> None:
    (finding,) = diagnose(ConsumerFacts(name, replace(LISTING, name=name, state="Empty")), Limits()).findings
    assert (finding.check, finding.severity, finding.remedy) == ("kind", OK, "")
    assert says in finding.says
    assert any("put back a second time" in line for line in finding.evidence)


def test_time_to_catch_up() -> None:
    (found,) = [
        f for f in diagnose(replace(WELL, before=BEHIND, after=LESS), Limits()).findings if f.check == "processing-rate"
    ]
    assert found.figures["catchUpSeconds"] == 2400 / 80


def test_limits() -> None:
    facts = replace(WELL, before=BEHIND, after=BEHIND, letters=(DeadLetters("orders.dlq", "orders", 20, 1000),))
    assert seen(facts, lag_seconds=400)["lag"] is OK
    assert seen(facts, error_rate=0.5)["error-rate"] is OK


def test_the_worst_comes_first() -> None:
    found = diagnose(replace(WELL, after=at((5, 100, 9.0), (None, 5, None), start=1)), Limits()).findings
    order = [PROBLEM, WARNING, UNKNOWN, OK]
    assert [f.severity for f in found] == sorted((f.severity for f in found), key=order.index)


def test_topics_of_a_group() -> None:
    assert topics_of(group(member("a", 0, topics=("users",))), at((1, 1, 0.0))) == ["orders", "users"]
    assert topics_of(None, GroupLag("app", ())) == []


def test_an_application_that_counts_its_errors() -> None:
    well, bad = Outcomes("orders", 100, 1, 3, "within 10 s"), Outcomes("bills", 8, 2, 4, "since the service began")
    facts = replace(WELL, outcomes=(well, bad), letters_wanted=("orders.dlq",))
    found = [one for one in diagnose(facts, Limits()).findings if one.check == "error-rate"]
    assert [(one.subject, one.severity) for one in found] == [("topic bills", PROBLEM), ("topic orders", OK)]
    assert found[0].says == "20.0% of the records could not be processed since the service began"
    assert found[0].evidence == ("8 processed, 2 failed, 4 tried again",)
