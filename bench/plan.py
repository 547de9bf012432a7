"""How long ``kafkade plan`` takes for N topics that are as declared, as a ratio of a bare read of the same cluster, in one run.

The floor: a process that has one librdkafka client ask for the metadata of all topics and then for all their settings, and
does nothing with the answers. Both are timed as whole processes, in turns; requests are what the broker itself counts.
Usage: ``make bench`` or ``python bench/plan.py --topics 10000 --rounds 3``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml
from results import Result, Row, Section, add_option, record

from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_config import Security
from kafkade.clients.model import NewTopic
from kafkade.devstack.kafka import DEFAULT_VERSION, Kafka
from kafkade.devstack.process import end_in_order

BATCH = 500
"""Topics that are made by one request."""

BARE = """
import sys
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
admin = AdminClient({"bootstrap.servers": sys.argv[1]})
names = [name for name in admin.list_topics(timeout=60).topics if name.startswith("orders-")]
asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=60)
settings = [future.result() for future in asked.values()]
assert len(settings) == int(sys.argv[2]), len(settings)
"""


async def make(kafka: Kafka, names: Sequence[str]) -> None:
    """The topics, with a setting of their own."""
    admin = KafkaAdmin(Security(kafka.bootstrap), timeout=120)
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        made = await admin.create_topics([NewTopic(name, 1, 1, config={"retention.ms": "60000"}) for name in batch])
        assert not any(made.values()), [error for error in made.values() if error][:3]
        # a broker answers before it has made their folders, and names no topic until it has
        known: set[str] = set()
        while not known.issuperset(batch):
            await asyncio.sleep(0.2)
            known = set(await admin.topics())
        print(f"\r{start + len(batch)} of {len(names)} topics made", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    await admin.close()


def declare(folder: Path, names: Sequence[str]) -> None:
    """A manifest for each of them, a hundred in a file."""
    for start in range(0, len(names), 100):
        documents = [
            {
                "apiVersion": "kafkade.io/v1alpha1",
                "kind": "KafkaTopic",
                "metadata": {"name": name, "namespace": "shop"},
                "spec": {
                    "clusterRef": {"name": "main"},
                    "partitions": 1,
                    "replicationFactor": 1,
                    "config": {"retention.ms": 60000},
                },
            }
            for name in names[start : start + 100]
        ]
        (folder / f"topics-{start // 100:03}.yaml").write_text(yaml.safe_dump_all(documents))


def timed(kafka: Kafka, command: Sequence[str]) -> tuple[float, Counter[str]]:
    """Seconds of the whole process, and the requests that it made by API."""
    before = kafka.request_counts()
    started = time.monotonic()
    done = subprocess.run(command, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True)
    taken = time.monotonic() - started
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return taken, kafka.request_counts() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    add_option(parser)
    options = parser.parse_args()
    end_in_order()
    names = [f"orders-{number:05}" for number in range(options.topics)]
    with (
        Kafka(metrics=True, heap="1536m") as kafka,
        tempfile.TemporaryDirectory() as folder,
    ):
        declare(Path(folder), names)
        asyncio.run(make(kafka, names))
        bare = [sys.executable, "-c", BARE, kafka.bootstrap, str(len(names))]
        reach = ("--bootstrap-server", kafka.bootstrap, "--assume-owned")
        plan = [sys.executable, "-m", "kafkade.cli.main", "plan", "-f", folder, *reach]
        timed(kafka, bare), timed(kafka, plan)  # the broker's and Python's first time
        floors, plans = [], []
        for _ in range(options.rounds):
            floors.append(timed(kafka, bare))
            plans.append(timed(kafka, plan))
    floor, taken = (statistics.median(seconds for seconds, _ in runs) for runs in (floors, plans))
    beside = f"{taken:.1f} s; bare read {floor:.1f} s, medians of {options.rounds} rounds"
    rows = (
        Row("kafkade plan, time", round(taken / floor, 2), "× the bare read", beside=beside),
        Row("requests of kafkade plan", plans[-1][1].total(), beside=_told(plans[-1][1])),
        Row("requests of the bare read", floors[-1][1].total(), beside=_told(floors[-1][1])),
    )
    print(f"{len(names)} topics that are as declared:", *map(str, rows), sep="\n  ")
    if options.record:
        record(
            Result(
                name=f"plan-{options.topics}",
                section=Section.SPEED,
                title=f"kafkade plan for {options.topics:,} topics",
                command=f"python bench/plan.py --topics {options.topics} --rounds {options.rounds}",
                rows=rows,
                about="The floor is a process that asks one broker for the metadata of all topics and for all their settings,"
                " and does nothing with the answers. Both are timed as whole processes; requests are what the broker counts.",
                software={"Kafka": DEFAULT_VERSION},
            )
        )


def _told(requests: Counter[str]) -> str:
    return ", ".join(f"{api} {count}" for api, count in sorted(requests.items()))


if __name__ == "__main__":
    main()
