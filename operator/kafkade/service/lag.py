"""How far listeners and streams are behind the ends of their partitions. Asks nobody: the ends are those that fetches told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_INVALID, TopicPartition

SILENT = 10.0
"""Seconds for which nothing is told of a new partition of which nothing came yet, neither records nor its end."""


def untold(since: float, *, heard: bool) -> bool:
    """Whether nothing is told yet of a partition that came at ``since``, on time.monotonic's clock.

    What is fetched first may be markers of transactions alone, and who has only those before him is not behind. ``heard``:
    whether a record came of it, or its end was reached.
    """
    return not heard and time.monotonic() < since + SILENT


def lags(consumer: Any, settings: Mapping[str, Any], positions: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    """Records behind the ends, by topic; without partitions whose ends nothing was fetched to tell.

    ``settings``: the consumer's; ``positions``: topic, partition and the offset to go on at, below 0 where nothing is committed.
    """
    found: dict[str, int] = {}
    for topic, partition, position in positions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        if high == OFFSET_INVALID or high < 0:
            continue
        at = high if position < 0 and settings.get("auto.offset.reset") == "latest" else position
        found[topic] = found.get(topic, 0) + max(0, high - max(low, at, 0))
    return found
