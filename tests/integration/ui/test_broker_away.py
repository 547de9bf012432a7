"""One of three brokers is away: every page is there, and says what it could not ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.devstack.browser import Tab
from kafkade.devstack.kafka import Kafka
from kafkade.ui.access import Access
from kafkade.ui.clusters import Cluster
from kafkade.ui.server import serving
from support.groups import commit
from support.kafka import KafkaView
from support.waiting import until

TOPICS = ("orders", "orders.dlq")


@pytest.fixture
def three() -> Iterator[Kafka]:
    """Topics with one replica a partition, on all brokers, and a group."""
    with Kafka(brokers=3) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for done in admin.create_topics([NewTopic(name, 6, 1) for name in TOPICS]).values():
            done.result()
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        for partition in range(6):
            for name in TOPICS:
                producer.produce(name, b"value", partition=partition)
        assert producer.flush(30) == 0
        commit(kafka.bootstrap, "g", {("orders", p): 0 for p in range(6)})
        yield kafka


def known(kafka: Kafka) -> list[tuple[list[int], int]]:
    """What each of the two that are left knows: the brokers, and how many partitions have no leader."""
    answers = KafkaView(kafka.bootstrap).answers(1, 2)
    return [
        (
            sorted(answers[broker].brokers),
            sum(p.leader < 0 for name in TOPICS for p in answers[broker].topics[name].partitions.values()),
        )
        for broker in (1, 2)
    ]


async def test_every_page_says_what_it_could_not_ask(stranger: Tab, three: Kafka) -> None:
    kafka = KafkaAdmin(Security(three.bootstrap), timeout=8)
    cluster = Cluster("kafka", "shop", kafka, None, lambda topic: topic.endswith(".dlq"))
    try:
        async with serving(lambda: {"kafka": cluster}, Access(None), "127.0.0.1", 0) as listening:
            await stranger.open(f"{listening.url}/clusters/kafka/topics")
            assert "without a leader" not in await stranger.text("main")
            three.stop_broker(3)
            until(lambda: known(three) == [([1, 2], 4)] * 2, lambda: f"both know what is lost: {known(three)}")
            for page, said in (
                ("topics", "2 without a leader"),
                ("overview", "without a leader: nobody can write there"),
                ("topics/orders", "Not all offsets are known"),
                ("groups", "without 2 partitions whose leader does not answer"),
                ("group?group=g", "Offsets are not known: 2 partitions"),
                ("dead-letters", "Left out, 2 partitions"),
                ("peek?topic=orders.dlq", "Left out, 2 partitions"),
            ):
                await stranger.open(f"{listening.url}/clusters/kafka/{page}")
                assert stranger.status == 200, page
                assert said in await stranger.text("main"), page
            assert len(await stranger.texts(".record")) == 4
            assert stranger.complaints == []
    finally:
        await kafka.close()
