"""What is next for a redrive: the ways that real parts do not show at will. The others are in tests/integration."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kafkade.api import ANNOTATION_DELETION_PROTECTION, FINALIZER
from kafkade.api.common import parse
from kafkade.api.conditions import condition
from kafkade.api.context import Work
from kafkade.api.errors import (
    ApiForbidden,
    AuthorizationFailed,
    ClusterUnreachable,
    Fenced,
    KafkadeError,
    LedgerUnreadable,
    UnknownTopic,
)
from kafkade.api.kinds import CLUSTER, DLQ_REDRIVE
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.policy import Grant
from kafkade.api.redrive import Counts, KafkaDLQRedriveSpec, PartitionProgress
from kafkade.clients.connection import Connection
from kafkade.clients.kafka_config import Security
from kafkade.clients.model import TopicDescription
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.pool import FENCED_PAUSE, Pool
from kafkade.dlq.redrive.progress import Progress
from kafkade.dlq.redrive.reconcile import Redrives
from unit.dlq.resources import resource

NOW = "2026-01-01T12:00:00Z"
BEGUN = {"phase": "Running", "started": "2026-01-01T11:00:00Z", "topics": ["a.dlq"]}


@dataclass
class Kafka:
    """A stand-in for the admin client, which can be asked to fail."""

    known: Collection[str] = ("a.dlq", "b.dlq")
    deleted: list[str] = field(default_factory=list)
    refusal: KafkadeError | None = None
    security: Security = field(default_factory=lambda: Security("kafka:9092"))

    async def topics(self) -> dict[str, int]:
        return dict.fromkeys(self.known, 1)

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicDescription]:
        return {name: TopicDescription(name, f"id of {name}", ()) for name in names}

    async def delete_groups(self, groups: Collection[str]) -> dict[str, KafkadeError | None]:
        self.deleted += groups
        return dict.fromkeys(groups, self.refusal)


@dataclass
class World:
    """One redrive, what the engine would give its reconcile, and the engine's part: reports become statuses."""

    resource: Resource
    kafka: Kafka = field(default_factory=Kafka)
    tries: list[Job] = field(default_factory=list)
    outcomes: list[KafkadeError | int] = field(default_factory=list)
    """What each try comes to: an error, or so many that were put back."""
    gone: bool = False
    forbidden: bool = False
    grant: Grant = field(default_factory=Grant)

    def __post_init__(self) -> None:
        self.redrives = Redrives(Pool(), self.carry_out)

    def carry_out(self, _: Security, job: Job, control: Control, __: Callable[[str], bool]) -> Progress:
        self.tries.append(job)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, KafkadeError):
            raise outcome
        place = PartitionProgress(topic=job.topic, partition=0, next=outcome, end=10)
        return Progress(Counts(read=outcome, moved=outcome), (place,))

    # --- the context

    def now(self) -> str:
        return NOW

    def get(self, key: Key) -> Resource | None:
        return self.resource if key == self.resource.key else None

    def members(self, _: Key, kind: str) -> list[Resource]:
        assert kind == DLQ_REDRIVE
        return [self.resource]

    async def add_finalizer(self, _: Resource) -> None:
        self.resource = replace(self.resource, finalizers=(FINALIZER,))

    async def delete(self, _: Resource) -> None:
        if self.forbidden:
            raise ApiForbidden("protected")
        self.gone = True

    # --- the engine

    async def look(self) -> Report:
        """One reconcile, once no thread is at work; its report is written."""
        for run in self.redrives.pool.runs():
            run.join(10)
        spec = parse(KafkaDLQRedriveSpec, self.resource.spec)
        key = Key(CLUSTER, "shop", "main")
        connection = Connection(key, None, None, self.kafka, None)  # type: ignore[arg-type]
        (report,) = await self.redrives.reconcile([Work(self.resource, spec, self.grant)], connection, self)  # type: ignore[arg-type]
        status = self.resource.status if report.status is None else report.status
        finalizers = () if report.release else self.resource.finalizers
        self.resource = replace(self.resource, status=status, finalizers=finalizers)
        return report

    async def looks(self, count: int) -> Report:
        for _ in range(count - 1):
            await self.look()
        return await self.look()

    @property
    def said(self) -> tuple[str, str, str]:
        """Phase, status and reason of Ready."""
        ready: Mapping[str, Any] = condition(self.resource.status, "Ready") or {}
        return (str(self.resource.status.get("phase")), ready.get("status", ""), ready.get("reason", ""))


def world(given: dict[str, Any] | None = None, *outcomes: KafkadeError | int, **spec: Any) -> World:
    meta = {k: spec.pop(k) for k in ("deleted", "finalizers", "annotations") if k in spec}
    spec.setdefault("source", {"topic": "a.dlq"})
    found = resource(DLQ_REDRIVE, "again", spec, status=given or {}, **meta)
    return World(found, outcomes=list(outcomes))


async def test_it_is_written_down_that_it_begins_before_anything_is_done() -> None:
    found = world(None, 10)
    await found.look()
    assert found.said == ("Running", "False", "Redriving")
    assert (found.resource.status["topics"], found.resource.finalizers) == (["a.dlq"], (FINALIZER,))
    assert found.resource.status["topicIds"] == ["id of a.dlq"]
    assert found.tries == []
    await found.looks(2)
    assert found.said == ("Completed", "True", "Completed")
    report = await found.look()
    assert (report.release, found.kafka.deleted) == (True, ["kafkade-redrive.uid-again"])
    assert found.redrives.pool.runs() == []
    await found.looks(3)
    assert len(found.tries) == 1, "never again"
    assert found.tries[0].topic_id == "id of a.dlq", "and of no other topic of that name"


async def test_an_error_that_time_can_heal() -> None:
    found = world(BEGUN, ClusterUnreachable("nobody answers"), AuthorizationFailed("may not"), 10)
    report = await found.looks(2)
    assert found.said == ("Running", "False", "ClusterUnreachable")
    assert isinstance(report.retry, float)
    assert 0.5 < report.retry < 1.5
    assert len((await found.look()).events) == 0, "told once"
    await wait(found)
    report = await found.look()
    assert found.said == ("Running", "False", "AuthorizationFailed")
    assert isinstance(report.retry, float)
    assert 1.5 < report.retry < 2.5, "less and less often"
    await wait(found)
    await found.look()
    assert found.said == ("Completed", "True", "Completed")


async def wait(found: World) -> None:
    """The next look is due."""
    (run,) = found.redrives.pool.runs()
    run.not_before = time.monotonic()
    await found.look()


async def test_another_one_has_taken_over() -> None:
    found = world(BEGUN, Fenced("another redrive of a.dlq has begun"), 10)
    report = await found.looks(2)
    assert found.said == ("Running", "False", "Fenced")
    assert (condition(found.resource.status, "Reconciling") or {})["status"] == "True"
    assert isinstance(report.retry, float)
    assert FENCED_PAUSE - 1 < report.retry < FENCED_PAUSE + 1
    await wait(found)
    await found.look()
    assert found.said == ("Completed", "True", "Completed")


async def test_an_error_that_ends_it() -> None:
    found = world(BEGUN, LedgerUnreadable("it is damaged"))
    await found.looks(2)
    assert found.said == ("Failed", "False", "LedgerUnreadable")
    assert (condition(found.resource.status, "Stalled") or {})["status"] == "True"
    await found.looks(3)
    assert len(found.tries) == 1


async def test_a_topic_that_was_deleted_while_it_ran() -> None:
    found = world(BEGUN, UnknownTopic("topic a.dlq: the brokers do not know it"), 10)
    await found.look()
    found.kafka.known = ()
    await found.look()
    assert found.said == ("Running", "False", "UnknownTopic")
    assert (condition(found.resource.status, "Stalled") or {})["status"] == "True"
    await found.look()
    assert len(found.tries) == 1
    found.kafka.known = ("a.dlq",)
    await wait(found)
    await found.look()
    assert found.said == ("Completed", "True", "Completed")


@pytest.mark.parametrize(
    ("outcomes", "counted", "tries"),
    [
        pytest.param([7], 7, 1, id="what is committed is read"),
        pytest.param([LedgerUnreadable("damaged")], None, 1, id="it cannot be read at all"),
    ],
)
async def test_cancelled_after_a_restart(outcomes: list[KafkadeError | int], counted: int | None, tries: int) -> None:
    found = world(BEGUN, *outcomes, cancel=True)
    await found.look()
    assert found.said == ("Cancelling", "False", "Cancelling")
    await found.look()
    assert found.said == ("Cancelled", "True", "Cancelled")
    assert (found.resource.status.get("counts") or {}).get("moved") == counted
    assert len(found.tries) == tries


async def test_cancelled_while_kafka_is_away() -> None:
    found = world(BEGUN, ClusterUnreachable("nobody answers"), 4, cancel=True)
    await found.looks(2)
    assert found.said == ("Cancelling", "False", "ClusterUnreachable")
    await wait(found)
    await found.look()
    assert found.said == ("Cancelled", "True", "Cancelled")
    assert found.resource.status["counts"]["moved"] == 4


async def test_more_than_it_may_have_now() -> None:
    found = world(BEGUN, 10)
    found.grant = Grant(topic_prefixes=("b.",))
    await found.look()
    assert found.said == ("Running", "False", "NotAllowed")
    assert found.tries == []
    found.grant = Grant()
    await found.looks(2)
    assert found.said == ("Completed", "True", "Completed")


DONE = {**BEGUN, "phase": "Completed", "finished": "2026-01-01T11:59:00Z", "counts": {"moved": 1}}


@pytest.mark.parametrize(
    ("ttl", "meta", "gone", "retry"),
    [
        pytest.param(None, {}, False, None, id="kept"),
        pytest.param(61, {}, False, 1, id="in a second"),
        pytest.param(60, {}, True, None, id="now"),
        pytest.param(99_999_999, {}, False, 3600, id="some day"),
        pytest.param(0, {"annotations": {ANNOTATION_DELETION_PROTECTION: "true"}}, False, None, id="protected"),
    ],
)
async def test_after_its_time(ttl: int | None, meta: dict[str, Any], gone: bool, retry: float | None) -> None:
    found = world(DONE, **({} if ttl is None else {"ttlSecondsAfterFinished": ttl}), **meta)
    report = await found.look()
    assert (found.gone, report.retry) == (gone, retry)


async def test_a_deletion_that_is_not_allowed_is_no_trouble_of_the_redrive() -> None:
    found = world(DONE, ttlSecondsAfterFinished=0)
    found.forbidden = True
    report = await found.look()
    assert (report.retry, found.said[0]) == ("backoff", "Completed")


@pytest.mark.parametrize(
    ("given", "deletes"),
    [(BEGUN, ["kafkade-redrive.uid-again"]), (DONE, ["kafkade-redrive.uid-again"]), ({"phase": "Pending"}, [])],
)
async def test_one_try_for_its_group_when_it_is_deleted(given: dict[str, Any], deletes: list[str]) -> None:
    found = world(given, deleted="2026-01-01T11:59:30Z", finalizers=(FINALIZER,))
    found.kafka.refusal = ClusterUnreachable("nobody answers")
    report = await found.look()
    assert (report.release, found.kafka.deleted, found.tries) == (True, deletes, [])


async def test_the_group_of_a_finished_one_is_tried_again() -> None:
    found = world(DONE, finalizers=(FINALIZER,))
    found.kafka.refusal = ClusterUnreachable("nobody answers")
    assert ((await found.look()).retry, found.resource.finalizers) == ("backoff", (FINALIZER,))
    found.kafka.refusal = None
    await found.look()
    assert found.resource.finalizers == ()


async def test_a_namesake_does_not_take_over_a_run() -> None:
    found = world(BEGUN, 5, 10)
    await found.look()
    found.resource = replace(found.resource, uid="uid-new", status={})
    await found.looks(3)
    assert [job.uid for job in found.tries] == ["uid-again", "uid-new"]
    assert found.resource.status["counts"]["moved"] == 10
