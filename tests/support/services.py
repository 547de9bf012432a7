"""Bindings as a pod has them, and services that run beside a test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.dlq.naming import source_topics
from kafkade.dlq.render import render
from kafkade.service import Service
from support.coordinators import once_there
from support.kafka import KafkaView

QUICK = {"fetch.wait.max.ms": 20, "heartbeat.interval.ms": 500, "session.timeout.ms": 6000}
"""Settings of listeners that make tests fast."""


class Mounts:
    """A folder of bindings."""

    def __init__(self, root: Path, bootstrap: str) -> None:
        self.root = root
        self.bootstrap = bootstrap

    def binding(self, name: str, registry: str | None = None) -> Path:
        """The files of a binding, as any provisioner of the specification writes them."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        files = {"type": "kafka", "provider": "kafkade", "bootstrap-servers": self.bootstrap}
        if registry is not None:
            files["schema-registry-url"] = registry
        for key, text in files.items():
            (folder / key).write_text(text)
        return folder

    def policy(self, name: str, *topics: str, **fields: Any) -> Path:
        """policy.json of a KafkaDLQPolicy in a binding's folder, as the operator renders it."""
        spec = KafkaDLQPolicySpec.model_validate({"clusterRef": {"name": "main"}, "topics": list(topics), **fields})
        text = render(spec, [source_topics(topic, spec) for topic in topics])["policy.json"]
        file = self.root / name / "policy.json"
        new = file.with_suffix(".new")
        new.write_text(text)
        new.rename(file)
        return file

    def service(self, name: str, **more: Any) -> Service:
        """The service of a binding."""
        return Service.from_binding(name, root=self.root, **more)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[asyncio.Task[None]]:
    """The service's listeners, ended in order behind the block."""
    task = asyncio.create_task(service.run(signals=False))
    try:
        async with service:
            yield task
    finally:
        service.stop()
        await asyncio.wait_for(task, 30)


async def until(
    test: Callable[[], object],
    what: str | Callable[[], str],
    timeout: float = 60,  # noqa: ASYNC109
) -> None:
    """Wait until a test holds; ``what`` is told if it never does."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not test():
        told = what if isinstance(what, str) else what()
        assert asyncio.get_running_loop().time() < deadline, f"not so within {timeout} s: {told}"
        await asyncio.sleep(0.02)


def values(records: Sequence[Any]) -> list[Any]:
    """The JSON of records' values."""
    return [json.loads(record.value) for record in records]


def header(record: Any, name: str) -> str | None:
    """A record's last header of a name."""
    found: Mapping[str, bytes | None] = dict(record.headers)
    value = found.get(name)
    return None if value is None else value.decode()


def committed(view: KafkaView, group: str, topic: str) -> int:
    """The sum of the offsets that a group has committed for a topic's partitions."""
    places = [TopicPartition(topic, number) for number in range(view.partitions(topic))]
    settings = {"bootstrap.servers": view.bootstrap, "group.id": group, "isolation.level": "read_uncommitted"}
    # not by AdminClient.list_consumer_group_offsets: where a coordinator is not there yet, librdkafka turns to the client's
    # consumer group (rd_kafka_cgrp_op), which an AdminClient has none of, and the process ends by SIGSEGV
    with closing(Consumer({**settings, "log_level": 0})) as consumer:
        found = once_there(lambda: consumer.committed(places, timeout=20))
    return sum(max(place.offset, 0) for place in found)
