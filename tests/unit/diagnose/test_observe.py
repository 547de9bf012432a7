"""What is read for a diagnosis, where that has to be more or less than all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from kafkade.api.errors import AuthorizationFailed, ClusterUnreachable
from kafkade.clients.group_model import GroupKind, GroupListing, LogRange, NextRecord, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_records import RecordReader
from kafkade.clients.model import (
    BrokerNode,
    ClusterDescription,
    Committed,
    Health,
    Partition,
    PartitionOffsets,
    TopicDescription,
)
from kafkade.diagnose import consumer, observe_consumer, observe_producer, observe_topic

TOPIC = TopicDescription("orders", "id", (Partition((1,), (1,), 1),) * 2)
REFUSED = AuthorizationFailed("may not read the offsets of group secret")
AWAY = ClusterUnreachable("partition 1 has no leader")


class Kafka:
    """A topic of two partitions, of which the second has no leader; its log grows by ten at each look."""

    def __init__(self, *groups: str) -> None:
        self.groups = groups
        self.end = 0
        self.watched: list[dict[TopicPartition, int]] = []

    async def describe_topics(self, _: Any) -> dict[str, Any]:
        return {"orders": TOPIC}

    async def topics(self) -> dict[str, int]:
        return {"orders": 2}

    async def describe_cluster(self) -> ClusterDescription:
        return ClusterDescription("id", 1, (BrokerNode(1, "a", 1, None),), Health(1, 2, 0, 0))

    async def topic_configs(self, _: Any) -> dict[str, Any]:
        return {"orders": {}}

    async def log_dirs(self) -> list[Any]:
        return []

    async def offsets(self, _: Any) -> dict[TopicPartition, PartitionOffsets]:
        return {}

    async def offsets_at(self, _: Any) -> dict[TopicPartition, int]:
        return {}

    async def batches(self, _: Any, **__: Any) -> dict[TopicPartition, Any]:
        return {}

    async def list_groups(self) -> dict[str, GroupListing]:
        return {name: GroupListing(name, GroupKind.CLASSIC, "Empty", "") for name in self.groups}

    async def group_offsets(self, groups: Collection[str]) -> dict[str, Any]:
        here = {("orders", 0): Committed(0), ("orders", 1): Committed(0)}
        return {name: REFUSED if name == "secret" else here for name in groups}

    async def log_ranges(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Any]:
        self.end += 10
        return {key: AWAY if key[1] == 1 else LogRange(0, self.end) for key in partitions}

    async def next_records(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, NextRecord]:
        return {key: NextRecord(0, offset + 1) for key, offset in offsets.items()}

    async def arrivals(self, offsets: Mapping[TopicPartition, int], _: float) -> list[Any]:
        self.watched.append(dict(offsets))
        return []


async def test_own_groups_are_no_consumers_and_what_is_not_known_is_said() -> None:
    kafka = Kafka("app", "secret", "kafkade-dlq.orders", "kafkade-redrive.1f-uid")
    facts = await observe_topic.observe(cast(KafkaAdmin, kafka), "orders")
    assert facts.consumers is not None
    assert [(found.group, found.unknown) for found in facts.consumers] == [("app", 1)]
    assert facts.unread == {"offsets of group secret": REFUSED, "orders/1": AWAY}


async def test_own_groups_are_not_watched() -> None:
    facts = await observe_consumer.observe(
        cast(KafkaAdmin, Kafka("kafkade-dlq.orders")),
        "kafkade-dlq.orders",
        window=3600,
        suffix=".dlq",
        letters=(),
        progress=lambda _: None,
    )
    (finding,) = consumer.diagnose(facts, consumer.Limits()).findings
    assert "kafkade's own" in finding.says


class Reader:
    """Has no record."""

    def read(self, *_: Any) -> list[Any]:
        return []


async def test_a_producer_is_watched_from_where_logs_end_then() -> None:
    kafka = Kafka()
    await observe_producer.observe(
        cast(KafkaAdmin, kafka),
        cast(RecordReader, Reader()),
        "orders",
        records=10,
        window=0.01,
        client=None,
        progress=lambda _: None,
    )
    assert kafka.watched[0] == {("orders", 0): kafka.end}, "of the last look, not of the first"
    assert kafka.end == 20
