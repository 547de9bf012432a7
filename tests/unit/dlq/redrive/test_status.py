"""From progress and errors to the status of a redrive."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.conditions import condition
from kafkade.api.errors import ClusterUnreachable, LedgerUnreadable, UnknownTopic
from kafkade.api.kinds import DLQ_REDRIVE, KINDS
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.redrive import (
    MAX_BUCKETS,
    MAX_FAILURES,
    MAX_PROGRESS,
    Bucket,
    Counts,
    Failure,
    PartitionProgress,
    Phase,
)
from kafkade.dlq.redrive import status
from kafkade.dlq.redrive.progress import Progress
from unit.dlq.resources import resource

NOW = "2026-01-01T12:00:00Z"
BEGUN = {"phase": "Running", "started": "2026-01-01T11:00:00Z", "topics": ["a.dlq"]}
OTHER = Key(DLQ_REDRIVE, "shop", "other")


def redrive(given: dict[str, Any] | None = None, **spec: Any) -> Resource:
    return resource(DLQ_REDRIVE, "again", {"source": {"topic": "a.dlq"}, **spec}, status=given or {}, generation=3)


def part(topic: str, moved: int = 0, end: int = 10, **fields: Any) -> Progress:
    place = PartitionProgress(topic=topic, partition=0, next=moved, end=end)
    return Progress(Counts(read=moved, moved=moved, **fields.pop("counts", {})), (place,), **fields)


def test_fields_of_several_topics() -> None:
    bucket = Bucket(error="E", origin="a", age="older", records=2)
    failure = Failure(topic="b.dlq", partition=0, offset=4, reason="NoKey")
    found = status.fields(
        [
            part("a.dlq", 3, histogram=(bucket,)),
            part("b.dlq", 4, counts={"failed": 1}, histogram=(bucket, bucket.model_copy(update={"origin": "b"})),
                 failures=(failure,)),
        ]
    )  # fmt: skip
    assert found == {
        "counts": {"read": 7, "moved": 7, "skipped": 0, "quarantined": 0, "failed": 1, "lost": 0},
        "progress": [
            {"topic": "a.dlq", "partition": 0, "next": 3, "end": 10},
            {"topic": "b.dlq", "partition": 0, "next": 4, "end": 10},
        ],
        "histogram": [
            {"error": "E", "origin": "a", "age": "older", "records": 4},
            {"error": "E", "origin": "b", "age": "older", "records": 2},
        ],
        "failures": [{"topic": "b.dlq", "partition": 0, "offset": 4, "reason": "NoKey"}],
    }
    KINDS[DLQ_REDRIVE].status.model_validate(found)
    assert status.fields([]) == {}, "what was known stays"
    assert status.fields([part("a.dlq")])["failures"] is None


def test_lists_have_an_end() -> None:
    many = Progress(
        partitions=tuple(PartitionProgress(topic="a", partition=n, next=0, end=1) for n in range(500)),
        histogram=tuple(Bucket(error=f"E{n:03}", origin="a", age="older", records=n) for n in range(500)),
        failures=tuple(Failure(topic="a", partition=0, offset=n, reason="Lost") for n in range(500)),
    )
    found = status.fields([many, many])
    assert [len(found[name]) for name in ("progress", "histogram", "failures")] == [
        MAX_PROGRESS, MAX_BUCKETS, MAX_FAILURES,
    ]  # fmt: skip
    assert found["histogram"][0] == {"error": "E499", "origin": "a", "age": "older", "records": 998}
    assert [f["offset"] for f in found["failures"]] == list(range(MAX_FAILURES))


AWAY, DAMAGED = ClusterUnreachable("nobody answers"), LedgerUnreadable("it is damaged")
NOBODY: frozenset[Key] = frozenset()
PARTS = [part("a.dlq", 4, counts={"failed": 1})]

REPORTS = [
    pytest.param(
        lambda: status.waits_for_redrive(redrive(), "a.dlq", OTHER, NOW, 1),
        ("Pending", "False", "True", "False", "WaitingForRedrive"),
        "KafkaDLQRedrive shop/other puts dead letters of a.dlq back; this one begins when that one has ended",
        [],
        id="waits for another",
    ),
    pytest.param(
        lambda: status.waits_for_worker(redrive(), 4, NOW, 1),
        ("Pending", "False", "True", "False", "WaitingForWorker"),
        "4 redrives are at work, which is as many as run at the same time",
        [],
        id="waits for a worker",
    ),
    pytest.param(
        lambda: status.waits_for_worker(redrive(BEGUN), 4, NOW, 1),
        ("Running", "False", "True", "False", "WaitingForWorker"),
        "4 redrives are at work, which is as many as run at the same time",
        [],
        id="waits for a worker after a restart",
    ),
    pytest.param(
        lambda: status.beginning(redrive(), {"a.dlq": "id-a", "b.dlq": "id-b"}, NOW, 1),
        ("Running", "False", "True", "False", "Redriving"),
        "begins with 2 dead-letter topics, a.dlq first",
        [],
        id="begins",
    ),
    pytest.param(
        lambda: status.running(redrive(BEGUN), PARTS, NOW, 1),
        ("Running", "False", "True", "False", "Redriving"),
        "4 put back, 1 failed; 6 more to look at",
        [],
        id="runs",
    ),
    pytest.param(
        lambda: status.running(redrive({**BEGUN, "topics": ["a.dlq", "b.dlq", "c.dlq"]}), [*PARTS, *PARTS], NOW, 1),
        ("Running", "False", "True", "False", "Redriving"),
        "8 put back, 2 failed; topic 2 of 3: 6 more to look at",
        [],
        id="runs with the second of three topics",
    ),
    pytest.param(
        lambda: status.running(redrive(BEGUN, dryRun=True), [part("a.dlq", waiting="a transaction is open")], NOW, 1),
        ("Running", "False", "True", "False", "Redriving"),
        "0 would be put back; a transaction is open",
        [],
        id="a dry run that waits",
    ),
    pytest.param(
        lambda: status.troubled(redrive(BEGUN), AWAY, PARTS, NOW, 1, stalled=False),
        ("Running", "False", "True", "False", "ClusterUnreachable"),
        "nobody answers",
        [("Warning", "ClusterUnreachable")],
        id="tried again",
    ),
    pytest.param(
        lambda: status.troubled(redrive(), UnknownTopic("there is none"), (), NOW, None, stalled=True),
        ("Pending", "False", "False", "True", "UnknownTopic"),
        "there is none",
        [("Warning", "UnknownTopic")],
        id="until somebody does something",
    ),
    pytest.param(
        lambda: status.held(redrive(BEGUN), PARTS, NOW, observe=False),
        ("Running", "Unknown", "False", "False", "Paused"),
        "spec.paused is true: nothing is put back (4 put back, 1 failed)",
        [],
        id="paused",
    ),
    pytest.param(
        lambda: status.held(redrive(), (), NOW, observe=False),
        ("Pending", "Unknown", "False", "False", "Paused"),
        "spec.paused is true: nothing is put back",
        [],
        id="paused before it began",
    ),
    pytest.param(
        lambda: status.held(redrive(), (), NOW, observe=True),
        ("Pending", "False", "False", "False", "Observed"),
        "managementPolicy is Observe: the redrive does not run; dryRun counts without writing",
        [("Warning", "Observed")],
        id="Observe",
    ),
    pytest.param(
        lambda: status.cancelling(redrive(BEGUN), None, NOW, 1),
        ("Cancelling", "False", "True", "False", "Cancelling"),
        "stops after the transaction that runs",
        [],
        id="is being cancelled",
    ),
    pytest.param(
        lambda: status.cancelling(redrive(BEGUN), AWAY, NOW, 1),
        ("Cancelling", "False", "True", "False", "ClusterUnreachable"),
        "nobody answers",
        [("Warning", "ClusterUnreachable")],
        id="is being cancelled while Kafka is away",
    ),
    pytest.param(
        lambda: status.cancelled(redrive(BEGUN), PARTS, NOW, NOBODY),
        ("Cancelled", "True", "False", "False", "Cancelled"),
        "spec.cancel is true: stopped (4 put back, 1 failed)",
        [("Normal", "Cancelled")],
        id="cancelled",
    ),
    pytest.param(
        lambda: status.completed(redrive(BEGUN), PARTS, NOW, NOBODY),
        ("Completed", "True", "False", "False", "Completed"),
        "4 put back, 1 failed",
        [("Normal", "Completed")],
        id="completed",
    ),
    pytest.param(
        lambda: status.completed(redrive(), (), NOW, NOBODY),
        ("Completed", "True", "False", "False", "Completed"),
        "there is no dead-letter topic",
        [("Normal", "Completed")],
        id="nothing to do",
    ),
    pytest.param(
        lambda: status.failed(redrive(BEGUN), DAMAGED, PARTS, NOW, NOBODY),
        ("Failed", "False", "False", "True", "LedgerUnreadable"),
        "it is damaged",
        [("Warning", "LedgerUnreadable")],
        id="failed",
    ),
]


@pytest.mark.parametrize(("make", "expected", "message", "events"), REPORTS)
def test_reports(make: Any, expected: tuple[str, ...], message: str, events: list[tuple[str, str]]) -> None:
    report: Report = make()
    assert report.status is not None
    KINDS[DLQ_REDRIVE].status.model_validate(report.status)
    assert report.status["observedGeneration"] == 3
    found = [condition(report.status, kind) or {} for kind in ("Ready", "Reconciling", "Stalled")]
    assert (report.status["phase"], *(c["status"] for c in found), found[0]["reason"]) == expected
    assert found[0]["message"] == message
    assert [(event.type, event.reason) for event in report.events] == events
    assert ("finished" in report.status) is Phase(report.status["phase"]).final
    again = make()
    assert again == report, "equal input, equal status"


def test_a_finished_one_stays_as_it_is() -> None:
    for report in (
        status.completed(redrive(BEGUN), PARTS, NOW, NOBODY),
        status.cancelled(redrive(BEGUN), PARTS, NOW, NOBODY),
        status.failed(redrive(BEGUN), DAMAGED, PARTS, NOW, NOBODY),
    ):
        assert report.status is not None
        after = redrive(dict(report.status))
        assert status.finished(after, "2027-01-01T00:00:00Z") == report.status


def test_a_finished_one_comes_back_from_what_was_said_of_its_cluster() -> None:
    done = status.completed(redrive(BEGUN), PARTS, NOW, NOBODY).status
    lost = status.troubled(redrive(dict(done or {})), AWAY, (), NOW, None, stalled=False).status
    assert status.finished(redrive(dict(lost or {})), NOW) == done


@pytest.mark.parametrize(
    ("given", "phase"), [({}, None), ({"phase": "Odd"}, None), ({"phase": "Failed"}, Phase.FAILED)]
)
def test_phase(given: dict[str, str], phase: Phase | None) -> None:
    assert status.phase_of(redrive(given)) is phase
