"""The floor of what Kafka lets anybody do: one bare client that makes, alters and deletes topics in batches, and nothing else.

A broker answers before it has done the work: what it does of it is known once it has fallen quiet, so CPU is told, not time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from running import cpu_of

from kafkade.devstack import progress
from kafkade.devstack.kafka import Kafka

BATCH = 100
"""Topics of a request: some more than the operator has in one when all of them change at once."""

_TIMEOUT = 60.0
_QUIET = 0.05
"""CPU seconds of a second below which brokers have nothing left to do."""

Call = Callable[[Sequence[str]], Mapping[Any, "Future[Any]"]]


def kafka_floor(kafka: Kafka, names: Sequence[str], done: Callable[[str], None]) -> None:
    """The life of topics, phase after phase; all of them are gone afterwards. ``done`` is called at the end of each phase."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})

    def create(batch: Sequence[str]) -> Mapping[Any, Future[Any]]:
        config = {"retention.ms": "60000"}
        return admin.create_topics([NewTopic(name, 1, 1, config=config) for name in batch], request_timeout=_TIMEOUT)

    def config(batch: Sequence[str]) -> Mapping[Any, Future[Any]]:
        entry = ConfigEntry("retention.ms", "120000", incremental_operation=AlterConfigOpType.SET)
        wanted = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in batch]
        return admin.incremental_alter_configs(wanted, request_timeout=_TIMEOUT)

    def partitions(batch: Sequence[str]) -> Mapping[Any, Future[Any]]:
        return admin.create_partitions([NewPartitions(name, 2) for name in batch], request_timeout=_TIMEOUT)

    def delete(batch: Sequence[str]) -> Mapping[Any, Future[Any]]:
        return admin.delete_topics(list(batch), request_timeout=_TIMEOUT)

    phases: dict[str, Call] = {"create": create, "config": config, "partitions": partitions, "delete": delete}
    for phase, call in phases.items():
        with progress.task(f"floor: Kafka, {phase}", total=len(names), unit="topics") as task:
            for start in range(0, len(names), BATCH):
                batch = names[start : start + BATCH]
                for future in call(batch).values():
                    future.result()
                task.advance(len(batch))
            _fallen_quiet(list(kafka.pids().values()))
        done(phase)


def _fallen_quiet(pids: Sequence[int]) -> None:
    before = sum(map(cpu_of, pids))
    while True:
        time.sleep(1.0)
        now = sum(map(cpu_of, pids))
        if now - before < _QUIET:
            return
        before = now
