"""Groups and their lag on real brokers: beside Kafka's own tool, and beside the records that wait."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafkade.api.errors import AuthorizationFailed, UnknownTopic
from kafkade.clients.group_model import Group, GroupKind, GroupListing
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kafka_config import SaslPassword
from kafkade.clients.model import Committed
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import USER
from kafkade.groups.lag import Known, PartitionLag
from kafkade.groups.observe import Lags, lags
from support.group_tool import describe
from support.groups import commit, commit_places, member
from support.kafka import KafkaView
from support.meanwhile import at_work
from support.transactions import transactions_ended

PROTOCOLS = [pytest.param("classic", id="classic"), pytest.param("consumer", id="KIP-848")]


@pytest.fixture
def group() -> str:
    """A group of this test's own."""
    return f"g-{uuid.uuid4().hex[:10]}"


def produce(kafka: Kafka, topic: str, partition: int, timestamps: list[int], **settings: object) -> None:
    """Write records with these times."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, **settings})
    for timestamp in timestamps:
        producer.produce(topic, b"x" * 50, partition=partition, timestamp=timestamp)
    assert producer.flush(20) == 0


def at(found: Lags, group: str) -> dict[tuple[str, int], PartitionLag]:
    """Lag by topic and partition."""
    return {p.key: p for p in found.groups[group].partitions}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_group_with_a_member(three: Kafka, admin: KafkaAdmin, name: str, group: str, protocol: str) -> None:
    KafkaView(three.bootstrap).create(name, 2)
    with member(three.bootstrap, group, name, protocol):
        listed = (await admin.list_groups())[group]
        assert listed == GroupListing(group, GroupKind(protocol), "Stable", "consumer")
        found = (await admin.describe_groups({group: listed.kind}))[group]
    assert isinstance(found, Group)
    assert (found.name, found.kind, found.state) == (group, GroupKind(protocol), "Stable")
    assert found.members is not None
    (one,) = found.members
    assert (one.client_id, one.host, one.subscribed) == ("orders-app", "127.0.0.1", (name,))
    assert one.assigned == {(name, 0), (name, 1)}
    assert one.target == (one.assigned if protocol == "consumer" else None)


async def test_groups_that_are_not_there(admin: KafkaAdmin, group: str) -> None:
    kinds = {group: GroupKind.CLASSIC, f"{group}-848": GroupKind.CONSUMER}
    assert await admin.describe_groups(kinds) == {}
    assert await admin.group_offsets([group]) == {group: {}}
    assert (await lags(admin, [group])).groups[group].partitions == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_lag_is_what_the_brokers_tool_says(
    three: Kafka, admin: KafkaAdmin, name: str, group: str, protocol: str
) -> None:
    """A producer and a consumer run: what the tool says lies between a look before it and one after it."""
    KafkaView(three.bootstrap).create(name, 3)
    with (
        at_work(lambda stop: _produce_until(three, name, stop)),
        member(three.bootstrap, group, name, protocol) as consumer,
    ):
        with at_work(lambda stop: _consume_until(consumer, stop)):
            for _ in range(100):  # until all partitions were read from
                if len((await lags(admin, [group])).groups[group].partitions) == 3:
                    break
                await asyncio.sleep(0.1)
            before = at(await lags(admin, [group]), group)
            tool = describe(three.bootstrap, group)
            after = at(await lags(admin, [group]), group)
        for key, row in tool.items():
            low, high = before[key], after[key]
            assert row.end is not None
            assert row.committed is not None
            assert low.log is not None
            assert high.log is not None
            assert low.committed is not None
            assert high.committed is not None
            assert low.committed <= row.committed <= high.committed
            assert low.log.end <= row.end <= high.log.end
            assert low.log.end < high.log.end, "the producer ran"
    settled = await lags(admin, [group])
    tool = describe(three.bootstrap, group)
    assert {key: found.records for key, found in at(settled, group).items()} == {k: r.lag for k, r in tool.items()}
    assert settled.groups[group].records > 0
    for (topic, partition), found in at(settled, group).items():
        expected = _first_timestamp(three, topic, partition, found.committed or 0) if found.records else settled.now
        assert found.seconds == pytest.approx((settled.now - expected) / 1000, abs=0.2)


def _produce_until(kafka: Kafka, topic: str, stop: threading.Event) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 20})
    number = 0
    while not stop.is_set():
        for _ in range(10):
            producer.produce(topic, b"x" * 100, partition=number % 3)
            number += 1
        producer.poll(0.01)
    producer.flush(20)


def _consume_until(consumer: Consumer, stop: threading.Event) -> None:
    while not stop.is_set():
        if consumer.consume(20, 0.1):
            consumer.commit(asynchronous=False)
        time.sleep(0.02)


def _first_timestamp(kafka: Kafka, topic: str, partition: int, offset: int) -> int:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reads-only"})
    consumer.assign([TopicPartition(topic, partition, offset)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert message.error() is None
    timestamp: int = message.timestamp()[1]
    return timestamp


async def test_seconds_are_those_of_the_oldest_record_that_waits(
    three: Kafka, admin: KafkaAdmin, name: str, group: str
) -> None:
    KafkaView(three.bootstrap).create(name, 4)
    now = int(time.time() * 1000)
    for partition in (0, 1, 2):
        for age in (90_000, 60_000, 30_000):  # a batch each
            produce(three, name, partition, [now - age])
    commit(three.bootstrap, group, {(name, 0): 1, (name, 1): 3, (name, 2): 0, (name, 3): 0})
    found = await lags(admin, [group], clock=lambda: now / 1000)
    assert {p: (x.records, x.seconds) for (_, p), x in at(found, group).items()} == {
        0: (2, 60.0),
        1: (0, 0.0),
        2: (3, 90.0),
        3: (0, 0.0),
    }
    assert found.groups[group].seconds == 90.0


async def test_the_end_of_a_transaction_is_no_record_that_waits(
    three: Kafka, admin: KafkaAdmin, name: str, group: str
) -> None:
    """The tool counts it, since it counts offsets."""
    KafkaView(three.bootstrap).create(name, 1)
    producer = Producer({"bootstrap.servers": three.bootstrap, "transactional.id": name})
    producer.init_transactions(20)
    for _ in range(2):
        producer.begin_transaction()
        producer.produce(name, b"x", partition=0, timestamp=int(time.time() * 1000) - 50_000)
        producer.commit_transaction(20)
    transactions_ended(three.bootstrap, name)
    commit(three.bootstrap, group, {(name, 0): 3})
    waiting = at(await lags(admin, [group]), group)[name, 0]
    assert (waiting.records, waiting.seconds) == (1, 0.0)
    assert describe(three.bootstrap, group)[name, 0].lag == 1
    commit(three.bootstrap, group, {(name, 0): 1})  # at the control record of the first
    waiting = at(await lags(admin, [group]), group)[name, 0]
    assert waiting.records == 3
    assert waiting.seconds == pytest.approx(50, abs=10)


async def test_large_batches_and_many_partitions(three: Kafka, admin: KafkaAdmin, name: str, group: str) -> None:
    """Brokers send one large batch an answer; the others come in the next rounds."""
    KafkaView(three.bootstrap).create(name, 24)
    now = int(time.time() * 1000)
    large = Producer({"bootstrap.servers": three.bootstrap})
    for partition in range(24):
        large.produce(name, b"x" * 600_000, partition=partition, timestamp=now - 1000 * partition)
    assert large.flush(20) == 0
    commit(three.bootstrap, group, {(name, partition): 0 for partition in range(24)})
    found = at(await lags(admin, [group], clock=lambda: now / 1000), group)
    assert {p: x.seconds for (_, p), x in found.items()} == {p: float(p) for p in range(24)}


async def test_who_looks_again_reads_only_what_is_new(
    three: Kafka, admin: KafkaAdmin, name: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    KafkaView(three.bootstrap).create(name, 1)
    produce(three, name, 0, [int(time.time() * 1000)] * 5)
    commit(three.bootstrap, group, {(name, 0): 2})
    asked: list[object] = []
    real = admin.next_records

    async def counted(offsets: dict[tuple[str, int], int]) -> object:
        asked.append(offsets)
        return await real(offsets)

    monkeypatch.setattr(admin, "next_records", counted)
    known = Known()
    first = await lags(admin, [group], known=known)
    again = await lags(admin, [group], known=known)
    assert asked == [{(name, 0): 2}]
    assert (first.groups[group].seconds or 0) < (again.groups[group].seconds or 0)
    produce(three, name, 0, [int(time.time() * 1000)] * 5)
    commit(three.bootstrap, group, {(name, 0): 7})  # between the log's ends of two looks
    last = await lags(admin, [group], known=known)
    assert len(asked) == 1
    assert last.groups[group].records == 3
    assert last.groups[group].seconds == pytest.approx(0, abs=10)


async def test_logs_and_groups_that_cannot_be_read(three: Kafka, admin: KafkaAdmin, name: str, group: str) -> None:
    view = KafkaView(three.bootstrap)
    view.create(name, 1)
    gone = f"{name}-gone"
    found = await admin.log_ranges([(name, 0), (gone, 0), (name, 9)])
    assert isinstance(found[gone, 0], UnknownTopic)
    assert isinstance(found[name, 9], UnknownTopic)
    assert await admin.next_records({(gone, 0): 0}) == {}
    assert await admin.next_records({(name, 0): 99}) == {}
    commit(three.bootstrap, group, {(name, 0): 0})
    looked = await lags(admin, [group], also={group: [(gone, 0)]})
    assert (gone, 0) in looked.logs
    assert at(looked, group)[gone, 0].records is None
    assert at(looked, group)[name, 0].records == 0


async def test_groups_that_may_not_be_described(secured: Kafka, group: str) -> None:
    security = Security(secured.sasl_plaintext_bootstrap, sasl=SaslPassword("PLAIN", *USER))
    admin = KafkaAdmin(security)
    try:
        refused = (await admin.group_offsets([group]))[group]
        assert isinstance(refused, AuthorizationFailed)
        assert f"grant it Describe on group {group}" in refused.message
        assert group in (await lags(admin, [group])).errors
        assert isinstance((await admin.describe_groups({group: GroupKind.CLASSIC}))[group], AuthorizationFailed)
    finally:
        await admin.close()


async def test_what_was_committed_comes_with_its_text(three: Kafka, admin: KafkaAdmin, name: str, group: str) -> None:
    KafkaView(three.bootstrap).create(name, 1)
    commit_places(three.bootstrap, group, TopicPartition(name, 0, 5, "note"))
    assert await admin.group_offsets([group]) == {group: {(name, 0): Committed(5, "note")}}
