"""Where a topic stands that was written to in transactions."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from support.letters import OPEN
from support.waiting import until


def transactions_ended(bootstrap: str, topic: str, partitions: int = 1) -> None:
    """Wait until no transaction is open in a topic: partitions get the marker a moment after a producer hears of the end."""
    all_ended(bootstrap, [TopicPartition(topic, number) for number in range(partitions)])


def all_ended(bootstrap: str, places: Iterable[TopicPartition]) -> None:
    """The same, of these partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    asked = {TopicPartition(place.topic, place.partition): OffsetSpec.latest() for place in places}

    def ends(level: IsolationLevel) -> dict[TopicPartition, int]:
        found = admin.list_offsets(asked, isolation_level=level, request_timeout=30) if asked else {}
        return {place: future.result(30).offset for place, future in found.items()}

    def still_open() -> list[str]:
        readable, written = ends(IsolationLevel.READ_COMMITTED), ends(IsolationLevel.READ_UNCOMMITTED)
        return [f"{place.topic}/{place.partition}" for place in asked if readable[place] != written[place]]

    until(lambda: not still_open(), lambda: f"no transaction is open in {still_open()}", OPEN)
