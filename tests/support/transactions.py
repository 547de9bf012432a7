"""Where a topic stands that was written to in transactions."""

from __future__ import annotations

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from support.waiting import until


def transactions_ended(bootstrap: str, topic: str, partitions: int = 1) -> None:
    """Wait until no transaction is open in a topic: partitions get the marker a moment after a producer hears of the end."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    asked = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}

    def ends(level: IsolationLevel) -> list[int]:
        found = admin.list_offsets(asked, isolation_level=level, request_timeout=30)
        return [found[place].result(30).offset for place in asked]

    until(
        lambda: ends(IsolationLevel.READ_COMMITTED) == ends(IsolationLevel.READ_UNCOMMITTED),
        f"no transaction is open in {topic}",
    )
