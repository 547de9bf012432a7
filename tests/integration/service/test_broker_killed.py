"""SIGKILL of each broker in turn, while services publish, transact, listen and stream: three replicas, two of them in sync.

All of it goes on at once, in one storm; the last broker stays away. Each test looks at what became of one kind of work.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kafkade.devstack.kafka import Kafka
from kafkade.service import ProcessingException, Service, ServiceError
from kafkade.service.streams import Flow, Window
from support.kafka import KafkaView
from support.letters import Seen, read
from support.services import QUICK, Mounts, header, running, until, values

pytestmark = pytest.mark.timeout(400)

BOUND = 270.0
"""Seconds that the storm may take: what waits for ever ends there, and it is told what came last."""

TOPICS = (
    "events",
    "events.dlq",
    "orders",
    "payments",
    "copies",
    "evens",
    "windows",
    "late",
    "storm-windowed-repartition",
)
SETTINGS = QUICK | {"fetch.wait.max.ms": 200}
"""Brokers that start on a machine that is busy with answering fetches take a minute."""

PARTS = 4
"""Records of a transaction, in two topics."""


def bad(number: int) -> bool:
    """Whether handlers refuse an event."""
    return number % 20 == 3


@dataclass
class Storm:
    """What the services were told, and what they did."""

    view: KafkaView
    begun: int = 0
    acknowledged: dict[int, int] = field(default_factory=dict)
    """Partitions by the number of the event."""
    refused: dict[int, str] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    aborted: dict[int, str] = field(default_factory=dict)
    handled: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    came: list[str] = field(default_factory=list)
    """What came when, in seconds."""
    end: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def note(self, what: str) -> None:
        """Keep what came now."""
        self.came.append(f"{time.monotonic() - self._began:.1f} {what}")

    async def publish(self, service: Service) -> None:
        """Numbered events, none of which is waited for before the next."""

        async def one(number: int) -> None:
            try:
                place = await service.publish("events", {"n": number}, key=f"k{number % 50}")
            except ServiceError as error:
                self.refused[number] = error.message
            else:
                assert place is not None
                self.acknowledged[number] = place.partition

        tasks = []
        while not self.end.is_set():
            tasks.append(asyncio.create_task(one(self.begun)))
            self.begun += 1
            await asyncio.sleep(0.02)
        await asyncio.gather(*tasks)

    async def transact(self, service: Service, numbers: itertools.count[int]) -> None:
        """One transaction after the other."""
        while not self.end.is_set():
            number = next(numbers)
            try:
                async with service.transaction():
                    for part in range(PARTS):
                        topic = ("orders", "payments")[part % 2]
                        await service.publish(topic, {"n": number, "part": part}, key=f"k{part}")
                        await asyncio.sleep(0.02)
            except ServiceError as error:
                self.aborted[number] = error.message
            else:
                self.committed.add(number)

    def worker(self, mounts: Mounts) -> Service:
        """A service with listeners and streams, all of the same events."""
        service = mounts.service("storm", instance="worker", settings=SETTINGS)

        @service.listener("events", group="least", concurrency=2, properties=SETTINGS)
        async def handle(event: dict[str, int]) -> None:
            if bad(event["n"]):
                raise ProcessingException("refused")
            self.handled[event["n"]] += 1

        @service.listener("events", group="exact", concurrency=2, exactly_once=True, properties=SETTINGS)
        async def copy(event: dict[str, int]) -> None:
            service.publish("copies", event)
            if bad(event["n"]):
                raise ProcessingException("refused, and nothing is to be seen of its copy")

        @service.stream("events", to="evens")
        def evens(events: Flow[dict[str, int]]) -> Flow[dict[str, int]]:
            return events.filter(lambda event: event["n"] % 2 == 0)

        def of_window(window: Window) -> dict[str, Any]:
            start = window.period.start.timestamp()
            return {"key": window.key, "start": start, "n": [event["n"] for event in window.events]}

        @service.stream("events", to="windows")
        def windowed(events: Flow[dict[str, int]]) -> Flow[dict[str, Any]]:
            return (
                events.group_by(lambda event: str(event["n"] % 7))
                .windowed_by(timedelta(seconds=1), grace=timedelta(seconds=2), late="late", idle=timedelta(seconds=2))
                .map(of_window)
            )

        return service

    async def kill(self, kafka: Kafka, broker: int) -> None:
        """End a broker, and wait until all goes on without it."""
        await asyncio.to_thread(kafka.kill_broker, broker)
        self.note(f"{broker} is killed")
        self.kills += 1
        first, transactions = self.begun, max(self.committed, default=0) + 2

        def goes_on() -> bool:
            newer = {partition for number, partition in self.acknowledged.items() if number >= first}
            handled = any(number >= first for number in self.handled)
            return len(newer) == 3 and handled and any(number > transactions for number in self.committed)

        await until(goes_on, f"all goes on without broker {broker}", 90)
        self.note(f"all goes on without {broker}")

    async def start(self, kafka: Kafka, broker: int) -> None:
        """Start a broker again, and wait until no other one is needed for what it has missed."""
        await asyncio.to_thread(kafka.start_broker, broker)
        self.note(f"{broker} is started")
        deadline = asyncio.get_running_loop().time() + 60
        while not await asyncio.to_thread(self.in_sync):
            assert asyncio.get_running_loop().time() < deadline, f"broker {broker} is not in sync"
            await asyncio.sleep(0.2)
        self.note("all are in sync")

    async def rage(self, kafka: Kafka, mounts: Mounts) -> None:
        """Have all at work, end each broker in turn, and wait until everybody has come to the end of the events."""
        writer, numbers = mounts.service("storm", instance="writer"), itertools.count()
        async with running(self.worker(mounts)), writer:
            work = [self.publish(writer), *(self.transact(writer, numbers) for _ in range(2))]
            tasks = [asyncio.create_task(one) for one in work]
            await until(lambda: len(self.handled) > 100 and len(self.committed) > 10, "all is at work", 60)
            self.note("all is at work")
            *first, last = kafka.broker_ids
            for broker in first:
                await self.kill(kafka, broker)
                await self.start(kafka, broker)
            await self.kill(kafka, last)
            self.end.set()
            await asyncio.gather(*tasks)
            self.note(f"{self.begun} events are published")
            there = await asyncio.to_thread(self.numbers, "events")
            deadline = asyncio.get_running_loop().time() + 120
            while not await asyncio.to_thread(self.all_is_done, there):
                if asyncio.get_running_loop().time() > deadline:
                    break  # tests tell what is missing
                await asyncio.sleep(0.5)
            self.note("all is done")

    def in_sync(self) -> bool:
        """Whether each partition, Kafka's own too, has three replicas in sync."""
        try:
            found = AdminClient({"bootstrap.servers": self.view.bootstrap, "log_level": 0}).list_topics(timeout=5)
        except KafkaException:
            return False
        return all(len(p.isrs) == 3 for topic in found.topics.values() for p in topic.partitions.values())

    def read(self, topic: str) -> list[Seen]:
        """All committed records."""
        return read(self.view.bootstrap, topic)

    def numbers(self, topic: str) -> list[int]:
        """The numbers of the events in a topic, in order."""
        return sorted(one["n"] for one in values(self.read(topic)))

    def letters(self, group: str) -> list[int]:
        """The numbers of a group's dead letters, in order."""
        letters = [one for one in self.read("events.dlq") if header(one, "kafkade.dlq.group") == group]
        return sorted(one["n"] for one in values(letters))

    def in_windows(self) -> list[int]:
        """The numbers of the events in windows, and of those that came late, in order."""
        return sorted([*(n for one in values(self.read("windows")) for n in one["n"]), *self.numbers("late")])

    def all_is_done(self, there: list[int]) -> bool:
        """Whether everybody has come to the end of the events that are there."""
        good = {number for number in there if not bad(number)}
        return (
            good <= set(self.handled)
            and len(self.letters("least")) >= len(there) - len(good)
            and len(self.numbers("copies")) + len(self.letters("exact")) >= len(there)
            and len(self.numbers("evens")) >= sum(number % 2 == 0 for number in there)
            and len(self.in_windows()) >= len(there)
        )


@pytest.fixture(scope="module")
async def storm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storm]:
    """All of it, over; the brokers are still there to be asked."""
    with Kafka(brokers=3) as kafka:
        view = KafkaView(kafka.bootstrap)
        for topic in TOPICS:
            view.create(topic, 3, 3, min_insync_replicas="2")
        mounts = Mounts(tmp_path_factory.mktemp("storm"), kafka.bootstrap)
        mounts.binding("storm")
        mounts.policy(
            "storm", "events", retry={"strategy": "InPlace", "maxAttempts": 2, "backoff": {"initial": "20ms"}}
        )
        storm = Storm(view)
        try:
            async with asyncio.timeout(BOUND):
                await storm.rage(kafka, mounts)
        except TimeoutError:
            pytest.fail(f"the storm is not over after {BOUND} s: {', '.join(storm.came)}")
        yield storm


async def test_what_was_acknowledged_is_there_and_nothing_twice(storm: Storm) -> None:
    found = storm.numbers("events")
    assert len(found) == len(set(found)), "an idempotent producer writes nothing twice"
    assert not set(storm.acknowledged) - set(found), "nothing that was acknowledged is lost"
    assert set(storm.acknowledged) | set(storm.refused) == set(range(storm.begun)), "all were answered"
    assert not storm.refused


async def test_a_transaction_is_whole_or_not_there(storm: Storm) -> None:
    found = Counter(one["n"] for topic in ("orders", "payments") for one in values(storm.read(topic)))
    assert set(found.values()) == {PARTS}
    assert set(found) == storm.committed, "what was told is what is there"
    assert len(storm.committed) > 20


async def test_a_listener_misses_nothing_and_does_again_what_was_not_committed(storm: Storm) -> None:
    there = storm.numbers("events")
    assert set(storm.handled) == {number for number in there if not bad(number)}
    letters = Counter(storm.letters("least"))
    assert set(letters) == {number for number in there if bad(number)}
    assert max(storm.handled.values()) <= 1 + storm.kills
    assert max(letters.values()) <= 1 + storm.kills


async def test_a_listener_with_exactly_once_has_each_event_once(storm: Storm) -> None:
    there = storm.numbers("events")
    assert storm.numbers("copies") == [number for number in there if not bad(number)]
    assert storm.letters("exact") == [number for number in there if bad(number)]


async def test_a_stream_has_each_event_once(storm: Storm) -> None:
    there = storm.numbers("events")
    assert storm.numbers("evens") == [number for number in there if number % 2 == 0]
    assert storm.in_windows() == there
    windows = [(one["key"], one["start"]) for one in values(storm.read("windows"))]
    assert len(windows) == len(set(windows)), "each window once"
