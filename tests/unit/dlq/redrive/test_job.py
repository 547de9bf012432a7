"""What of a KafkaDLQRedrive's spec becomes a job."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.common import parse
from kafkade.api.errors import InvalidSpec
from kafkade.api.redrive import KafkaDLQRedriveSpec, OffsetRange
from kafkade.dlq.redrive.filter import Filter
from kafkade.dlq.redrive.job import Guard, HeaderChanges, Job

LEAST = {"clusterRef": {"name": "main"}, "source": {"topic": "orders.dlq"}}


def job(**spec: Any) -> Job:
    return Job.of(parse(KafkaDLQRedriveSpec, {**LEAST, **spec}), "6f1c-uid", "orders.dlq")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, Job("6f1c-uid", "orders.dlq"), id="the least"),
        pytest.param(
            {"destination": {"topic": "orders.replay"}},
            Job("6f1c-uid", "orders.dlq", destination="orders.replay"),
            id="destination",
        ),
        pytest.param(
            {"rateLimit": 100, "maxRecords": 7, "dryRun": True},
            Job("6f1c-uid", "orders.dlq", rate_limit=100, max_records=7, dry_run=True),
            id="how fast, how many, how earnestly",
        ),
        pytest.param(
            {"filter": {"origin": "orders", "partitions": [2, 2, 0], "offsets": [{"partition": 2, "last": 9}]}},
            Job(
                "6f1c-uid",
                "orders.dlq",
                filter=Filter(
                    origin="orders",
                    partitions=frozenset({0, 2}),
                    offsets=(OffsetRange(partition=2, first=None, last=9),),
                ),
            ),
            id="filter",
        ),
        pytest.param(
            {"headers": {"add": {"replayed-by": "größe", "empty": ""}}},
            Job(
                "6f1c-uid",
                "orders.dlq",
                headers=HeaderChanges(add=(("replayed-by", "größe".encode()), ("empty", b""))),
            ),
            id="headers to add, in their order",
        ),
        pytest.param({"loopGuard": {}}, Job("6f1c-uid", "orders.dlq", guard=Guard(3)), id="loop guard by default"),
        pytest.param(
            {"loopGuard": {"maxRedrives": 5, "action": "Quarantine", "quarantineTopic": "orders.quarantine"}},
            Job("6f1c-uid", "orders.dlq", guard=Guard(5, "orders.quarantine")),
            id="loop guard with a quarantine",
        ),
        pytest.param(
            {"loopGuard": {"action": "Skip", "quarantineTopic": "orders.quarantine"}},
            Job("6f1c-uid", "orders.dlq", guard=Guard(3)),
            id="Skip moves nothing, whatever else is given: only the API server checks that",
        ),
    ],
)
def test_job(spec: dict[str, Any], expected: Job) -> None:
    assert job(**spec) == expected


def test_the_group_is_named_for_the_run() -> None:
    assert job().group == "kafkade-redrive.6f1c-uid"


def test_a_filter_that_cannot_be_used() -> None:
    with pytest.raises(InvalidSpec, match=r"filter\.since"):
        job(filter={"since": "yesterday"})


NAMES = [
    "__connect.errors.topic",
    "__connect.errors.exception.message",
    "__connectXerrors.topic",
    "trace-id",
    "trace-id-2",
    "Trace-Id",
    "a[b]",
    "ab",
    "a\nb",
    "",
]


@pytest.mark.parametrize(
    ("patterns", "removed"),
    [
        pytest.param(["trace-id"], ["trace-id"], id="the whole name, letter by letter"),
        pytest.param(
            ["__connect.errors.*"], ["__connect.errors.topic", "__connect.errors.exception.message"], id="a star"
        ),
        pytest.param(["__connect?errors.topic"], ["__connect.errors.topic", "__connectXerrors.topic"], id="a ?"),
        pytest.param(["trace-id?"], [], id="a ? is one character"),
        pytest.param(["trace-id*"], ["trace-id", "trace-id-2"], id="a star may be nothing"),
        pytest.param(["a?b"], ["a\nb"], id="a line's end is a character"),
        pytest.param(["a[b]"], ["a[b]"], id="brackets mean themselves"),
        pytest.param(["a|trace-id"], [], id="so do bars"),
        pytest.param(["a|b", "ab", "trace-id"], ["trace-id", "ab"], id="several"),
        pytest.param(["*.topic", "*-2"], ["__connect.errors.topic", "__connectXerrors.topic", "trace-id-2"], id="ends"),
        pytest.param(["*"], NAMES, id="all"),
    ],
)
def test_patterns_of_headers(patterns: list[str], removed: list[str]) -> None:
    remove = job(headers={"remove": patterns}).headers.remove
    assert remove is not None
    assert [name for name in NAMES if remove.fullmatch(name)] == removed
