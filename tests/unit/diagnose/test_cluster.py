"""Checks of a cluster, by what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed
from kafkade.clients.kafka_disks import LogDir
from kafkade.clients.model import (
    BrokerNode,
    ClusterDescription,
    ConfigEntry,
    ConfigSource,
    Health,
    Partition,
    Quorum,
    TopicDescription,
    Voter,
)
from kafkade.diagnose.cluster import ClusterFacts, diagnose
from kafkade.diagnose.finding import Severity

OK, WARNING, PROBLEM, UNKNOWN = Severity.OK, Severity.WARNING, Severity.PROBLEM, Severity.UNKNOWN


def cluster(*racks: str | None) -> ClusterDescription:
    brokers = tuple(BrokerNode(n, "kafka", 9092 + n, rack) for n, rack in enumerate(racks, 1))
    return ClusterDescription("abc", 1, brokers, Health(1, 3, 0, 0))


def topics(*partitions: tuple[tuple[int, ...], tuple[int, ...], int | None]) -> dict[str, TopicDescription]:
    return {"orders": TopicDescription("orders", "id", tuple(Partition(*p) for p in partitions))}


def quorum(*behind: int | None, leader: int | None = 1) -> Quorum:
    return Quorum(leader, tuple(Voter(n, each) for n, each in enumerate(behind, 1)))


def defaults(**values: str) -> dict[int, dict[str, ConfigEntry]]:
    safe = {
        "auto_create_topics_enable": "false",
        "default_replication_factor": "3",
        "min_insync_replicas": "2",
    } | values
    return {1: {key.replace("_", "."): ConfigEntry(value, ConfigSource.DEFAULT) for key, value in safe.items()}}


def disk(usable: int | None, error: str | None = None) -> tuple[LogDir, ...]:
    return (LogDir(1, "/data", 100 if usable is not None else None, usable, error, {("orders", 0): 5}),)


WELL = ClusterFacts(
    cluster("a", "b", "c"),
    topics(((1, 2, 3), (1, 2, 3), 1), ((2, 3, 1), (2, 3, 1), 2), ((3, 1, 2), (3, 1, 2), 3)),
    {"orders": 2},
    quorum(0, 5, 5),
    defaults(),
    disk(60),
    {1: "4.1", 2: "4.1", 3: "4.1"},
    {"metadata.version": "4.1-IV1"},
)


def test_all_is_well() -> None:
    assert {f.severity for f in diagnose(WELL).findings} == {OK}


@pytest.mark.parametrize(
    ("changes", "check", "severity", "says"),
    [
        pytest.param(
            {"cluster": cluster("a", "b")}, "brokers", PROBLEM, "1 broker that has replicas", id="one is away"
        ),
        pytest.param({"cluster": cluster("a", "b", None)}, "racks", WARNING, "1 broker has no rack", id="racks"),
        pytest.param({"quorum": quorum(0, None, 5)}, "controllers", PROBLEM, "no majority", id="a controller is away"),
        pytest.param(
            {"quorum": quorum(0, 99_999, 5, 5, 5)},
            "controllers",
            WARNING,
            "1 of 5 controllers",
            id="one of five is behind",
        ),
        pytest.param(
            {"quorum": quorum(0, 0, leader=None)}, "controllers", PROBLEM, "no controller is active", id="none"
        ),
        pytest.param({"quorum": quorum(0)}, "controllers", WARNING, "1 controller:", id="only one controller"),
        pytest.param(
            {"topics": topics(((1, 2, 3), (), None))}, "offline-partitions", PROBLEM, "1 of 1 partitions", id="offline"
        ),
        pytest.param(
            {"topics": topics(((1, 2, 3), (1,), 1))}, "under-min-isr", PROBLEM, "are refused", id="under min ISR"
        ),
        pytest.param(
            {"topics": topics(((1, 2, 3), (1, 2), 1))}, "at-min-isr", WARNING, "with one less", id="at min ISR"
        ),
        pytest.param(
            {"topics": topics(((1, 2, 3), (1, 2), 1))}, "under-replicated", WARNING, "not in sync", id="not in sync"
        ),
        pytest.param(
            {"topics": topics(((1, 2, 3), (1, 2, 3), 2), ((1, 2, 3), (1, 2, 3), 3), ((3, 2, 1), (3, 2, 1), 3))},
            "leaders",
            WARNING,
            "2 of 3 partitions",
            id="leaders are elsewhere",
        ),
        pytest.param(
            {"topics": topics(((1, 2), (1, 2), 1))},
            "leaders",
            WARNING,
            "1 broker has no replica: 3",
            id="idle broker",
        ),
        pytest.param({"disks": disk(5)}, "disk", PROBLEM, "95% of the disk", id="full"),
        pytest.param({"disks": disk(20)}, "disk", WARNING, "80% of the disk", id="nearly full"),
        pytest.param({"disks": disk(None)}, "disk", OK, "5 B of records", id="brokers before 3.3"),
        pytest.param({"disks": disk(50, "KafkaStorageError")}, "disk", PROBLEM, "cannot be used", id="a disk failed"),
        pytest.param(
            {"configs": defaults(auto_create_topics_enable="true")}, "defaults", WARNING, "mistypes", id="auto-create"
        ),
        pytest.param(
            {"configs": defaults(unclean_leader_election_enable="true")}, "defaults", WARNING, "lacks", id="unclean"
        ),
        pytest.param(
            {"configs": defaults(default_replication_factor="1")}, "defaults", WARNING, "on 1 broker only", id="RF 1"
        ),
        pytest.param(
            {"configs": defaults(min_insync_replicas="1")},
            "defaults",
            WARNING,
            "only one broker has it",
            id="min ISR 1",
        ),
        pytest.param(
            {"topics": topics(((1,), (1,), 1), ((2,), (2,), 2), ((3,), (3,), 3)), "min_isr": {}},
            "replication-factor",
            WARNING,
            "1 topic has one replica",
            id="topics with one replica",
        ),
        pytest.param(
            {"versions": {1: "4.0", 2: "4.1"}},
            "versions",
            WARNING,
            "different versions: 4.0, 4.1",
            id="half an upgrade",
        ),
        pytest.param(
            {"unread": {"disks": AuthorizationFailed("may not")}},
            "unread",
            UNKNOWN,
            "could not be looked at",
            id="ACLs",
        ),
    ],
)
def test_findings(changes: Mapping[str, Any], check: str, severity: Severity, says: str) -> None:
    found = [f for f in diagnose(replace(WELL, **changes)).findings if f.check == check]
    assert [f.severity for f in found] == [severity]
    assert says in found[0].says
    if severity in (WARNING, PROBLEM):
        assert found[0].cause
        assert found[0].remedy


def test_one_broker_cannot_have_three_replicas() -> None:
    facts = replace(
        WELL,
        cluster=cluster(None),
        topics=topics(((1,), (1,), 1)),
        configs=defaults(default_replication_factor="1", min_insync_replicas="1"),
        min_isr={"orders": 1},
    )
    assert {f.check: f.severity for f in diagnose(facts).findings}["defaults"] is OK
