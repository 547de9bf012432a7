"""A look at groups and topics for Prometheus: what it costs, and that brokers of each version can be asked for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.devstack.kafka import Kafka
from kafkade.groups.series import Bounds, Lag, Messages, Told
from kafkade.groups.watch import Watch
from support.groups import commit
from support.kafka import KafkaView
from support.requests import counted

PARTITIONS = 3
FETCH = "FetchConsumer"
"""What brokers count a Fetch as that is no follower's."""

APIS = ("ListGroups", "OffsetFetch", "ListOffsets", FETCH)
"""What a look asks for."""


def fill(kafka: Kafka, topics: Sequence[str], group: str) -> None:
    """Topics with a record in each partition, of which the group has read all but that of partition 2."""
    view = KafkaView(kafka.bootstrap)
    for future in view.admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics]).values():
        future.result(60)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    everywhere = [(topic, number) for topic in topics for number in range(PARTITIONS)]
    for topic, number in everywhere:
        producer.produce(topic, b"x", partition=number)
    assert producer.flush(30) == 0
    commit(kafka.bootstrap, group, {(topic, number): int(number < 2) for topic, number in everywhere})


async def test_a_look_costs_as_much_for_many_topics_as_for_few(three: Kafka, admin: KafkaAdmin, name: str) -> None:
    spent: dict[int, Counter[str]] = {}
    for number in (5, 200):
        topics = [f"{name}-{number}-{n}" for n in range(number)]
        await asyncio.to_thread(fill, three, topics, f"{name}-{number}")
        watch = Watch(Bounds((f"{name}-{number}",), (f"{name}-{number}-*",), 1000), 30)
        await watch.look(admin)
        before = await asyncio.to_thread(counted, three, *APIS)
        told = await watch.look(admin)
        spent[number] = await asyncio.to_thread(counted, three, *APIS) - before
        assert told.messages == dict.fromkeys(topics, Messages(3, 0))
        assert {pair: lag.records for pair, lag in told.lag.items()} == {(f"{name}-{number}", t): 1 for t in topics}
        assert all(lag.seconds is not None for lag in told.lag.values())
    asked = {api: (spent[5][api], spent[200][api]) for api in APIS}
    assert asked == {"ListGroups": (3, 3), "OffsetFetch": (1, 1), "ListOffsets": (6, 6), FETCH: (0, 0)}


def spread(kafka: Kafka, topic: str, groups: Sequence[str]) -> None:
    """A record more than there are groups, each in a batch of its own; the first group has read none, the next one, …"""
    # all brokers know of it: commits and looks go to others than its only partition's leader
    KafkaView(kafka.bootstrap).create(topic, 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for _ in range(len(groups) + 1):
        producer.produce(topic, b"x")
        assert producer.flush(30) == 0
    for offset, group in enumerate(groups):
        commit(kafka.bootstrap, group, {(topic, 0): offset})


async def test_groups_at_many_places_of_a_partition_are_read_in_turns(
    three: Kafka, admin: KafkaAdmin, name: str
) -> None:
    groups = [f"{name}-{number}" for number in range(10)]
    await asyncio.to_thread(spread, three, name, groups)
    watch = Watch(Bounds((f"{name}-*",), (name,), 1000), 30)
    for fetched in (4, 4, 2, 0):
        before = await asyncio.to_thread(counted, three, FETCH)
        told = await watch.look(admin)
        assert (await asyncio.to_thread(counted, three, FETCH) - before)[FETCH] == fetched
        assert [told.lag[group, name].records for group in groups] == list(range(11, 1, -1))
        assert told.lag[groups[0], name].seconds is not None, "the furthest behind is among the first"
    assert all(lag.seconds is not None for lag in told.lag.values())


@pytest.mark.parametrize("version", ["3.5.2", "3.9.1", "4.4.0"])
async def test_brokers_of_other_versions(version: str, name: str) -> None:
    with Kafka(version) as kafka:
        await asyncio.to_thread(fill, kafka, [name], "invoices")
        admin = KafkaAdmin(Security(kafka.bootstrap))
        told = await Watch(Bounds(None, None, 10), 30).look(admin)
        await admin.close()
    assert told == Told(
        {("invoices", name): Lag(1, told.lag["invoices", name].seconds)},
        {name: Messages(3, 0)},
        {"Empty": 1},
        dict.fromkeys(("groups", "pairs", "topics", "unknown"), 0),
        told.duration,
    )
    assert 0 <= (told.lag["invoices", name].seconds or -1) < 60
