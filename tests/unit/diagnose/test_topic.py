"""Checks of a topic, by what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed
from kafkade.clients.group_model import LogRange
from kafkade.clients.model import ConfigEntry, ConfigSource, Partition, TopicDescription
from kafkade.diagnose.finding import Severity
from kafkade.diagnose.topic import ConsumerOf, TopicFacts, diagnose
from kafkade.groups.lag import PartitionLag

OK, WARNING, PROBLEM, UNKNOWN = Severity.OK, Severity.WARNING, Severity.PROBLEM, Severity.UNKNOWN
MIB = 1024 * 1024


def topic(*partitions: tuple[tuple[int, ...], tuple[int, ...], int | None]) -> TopicDescription:
    """Partitions by replicas, in-sync replicas and leader."""
    return TopicDescription("orders", "id", tuple(Partition(*p) for p in partitions))


def configs(**values: str) -> dict[str, ConfigEntry]:
    """Settings, those of the topic itself."""
    return {key.replace("_", "."): ConfigEntry(value, ConfigSource.TOPIC) for key, value in values.items()}


EVEN = topic(((1, 2, 3), (1, 2, 3), 1), ((2, 3, 1), (2, 3, 1), 2), ((3, 1, 2), (3, 1, 2), 3))
DEFAULTS = configs(min_insync_replicas="2", retention_ms="604800000", retention_bytes="-1", cleanup_policy="delete")
WELL = TopicFacts(EVEN, frozenset({1, 2, 3}), DEFAULTS, {0: 50 * MIB, 1: 50 * MIB, 2: 50 * MIB}, {}, {0: 0}, 3_600_000)


def consumer(records: int, seconds: float | None, state: str = "Stable") -> ConsumerOf:
    return ConsumerOf("app", (PartitionLag("orders", 0, 0, LogRange(0, records), records, seconds),), "classic", state)


def in_part(seconds: float) -> ConsumerOf:
    """Two partitions, of one of which the log is not known."""
    known = consumer(9, seconds)
    return replace(known, partitions=(*known.partitions, PartitionLag("orders", 1, 0, None, None, None)))


def test_all_is_well() -> None:
    assert {f.severity for f in diagnose(WELL, 60).findings} == {OK}


@pytest.mark.parametrize(
    ("changes", "check", "severity", "says"),
    [
        pytest.param(
            {"topic": topic(((1, 2), (), None)), "brokers": frozenset({3})}, "offline", PROBLEM, "1 of 1", id="offline"
        ),
        pytest.param(
            {"topic": topic(((1, 2, 3), (1, 2), 1)), "brokers": frozenset({1, 2})},
            "under-replicated",
            WARNING,
            "not in sync",
            id="a replica is behind",
        ),
        pytest.param(
            {"topic": topic(((1,), (1,), 1)), "configs": {}}, "replication-factor", WARNING, "one broker", id="RF 1"
        ),
        pytest.param(
            {"topic": topic(((1, 2, 3), (1,), 1))},
            "min-isr",
            PROBLEM,
            "1 partition refuses records",
            id="under min ISR",
        ),
        pytest.param(
            {"topic": topic(((1, 2), (1, 2), 1))}, "min-isr", WARNING, "no broker can be away", id="min ISR is RF"
        ),
        pytest.param(
            {"configs": configs(min_insync_replicas="1")}, "min-isr", WARNING, "only one broker has it", id="min ISR 1"
        ),
        pytest.param(
            {"configs": configs(min_insync_replicas="2", unclean_leader_election_enable="true")},
            "unclean-election",
            WARNING,
            "lacks records",
            id="unclean election",
        ),
        pytest.param(
            {"topic": topic(((1, 2, 3), (1, 2, 3), 2), ((1, 2, 3), (1, 2, 3), 3), ((3, 1, 2), (3, 1, 2), 3))},
            "leaders",
            WARNING,
            "2 of 3 partitions are led by another broker",
            id="leaders are elsewhere",
        ),
        pytest.param(
            {"topic": topic(*[((1, 2, 3), (1, 2, 3), 1)] * 6)},
            "leaders",
            WARNING,
            "unevenly",
            id="one broker leads all",
        ),
        pytest.param(
            {"sizes": {0: 900 * MIB, 1: 50 * MIB, 2: 50 * MIB}},
            "partition-skew",
            WARNING,
            "2.7 times",
            id="one is large",
        ),
        pytest.param({"sizes": {0: 900, 1: 5, 2: 5}}, "partition-skew", OK, "like size", id="small ones do not matter"),
        pytest.param(
            {"configs": configs(retention_ms="-1", retention_bytes="-1", cleanup_policy="delete")},
            "retention",
            WARNING,
            "never deleted",
            id="kept for ever",
        ),
        pytest.param(
            {
                "configs": configs(
                    retention_ms="604800000", retention_bytes=str(50 * MIB), cleanup_policy="compact,delete"
                )
            },
            "retention",
            WARNING,
            "long before their time: after 60 min, not 7 days",
            id="by size",
        ),
        pytest.param({"consumers": (consumer(9, 100.0),)}, "consumers", PROBLEM, "the oldest for 100 s", id="behind"),
        pytest.param({"consumers": (consumer(9, 10.0, "Empty"),)}, "consumers", OK, "no member", id="in time"),
        pytest.param({"consumers": (in_part(1.0),)}, "consumers", UNKNOWN, "without 1 partition", id="known in part"),
        pytest.param(
            {"consumers": (in_part(100.0),)}, "consumers", PROBLEM, "without 1 partition", id="behind in part"
        ),
        pytest.param(
            {"unread": {"groups": AuthorizationFailed("may not")}},
            "unread",
            UNKNOWN,
            "could not be looked at",
            id="ACLs",
        ),
    ],
)
def test_findings(changes: Mapping[str, Any], check: str, severity: Severity, says: str) -> None:
    found = [f for f in diagnose(replace(WELL, **changes), 60).findings if f.check == check]
    assert [f.severity for f in found] == [severity]
    assert says in found[0].says
    if severity in (WARNING, PROBLEM):
        assert found[0].cause
        assert found[0].remedy


def test_groups_that_may_not_be_listed_are_not_said_to_be_none() -> None:
    assert "consumers" not in {f.check for f in diagnose(replace(WELL, consumers=None), 60).findings}


def test_a_compacted_topic_has_no_retention() -> None:
    facts = replace(WELL, configs=configs(cleanup_policy="compact", retention_ms="-1", retention_bytes="-1"))
    assert "retention" not in {f.check for f in diagnose(facts, 60).findings}
