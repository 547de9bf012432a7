"""Which groups pages show."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from kafkade.clients.group_model import GroupKind, GroupListing, LogRange, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import Committed
from kafkade.ui.pages.groups import readers


class Kafka:
    """Groups that have all committed an offset of one partition."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def list_groups(self) -> dict[str, GroupListing]:
        return {name: GroupListing(name, GroupKind.CLASSIC, "Empty", "") for name in self.names}

    async def group_offsets(self, groups: Collection[str]) -> dict[str, Any]:
        return {name: {("orders", 0): Committed(3)} for name in groups}

    async def log_ranges(self, _: Any) -> dict[TopicPartition, LogRange]:
        return {("orders", 0): LogRange(0, 10)}


async def test_own_groups_do_not_read_a_topic() -> None:
    kafka = Kafka("app", "kafkade-dlq.orders", "kafkade-redrive.1f-uid")
    found, trouble = await readers(cast(KafkaAdmin, kafka), "orders")
    assert {name: behind.records for name, behind in found.items()} == {"app": 7}
    assert trouble is None
