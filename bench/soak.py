"""Whether the operator stays as it is: hours of changes and restarts, held against a ground truth.

In rounds, topics and schemas are made, changed and deleted through the Kubernetes API, Kafka is changed by hand, and in
every second round the broker, the API server or the registry is restarted. Every write is written down; in the end of a
round each must be answered by a status and be so in Kafka and in the registry, and in the quiet part after it nobody may
write anything. Names are always new and their number stays, so whatever grows is kept for nothing. The operator itself is
never restarted: its memory, handles and threads are sampled all along.
Usage: ``make soak``, or ``python bench/soak.py --minutes 30``. Ends with 1 when something is not as it should be.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from results import Line, Plot, Result, Row, Section, add_option, record
from soaking.census import PLACE, taken
from soaking.judge import Finding, Limits, Round, growth, judge
from soaking.process import Sample, Sampler
from soaking.world import SCHEMA, TOPIC, Tail, Truth, in_kafka, in_registry, patiently, series

from kafkade.devstack import golang
from kafkade.devstack.kafka import DEFAULT_VERSION, Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.ports import HOST, free_port
from kafkade.devstack.process import end_in_order
from kafkade.devstack.registry import VERSION, Registry
from support.api import Api
from support.kafka import KafkaView
from support.kubernetes import manifest
from support.operator import OperatorProcess
from support.places import ROOT
from support.stack import install_crds, install_operator
from support.waiting import until

NAMESPACE = "soak"
FOLLOWED, UNLOOKED = "followed", "unlooked"
"""Two KafkaClusters of one Kafka: one is compared with Kafka all the time, the other, in practice, by events alone."""
KAFKA_WRITES = frozenset(
    ("CreateTopics", "DeleteTopics", "CreatePartitions", "IncrementalAlterConfigs", "AlterConfigs")
)
DISTURBANCES = ("", "broker", "", "API server", "", "registry")
PREFIXES = ("stays-", "comes-")


@dataclass(frozen=True, slots=True)
class Pace:
    """How large and how fast."""

    stay: int
    """Topics that are there from the beginning to the end."""
    come: int
    """Topics that are made in each round; they are changed in the next one and deleted in the one after."""
    resync: float
    """Seconds."""
    quiet: float
    """Seconds of a round in which nothing is changed."""
    sample: float
    """Seconds between two samples."""
    settle: float = 90.0
    """Seconds after which what is not answered never will be."""

    @classmethod
    def of(cls, minutes: float) -> Pace:
        """Short runs are hasty, or there would be no rounds to speak of."""
        return cls(24, 10, 10, 14, 5) if minutes >= 10 else cls(8, 4, 2, 4, 1)


class Soak:
    """One run."""

    def __init__(self, parts: Parts, pace: Pace) -> None:
        self.parts = parts
        self.pace = pace
        self.truth = Truth(Api(parts.control_plane.kubeconfig, NAMESPACE))
        self.view = KafkaView(parts.kafka.bootstrap)
        self.writes = Tail(parts.control_plane.audit_log())
        self.rounds: list[Round] = []

    def begin(self) -> None:
        """Make what stays."""
        for number in range(self.pace.stay):
            self.truth.create(TOPIC, f"stays-{number}", topic(number))
            if number % 4 == 0:
                self.truth.create(SCHEMA, f"stays-{number}", schema(f"stays-{number}", number, 0))
        missed, slowest = self._settle(0.0, 0.0)
        assert not missed, missed
        print(f"{self.pace.stay} topics are Ready, the last one after {slowest:.1f} s", file=sys.stderr)

    def round(self, number: int, at: float) -> Round:
        """Changes, a wait, quiet."""
        disturbed = DISTURBANCES[number % len(DISTURBANCES)]
        before, began = self.truth.writes, time.monotonic()
        self._change(number)
        away, over = self._restart(disturbed) if disturbed else (0.0, 0.0)
        edits = self._by_hand(number)
        missed, slowest = self._settle(began, over)
        self.truth.forget_the_gone()
        quiet = self._quiet()
        staying = [f"stays-{n}" for n in range(self.pace.stay)]
        items = self.truth.items(TOPIC, staying) + self.truth.items(SCHEMA, staying[::4])
        done = Round(
            number=number,
            at=at,
            disturbed=disturbed,
            away=away,
            writes=self.truth.writes - before,
            edits=edits,
            slowest=slowest,
            missed=tuple(missed),
            quiet_writes=tuple(quiet),
            status=max(len(json.dumps(item["status"])) for item in items),
            annotations=sum(len(item["metadata"].get("annotations") or ()) for item in items),
            series=patiently(lambda: series(self.parts.metrics)),
            objects=taken(self.parts.operator.pid, self.parts.census) if at_an_end(number) else {},
        )
        self.rounds.append(done)
        return done

    def _change(self, number: int) -> None:
        for n in range(self.pace.come):
            name = f"comes-{number}-{n}"
            self.truth.create(TOPIC, name, topic(n))
            if n % 3 == 0:
                self.truth.create(SCHEMA, name, schema(name, n, 0))
        for n in range(self.pace.stay):
            if n % 2 == number % 2:
                # twice: the first generation may never be acted on, and the second must be
                self.truth.change(TOPIC, f"stays-{n}", config=settings(n, 2 * number + 100))
                self.truth.change(TOPIC, f"stays-{n}", config=settings(n, 2 * number + 101))
        for past in self.truth.live(TOPIC) + self.truth.live(SCHEMA):
            if past.name.startswith(f"comes-{number - 1}-"):
                if past.kind == TOPIC:
                    self.truth.change(TOPIC, past.name, partitions=2)
                else:
                    text = schema(past.name, 0, 1)["schema"]
                    self.truth.change(SCHEMA, past.name, schema=text)
            elif past.name.startswith(f"comes-{number - 2}-"):
                self.truth.delete(past.kind, past.name)

    def _by_hand(self, number: int) -> int:
        """Past the operator, on topics of the cluster that is compared with Kafka: a setting, one taken away, a topic."""
        followed = [f"stays-{n}" for n in range(self.pace.stay) if n % 2 == 0]
        first, second, third = (followed[(3 * number + n) % len(followed)] for n in range(3))
        patiently(lambda: self.view.set_config(first, "retention.ms", "4321"))
        patiently(lambda: self.view.set_config(second, "segment.ms", None))
        if number % 4 == 1:
            patiently(lambda: self.view.admin.delete_topics([third])[third].result(20))
        return 3 if number % 4 == 1 else 2

    def _restart(self, what: str) -> tuple[float, float]:
        """For how many seconds it was away, and when it was back, of time.monotonic()."""
        began = time.monotonic()
        if what == "broker":
            self.parts.kafka.stop_broker(1)
            self.parts.kafka.start_broker(1)
        elif what == "API server":
            self.parts.control_plane.stop_api_server()
            self.parts.control_plane.start_api_server()
        else:
            self.parts.registry.restart()
        over = time.monotonic()
        return over - began, over

    def _settle(self, began: float, over: float) -> tuple[list[str], float]:
        """Wait until all is answered and so: what is not, and the seconds that the slowest answer took.

        Counted is what was written since the round ``began``, from when a restart was ``over``.
        """
        end = time.monotonic() + self.pace.settle
        wrong = ["nobody looked yet"]
        while wrong and time.monotonic() < end:
            wrong = self.truth.look()
            wrong = wrong or self.truth.clusters()
            wrong = wrong or in_kafka(self.view, self.truth.live(TOPIC), PREFIXES)
            wrong = wrong or in_registry(self.parts.registry.url, self.truth.live(SCHEMA), PREFIXES)
            time.sleep(0.25)
        took = [
            d.answered - max(d.written, over)
            for d in self.truth.declared.values()
            if d.answered is not None and d.written >= began
        ]
        return wrong, max(took, default=0.0)

    def _counted(self) -> bool:
        """Whether the status of the KafkaCluster tells of all topics, which is a write of its own."""
        (item,) = self.truth.items("KafkaCluster", [FOLLOWED])
        return patiently(self.view.counts).items() <= item["status"].items()

    def _quiet(self) -> list[str]:
        """Writes while nobody changes anything; the health of what was restarted may still be told for a moment."""
        until(self._counted, "the KafkaCluster has counted its topics", timeout=self.pace.settle)
        time.sleep(self.pace.resync * 1.2)
        self.writes.new()
        before = patiently(self.parts.kafka.request_counts)
        time.sleep(self.pace.quiet)
        spent = patiently(self.parts.kafka.request_counts) - before
        return self.writes.new() + [f"{count} {api} to Kafka" for api, count in spent.items() if api in KAFKA_WRITES]


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs."""

    control_plane: ControlPlane
    kafka: Kafka
    registry: Registry
    operator: OperatorProcess
    metrics: str
    census: Path


def at_an_end(number: int) -> bool:
    """Whether a round is the last of those in which each part is restarted once."""
    return number % len(DISTURBANCES) == len(DISTURBANCES) - 1


def settings(number: int, value: int) -> dict[str, int]:
    """Of a topic."""
    return {"retention.ms": 60_000 + 1_000 * number + value, "segment.ms": 600_000 + number}


def topic(number: int) -> dict[str, Any]:
    """A spec."""
    cluster = FOLLOWED if number % 2 == 0 else UNLOOKED
    return {
        "clusterRef": {"name": cluster},
        "partitions": 1,
        "replicationFactor": 1,
        "config": settings(number, 0),
        "deletionPolicy": "Delete",
    }


def schema(name: str, number: int, version: int) -> dict[str, Any]:
    """A spec: a record that gains a field with a default."""
    fields: list[dict[str, Any]] = [{"name": "id", "type": "string"}]
    fields += [{"name": f"more{n}", "type": "string", "default": ""} for n in range(version)]
    record = {"type": "record", "name": f"R{name.replace('-', '_')}", "namespace": "soak", "fields": fields}
    return {
        "clusterRef": {"name": FOLLOWED if number % 8 == 0 else UNLOOKED},
        "subject": f"{name}-value",
        "schema": json.dumps(record),
        "deletionPolicy": "HardDelete",
    }


def run(minutes: float, log: Path, keep: Path | None) -> tuple[list[Sample], list[Round]]:
    """Start everything, load it, and stop it. What was seen goes into the file ``keep``, also when an error ends it."""
    pace = Pace.of(minutes)
    with ControlPlane(audit=True) as control_plane, Kafka(metrics=True) as kafka, Registry() as registry:
        install_crds(control_plane)
        kubectl, kubeconfig = install_operator(control_plane)
        kubectl.run("create", "namespace", NAMESPACE)
        metrics = f"{HOST}:{free_port()}"
        census = log.with_suffix(".census")
        path = os.pathsep.join(map(str, (ROOT / "operator", ROOT / "bench")))
        with OperatorProcess(
            kubeconfig,
            log,
            ("--all-namespaces", "--metrics", metrics),
            "soaking.census",
            PYTHONPATH=path,
            **{PLACE: str(census)},
        ) as operator:
            for name, interval in ((FOLLOWED, f"{pace.resync:.0f}s"), (UNLOOKED, "24h")):
                spec = {
                    "bootstrapServers": kafka.bootstrap,
                    "schemaRegistry": {"urls": [registry.url]},
                    "resyncInterval": interval,
                }
                kubectl.apply(manifest("KafkaCluster", name, spec, NAMESPACE))
                kubectl.wait_ready("KafkaCluster", name, NAMESPACE)
            soak = Soak(Parts(control_plane, kafka, registry, operator, metrics, census), pace)
            soak.begin()
            sampler = Sampler(operator.pid, pace.sample, whose(control_plane, kafka, registry, metrics))
            try:
                with sampler:
                    began = time.monotonic()
                    print(HEAD)
                    for number in itertools.count():
                        at = time.monotonic() - began
                        if at > 60 * minutes and number >= len(DISTURBANCES):
                            break
                        print(line(soak.round(number, at), sampler.samples[-1]), flush=True)
            finally:
                if keep is not None:
                    keep.write_text(
                        "".join(f"{json.dumps(asdict(each))}\n" for each in (*sampler.samples, *soak.rounds))
                    )
            assert operator.running, f"the operator ended:\n{operator.tail()}"
    return sampler.samples, soak.rounds


def whose(control_plane: ControlPlane, kafka: Kafka, registry: Registry, metrics: str) -> dict[int, str]:
    """Who listens at which port."""
    found = {urlsplit(control_plane.url).port: "the API server", urlsplit(registry.url).port: "the registry"}
    found |= {int(address.rpartition(":")[2]): "Kafka" for address in kafka.bootstrap.split(",")}
    found[int(metrics.rpartition(":")[2])] = "the metrics"
    return {port: name for port, name in found.items() if port is not None}


HEAD = "round   minute     MiB  handles  threads  writes  by hand  slowest  missed  quiet  status  series  restarted"


def line(done: Round, now: Sample) -> str:
    """Of the table."""
    return (
        f"{done.number:5}{done.at / 60:9.1f}{now.memory:8.1f}{now.handles:9}{now.threads:9}{done.writes:8}{done.edits:9}"
        f"{done.slowest:7.1f} s{len(done.missed):8}{len(done.quiet_writes):7}{done.status:8}{done.series:8}  {done.disturbed}"
    )


def told(found: tuple[Finding, ...]) -> str:
    """The findings for people."""
    return "\n".join(
        f"{'ok ' if f.good else 'BAD'} {f.what}: {f.value:g} {f.unit}".rstrip()
        + f" (at most {f.limit:.3g})"
        + (f", {f.detail}" if f.detail else "")
        for f in found
    )


def result_of(samples: list[Sample], rounds: list[Round], found: tuple[Finding, ...], minutes: float) -> Result:
    """For docs/results.md."""
    memory = [(s.at / 60, s.memory) for s in samples[:: max(1, len(samples) // 240)]]
    counts = samples[:: max(1, len(samples) // 240)]
    hours = (samples[-1].at - samples[0].at) / 3600
    return Result(
        "soak",
        Section.STAYING_POWER,
        f"A soak of {samples[-1].at / 60:.0f} minutes",
        f"python bench/soak.py --minutes {minutes:g} --record",
        (
            Row("rounds of changes", len(rounds)),
            Row("generations written through the Kubernetes API", sum(r.writes for r in rounds)),
            Row("changes of Kafka by hand", sum(r.edits for r in rounds)),
            Row("restarts of broker, API server and registry", sum(bool(r.disturbed) for r in rounds)),
            *(Row(f.what, round(f.value, 2), f.unit, at_most=round(f.limit, 2), beside=f.detail) for f in found),
            Row(
                "the same fit over all samples, an hour",
                round(growth([(s.at, s.memory) for s in samples]) / hours, 2),
                "MiB",
            ),
        ),
        about=(
            "One operator that is never restarted. Rounds of creations, changes and deletions of topics and schemas, of "
            "changes by hand, and of restarts of what it talks to; then a wait until every generation is answered and "
            "Kafka and the registry are as declared, and a part in which nothing may be written. Growth is judged after "
            "a warm-up, by the median of all slopes."
        ),
        plots=(
            Plot("memory", "Resident memory", "minutes", "MiB", (Line("operator", tuple(memory)),)),
            Plot(
                "handles",
                "File handles and threads",
                "minutes",
                "number",
                (
                    Line("file handles", tuple((s.at / 60, s.handles) for s in counts)),
                    Line("threads", tuple((s.at / 60, s.threads) for s in counts)),
                ),
            ),
        ),
        software={"Kubernetes": golang.KUBERNETES.version, "Kafka": DEFAULT_VERSION, "Apicurio": VERSION},
    )


def main() -> None:
    """Run, print a table as it goes and what it comes to; 1 when that is not good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--log", type=Path, help="keep the operator's log here")
    parser.add_argument(
        "--samples", type=Path, help="keep all samples, and then the rounds, here: a JSON object a line"
    )
    add_option(parser)
    args = parser.parse_args()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="kafkade-soak-") as folder:
        log = args.log or Path(folder) / "operator.log"
        samples, rounds = run(args.minutes, log, args.samples)
        found = judge(samples, rounds, Limits.of(args.minutes))
        tracebacks = log.read_text(errors="replace").count("Traceback")
        found = (*found, Finding("tracebacks in the operator's log", tracebacks, "", 0))
    print(told(found))
    if args.record:
        record(result_of(samples, rounds, found, args.minutes))
    if not all(f.good for f in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
