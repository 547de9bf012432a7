"""Which clusters are read for Prometheus, for how long, and what is told when that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kafkade.api import tracing
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.errors import ClusterUnreachable, KafkadeError
from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import Key
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ClusterDescription, Health
from kafkade.engine import watching
from kafkade.engine.watching import Watching

MAIN = Key(CLUSTER, "shop", "main")


@dataclass
class Kafka:
    """Has one topic and no group; ``trouble`` in place of answers."""

    looks: int = 0
    trouble: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def list_groups(self) -> dict[str, Any]:
        """A look begins."""
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return {}

    async def group_offsets(self, _: Any) -> dict[str, Any]:
        """No group."""
        return {}

    async def log_ranges(self, _: Any) -> dict[str, Any]:
        """No partition."""
        return {}

    async def topics(self) -> dict[str, int]:
        """One, of which the logs are not known."""
        return {"orders": 1}


@dataclass
class World:
    """A cluster and what watches it."""

    kafka: Kafka
    watching: Watching
    connection: Connection | None = None

    def declare(self, **fields: Any) -> None:
        """Its spec is this now, and the cluster was looked at."""
        spec = parse(KafkaClusterSpec, {"bootstrapServers": "a:1", **fields})
        description = ClusterDescription("id", 0, (), Health(1, 1, 0, 0))
        self.connection = Connection(MAIN, spec, description, cast(KafkaAdmin, self.kafka), None)
        self.watching.follow(MAIN)

    def value(self, name: str) -> float | None:
        """Of the family's first series."""
        families = {family.name: family for family in self.watching.metrics.collect()}
        return families[name].samples[0].value if families[name].samples else None

    async def looked(self, times: int) -> None:
        """Wait until it has been read so often."""
        async with asyncio.timeout(10):
            while self.kafka.looks < times:  # noqa: ASYNC110 -- looks are the watcher's own
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Looks follow each other at once."""
    monkeypatch.setattr(watching, "SHORTEST", 0.0)
    made = World(Kafka(), Watching(lambda _: made.connection))
    yield made
    await made.watching.close()


OFTEN = {"metrics": {"interval": "10ms"}}


async def test_only_what_wants_it_is_read(world: World) -> None:
    world.declare()
    await asyncio.sleep(0.02)
    assert world.kafka.looks == 0
    world.declare(**OFTEN)
    await world.looked(2)
    assert world.value("kafkade_cluster_metrics_read") == 1
    world.declare(paused=True, **OFTEN)
    looks = world.kafka.looks
    await asyncio.sleep(0.03)
    assert world.kafka.looks == looks
    assert world.value("kafkade_cluster_metrics_read") is None, "a cluster that is not read is not told of"


async def test_a_look_at_the_cluster_does_not_begin_anew(world: World) -> None:
    world.declare(metrics={})
    await world.looked(1)
    for _ in range(3):
        world.declare(metrics={})
    await asyncio.sleep(0.02)
    assert world.kafka.looks == 1
    world.declare(metrics={"groups": ["a"]})
    await world.looked(2)


@pytest.mark.parametrize("trouble", [ClusterUnreachable("no broker answers"), ValueError("a defect")])
async def test_what_cannot_be_read_is_not_told_and_tried_again(
    world: World, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kafkade.watching")
    world.declare(**OFTEN)
    await world.looked(1)
    world.kafka.trouble = trouble
    await world.looked(world.kafka.looks + 3)
    assert world.value("kafkade_cluster_metrics_read") == 0
    assert world.value("kafkade_cluster_metrics_left_out") is None
    told = [record for record in caplog.records if "not told of" in record.message]
    assert len(told) == 1, "once, not at each look"
    assert bool(told[0].exc_info) is not isinstance(trouble, KafkadeError), "a traceback of a defect only"
    world.kafka.trouble = None
    await world.looked(world.kafka.looks + 2)
    assert world.value("kafkade_cluster_metrics_read") == 1
    assert any("told of again" in record.message for record in caplog.records)


@dataclass
class Tracer:
    """One span at a time; is its span too."""

    inside: bool = False
    errors: list[BaseException | None] = field(default_factory=list)

    def start(self, *_: Any, **__: Any) -> Tracer:
        return self

    @contextmanager
    def current(self, _: Any) -> Iterator[None]:
        self.inside = True
        try:
            yield
        finally:
            self.inside = False

    def note(self, _: Any) -> None:
        pass

    def end(self, error: BaseException | None = None) -> None:
        self.errors.append(error)

    def ids(self) -> dict[str, str]:
        return {"trace_id": "1"} if self.inside else {}


async def test_a_line_of_trouble_is_part_of_the_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tracer, lines = Tracer(), list[str]()

    def told(record: logging.LogRecord) -> bool:
        lines.append(f"{record.levelname} {dict(tracing.ids())}")
        return True

    monkeypatch.setattr(tracing, "_tracer", tracer)
    world.kafka.trouble = ClusterUnreachable("no broker answers")
    watching.log.addFilter(told)
    try:
        world.declare(**OFTEN)
        await world.looked(2)
    finally:
        watching.log.removeFilter(told)
    assert lines == ["WARNING {'trace_id': '1'}"]
    assert tracer.errors[0] is world.kafka.trouble, "the span has the error all the same"


async def test_without_a_connection_nothing_is_told(world: World) -> None:
    world.declare(**OFTEN)
    await world.looked(1)
    world.connection = None
    await asyncio.sleep(0.05)
    assert world.value("kafkade_cluster_metrics_read") == 0
    world.watching.forget(MAIN)
    assert world.value("kafkade_cluster_metrics_read") is None
