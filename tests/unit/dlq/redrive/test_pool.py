"""Threads of redrives: topics one after another, tries one after another, and an end at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from kafkade.api.errors import ClusterUnreachable, Fenced, KafkadeError, UnknownTopic
from kafkade.api.objects import Key
from kafkade.api.redrive import Counts, PartitionProgress
from kafkade.clients.kafka_config import Security
from kafkade.dlq.redrive import pool as pool_module
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.pool import FENCED_PAUSE, Pool, Run, pause
from kafkade.dlq.redrive.progress import Progress

BROKERS = Security("kafka:9092")
KEY = Key("KafkaDLQRedrive", "shop", "again")


def moved(topic: str, count: int, end: int = 10) -> Progress:
    """So many of a topic with one partition were put back."""
    place = PartitionProgress(topic=topic, partition=0, next=count, end=end)
    return Progress(Counts(read=count, moved=count), (place,))


@dataclass
class Mover:
    """In place of Kafka: each topic has ten dead letters. It moves them all, or as many as it may until it is cancelled."""

    jobs: list[Job] = field(default_factory=list)
    errors: dict[str, list[KafkadeError]] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    slow: bool = False

    def __call__(self, _: Security, job: Job, control: Control, allowed: Callable[[str], bool]) -> Progress:
        self.jobs.append(job)
        if self.errors.get(job.topic):
            raise self.errors[job.topic].pop(0)
        done = self.committed.setdefault(job.topic, 0)
        control.publish(moved(job.topic, done))
        while done < min(10, job.max_records or 10) and not control.cancelled:
            done += 1
            self.committed[job.topic] = done
            control.publish(moved(job.topic, done))
            if self.slow:
                control.sleep(0.05)
        return moved(job.topic, done)


def run(mover: Mover, *topics: str, **fields: int) -> Run:
    return Run(KEY, "uid", [Job("uid", topic, **fields) for topic in topics], mover)


def ended(run: Run) -> Run:
    run.join(10)
    run.look()
    assert not run.active
    return run


def total(run: Run) -> int:
    return sum(part.counts.moved for part in run.progress)


def test_topics_one_after_another() -> None:
    mover = Mover()
    found = run(mover, "a", "b", "c")
    assert (found.progress, found.active, found.complete) == ((), False, False)
    found.start(BROKERS)
    ended(found)
    assert found.complete
    assert [part.partitions[0].topic for part in found.progress] == ["a", "b", "c"]
    assert total(found) == 30


@pytest.mark.parametrize(
    ("most", "asked", "moved"),
    [(5, [("a", 5)], 5), (10, [("a", 10)], 10), (13, [("a", 13), ("b", 3)], 13), (99, [("a", 99), ("b", 89)], 20)],
)
def test_what_the_topics_before_left_of_max_records(most: int, asked: list[tuple[str, int]], moved: int) -> None:
    mover = Mover()
    found = run(mover, "a", "b", max_records=most)
    found.start(BROKERS)
    assert ended(found).complete
    assert [(job.topic, job.max_records) for job in mover.jobs] == asked
    assert total(found) == moved


def test_a_try_after_an_error_goes_on_with_the_topic_that_failed() -> None:
    away = ClusterUnreachable("nobody answers")
    mover = Mover(errors={"b": [away]})
    found = run(mover, "a", "b")
    found.start(BROKERS)
    ended(found)
    assert found.error is away
    assert not found.complete
    assert (found.topic, total(found)) == ("b", 10)
    found.start(BROKERS)
    ended(found)
    assert (found.error, found.complete, total(found)) == (None, True, 20)
    assert [job.topic for job in mover.jobs] == ["a", "b", "b"]


def test_a_defect_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> Progress:
        raise ValueError("a password")

    found = Run(KEY, "uid", [Job("uid", "a")], broken)
    found.start(BROKERS)
    ended(found)
    assert found.error is not None
    assert found.error.message == "an error in kafkade itself (ValueError): see the operator's log; tried again"
    assert "KafkaDLQRedrive shop/again failed" in caplog.text


def test_stopped_and_gone_on_with() -> None:
    mover = Mover(slow=True)
    found = run(mover, "a", "b")
    found.start(BROKERS)
    while not total(found):
        time.sleep(0.01)
    found.stop()
    ended(found)
    assert found.exact
    assert not found.complete
    assert 0 < total(found) == mover.committed["a"] < 10
    mover.slow = False
    found.start(BROKERS)
    ended(found)
    assert (found.complete, total(found)) == (True, 20)


def test_only_what_is_committed_is_counted() -> None:
    mover = Mover(committed={"a": 10, "b": 4}, errors={"c": [UnknownTopic("c is gone")]})
    found = run(mover, "a", "b", "c")
    found.start(BROKERS, only_count=True)
    ended(found)
    assert (found.exact, found.complete, total(found)) == (True, False, 14)
    assert mover.committed == {"a": 10, "b": 4}


def test_what_was_known_stays_until_a_try_knows_more() -> None:
    mover = Mover(errors={"a": []})
    found = run(mover, "a")
    mover.committed["a"] = 7
    found.start(BROKERS, only_count=True)
    ended(found)
    mover.errors["a"] = [ClusterUnreachable("nobody answers")]
    found.start(BROKERS)
    ended(found)
    assert not found.news
    assert total(found) == 7


def test_the_rate_of_a_run_and_of_its_next_topic_change_at_once() -> None:
    seen: list[int | None] = []
    go_on = threading.Event()

    def watched(_: Security, job: Job, control: Control, __: Callable[[str], bool]) -> Progress:
        seen.append(control.rate)
        go_on.wait(10)
        seen.append(control.rate)
        return moved(job.topic, 1)

    found = Run(KEY, "uid", [Job("uid", topic, rate_limit=5) for topic in "ab"], watched)
    found.start(BROKERS)
    while not seen:
        time.sleep(0.01)
    found.set_rate(None)
    go_on.set()
    ended(found)
    assert seen == [5, None, None, None]


@pytest.mark.parametrize(
    ("error", "failures", "seconds"),
    [
        (ClusterUnreachable(""), 1, 1.0),
        (ClusterUnreachable(""), 3, 4.0),
        (ClusterUnreachable(""), 50, 60.0),
        (Fenced(""), 1, FENCED_PAUSE),
    ],
)
def test_pause(error: KafkadeError, failures: int, seconds: float) -> None:
    assert pause(error, failures) == seconds


async def test_no_more_than_some_and_all_of_them_end() -> None:
    pool = Pool(most=2)
    runs = [Run(KEY._replace(name=name), name, [Job(name, name)], Mover(slow=True)) for name in "abc"]
    for found in runs:
        pool.add(found)
    assert [pool.start(found, BROKERS) for found in runs] == [True, True, False]
    assert pool.at_work == 2
    pool.stop(runs[0].key)
    ended(runs[0])
    assert (runs[0].exact, runs[1].stopping) == (True, False)
    assert pool.start(runs[2], BROKERS)
    began = time.monotonic()
    await pool.close()
    assert time.monotonic() - began < 2
    assert pool.at_work == 0
    pool.drop("a")
    assert (pool.get("a"), pool.get("b")) == (None, runs[1])


@dataclass
class Stuck:
    """A mover whose client does not answer, until it is released; then it says something of its own."""

    go_on: threading.Event = field(default_factory=threading.Event)
    calls: int = 0

    def __call__(self, _: Security, job: Job, control: Control, __: Callable[[str], bool]) -> Progress:
        self.calls += 1
        control.publish(moved(job.topic, 2))
        if self.calls == 1:
            self.go_on.wait(10)
        return moved(job.topic, 10)


@pytest.mark.parametrize("told", [False, True], ids=["silent", "told to stop"])
def test_a_thread_that_does_not_answer_is_left_to_itself(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "STOP_PATIENCE" if told else "SILENCE", 0.05)
    mover = Stuck()
    found = Run(KEY, "uid", [Job("uid", "a")], mover)
    found.start(BROKERS)
    while not found.news:
        time.sleep(0.01)
    found.look()
    if told:
        found.stop()
    time.sleep(0.1)
    assert found.active
    found.look()
    assert not found.active
    assert found.error is not None
    assert (found.error.reason, found.error.retryable) == ("KafkaRequestFailed", True)
    assert (total(found), found.exact, found.complete) == (2, False, False)

    found.start(BROKERS)
    mover.go_on.set()
    ended(found)
    assert (total(found), found.complete, mover.calls) == (10, True, 2)


async def test_the_end_of_the_process_does_not_wait_for_ever() -> None:
    hang = threading.Event()

    def stuck(*_: object) -> Progress:
        hang.wait(10)
        return Progress()

    pool = Pool()
    found = Run(KEY, "uid", [Job("uid", "a")], stuck)
    pool.add(found)
    pool.start(found, BROKERS)
    await pool.close(patience=0.1)
    assert found.active
    hang.set()
    ended(found)
