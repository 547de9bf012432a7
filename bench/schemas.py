"""How long N schemas that reference each other take from POST to Ready, as a ratio of the bare registry writes, in one run.

The schemas are Avro records in four layers, each above the first one with references to one to three of the layer below. The
floor: one asyncio client with as many connections as the operator has to a registry, that only registers them (POST
/subjects/…/versions), layer after layer, since a registry wants what is referenced first. Told beside it: the bare Kubernetes
writes, POST and status, of a client with 16 connections. An operator must do both, and read besides.

Both are measured twice: with everything on the same cores, where the floor has also those of the API server and the operator to
itself, and with a core of its own for the registry, as it has where it is no neighbour of the API server.
Usage: ``make bench-schemas`` or ``python bench/schemas.py --schemas 2000``; TMPDIR=/dev/shm on a slow disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from bare import Bare, connected, install, timed
from following import all_ready
from results import Result, Row, Section, Table, add_option, median, record
from running import Spending, by_whom, confine, running

from kafkade.api import API_VERSION
from kafkade.api.conditions import Outcome, next_status
from kafkade.clients.registry_http import MEDIA_TYPE
from kafkade.devstack.golang import KUBERNETES
from kafkade.devstack.kafka import DEFAULT_VERSION, Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.process import end_in_order
from kafkade.devstack.registry import VERSION, Registry

CONNECTIONS = 8
"""As the operator has to a registry."""

SHARES = (0.3, 0.3, 0.25, 0.15)
"""Of the layers, from the one that references nothing."""

NAMESPACE, PLURAL = "bench", "kafkaschemas"

APART = "the registry on a core of its own"


@dataclass(frozen=True, slots=True)
class Schema:
    """One record, and the names of those that it references."""

    name: str
    references: tuple[str, ...]

    def text(self, package: str) -> str:
        """Its Avro text."""
        own = [
            {"name": "id", "type": "string"},
            {"name": "at", "type": "long"},
            {"name": "note", "type": ["null", "string"]},
        ]
        others = [{"name": f"part{n}", "type": f"{package}.{name}"} for n, name in enumerate(self.references)]
        return json.dumps({"type": "record", "name": self.name, "namespace": package, "fields": [*own, *others]})


def layers(count: int) -> list[list[Schema]]:
    """The schemas, layer by layer, the same for the same number."""
    chance, made, result = random.Random(count), 0, list[list[Schema]]()  # noqa: S311 -- the same in every run
    for number, share in enumerate(SHARES):
        size = count - made if number == len(SHARES) - 1 else round(count * share)
        below = [schema.name for schema in result[-1]] if result else []
        result.append(
            [
                Schema(f"R{made + n:05}", tuple(chance.sample(below, min(len(below), chance.randint(1, 3)))))
                for n in range(size)
            ]
        )
        made += size
    return result


async def registered(url: str, package: str, wanted: Sequence[Sequence[Schema]]) -> None:
    """The bare registry writes."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": MEDIA_TYPE}) as session:

        async def register(schema: Schema) -> None:
            references = [
                {"name": f"{package}.{name}", "subject": f"{package}-{name}", "version": 1}
                for name in schema.references
            ]
            body = {"schema": schema.text(package), "schemaType": "AVRO", "references": references}
            async with session.post(f"{url}/subjects/{package}-{schema.name}/versions", json=body) as response:
                assert response.status == 200, f"{response.status} {await response.text()}"
                await response.read()

        for layer in wanted:
            waiting = iter(layer)

            async def worker(waiting: Any = waiting) -> None:
                for schema in waiting:
                    await register(schema)

            await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))


def resource(schema: Schema, cluster: str) -> dict[str, Any]:
    """A KafkaSchema."""
    return {
        "apiVersion": API_VERSION,
        "kind": "KafkaSchema",
        "metadata": {"name": schema.name.lower()},
        "spec": {
            "clusterRef": {"name": cluster},
            "subject": f"operated-{schema.name}",
            "schema": schema.text("operated"),
            "references": [
                {"name": f"operated.{name}", "schemaRef": {"name": name.lower()}} for name in schema.references
            ],
        },
    }


def status(name: str) -> dict[str, Any]:
    """A status of the operator's size."""
    fields = {"subject": name, "id": 1, "version": 1, "schemaType": "AVRO", "schemaHash": "0" * 64, "mode": "READWRITE"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return next_status({}, 1, Outcome.done(f"subject {name} is as declared: version 1, id 1"), now, fields)


async def written(bare: Bare, wanted: Sequence[Schema]) -> float:
    """Seconds of the bare Kubernetes writes; the resources are gone afterwards."""
    bodies = {schema.name.lower(): resource(schema, "nobody") for schema in wanted}

    async def write() -> None:
        await bare.each("floor: POST", bodies, "POST", f"/{PLURAL}", lambda name: bodies[name])
        await bare.each(
            "floor: status", bodies, "PATCH", f"/{PLURAL}/{{}}/status", lambda name: {"status": status(name)}
        )

    taken = await timed(write())
    await bare.each("floor: DELETE", bodies, "DELETE", f"/{PLURAL}/{{}}")
    return taken


async def measure(
    control_plane: ControlPlane, kafka: Kafka, registry: Registry, count: int
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """The floors, and the operator; CPU seconds by phase and by whom."""
    kubeconfig = control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
    wanted = layers(count)
    everything = [schema for layer in wanted for schema in layer]
    parts = {"client": os.getpid(), "registry": registry.pid or 0, "broker": next(iter(kafka.pids().values()))}
    spent, others = dict[str, dict[str, float]](), 0.0

    def note(phase: str, spending: Spending) -> None:
        nonlocal others
        spent[phase], share = spending.lap()
        others = max(others, share)

    await registered(registry.url, "warm", layers(200))
    spending = Spending({**parts, **control_plane.pids()})
    before = await timed(registered(registry.url, "before", wanted))
    note("floor: registry, before", spending)
    async with connected(control_plane, NAMESPACE) as bare:
        await written(bare, everything[:100])
        spending.lap()
        kubernetes = await written(bare, everything)
        note("floor: Kubernetes, with DELETE", spending)
        cluster = {"bootstrapServers": kafka.bootstrap, "schemaRegistry": {"urls": [registry.url]}}
        bodies = {schema.name.lower(): resource(schema, NAMESPACE) for schema in everything}
        with running(kubeconfig) as operator:
            await bare.known_cluster(NAMESPACE, cluster)
            spending = Spending({"operator": operator.process.pid, **parts, **control_plane.pids()})
            started = time.monotonic()
            await bare.each("create: POST", bodies, "POST", f"/{PLURAL}", lambda name: bodies[name])
            await all_ready(bare, PLURAL, "create: Ready", 1, count)
            taken = time.monotonic() - started
            note("create to Ready", spending)
            resident = operator.resident
    spending = Spending({**parts, **control_plane.pids()})
    after = await timed(registered(registry.url, "after", wanted))
    note("floor: registry, after", spending)
    floor = (before + after) / 2
    rows = [
        Row(
            "create to Ready, time",
            round(taken / floor, 2),
            "× the bare registry writes",
            at_most=2,
            beside=f"{taken:.1f} s; bare registry writes {before:.1f} s before and {after:.1f} s after it",
        ),
        Row(
            "create to Ready, time",
            round(taken / (floor + kubernetes), 2),
            "× the bare writes to registry and Kubernetes",
            beside=f"bare Kubernetes writes: {kubernetes:.1f} s",
        ),
        Row("CPU of the operator", round(1000 * spent["create to Ready"]["operator"] / count, 2), "ms a schema"),
        Row("CPU of the machine that others took meanwhile", round(100 * others), "%", at_most=10),
        Row("resident memory", round(resident), "MiB"),
    ]
    return rows, spent


def measured(count: int, rounds: int, *, apart: bool) -> tuple[list[Row], Table]:
    """Of each figure the round with the median, and the mean of what was spent. ``apart``: the registry has the last core."""
    *others, last = sorted(os.sched_getaffinity(0))
    figures, total = list[list[Row]](), dict[str, Counter[str]]()
    for _ in range(rounds):
        with ControlPlane() as control_plane, Kafka() as kafka, Registry() as registry:
            install(control_plane, NAMESPACE)
            if apart:
                assert registry.pid is not None
                confine([registry.pid], [last])
                confine([os.getpid(), *kafka.pids().values(), *control_plane.pids().values()], others)
            try:
                rows, spent = asyncio.run(measure(control_plane, kafka, registry, count))
            finally:
                confine([os.getpid()], [*others, last])
        figures.append(rows)
        for phase, by in spent.items():
            total.setdefault(phase, Counter()).update(by)
    columns = {"registry": "registry", "API server": "kube-apiserver", "etcd": "etcd"}
    table = by_whom("schema", {**columns, "operator": "operator", "client": "client"}, total, count * rounds)
    return [median(of_rounds) for of_rounds in zip(*figures, strict=True)], table


def main() -> None:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, default=2000)
    parser.add_argument(
        "--rounds", type=int, default=1, choices=range(1, 10, 2), help="the median of each figure is told"
    )
    add_option(parser)
    options = parser.parse_args()
    count, rounds = options.schemas, options.rounds
    end_in_order()
    rows, together = measured(count, rounds, apart=False)
    tables = [together]
    if len(os.sched_getaffinity(0)) > 1:
        times, apart = measured(count, rounds, apart=True)
        rows += [replace(row, what=f"{row.what}, {APART}") for row in times[:2]]
        tables.append(replace(apart, title=f"{apart.title}; {APART}"))
    print(f"{count} schemas:", *map(str, rows), sep="\n  ")
    print(*tables, sep="\n")
    if options.record:
        record(
            Result(
                name=f"schemas-{count}",
                section=Section.SPEED,
                title=f"{count:,} schemas with references",
                command=f"python bench/schemas.py --schemas {count}" + (f" --rounds {rounds}" if rounds > 1 else ""),
                rows=tuple(rows),
                tables=tuple(tables),
                about="Avro records in four layers, each above the first with references to one to three of the layer below."
                " The floor registers them with the operator's number of connections, layer after layer, and does nothing"
                " else: the operator writes to Kubernetes besides, and reads before it writes. On shared cores the floor has"
                " also those to itself that the API server and the operator need; so it is measured a second time with a core"
                " of its own for the registry, as where that is no neighbour of the API server."
                + (f" The median of {rounds} rounds." if rounds > 1 else ""),
                software={"Apicurio": VERSION, "Kafka": DEFAULT_VERSION, "Kubernetes": KUBERNETES.version},
            )
        )


if __name__ == "__main__":
    main()
