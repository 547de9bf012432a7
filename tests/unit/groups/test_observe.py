"""What a look at groups asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from kafkade.clients.group_model import LogRange, NextRecord, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import Committed
from kafkade.groups.lag import Known
from kafkade.groups.observe import MOST_PLACES, lags

KEY = ("orders", 0)
GROUPS = [f"g{number}" for number in range(20)]


class Kafka:
    """Twenty groups at different places of one partition."""

    def __init__(self) -> None:
        self.fetched: list[int] = []

    async def group_offsets(self, groups: Collection[str]) -> dict[str, Any]:
        return {group: {KEY: Committed(10 + int(group[1:]))} for group in groups}

    async def log_ranges(self, _: Any) -> dict[TopicPartition, LogRange]:
        return {KEY: LogRange(0, 100)}

    async def next_records(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, NextRecord]:
        self.fetched += offsets.values()
        return {key: NextRecord(offset, offset + 1) for key, offset in offsets.items()}


async def test_one_who_looks_again_reads_few_places_a_look_and_comes_to_all() -> None:
    kafka, known = Kafka(), Known()
    for look in range(1, 6):
        found = await lags(cast(KafkaAdmin, kafka), GROUPS, known=known, clock=lambda: 1.0)
        assert len(kafka.fetched) == look * MOST_PLACES
        told = {group: lag.partitions[0].seconds for group, lag in found.groups.items()}
        assert told["g0"] == 0.99, "the furthest behind is read first"
        assert sum(seconds is not None for seconds in told.values()) == look * MOST_PLACES
        assert all(lag.partitions[0].records is not None for lag in found.groups.values())
    assert sorted(kafka.fetched) == list(range(10, 30)), "each once"


async def test_one_who_looks_once_reads_all() -> None:
    kafka = Kafka()
    found = await lags(cast(KafkaAdmin, kafka), GROUPS)
    assert len(kafka.fetched) == 20
    assert all(lag.seconds is not None for lag in found.groups.values())
