"""Usage 2, Message Consumption: typed events and metadata, concurrency, order, back-pressure, rebalances and the end."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

import pytest

from kafkade.service import Metadata, Service, ServiceError
from support.kafka import KafkaView
from support.letters import read
from support.service_events import UserCreated, UserDeleted, UserEvent, UserUpdated
from support.services import QUICK, Mounts, committed, running, until, values


async def test_events_have_their_types_and_metadata(mounts: Mounts, view: KafkaView) -> None:
    view.create("user-events", 1)
    mounts.binding("user-service")
    service = mounts.service("user-service")
    seen: list[tuple[Any, Metadata]] = []

    @service.listener("user-events", group="user-service-group", properties=QUICK)
    async def handle_user_events(event: UserEvent, metadata: Metadata) -> None:
        seen.append((event, metadata))

    async with running(service):
        await service.publish(
            "user-events", UserCreated(id="1", user_id="u1", email="a@b.c"), headers={"trace-id": "t"}
        )
        await service.publish("user-events", UserUpdated(id="2", user_id="u1", email="d@b.c"))
        await service.publish("user-events", UserDeleted(id="3", user_id="u1"))
        await until(lambda: len(seen) == 3, "three events are seen")
    assert [type(event) for event, _ in seen] == [UserCreated, UserUpdated, UserDeleted]
    event, metadata = seen[0]
    assert (event.email, event.version) == ("a@b.c", 1)
    assert (metadata.topic, metadata.partition, metadata.offset, metadata.attempt) == ("user-events", 0, 0, 1)
    assert (metadata.group, metadata.header("trace-id")) == ("user-service-group", "t")
    assert metadata.timestamp is not None
    assert committed(view, "user-service-group", "user-events") == 3
    assert service.metrics.messages == {("user-events", "published"): 3, ("user-events", "processed"): 3}


async def test_three_partitions_at_a_time_and_each_in_its_order(mounts: Mounts, view: KafkaView) -> None:
    view.create("high-priority-events", 6)
    mounts.binding("user-service")
    service = mounts.service("user-service")
    order: dict[int, list[int]] = collections.defaultdict(list)
    at_work: set[int] = set()
    most = 0

    @service.listener(
        "high-priority-events",
        concurrency=3,
        properties={**QUICK, "max.poll.interval.ms": 300000, "max.poll.records": 10},
    )
    async def handle_priority_events(event: dict[str, int], metadata: Metadata) -> None:
        nonlocal most
        assert metadata.partition not in at_work
        at_work.add(metadata.partition)
        most = max(most, len(at_work))
        await asyncio.sleep(0.002)
        order[metadata.partition].append(event["n"])
        at_work.remove(metadata.partition)

    async with running(service):
        for n in range(600):
            service.publish("high-priority-events", {"n": n}, partition=n % 6)
        await until(lambda: sum(map(len, order.values())) == 600, "all is seen")
    assert most == 3
    assert dict(order) == {p: list(range(p, 600, 6)) for p in range(6)}


async def test_a_plain_function_runs_beside_the_event_loop(mounts: Mounts, view: KafkaView) -> None:
    view.create("plain-functions", 1)
    mounts.binding("user-service")
    service = mounts.service("user-service")
    seen: list[bytes] = []

    @service.listener("plain-functions", group="plain-functions", properties=QUICK)
    def handle(event: bytes) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        seen.append(event)

    async with running(service):
        await service.publish("plain-functions", b"\x00\xff")
        await until(lambda: seen, "it is seen")
    assert seen == [b"\x00\xff"]


async def test_a_slow_handler_holds_fetching_back(mounts: Mounts, view: KafkaView) -> None:
    view.create("many", 1)
    mounts.binding("user-service")
    service = mounts.service("user-service")
    seen: list[int] = []
    go_on = asyncio.Event()

    @service.listener("many", group="many", properties={**QUICK, "max.poll.records": 50})
    async def handle(event: dict[str, int]) -> None:
        await go_on.wait()
        seen.append(event["n"])

    async with running(service):
        await asyncio.gather(*[service.publish("many", {"n": n}) for n in range(3000)])
        (consuming,) = service.consuming
        await until(lambda: any(share.paused for share in consuming.shares.values()), "fetching is paused")
        (share,) = consuming.shares.values()
        assert share.queued <= 9 * 50, "no more than is fetched ahead, and one fetch"
        go_on.set()
        await until(lambda: len(seen) == 3000, "all is seen")
    assert seen == list(range(3000))


async def test_the_end_waits_for_what_is_in_work_and_commits_it(mounts: Mounts, view: KafkaView) -> None:
    view.create("ending", 1)
    mounts.binding("user-service")
    done: list[int] = []
    began, leaving = asyncio.Event(), asyncio.Event()

    def made() -> Service:
        service = mounts.service("user-service")

        @service.listener("ending", group="ending", properties=QUICK)
        async def handle(event: dict[str, int]) -> None:
            began.set()
            await leaving.wait()
            await asyncio.sleep(0.3)
            done.append(event["n"])

        return service

    service = made()
    async with running(service):
        for n in range(3):
            await service.publish("ending", {"n": n})
        await asyncio.wait_for(began.wait(), 30)
        leaving.set()
    assert done == [0], "the record in work is done, and no other begun"
    assert committed(view, "ending", "ending") == 1
    service = made()
    async with running(service):
        await until(lambda: len(done) == 3, "the rest is done")
    assert done == [0, 1, 2]


async def test_a_rebalance_loses_nothing_and_does_nothing_twice(mounts: Mounts, view: KafkaView) -> None:
    view.create("shared", 4)
    mounts.binding("user-service")
    seen: collections.Counter[int] = collections.Counter()
    by: dict[str, int] = collections.Counter()

    def made(instance: str) -> Service:
        service = mounts.service("user-service", instance=instance)

        @service.listener("shared", group="shared", concurrency=2, properties=QUICK)
        async def handle(event: dict[str, int]) -> None:
            # slow until both are at work, or the first is through before the second has its partitions
            await asyncio.sleep(0.001 if by["two"] > 100 else 0.02)
            seen[event["n"]] += 1
            by[instance] += 1

        return service

    one, two = made("one"), made("two")
    async with running(one):
        first = asyncio.gather(*[one.publish("shared", {"n": n}, partition=n % 4) for n in range(3000)])
        await until(lambda: by["one"] > 100, "the first is at work")
        async with running(two):
            await until(lambda: by["two"] > 100, "the second has partitions too")
            rest = asyncio.gather(*[one.publish("shared", {"n": n}, partition=n % 4) for n in range(3000, 4000)])
        await first
        await rest
        await until(lambda: len(seen) == 4000, "all is seen")
    assert set(seen.values()) == {1}
    assert committed(view, "shared", "shared") == 4000


async def test_exactly_once_from_topic_to_topic(mounts: Mounts, view: KafkaView) -> None:
    view.create("raw", 2)
    view.create("doubled", 1)
    mounts.binding("user-service")
    service = mounts.service("user-service")
    failed: set[int] = set()

    @service.listener("raw", group="doubler", concurrency=2, exactly_once=True, properties=QUICK)
    async def double(event: dict[str, int]) -> None:
        service.publish("doubled", {"n": event["n"] * 2})
        if event["n"] % 50 == 7 and event["n"] not in failed:
            failed.add(event["n"])
            raise ValueError("what was published before is not to be seen")

    async with running(service):
        await asyncio.gather(*[service.publish("raw", {"n": n}) for n in range(500)])
        await until(lambda: committed(view, "doubler", "raw") == 500, "all is committed")
    found = values(await asyncio.to_thread(read, view.bootstrap, "doubled"))
    assert sorted(one["n"] for one in found) == [2 * n for n in range(500)]
    assert len(failed) == 10


async def test_what_cannot_be_listened_with_is_told(mounts: Mounts) -> None:
    mounts.binding("user-service")
    service = mounts.service("user-service")
    with pytest.raises(ServiceError, match="no listeners"):
        await service.run()
    with pytest.raises(ServiceError, match=r"handler\(event, metadata\)"):

        @service.listener("any")
        async def takes_nothing() -> None: ...

    @service.listener("any", properties={"max.pol.interval.ms": 1})
    async def handle(event: bytes) -> None: ...

    with pytest.raises(ServiceError, match="No such configuration property"):
        await service.run(signals=False)
