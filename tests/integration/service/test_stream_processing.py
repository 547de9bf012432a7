"""Usage 3, Stream Processing: raw-metrics to processed-metrics, and a user's minutes of user-events and order-events."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafkade.service import ListenerStopped, Service
from kafkade.service.streams import Flow
from kafkade.service.streams import running as running_streams
from support import stream_service
from support.kafka import KafkaView
from support.letters import read
from support.services import Mounts, running, until, values

TESTS = Path(__file__).parents[2]
START = 1_767_225_600_000
"""A full minute, in ms since 1970."""

Event = tuple[int, str, int]
"""Timestamp in ms, user, id."""


def topics(view: KafkaView, suffix: str, partitions: int = 2) -> None:
    """The topics of the two streams. Events of the tests are of another time than now."""
    for name in ("raw-metrics", "processed-metrics", "user-events", "order-events", "user-activity", "late-events"):
        view.create(f"{name}{suffix}", partitions, retention_ms="-1")
    view.create(f"activity{suffix}-repartition", partitions)


def write(view: KafkaView, topic: str, events: Iterable[Event]) -> None:
    """Events as another service publishes them: any key, so that a user's are in every partition."""
    producer = Producer({"bootstrap.servers": view.bootstrap, "linger.ms": 5})
    for timestamp, user, number in events:
        value = json.dumps({"user_id": user, "id": number}).encode()
        producer.produce(topic, value, key=str(number).encode(), timestamp=timestamp)
        producer.poll(0)
    assert producer.flush(30) == 0


def minutes(events: Iterable[Event]) -> dict[tuple[str, int], list[int]]:
    """What is to come out: the ids of each user's minute."""
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for timestamp, user, number in events:
        found[user, timestamp - timestamp % 60_000].append(number)
    return {key: sorted(ids) for key, ids in found.items()}


def emitted(view: KafkaView, topic: str) -> list[tuple[tuple[str, int], list[int]]]:
    """What a reader of committed records sees."""
    return [
        (
            (one["user_id"], int(stream_service.UserActivity.model_validate(one).start.timestamp() * 1000)),
            sorted(event["id"] for event in one["events"]),
        )
        for one in values(read(view.bootstrap, topic))
    ]


async def eventually(test: Callable[[], bool], what: str, timeout: float = 90) -> None:  # noqa: ASYNC109
    """Wait until a test holds that asks the brokers, which must not hold the service up."""
    deadline = time.monotonic() + timeout
    while not await asyncio.to_thread(test):
        assert time.monotonic() < deadline, f"not so within {timeout} s: {what}"
        await asyncio.sleep(0.1)


async def test_filter_map_buffer(mounts: Mounts, view: KafkaView) -> None:
    topics(view, "-fmb")
    mounts.binding(stream_service.BINDING)
    producer = Producer({"bootstrap.servers": view.bootstrap})
    for n in range(-50, 250):
        value = {"timestamp": "2026-01-01T00:00:00Z", "value": n, "metadata": {"n": str(n)}}
        producer.produce("raw-metrics-fmb", json.dumps(value), key=f"k{n}", timestamp=START + n)
    producer.flush()
    async with running(stream_service.service(mounts.root, "a", "-fmb")):
        await eventually(lambda: len(read(view.bootstrap, "processed-metrics-fmb")) >= 249, "all metrics are there")
    found = read(view.bootstrap, "processed-metrics-fmb")
    assert sorted((one["value"], one["metadata"]["n"]) for one in values(found)) == [
        (2.0 * n, str(n)) for n in range(1, 250)
    ]
    assert {one.key for one in found} == {f"k{n}".encode() for n in range(1, 250)}


async def test_a_users_minutes_of_two_topics(mounts: Mounts, view: KafkaView) -> None:
    topics(view, "-min")
    mounts.binding(stream_service.BINDING)
    events = [(START + 300 * n, f"u{n % 7}", n) for n in range(1000)]
    write(view, "user-events-min", events[::2])
    write(view, "order-events-min", events[1::2])
    last = START + 300 * 1000
    async with running(stream_service.service(mounts.root, "a", "-min")):
        # what closes the last minutes, in each partition
        for topic in ("user-events-min", "order-events-min"):
            write(view, topic, [(last + 130_000, f"closing{n}", -n) for n in range(40)])
        await eventually(
            lambda: len(emitted(view, "user-activity-min")) >= len(minutes(events)), "all windows are there"
        )
    found = emitted(view, "user-activity-min")
    assert dict(found) == minutes(events)
    assert len(found) == len(dict(found)), "each window once"


async def test_late_events_by_their_rule_and_a_partition_that_goes_by_the_clock(
    mounts: Mounts, view: KafkaView
) -> None:
    topics(view, "-late", partitions=1)
    mounts.binding(stream_service.BINDING)
    service = stream_service.service(mounts.root, "a", "-late", late="late-events-late", idle=timedelta(seconds=1))
    write(view, "user-events-late", [(START, "u", 1), (START + 69_999, "u", 2), (START + 1, "u", 3)])  # 3: in the grace
    async with running(service):
        await eventually(
            lambda: len(emitted(view, "user-activity-late")) == 2, "both are emitted, since nothing comes any more"
        )
        write(view, "user-events-late", [(START + 2, "u", 4)])
        await eventually(lambda: len(read(view.bootstrap, "late-events-late")) == 1, "the late event has its place")
    assert emitted(view, "user-activity-late") == [(("u", START), [1, 3]), (("u", START + 60_000), [2])]
    assert values(read(view.bootstrap, "late-events-late")) == [{"user_id": "u", "id": 4}]
    assert service.metrics.messages["user-events-late", "late"] == 1


async def test_what_cannot_be_read_goes_where_the_policy_says(mounts: Mounts, view: KafkaView) -> None:
    topics(view, "-bad", partitions=1)
    view.create("raw-metrics-bad.dlq", 1)
    mounts.binding(stream_service.BINDING)
    producer = Producer({"bootstrap.servers": view.bootstrap})
    producer.produce("raw-metrics-bad", b"no metric")
    producer.flush()
    with pytest.raises(ListenerStopped, match=r"raw-metrics-bad/0@0.*KafkaDLQPolicy"):
        await asyncio.wait_for(stream_service.service(mounts.root, "a", "-bad").run(signals=False), 30)
    mounts.policy(stream_service.BINDING, "raw-metrics-bad", retry={"strategy": "InPlace"})
    async with running(stream_service.service(mounts.root, "a", "-bad")):
        await eventually(lambda: len(read(view.bootstrap, "raw-metrics-bad.dlq")) == 1, "the dead letter is there")
    assert read(view.bootstrap, "raw-metrics-bad.dlq")[0].value == b"no metric"


async def test_a_topic_that_is_missing_is_named_and_waited_for(
    mounts: Mounts, view: KafkaView, caplog: pytest.LogCaptureFixture
) -> None:
    mounts.binding("early")
    view.create("early-in", 1)
    view.create("early-out", 1)
    view.create("early-metrics-repartition", 1)
    view.delete("early-metrics-repartition")
    service = Service.from_binding("early", root=mounts.root, instance="early")

    @service.stream("early-in", to="early-out")
    def metrics(events: Flow[dict[str, str]]) -> Flow[object]:
        return events.group_by(lambda e: e["user"]).windowed_by(timedelta(minutes=1)).map(lambda window: window.key)

    async with running(service):
        await until(lambda: "early-metrics-repartition" in caplog.text, "the missing topic is named")
        assert "declare it as a KafkaTopic" in caplog.text


async def test_nobody_says_where_the_group_stands(
    mounts: Mounts, view: KafkaView, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a transaction of somebody else would commit is in doubt: the stream tells it, asks again, and then begins."""
    monkeypatch.setattr(running_streams, "_COMMITTED", 1)
    topics(view, "-doubt", partitions=1)
    mounts.binding(stream_service.BINDING)
    producer = Producer({"bootstrap.servers": view.bootstrap, "transactional.id": "doubt"})
    producer.init_transactions(30)
    producer.begin_transaction()
    member = Consumer({"bootstrap.servers": view.bootstrap, "group.id": "metrics-doubt"})
    places = [TopicPartition("raw-metrics-doubt", 0, 7)]
    producer.send_offsets_to_transaction(places, member.consumer_group_metadata(), 30)
    async with running(stream_service.service(mounts.root, "a", "-doubt")):
        told = "stream process_metrics begins again where it last committed: Failed to get committed offsets"
        await until(lambda: told in caplog.text, "it is told")
        producer.abort_transaction(30)
        plain = Producer({"bootstrap.servers": view.bootstrap})
        value = {"timestamp": "2026-01-01T00:00:00Z", "value": 1, "metadata": {}}
        plain.produce("raw-metrics-doubt", json.dumps(value))
        assert plain.flush(30) == 0
        await eventually(lambda: len(read(view.bootstrap, "processed-metrics-doubt")) == 1, "the stream goes on")
    assert caplog.text.count(told) == 1, "the same trouble is told once"


async def test_exactly_once_whatever_is_killed(mounts: Mounts, view: KafkaView) -> None:
    """Two processes share the work and are killed again and again: each window comes once, and each event is in one of them.

    What came too late, since its process was dead for longer than the grace, is in the topic of late events, once too.
    """
    suffix = "-kill"
    topics(view, suffix, partitions=4)
    mounts.binding(stream_service.BINDING)
    dice = random.Random(1)
    count, kills = 4000, 4
    # time goes as in the world, 200 events a second, somewhat out of order
    events = [(START + 5 * n + dice.randrange(1000), f"u{dice.randrange(20)}", n) for n in range(count)]
    inputs = (f"user-events{suffix}", f"order-events{suffix}")

    def start(instance: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "support.stream_service", str(mounts.root), instance, suffix]
        return subprocess.Popen(command, cwd=TESTS)

    def all_are_there() -> bool:
        found = sum(len(ids) for _, ids in emitted(view, f"user-activity{suffix}"))
        return found + len(read(view.bootstrap, f"late-events{suffix}")) >= count

    processes = {name: start(name) for name in ("a", "b")}
    try:
        for number, first in enumerate(range(0, count, count // kills)):
            for piece in range(first, first + count // kills, 100):
                part = events[piece : piece + 100]
                for which, topic in enumerate(inputs):
                    await asyncio.to_thread(write, view, topic, part[which::2])
                await asyncio.sleep(0.5)
            name = "ab"[number % 2]
            processes[name].send_signal(signal.SIGKILL)
            processes[name].wait()
            processes[name] = start(name)
        for topic in inputs:
            closing = [(events[-1][0] + 60_000, f"closing{n}", count + n) for n in range(80)]
            await asyncio.to_thread(write, view, topic, closing)
        await eventually(all_are_there, "all events are somewhere", 90)
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(30)  # whatever it says: the last one may be starting still
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    windows = emitted(view, f"user-activity{suffix}")
    late = [one["id"] for one in values(read(view.bootstrap, f"late-events{suffix}"))]
    assert len(windows) == len(dict(windows)), "no window twice"
    assert sorted([*(number for _, ids in windows for number in ids), *late]) == list(range(count))
    where = {number: (user, at - at % 1000) for at, user, number in events}
    assert all(where[number] == key for key, ids in windows for number in ids)
    assert len(windows) > 100
