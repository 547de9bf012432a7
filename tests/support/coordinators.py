"""Coordinators of groups and leaders of partitions, which may not be there yet, or have moved: the protocol has clients ask again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from kafkade.clients.kafka_errors import LEADER_AWAY

T = TypeVar("T")

_MOVING = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)


def moving(error: KafkaException) -> bool:
    """Whether a coordinator or a leader says that it is not there yet, or not any more."""
    return error.args[0].code() in (*_MOVING, *LEADER_AWAY)


def once_there(ask: Callable[[], T], timeout: float = 20) -> T:
    """What a coordinator or a leader answers, asked again while it is not there; ``timeout`` in seconds, then its error is raised."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return ask()
        except KafkaException as error:
            if not moving(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
