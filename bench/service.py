"""What of bare confluent-kafka's throughput a service keeps, in publishing and in a listener, as ratios of one run.

The floor writes the same records with the same settings: the same values, keys and timestamp headers, a callback that looks at
each record's delivery report, and no asyncio. It reads the same topic with the same settings in batches of ``max.poll.records``,
makes the same events of the values, awaits the same handler, and stores offsets once a batch. Bare rounds and the service's take
turns, and the medians of their times are compared. Told beside it: the same for events in Avro, where the floor has confluent's own
serializer and deserializer, and the CPU that a record takes of the client's process, librdkafka's threads included.
Usage: ``make bench-service`` or ``python bench/service.py --records 100000``; TMPDIR=/dev/shm on a slow disk.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from pydantic import BaseModel
from results import Result, Row, Section, add_option, record
from rich.console import Console

from kafkade.devstack.kafka import DEFAULT_VERSION, Kafka
from kafkade.devstack.process import end_in_order
from kafkade.devstack.registry import VERSION, Registry
from kafkade.service import Metadata, Service
from kafkade.service.avro import avro_schema
from kafkade.service.events import EventType

PARTITIONS = 3
WINDOW = 5_000
"""Records that are not acknowledged at the same time."""


class UserUpdated(BaseModel):
    """An event."""

    id: int
    user_id: str
    email: str
    version: int = 1


def fields(number: int) -> dict[str, Any]:
    """Those of one event."""
    return {"id": number, "user_id": f"user-{number % 1000}", "email": "somebody@example.com", "version": 1}


@dataclass(frozen=True, slots=True)
class Form:
    """One form of events: how an application makes them, and how bare clients write and read them."""

    name: str
    kind: Any
    make: Callable[[int], Any]
    encode: Callable[[Any, str], bytes | None]
    decode: Callable[[bytes, str], Any]


def json_form() -> Form:
    """Plain dicts as JSON; no registry."""
    return Form(
        "JSON",
        dict[str, Any],
        fields,
        lambda event, _: json.dumps(event).encode(),
        lambda data, _: json.loads(data),
    )


def avro_form(registry: str) -> Form:
    """pydantic models in Avro, by the registry's newest version of the topic's schema."""
    client = SchemaRegistryClient({"url": registry})
    serializer = AvroSerializer(
        client,
        avro_text(),
        lambda event, _: event.model_dump(),
        {"auto.register.schemas": False, "use.latest.version": True},
    )
    deserializer = AvroDeserializer(client)
    contexts: dict[str, SerializationContext] = {}

    def context(topic: str) -> SerializationContext:
        found = contexts.get(topic)
        return found or contexts.setdefault(topic, SerializationContext(topic, MessageField.VALUE))

    return Form(
        "Avro",
        UserUpdated,
        lambda number: UserUpdated(**fields(number)),
        lambda event, topic: serializer(event, context(topic)),
        lambda data, topic: UserUpdated.model_validate(deserializer(data, context(topic))),
    )


def avro_text() -> str:
    """The schema of UserUpdated."""
    return json.dumps(avro_schema(EventType(UserUpdated), "bench"))


@dataclass(slots=True)
class Times:
    """What rounds took: seconds of the clock, and of the process's CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def took(self, began: tuple[float, float]) -> None:
        """A round that began then has ended now."""
        wall, cpu = now()
        self.wall.append(wall - began[0])
        self.cpu.append(cpu - began[1])


def now() -> tuple[float, float]:
    """The clock, and the CPU that the process has used."""
    return time.perf_counter(), time.process_time()


def key(number: int) -> str:
    """A record's key."""
    return f"user-{number % 1000}"


def bare_publish(settings: dict[str, Any], form: Form, topic: str, records: int, times: Times) -> None:
    """Producer.produce, and a look at each delivery report."""
    producer = Producer(settings)
    acknowledged = 0

    def report(error: Any, message: Any) -> None:
        nonlocal acknowledged
        assert error is None, error
        assert message.offset() >= 0
        acknowledged += 1

    def produce(number: int) -> None:
        headers = [("timestamp", datetime.datetime.now(datetime.UTC).isoformat()[:-6] + "Z")]
        value = form.encode(form.make(number), topic)
        producer.produce(topic, value, key(number), headers=headers, on_delivery=report)

    produce(0)  # connects
    producer.flush()
    began = now()
    for number in range(1, records):
        produce(number)
        producer.poll(0)
        while len(producer) >= WINDOW:
            producer.poll(0.001)
    producer.flush()
    times.took(began)
    assert acknowledged == records, acknowledged


async def publish(service: Service, form: Form, topic: str, records: int, times: Times) -> None:
    """Service.publish, and each record waited for."""
    async with service:
        await service.publish(topic, form.make(0), key=key(0))
        began = now()
        waiting: deque[Awaitable[Any]] = deque()
        for number in range(1, records):
            waiting.append(service.publish(topic, form.make(number), key=key(number)))
            if len(waiting) == WINDOW:
                await waiting.popleft()
        for one in waiting:
            await one
        times.took(began)


async def bare_listen(settings: dict[str, Any], form: Form, topic: str, records: int, times: Times) -> None:
    """Consumer.consume from the first record on, and offsets stored once a batch."""
    consumer = Consumer({**settings, "group.id": f"bare-{topic}"})
    consumer.subscribe([topic])
    seen = 0

    async def handle(_: Any, message: Any) -> None:
        nonlocal seen
        seen += 1

    began = None
    while seen < records:
        done: dict[int, int] = {}
        for message in consumer.consume(500, 0.05):
            assert message.error() is None, message.error()
            began = began or now()
            await handle(form.decode(message.value(), topic), message)
            done[message.partition()] = message.offset() + 1
        consumer.store_offsets(offsets=[TopicPartition(topic, number, offset) for number, offset in done.items()])
    assert began is not None
    times.took(began)
    consumer.close()


async def listen(service: Service, form: Form, topic: str, records: int, times: Times) -> None:
    """A listener, from the first record on."""
    seen, began = 0, (0.0, 0.0)

    @service.listener(topic, group=f"service-{topic}", event=form.kind, concurrency=PARTITIONS)
    async def handle(_: Any, metadata: Metadata) -> None:
        nonlocal seen, began
        if seen == 0:
            began = now()
        seen += 1
        if seen == records:
            times.took(began)
            service.stop()

    await service.run()


@dataclass(slots=True)
class Measured:
    """The times of one form."""

    bare_publish: Times = field(default_factory=Times)
    publish: Times = field(default_factory=Times)
    bare_listen: Times = field(default_factory=Times)
    listen: Times = field(default_factory=Times)


def measure(kafka: Kafka, registry: Registry, bindings: Path, form: Form, records: int, rounds: int) -> Measured:
    """Rounds of both, in turns; one before them is not counted."""
    say = Console(stderr=True).print
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    client = SchemaRegistryClient({"url": registry.url})
    name = "avro" if form.name == "Avro" else "json"
    measured = Measured()
    for number in range(rounds + 1):
        counted = measured if number else Measured()
        bare, ours = f"{name}-bare-{number}", f"{name}-service-{number}"
        for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in (bare, ours)]).values():
            future.result(20)
        if form.name == "Avro":
            for topic in (bare, ours):
                client.register_schema(f"{topic}-value", Schema(avro_text(), "AVRO"))

        def service() -> Service:
            return Service.from_binding(name, root=bindings)

        producing = {k: v for k, v in service().producer_settings().items() if k != "logger"}
        consuming = service().consumer_settings()
        size = records if number else records // 10
        bare_publish(producing, form, bare, size, counted.bare_publish)
        asyncio.run(publish(service(), form, ours, size, counted.publish))
        asyncio.run(bare_listen(consuming, form, ours, size, counted.bare_listen))
        asyncio.run(listen(service(), form, ours, size, counted.listen))
        for what, floor, took in (
            ("publish", counted.bare_publish, counted.publish),
            ("listener", counted.bare_listen, counted.listen),
        ):
            say(
                f"{form.name}, round {number or 'before them'}: {what}: bare {floor.wall[-1]:.2f} s, service"
                f" {took.wall[-1]:.2f} s; CPU {floor.cpu[-1]:.2f} and {took.cpu[-1]:.2f} s",
                highlight=False,
            )
    return measured


def rows(form: Form, measured: Measured, records: int) -> list[Row]:
    """The figures of one form."""
    found = []
    for what, floor, ours, goal in (
        ("publish", measured.bare_publish, measured.publish, 0.7),
        ("listener", measured.bare_listen, measured.listen, 0.6),
    ):
        bare, took = statistics.median(floor.wall), statistics.median(ours.wall)
        singles = sorted(one / other for one, other in zip(floor.wall, ours.wall, strict=True))
        found.append(
            Row(
                f"{what}, {form.name}",
                round(bare / took, 2),
                "× bare confluent-kafka's throughput",
                at_least=goal,
                beside=f"{records / took:,.0f} records a second, bare {records / bare:,.0f}; single rounds"
                f" {singles[0]:.2f} to {singles[-1]:.2f}",
            )
        )
        cpu, bare_cpu = (1e6 * statistics.median(times.cpu) / records for times in (ours, floor))
        found.append(Row(f"{what}, {form.name}: CPU", round(cpu, 1), "µs a record", beside=f"bare: {bare_cpu:.1f} µs"))
    return found


def main() -> None:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--form", choices=("json", "avro"), help="measure this one alone")
    add_option(parser)
    args = parser.parse_args()
    end_in_order()
    figures: list[Row] = []
    with (
        Kafka(config={"group.initial.rebalance.delay.ms": "0"}) as kafka,
        Registry() as registry,
        tempfile.TemporaryDirectory() as folder,
    ):
        bindings = Path(folder)
        for name, more in (("json", {}), ("avro", {"schema-registry-url": registry.url})):
            (bindings / name).mkdir()
            for file, text in {"type": "kafka", "bootstrap-servers": kafka.bootstrap, **more}.items():
                (bindings / name / file).write_text(text)
        forms = {"json": json_form, "avro": lambda: avro_form(registry.url)}
        for name, made in forms.items():
            if args.form in (None, name):
                form = made()
                measured = measure(kafka, registry, bindings, form, args.records, args.rounds)
                figures += rows(form, measured, args.records)
    print(f"{args.records:,} records:", *map(str, figures), sep="\n  ")
    if args.record:
        record(
            Result(
                name="service",
                section=Section.APPLICATIONS,
                title="Publishing and listening",
                command=f"python bench/service.py --records {args.records} --rounds {args.rounds}",
                rows=tuple(figures),
                about="`kafkade.service` beside bare confluent-kafka, whose loops write and read the same records with the same"
                " settings, look at each delivery report, make the same events, await the same handler, and store offsets once"
                f" a batch; no asyncio in publishing. One broker, {PARTITIONS} partitions, at most {WINDOW:,} records not"
                f" acknowledged. The median of {args.rounds} rounds, bare and service in turns.",
                software={"Apicurio": VERSION, "Kafka": DEFAULT_VERSION},
            )
        )


if __name__ == "__main__":
    main()
