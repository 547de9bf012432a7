"""Whether one user waits for another: for ten thousand topics of a neighbour, and for clusters that are down.

A crowd: N topics of one namespace are there when the operator starts. While they are worked on, topics of another namespace
are made one by one, and each is timed from its POST to Ready. Nothing is told unless the crowd still waited at the last one.

Clusters that are down: topics of a healthy cluster are made at a fixed rate, once with nothing else there and once beside two
other KafkaClusters with topics of their own, whose settings are changed all the time: one whose address refuses connections,
and one whose broker was stopped (SIGSTOP) after its topics were Ready: it accepts connections, keeps those that there are,
and never answers. Each part begins with the same topics there, so that resyncs cost the same. Told is the ratio of the 99th
percentiles. Usage: ``make bench-fairness`` or
``python bench/fairness.py --topics 10000``; TMPDIR=/dev/shm on a slow disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from bare import MERGE, Bare, connected, install
from following import Following, following
from results import Result, Row, Section, add_option, record
from running import running
from topics import FIRST, PLURAL, body

from kafkade.api import API_VERSION
from kafkade.devstack.golang import KUBERNETES
from kafkade.devstack.kafka import DEFAULT_VERSION, Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.ports import HOST, free_port
from kafkade.devstack.process import end_in_order

CROWD, SINGLE, DOWN = "crowd", "single", "down"
"""Namespaces."""

PROBES = 20
"""Single topics beside the crowd."""

RATE = 8.0
"""Topics a second that are made in the healthy cluster, not at even intervals."""

NEIGHBOURS = 300
"""Topics of each cluster that is down."""


async def declare(bare: Bare, name: str, bootstrap: str) -> None:
    """A KafkaCluster that every namespace may use."""
    spec = {"bootstrapServers": bootstrap, "allowedNamespaces": {"from": "All"}, "resyncInterval": "20s"}
    cluster = {"apiVersion": API_VERSION, "kind": "KafkaCluster", "metadata": {"name": name}, "spec": spec}
    await bare.call("POST", "/kafkaclusters", cluster)


async def reason(bare: Bare, name: str, wanted: str) -> None:
    """Wait until a KafkaCluster's Ready has this reason."""
    while True:
        status = (await bare.call("GET", f"/kafkaclusters/{name}")).get("status", {})
        if any(c["type"] == "Ready" and c["reason"] == wanted for c in status.get("conditions", ())):
            return
        await asyncio.sleep(0.1)


def of(namespace: str, name: str) -> dict[str, Any]:
    """A topic of a cluster in the crowd's namespace."""
    made = body(name, "bench")
    made["spec"]["clusterRef"]["namespace"] = namespace
    return made


async def latencies(bare: Bare, seen: Following, names: Sequence[str], rate: float | None) -> list[float]:
    """Seconds from POST to Ready of each; at a rate, or (None) each after the one before."""
    begun: dict[str, float] = {}

    async def make(name: str) -> None:
        begun[name] = time.monotonic()
        await bare.call("POST", f"/{PLURAL}", of(CROWD, name))

    def ready() -> int:
        return sum(name in seen.ready[FIRST] for name in begun)

    if rate is None:
        for number, name in enumerate(names):
            await make(name)
            await seen.until("a single topic", ready, number + 1)
            await asyncio.sleep(random.random())  # noqa: S311 -- at any moment of a batch
    else:
        chance, tasks = random.Random(8), []  # noqa: S311 -- the same intervals in every run
        for name in names:
            tasks.append(asyncio.create_task(make(name)))
            await asyncio.sleep(chance.expovariate(rate))
        await asyncio.gather(*tasks)
        await seen.until("topics of the healthy cluster", ready, len(names))
    return sorted(seen.ready[FIRST][name] - begun[name] for name in names)


async def cleared(bare: Bare, seen: Following, names: Sequence[str]) -> None:
    """Delete topics, and wait until they are gone."""
    await bare.each("deleted again", names, "DELETE", f"/{PLURAL}/{{}}")
    await seen.until("gone", lambda: len(seen.gone.intersection(names)), len(names))


def percentile(values: Sequence[float], of_hundred: int) -> float:
    """The value that so many of a hundred do not pass; ``values`` are sorted."""
    return values[max(0, -(-len(values) * of_hundred // 100) - 1)]


async def crowd(control_plane: ControlPlane, kafka: Kafka, count: int) -> list[Row]:
    """A single topic at a time beside a crowd that waits."""
    kubeconfig = control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
    async with connected(control_plane, CROWD) as bare:
        single = Bare(bare.server, bare.session, SINGLE)
        await declare(bare, "bench", kafka.bootstrap)
        names = [f"crowd-{number:05}" for number in range(count)]
        await bare.each("the crowd: POST", names, "POST", f"/{PLURAL}", lambda name: body(name, "bench"))
        async with following(bare, PLURAL) as others, following(single, PLURAL) as seen:
            with running(kubeconfig):
                await others.until("the crowd: the first of it Ready", lambda: len(others.ready[FIRST]), 1)
                taken = await latencies(single, seen, [f"single-{number}" for number in range(PROBES)], None)
                waiting = count - len(others.ready[FIRST])
    assert waiting > 0, f"all {count} were Ready before the last single one was made: --topics must be larger"
    beside = (
        f"{PROBES} topics, one after the other; of {count:,} in the other namespace {waiting:,} still waited at the end"
    )
    return [
        Row(
            f"one topic beside {count:,}: create to Ready, slowest", round(taken[-1], 2), "s", at_most=2, beside=beside
        ),
        Row(f"one topic beside {count:,}: create to Ready, median", round(statistics.median(taken), 2), "s"),
    ]


@contextmanager
def stopped(kafka: Kafka) -> Iterator[None]:
    """Brokers that accept connections and never answer."""
    pids = list(kafka.pids().values())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def changing(bare: Bare, names: Sequence[str]) -> AsyncIterator[None]:
    """Settings of topics change meanwhile, ten of them a second."""

    async def change() -> None:
        for number in range(1_000_000):
            config = {"spec": {"config": {"retention.ms": 60_000 + number}}}
            await bare.call("PATCH", f"/{PLURAL}/{names[number % len(names)]}", config, MERGE)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(change())
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def down(control_plane: ControlPlane, healthy: Kafka, frozen: Kafka, count: int) -> list[Row]:
    """Topics of a healthy cluster, alone and beside clusters that are down."""
    kubeconfig = control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
    async with connected(control_plane, CROWD) as bare, AsyncExitStack() as stack:
        beside = Bare(bare.server, bare.session, DOWN)
        await declare(bare, "bench", healthy.bootstrap)
        seen = await stack.enter_async_context(following(bare, PLURAL))
        neighbours = await stack.enter_async_context(following(beside, PLURAL))
        stack.enter_context(running(kubeconfig))
        await reason(bare, "bench", "Reconciled")
        await latencies(bare, seen, [f"warm-{number}" for number in range(50)], 4 * RATE)
        made = {part: [f"{part}-{number}" for number in range(count)] for part in ("alone", "early", "late")}
        alone = await latencies(bare, seen, made["alone"], RATE)
        await cleared(bare, seen, made["alone"])
        names = {name: [f"{name}-{n}" for n in range(NEIGHBOURS)] for name in ("frozen", "refused")}
        await declare(beside, "frozen", frozen.bootstrap)
        await declare(beside, "refused", f"{HOST}:{free_port()}")
        for cluster, topics in names.items():
            await beside.each(
                f"{cluster}: POST", topics, "POST", f"/{PLURAL}", lambda name, cluster=cluster: body(name, cluster)
            )
        await neighbours.until("frozen: Ready", lambda: len(neighbours.ready[FIRST]), NEIGHBOURS)
        stack.enter_context(stopped(frozen))
        await stack.enter_async_context(changing(beside, [*names["frozen"], *names["refused"]]))
        early = await latencies(bare, seen, made["early"], RATE)
        await cleared(bare, seen, made["early"])
        await reason(beside, "frozen", "ClusterUnreachable")
        await reason(beside, "refused", "ClusterUnreachable")
        late = await latencies(bare, seen, made["late"], RATE)
    told = f"alone: {_told(alone)}"
    rows = []
    for title, values in (("from the moment that they are down", early), ("once they are known to be down", late)):
        ratio = percentile(values, 99) / percentile(alone, 99)
        rows.append(
            Row(
                f"create to Ready beside two clusters that are down, {title}, 99th percentile",
                round(ratio, 2),
                "× alone",
                at_most=1.5,
                beside=f"{_told(values)}; {told}",
            )
        )
    return rows


def _told(values: Sequence[float]) -> str:
    p50, p99 = (1000 * percentile(values, n) for n in (50, 99))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {1000 * values[-1]:.0f} ms"


def measure(count: int, made: int) -> list[Row]:
    """Both parts, each on a Kubernetes API of its own."""
    with ControlPlane() as control_plane, Kafka(heap=f"{512 + count // 5}m") as kafka:
        install(control_plane, CROWD, SINGLE)
        rows = asyncio.run(crowd(control_plane, kafka, count))
    with ControlPlane() as control_plane, Kafka() as healthy, Kafka() as frozen:
        install(control_plane, CROWD, DOWN)
        return rows + asyncio.run(down(control_plane, healthy, frozen, made))


def main() -> None:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, default=10_000, help="of the crowd")
    parser.add_argument("--made", type=int, default=300, help="topics of the healthy cluster in each part")
    add_option(parser)
    options = parser.parse_args()
    end_in_order()
    rows = measure(options.topics, options.made)
    print(*rows, sep="\n")
    if options.record:
        record(
            Result(
                name="fairness",
                section=Section.SPEED,
                title="Fairness",
                command=f"python bench/fairness.py --topics {options.topics} --made {options.made}",
                rows=tuple(rows),
                about="One namespace has thousands of topics queued, all there when the operator starts, and another one makes"
                " single ones. Then topics of a healthy cluster are made at a fixed rate, alone and beside two other"
                " clusters, one whose address refuses connections and one whose broker accepts them and never answers;"
                " topics of these two are changed meanwhile.",
                software={"Kafka": DEFAULT_VERSION, "Kubernetes": KUBERNETES.version},
            )
        )


if __name__ == "__main__":
    main()
