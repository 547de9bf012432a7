"""A redrive on real brokers: exactly once whatever is killed, and every way in which a record can stay where it is."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from kafkade.api.errors import Fenced, LedgerFull, TopicRecreated, UnknownTopic
from kafkade.api.redrive import OffsetRange, RedriveFilter
from kafkade.clients import kafka_mover_client
from kafkade.clients.kafka_config import Security
from kafkade.devstack.kafka import Kafka
from kafkade.dlq.letter import REDRIVE_COUNT
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.filter import Filter
from kafkade.dlq.redrive.job import Guard, HeaderChanges, Job
from kafkade.dlq.redrive.keep import keep_ledger
from kafkade.dlq.redrive.progress import Progress
from kafkade.dlq.redrive.run import redrive
from support.kafka import KafkaView
from support.letters import START, Seen, Watch, assert_each_once, letter, read, write
from support.transactions import transactions_ended
from support.waiting import until

VERSIONS = ("3.5.2", "4.4.0")
"""On 4.1.1 it is the operator that is killed."""

AWAY = 75
"""How KILLED ends by itself where librdkafka does not come back from a request to brokers that were away a moment ago."""

KILLED = f"""if True:
    import faulthandler, sys
    from kafkade.api.errors import ClusterUnreachable
    from kafkade.clients.kafka_config import Security
    from kafkade.dlq.redrive.control import Control
    from kafkade.dlq.redrive.job import Job
    from kafkade.dlq.redrive.run import redrive
    faulthandler.dump_traceback_later(60)
    bootstrap, topic, uid = sys.argv[1:]
    try:
        redrive(Security(bootstrap), Job(uid, topic), Control(1_000), lambda _: True)
    except ClusterUnreachable as error:
        print(error.message, file=sys.stderr)
        sys.exit({AWAY})
"""


class Ground:
    """A dead-letter topic with letters, and the topic that they come from."""

    def __init__(self, kafka: Kafka, partitions: int = 3, **config: str) -> None:
        self.bootstrap = kafka.bootstrap
        self.view = KafkaView(kafka.bootstrap)
        self.origin = f"orders-{uuid.uuid4().hex[:8]}"
        self.topic = f"{self.origin}.dlq"
        self.view.create(self.origin, partitions, **config)
        self.view.create(self.topic, partitions)

    def letters(self, numbers: range | list[int], **more: Any) -> list[Seen]:
        """Write these letters, and return them."""
        made = [letter(number, self.origin) for number in numbers]
        write(self.bootstrap, self.topic, made, **more)
        return made

    def job(self, uid: str | None = None, **fields: Any) -> Job:
        return Job(uid or uuid.uuid4().hex, self.topic, **fields)

    def redrive(self, job: Job | None = None, control: Control | None = None, **more: Any) -> Progress:
        allowed: Callable[[str], bool] = more.get("allowed", lambda _: True)
        security = more.get("security", Security(self.bootstrap))
        return redrive(security, job or self.job(), control or Control(), allowed)

    def back(self) -> list[Seen]:
        """What the origin has now."""
        return read(self.bootstrap, self.origin)


def counts(progress: Progress) -> dict[str, int]:
    """The counts that are not 0."""
    return {name: number for name, number in progress.counts.model_dump().items() if number}


def reasons(progress: Progress) -> list[tuple[int, int, str]]:
    return [(f.partition, f.offset, f.reason) for f in progress.failures]


def moving(running: Future[Progress], control: Control) -> None:
    """Wait until some records are put back; a redrive that failed says why."""
    until(lambda: control.snapshot().counts.moved > 0 or running.done(), "it moves")
    if running.done():
        running.result()


class Aging:
    """A broker that forgets offsets after a minute in place of seven days: a ledger that is kept there, and one that is not."""

    def __init__(self, kafka: Kafka) -> None:
        self.kept, self.forgotten = Ground(kafka), Ground(kafka)
        self.letters = self.kept.letters(range(50))
        only = Filter.of(RedriveFilter(error_class="Error1"))
        assert counts(self.kept.redrive(self.kept.job(filter=only))) == {"read": 50, "moved": 17, "skipped": 33}
        assert counts(self.forgotten.redrive(self.forgotten.job(filter=only))) == {}
        self.forgotten.letters(range(50))
        self.forgotten.redrive()
        self._began = time.monotonic()
        self._end = threading.Event()
        self._worker = ThreadPoolExecutor(1)
        self._keeping = self._worker.submit(self._keep)

    def _keep(self) -> list[bool]:
        found = []
        while not self._end.wait(15):
            found.append(keep_ledger(Security(self.kept.bootstrap), self.kept.topic))
        return found

    def wait(self) -> None:
        """Until it is old enough."""
        time.sleep(max(0.0, self._began + 76 - time.monotonic()))
        self.stop()
        found = self._keeping.result()
        assert found == [True] * len(found)
        assert len(found) >= 4

    def stop(self) -> None:
        """Keep it no more."""
        self._end.set()
        self._worker.shutdown()


@pytest.fixture(scope="module", autouse=True)
def aging() -> Iterator[Aging]:
    """From the beginning, so that the time for it passes while other tests are at work."""
    short = {"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "2000"}
    with Kafka(config=short) as kafka:
        made = Aging(kafka)
        try:
            yield made
        finally:
            made.stop()


def run_and_kill(ground: Ground, watch: Watch, number: int, said: Path) -> None:
    """Redrive until more records than this have arrived, then kill it. What ends over brokers is begun again, as it says."""
    command = (sys.executable, "-c", KILLED, ground.bootstrap, ground.topic, "one-uid")
    deadline = time.monotonic() + 120

    def told() -> str:
        return f"more than {number} records arrive: {said.read_text()}"

    while True:
        with said.open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
            try:
                until(
                    lambda running=running: watch.records() > number or running.poll() is not None,
                    told,
                    deadline - time.monotonic(),
                    pause=0.02,
                )
            finally:
                running.kill()
        if running.returncode == -signal.SIGKILL:
            return
        assert running.returncode == AWAY, said.read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_killed_again_and_again_each_record_arrives_once(version: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    with Kafka(version=version) as kafka:
        ground = Ground(kafka)
        letters = ground.letters(range(10_000))
        watch = Watch(kafka.bootstrap, ground.origin, range(3))
        for kill in range(3):
            run_and_kill(ground, watch, watch.records() + chance.randrange(1_000), tmp_path / f"said-{kill}")
            if kill == 1:
                watch.close()
                kafka.kill_broker(1)
                kafka.start_broker(1)
                watch = Watch(kafka.bootstrap, ground.origin, range(3))
        watch.close()
        # once more with the counts of all runs, however far they came
        done = ground.redrive(ground.job("one-uid"))
        assert counts(done) == {"read": 10_000, "moved": 10_000}
        assert [(p.next, p.end) for p in done.partitions] == [(p.end, p.end) for p in done.partitions]
        assert_each_once(ground.back(), letters)
        assert counts(ground.redrive()) == {}, "nothing is left for another one"


def test_a_topic_that_is_deleted_and_made_again(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_mover_client, "_APPEARS", 60.0)
    ground = Ground(kafka)
    letters = set(ground.letters(range(2_000)))
    slow = Control(20)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ground.redrive, ground.job(rate_limit=20), slow)
        moving(running, slow)
        ground.view.delete(ground.topic)
        ground.view.create(ground.topic, 3)
        others = ground.letters(range(5_000, 7_000))
        with pytest.raises(TopicRecreated, match="deleted and made again since this redrive began"):
            running.result(60)
    assert len(ground.back()) == slow.snapshot().counts.moved, "nothing of the new topic, and nothing that is not told"
    # what the old one had put back is not taken for something of the new one
    assert counts(ground.redrive()) == {"read": 2_000, "moved": 2_000}
    assert_each_once([back for back in ground.back() if back not in letters], others)


def test_a_newer_redrive_fences_the_older(kafka: Kafka) -> None:
    ground = Ground(kafka)
    letters = ground.letters(range(2_000))
    slow = Control(20)  # alone, it would take longer than a slow machine needs for the newer one
    with ThreadPoolExecutor(1) as pool:
        older = pool.submit(ground.redrive, ground.job(rate_limit=20), slow)
        moving(older, slow)
        newer = ground.redrive()
        with pytest.raises(Fenced, match="another redrive"):
            older.result(60)
    assert slow.snapshot().counts.moved + newer.counts.moved == 2_000
    assert_each_once(ground.back(), letters)


def test_cancelled_and_gone_on_with(kafka: Kafka) -> None:
    ground = Ground(kafka)
    letters = ground.letters(range(1_000))
    control = Control(50)
    job = ground.job(rate_limit=50)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ground.redrive, job, control)
        moving(running, control)
        control.cancel()
        part = running.result(30)
    assert 0 < part.counts.moved < 1_000
    assert len(ground.back()) == part.counts.moved
    assert counts(ground.redrive(job, Control())) == {"read": 1_000, "moved": 1_000}
    assert_each_once(ground.back(), letters)


def pause(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause a redrive, and wait until what was on its way is committed."""
    holds, hold = threading.Event(), control.hold

    def held(*args: Any) -> Any:
        holds.set()
        return hold(*args)

    monkeypatch.setattr(control, "hold", held)
    control.pause()
    assert holds.wait(60)


def test_paused_and_then_faster(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground(kafka)
    letters = ground.letters(range(1_000))
    control = Control(100)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ground.redrive, ground.job(rate_limit=100), control)
        moving(running, control)
        pause(control, monkeypatch)
        held = control.snapshot().counts.moved
        time.sleep(1)
        assert control.snapshot().counts.moved == held < 1_000
        control.set_rate(None)
        control.pause(False)
        assert running.result(30).counts.moved == 1_000
    assert_each_once(ground.back(), letters)


def test_a_long_pause_is_no_silence_of_the_brokers(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_mover_client, "PATIENCE", 6.0)
    ground = Ground(kafka, 1)
    letters = ground.letters(range(1_500))
    control = Control(300)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ground.redrive, ground.job(rate_limit=300), control)
        moving(running, control)
        control.pause()
        time.sleep(8)
        control.set_rate(None)
        control.pause(False)
        assert running.result(30).counts.moved == 1_500
    assert_each_once(ground.back(), letters)


def test_a_filter_leaves_the_others_for_another_redrive(kafka: Kafka) -> None:
    ground = Ground(kafka)
    letters = ground.letters(range(600))
    only = Filter.of(RedriveFilter(error_class="Error1"))
    assert counts(ground.redrive(ground.job(filter=only))) == {"read": 600, "moved": 200, "skipped": 400}
    assert_each_once(ground.back(), [letter(n, ground.origin) for n in range(1, 600, 3)])
    assert counts(ground.redrive()) == {"read": 400, "moved": 400}
    assert_each_once(ground.back(), letters)


def test_offsets_and_partitions(kafka: Kafka) -> None:
    ground = Ground(kafka)
    ground.letters(range(100), partition=0)
    ground.letters(range(100, 200), partition=1)
    places = [OffsetRange(partition=0, first=10, last=19), OffsetRange(partition=1, last=4)]
    assert counts(ground.redrive(ground.job(filter=Filter(offsets=tuple(places))))) == {"read": 15, "moved": 15}
    expected = [*range(10, 20), *range(100, 105)]
    assert_each_once(ground.back(), [letter(n, ground.origin) for n in expected])
    assert counts(ground.redrive(ground.job(filter=Filter(partitions=frozenset({1}))))) == {"read": 95, "moved": 95}
    # from an offset far beyond the last one that is wanted before it, in one run
    ground.letters(range(1_000, 9_000), partition=2)
    places = [OffsetRange(partition=2, first=0, last=0), OffsetRange(partition=2, first=7_999)]
    assert counts(ground.redrive(ground.job(filter=Filter(offsets=tuple(places))))) == {"read": 2, "moved": 2}


def test_no_more_than_max_records_over_all_runs(kafka: Kafka) -> None:
    ground = Ground(kafka)
    ground.letters(range(300))
    job = ground.job(max_records=120)
    for _ in range(2):
        assert ground.redrive(job).counts.moved == 120
    assert len(ground.back()) == 120


def test_a_dry_run_writes_nothing(kafka: Kafka) -> None:
    ground = Ground(kafka)
    ground.letters(range(300))
    ground.redrive(ground.job(filter=Filter(partitions=frozenset({0}))))
    before = ground.back()
    left = 300 - len(before)
    for _ in range(2):
        done = ground.redrive(ground.job("dry", dry_run=True))
        assert counts(done) == {"read": left, "moved": left}
        assert {(b.origin, b.age) for b in done.histogram} == {(ground.origin, "under 1d")}
        assert {b.error for b in done.histogram} == {"Error0", "Error1", "Error2"}
        assert sum(b.records for b in done.histogram) == left
    assert ground.back() == before
    assert ground.redrive(ground.job("dry")).counts.moved == left


def test_headers_are_edited_and_the_loop_ends(kafka: Kafka) -> None:
    ground = Ground(kafka)
    quarantine = f"{ground.origin}.quarantine"
    ground.view.create(quarantine, 1)
    ground.letters([1])
    guard = Guard(2, quarantine)
    headers = HeaderChanges(add=(("put-back", b"yes"),))
    for round_ in (1, 2, 3):
        done = ground.redrive(ground.job(guard=guard, headers=headers))
        assert counts(done) == {"read": 1, "moved" if round_ < 3 else "quarantined": 1}
        last = ground.back()[-1]
        assert dict(last.headers)[REDRIVE_COUNT] == b"%d" % min(round_, 2)
        assert last.headers.count(("put-back", b"yes")) == min(round_, 2)
        if round_ < 3:
            write(ground.bootstrap, ground.topic, [last])  # the application gives up on it again
    assert_each_once(read(ground.bootstrap, quarantine), [last])
    assert len(ground.back()) == 2


def test_why_records_stay(kafka: Kafka) -> None:
    ground = Ground(kafka, 1, max_message_bytes="2000")
    compacted, foreign = f"{ground.origin}-compacted", f"{ground.origin}-foreign"
    ground.view.create(compacted, 1, cleanup_policy="compact")
    ground.view.create(foreign, 1)
    good, other = letter(1, ground.origin), letter(2, ground.origin)
    random_bytes = random.Random(1).randbytes(3_000)
    cases: list[tuple[Seen, str | None]] = [
        (good, None),
        (good._replace(headers=()), "NoDestination"),
        (letter(1, "nowhere-at-all"), "UnknownTopic"),
        (letter(1, foreign), "NotAllowed"),
        (letter(1, ground.topic), "NotAllowed"),
        (good._replace(value=random_bytes), "RecordTooLarge"),
        (good._replace(value=b"a" * 3_000), None),  # fits compressed
        (letter(1, compacted)._replace(key=None), "NoKey"),
        (other, None),
    ]
    write(ground.bootstrap, ground.topic, [record for record, _ in cases])
    job = ground.job()
    done = ground.redrive(job, allowed=lambda topic: topic != foreign)
    assert reasons(done) == [(0, offset, why) for offset, (_, why) in enumerate(cases) if why is not None]
    assert counts(done) == {"read": 9, "moved": 3, "failed": 6}
    assert_each_once(ground.back(), [record for record, why in cases if why is None])
    assert reasons(ground.redrive(job)) == reasons(done), "a run that is over tells the same"
    # nothing is lost: once the reason is gone, another redrive takes them
    again = ground.redrive(ground.job(destination=foreign))
    assert counts(again) == {"read": 6, "moved": 6}


def test_what_only_the_brokers_refuse(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic's limit is lowered while the redrive runs, so that it still believes in the old one."""
    ground = Ground(kafka, 1)
    large = {17, 150, 151, 299}
    chance = random.Random(1)
    letters = [letter(n, ground.origin) for n in range(300)]
    letters = [one._replace(value=chance.randbytes(5_000)) if n in large else one for n, one in enumerate(letters)]
    write(ground.bootstrap, ground.topic, letters)
    control = Control(20)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ground.redrive, ground.job(), control)
        moving(running, control)
        pause(control, monkeypatch)
        assert control.snapshot().counts.moved < 150
        ground.view.set_config(ground.origin, "max.message.bytes", "2000")
        ground.view.shows(ground.origin, config={"max.message.bytes": "2000"})
        # the log takes it a moment after the broker's metadata, and before these have what comes next
        ground.view.create(f"{ground.origin}-later", 1)
        before = {n for n in large if n < control.snapshot().partitions[0].next}
        control.set_rate(None)
        control.pause(False)
        done = running.result(60)
    refused = sorted(large - before)
    assert reasons(done) == [(0, n, "RecordTooLarge") for n in refused]
    assert done.counts.moved == 300 - len(refused)
    assert_each_once(ground.back(), [one for n, one in enumerate(letters) if n not in refused])


def pointer(origin: str, partition: int, offset: int) -> Seen:
    """What a share group's broker writes of a record that it does not copy (KIP-1191)."""
    place = (("topic", origin), ("partition", str(partition)), ("offset", str(offset)), ("group", "shared"))
    return Seen(None, None, START, tuple((f"__dlq.errors.{name}", text.encode()) for name, text in place))


def test_pointers_are_resolved_and_what_retention_took_is_lost(kafka: Kafka) -> None:
    ground = Ground(kafka, 2)
    destination = f"{ground.origin}-back"
    ground.view.create(destination, 1)
    originals = [letter(n, "somewhere") for n in range(50)]
    write(ground.bootstrap, ground.origin, originals, partition=1)
    ground.view.admin.delete_records([TopicPartition(ground.origin, 1, 10)])[
        TopicPartition(ground.origin, 1, 10)
    ].result(20)
    offsets = [3, 9, 10, 11, 49, 50]
    write(
        ground.bootstrap,
        ground.topic,
        [*(pointer(ground.origin, 1, n) for n in offsets), pointer("gone-topic", 0, 0)],
        partition=0,
    )
    done = ground.redrive(ground.job(destination=destination))
    assert counts(done) == {"read": 7, "moved": 3, "failed": 1, "lost": 3}
    assert reasons(done) == [(0, 0, "Lost"), (0, 1, "Lost"), (0, 5, "Lost"), (0, 6, "UnknownTopic")]
    assert_each_once(read(ground.bootstrap, destination), [originals[n] for n in (10, 11, 49)])


def test_the_end_of_a_partition_may_be_no_record(kafka: Kafka) -> None:
    """Letters written in transactions: markers stand at the end, and what is aborted or open does not count."""
    ground = Ground(kafka, 1)
    letters = [letter(n, ground.origin) for n in range(30)]
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"writer-of-{ground.topic}"})
    producer.init_transactions(30)
    for first, end in ((0, 10), (10, 20), (20, 30)):
        producer.begin_transaction()
        for one in letters[first:end]:
            producer.produce(ground.topic, one.value, one.key, 0, timestamp=one.timestamp, headers=list(one.headers))
        producer.flush(30)
        if first == 0:
            producer.commit_transaction(30)
        elif first == 10:
            producer.abort_transaction(30)
    job = ground.job()
    done = ground.redrive(job)
    assert counts(done) == {"read": 10, "moved": 10}
    producer.commit_transaction(30)
    transactions_ended(kafka.bootstrap, ground.topic)
    assert counts(ground.redrive(job)) == {"read": 10, "moved": 10}, "it ends where it ended when it began"
    assert counts(ground.redrive()) == {"read": 10, "moved": 10}
    assert_each_once(ground.back(), [*letters[:10], *letters[20:]])


def test_more_gaps_than_can_be_written_down(kafka: Kafka) -> None:
    ground = Ground(kafka, 1)
    numbers = [n for n in range(9_000) if n % 13 and n % 11]
    letters = ground.letters(numbers, partition=0)
    # every third, so that each is a range of its own
    only = Filter.of(RedriveFilter(error_class="Error1"))
    with pytest.raises(LedgerFull, match="without a filter"):
        ground.redrive(ground.job(filter=only))
    moved = ground.back()
    assert 500 < len(moved) < len(letters)
    assert ground.redrive().counts.moved == len(letters) - len(moved)
    assert_each_once(ground.back(), letters)


def test_a_topic_that_does_not_exist(kafka: Kafka) -> None:
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        redrive(Security(kafka.bootstrap), Job("u", "no-such-topic"), Control(), lambda _: True)
    assert not KafkaView(kafka.bootstrap).exists("no-such-topic")


def test_a_ledger_is_kept_from_expiring(aging: Aging) -> None:
    aging.wait()
    assert counts(aging.kept.redrive()) == {"read": 33, "moved": 33}
    assert_each_once(aging.kept.back(), aging.letters)
    assert aging.forgotten.redrive().counts.moved == 50, "this is why"
