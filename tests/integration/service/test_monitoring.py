"""Monitoring: health over plain HTTP, and the three metrics of a service at work, by Prometheus and by OpenTelemetry."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from kafkade.service import Service
from kafkade.service.otel import instrument
from kafkade.service.streams import Flow
from support.kafka import KafkaView
from support.services import QUICK, Mounts, committed, running, until


async def test_health_and_metrics_of_a_service_at_work(mounts: Mounts, view: KafkaView) -> None:
    view.create("monitored", 1)
    mounts.binding("user-service")
    service, reader = mounts.service("user-service"), InMemoryMetricReader()
    instrument(service.metrics, MeterProvider([reader]).get_meter("test"))
    seen: list[Any] = []

    @service.listener("monitored", group="monitored-group", properties=QUICK)
    async def handle(event: dict[str, int]) -> None:
        seen.append(event)

    async with (
        service.serving("127.0.0.1", 0) as address,
        running(service),
        aiohttp.ClientSession() as client,
    ):
        for n in range(10):
            await service.publish("monitored", {"n": n})
        await until(lambda: len(seen) == 10, "all is seen")
        await until(lambda: service.metrics.lags == {("monitored", "monitored-group"): 0}, "the lag is measured")
        async with client.get(f"{address}/health") as answer:
            assert (answer.status, await answer.json()) == (
                200,
                {"status": "UP", "details": {"nodes": 1, "controller": 1}},
            )
        async with client.get(f"{address}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        data = reader.get_metrics_data()
    assert 'kafka_consumer_lag{group="monitored-group",topic="monitored"} 0.0' in lines
    assert 'kafka_messages_total{status="published",topic="monitored"} 10.0' in lines
    assert 'kafka_messages_total{status="processed",topic="monitored"} 10.0' in lines
    assert 'kafka_processing_duration_seconds_count{handler="handle",topic="monitored"} 10.0' in lines
    assert data is not None
    points: dict[str, list[Any]] = {
        metric.name: list(metric.data.data_points) for metric in data.resource_metrics[0].scope_metrics[0].metrics
    }
    assert [(p.value, p.attributes) for p in points["kafka.consumer.lag"]] == [
        (0, {"topic": "monitored", "group": "monitored-group"})
    ]
    assert {p.attributes["status"]: p.value for p in points["kafka.messages"]} == {"published": 10, "processed": 10}
    assert [(p.count, p.attributes) for p in points["kafka.processing.duration"]] == [
        (10, {"topic": "monitored", "handler": "handle"})
    ]


async def test_who_starts_again_and_has_nothing_to_do_is_not_behind(mounts: Mounts, view: KafkaView) -> None:
    view.create("restarted", 1)
    mounts.binding("user-service")
    lag = {("restarted", "restarted-group"): 0}
    # a look at the lag, one a second, comes between the marker and the end of the partition, which is told when nothing comes
    slow = {**QUICK, "fetch.wait.max.ms": 1500}
    for published in (10, 0):
        service = mounts.service("user-service")
        seen: list[Any] = []

        @service.listener("restarted", group="restarted-group", properties=slow)
        async def handle(event: dict[str, int], seen: list[Any] = seen) -> None:
            seen.append(event)

        async with running(service):
            async with service.transaction():  # whose marker is behind the records, and is none
                for n in range(published):
                    await service.publish("restarted", {"n": n})
            await until(lambda seen=seen, published=published: len(seen) == published, "all is seen")
            await until(lambda service=service: set(service.metrics.lags) == set(lag), "the lag is measured")
            if published:
                await until(lambda service=service: service.metrics.lags == lag, "nothing is left")
            assert service.metrics.lags == lag
        assert service.metrics.lags == {}, "it has no partitions any more"


async def test_who_gets_neither_records_nor_the_end_of_a_partition_is_behind(
    mounts: Mounts, view: KafkaView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first records are not waited for without an end: what is known is told then."""
    monkeypatch.setattr("kafkade.service.lag.SILENT", 0.0)
    view.create("silent", 1)
    mounts.binding("user-service")

    def listening() -> Service:
        service = mounts.service("user-service")

        @service.listener("silent", group="silent-group", properties={**QUICK, "fetch.wait.max.ms": 3000})
        async def handle(event: dict[str, int]) -> None:
            pass

        return service

    first = listening()
    async with running(first):
        async with first.transaction():  # whose marker is behind the record
            await first.publish("silent", {"n": 0})
        await until(lambda: committed(view, "silent-group", "silent") == 1, "it is done")
    second = listening()
    async with running(second):  # the marker comes, and the end of the partition not yet
        await until(lambda: second.metrics.lags == {("silent", "silent-group"): 1}, "it is behind")


async def test_a_stream_that_starts_again_and_has_nothing_to_do_is_not_behind(mounts: Mounts, view: KafkaView) -> None:
    for topic in ("again-raw", "again-done"):
        view.create(topic, 1)
    mounts.binding("user-service")
    lag = {("again-raw", "again-stream"): 0}
    slow = {**QUICK, "fetch.wait.max.ms": 1500}  # as above
    for published in (10, 0):
        service = mounts.service("user-service", settings=slow)

        @service.stream("again-raw", to="again-done", group="again-stream")
        def through(events: Flow[dict[str, int]]) -> Flow[dict[str, int]]:
            return events

        async with running(service):
            async with service.transaction():  # whose marker is behind the records, and is none
                for n in range(published):
                    await service.publish("again-raw", {"n": n})
            await until(lambda: committed(view, "again-stream", "again-raw") == 10, "all is done")
            await until(lambda service=service: set(service.metrics.lags) == set(lag), "the lag is measured")
            if published:
                await until(lambda service=service: service.metrics.lags == lag, "nothing is left")
            assert service.metrics.lags == lag


async def test_the_lag_of_a_stream_and_of_two_listeners_of_one_group(mounts: Mounts, view: KafkaView) -> None:
    for topic in ("lagging-a", "lagging-b", "lagging-raw", "lagging-done"):
        view.create(topic, 1)
    mounts.binding("user-service")
    service = mounts.service("user-service", settings=QUICK)
    held = asyncio.Event()

    @service.listener("lagging-a", group="lagging-group")
    async def first(event: dict[str, int]) -> None:
        await held.wait()

    @service.listener("lagging-b", group="lagging-group")
    async def second(event: dict[str, int]) -> None:
        pass

    async def later(event: dict[str, int]) -> dict[str, int]:
        await held.wait()
        return event

    @service.stream("lagging-raw", to="lagging-done", group="lagging-stream")
    def through(events: Flow[dict[str, int]]) -> Flow[dict[str, int]]:
        return events.map(later).buffer(1)

    def lags(behind: int) -> dict[tuple[str, str], int]:
        return {
            ("lagging-a", "lagging-group"): behind,
            ("lagging-b", "lagging-group"): 0,
            ("lagging-raw", "lagging-stream"): behind,
        }

    async with running(service):
        for n in range(3):
            for topic in ("lagging-a", "lagging-b", "lagging-raw"):
                await service.publish(topic, {"n": n})
        await until(lambda: service.metrics.lags == lags(3), lambda: f"three wait: {service.metrics.lags}")
        held.set()
        await until(lambda: service.metrics.lags == lags(0), lambda: f"nothing waits: {service.metrics.lags}")
