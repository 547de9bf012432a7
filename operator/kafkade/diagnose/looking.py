"""What looks have in common: one that may not see something says so and goes on, and records of the last hour are counted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import LogRange, TopicPartition
from kafkade.clients.kafka import KafkaAdmin

T = TypeVar("T")

Progress = Callable[[float], None]
"""Told how many seconds of the wait are over."""

_HOUR = 3_600_000


async def unless(answer: Awaitable[T], what: str, unread: dict[str, KafkadeError]) -> T | None:
    """The answer; None, and a note, where there is none."""
    try:
        return await answer
    except KafkadeError as error:
        unread[what] = error
        return None


def known(answer: T | KafkadeError, what: str, unread: dict[str, KafkadeError]) -> T | None:
    """One answer of several; None, and a note, where an error is in its place."""
    if isinstance(answer, KafkadeError):
        unread[what] = answer
        return None
    return answer


async def last_hour(kafka: KafkaAdmin, ranges: Mapping[TopicPartition, LogRange]) -> dict[TopicPartition, int]:
    """Records of the last hour in each log, up to the end that is given."""
    since = await kafka.offsets_at(dict.fromkeys(ranges, round(time.time() * 1000) - _HOUR))
    return {key: log.end - since.get(key, log.end) for key, log in ranges.items()}
