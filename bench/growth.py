"""How the cost of N topics grows with N: time, the operator's CPU and its memory from the first POST to the last Ready.

Each N has a Kubernetes API, a Kafka and an operator of its own. Beside the time stands that of the bare Kubernetes writes
for as many (POST, a PATCH of metadata, a PATCH of status), since the API server's own cost grows with what it holds. The
exponent is the slope of a line through the logarithms: 1 is linear, below 1 is better.
Usage: ``make bench-growth`` or ``python bench/growth.py --topics 250 500 1000``; TMPDIR=/dev/shm on a slow disk.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bare import Bare, connected, install, timed
from results import Line, Plot, Result, Row, Section, add_option, record
from topics import KAFKA, NAMESPACE, PLURAL, Bench, body, status

from kafkade.devstack.golang import KUBERNETES
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.process import end_in_order

SIZES = (250, 500, 1000, 2000, 4000, 8000, 10_000)
LINEAR = 1.05
"""The largest exponent that counts as linear: figures of single runs differ by some percent."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one N took: seconds, of the bare writes too; CPU seconds; MiB at the end."""

    topics: int
    floor: float
    wall: float
    cpu: float
    memory: float


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The k of the curve c·N^k that fits best, by least squares over the logarithms."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    return statistics.linear_regression(xs, ys).slope


async def bare_writes(bare: Bare, count: int) -> float:
    """Seconds of the writes that any operator needs for the creation of so many; the resources are gone afterwards."""
    bodies = {f"floor-{number:05}": body(f"floor-{number:05}", "nobody") for number in range(count)}
    one, mark = f"/{PLURAL}/{{}}", {"metadata": {"annotations": {"kafkade.io/bench": "floor"}}}

    async def write() -> None:
        await bare.each("floor: POST", bodies, "POST", f"/{PLURAL}", lambda name: bodies[name])
        await bare.each("floor: metadata", bodies, "PATCH", one, mark)
        await bare.each("floor: status", bodies, "PATCH", f"{one}/status", lambda name: {"status": status(name, 1)})

    taken = await timed(write())
    await bare.call("DELETE", f"/{PLURAL}")
    return taken


async def cost(control_plane: ControlPlane, kafka: Kafka, count: int) -> Cost:
    """Measure one N."""
    kubeconfig = control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
    async with connected(control_plane, NAMESPACE) as bare:
        await bare_writes(bare, 100)  # the API server's first and slowest requests
        floor = await bare_writes(bare, count)
        bench = Bench(bare, kafka, kubeconfig, count)
        await bench.create_only()
        found = bench.found
        return Cost(count, floor, found.seconds["create"], found.cpu["create"], found.resident["create"])


def rows_of(costs: Sequence[Cost]) -> tuple[Row, ...]:
    """The exponents, and what one more topic costs; ``costs`` by rising N."""
    least, most = costs[0], costs[-1]
    wall, floor, cpu = (
        exponent([(c.topics, value(c)) for c in costs])
        for value in (lambda c: c.wall, lambda c: c.floor, lambda c: c.cpu)
    )
    span = f"N from {least.topics:,} to {most.topics:,}"
    memory = statistics.linear_regression([c.topics for c in costs], [1024 * c.memory for c in costs])
    return (
        Row("time, exponent of N", round(wall, 2), at_most=LINEAR, beside=f"{span}; bare writes: {floor:.2f}"),
        Row("CPU of the operator, exponent of N", round(cpu, 2), at_most=LINEAR, beside=span),
        Row(
            "memory of the operator for one more topic",
            round(memory.slope, 1),
            "KiB",
            beside=f"{least.memory:.0f} MiB at {least.topics:,}, {most.memory:.0f} MiB at {most.topics:,}",
        ),
        Row(f"time of {most.topics:,}", round(most.wall / most.floor, 2), "× the bare writes"),
    )


def plots_of(costs: Sequence[Cost]) -> tuple[Plot, ...]:
    """Time, CPU and memory over N, each with what would be linear."""
    most = costs[-1]

    def line(label: str, values: Sequence[float], dashed: bool = False) -> Line:
        return Line(label, tuple((c.topics, round(v, 2)) for c, v in zip(costs, values, strict=True)), dashed)

    def linear(top: float) -> Line:
        return Line("linear", ((0, 0), (most.topics, round(top, 2))), dashed=True)

    return (
        Plot(
            "time",
            "From the first POST to the last Ready",
            "topics",
            "seconds",
            (
                line("kafkade", [c.wall for c in costs]),
                line("bare writes", [c.floor for c in costs]),
                linear(most.wall),
            ),
        ),
        Plot(
            "cpu",
            "CPU of the operator meanwhile",
            "topics",
            "CPU seconds",
            (line("kafkade", [c.cpu for c in costs]), linear(most.cpu)),
        ),
        Plot(
            "memory",
            "Resident memory of the operator at the end",
            "topics",
            "MiB",
            (line("kafkade", [c.memory for c in costs]),),
        ),
    )


def main() -> None:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, nargs="+", default=list(SIZES), metavar="N", help="two at least")
    add_option(parser)
    options = parser.parse_args()
    end_in_order()
    sizes = sorted(set(options.topics))
    if len(sizes) < 2 or sizes[0] < 1:
        parser.error("--topics: give two different numbers at least, each 1 or more")
    costs = []
    for count in sizes:
        with ControlPlane() as control_plane, Kafka(KAFKA, metrics=True, heap=f"{512 + count // 5}m") as kafka:
            install(control_plane, NAMESPACE)
            costs.append(asyncio.run(cost(control_plane, kafka, count)))
        print(costs[-1], flush=True)
    rows = rows_of(costs)
    print(*map(str, rows), sep="\n")
    if options.record:
        record(
            Result(
                name="growth",
                section=Section.SPEED,
                title="How cost grows with the number of topics",
                command=f"python bench/growth.py --topics {' '.join(map(str, sizes))}",
                rows=rows,
                about="Topics are made and become Ready, for each number with a Kubernetes API, a Kafka and an operator of its"
                " own. The exponent is the slope of a line through the logarithms: 1 is linear, below 1 is better.",
                plots=plots_of(costs),
                software={"Kafka": KAFKA, "Kubernetes": KUBERNETES.version},
            )
        )


if __name__ == "__main__":
    main()
