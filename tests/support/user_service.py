"""deploy/examples/11-user-service at work: the process that a pod of its Deployment would have, and what it tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import ConsumerGroupState, KafkaException

from kafkade.devstack import loopback
from kafkade.devstack.ports import HOST, free_port
from kafkade.devstack.process import Process
from support.coordinators import moving
from support.kafka import KafkaView
from support.metrics import series
from support.places import DEPLOY
from support.waiting import until

EXAMPLE = DEPLOY / "examples" / "11-user-service"


def manifests() -> dict[str, str]:
    """The example's files."""
    return {file.name: file.read_text() for file in sorted(EXAMPLE.glob("*.yaml"))}


def container() -> dict[str, Any]:
    """The Deployment's container."""
    (found,) = yaml.safe_load(manifests()["07-deployment.yaml"])["spec"]["template"]["spec"]["containers"]
    return dict(found)


def command() -> list[str]:
    """What the image runs."""
    (line,) = [line for line in (EXAMPLE / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    found: list[str] = json.loads(line.removeprefix("CMD "))
    return found


@dataclass(frozen=True, slots=True)
class UserService:
    """The service at work. ``bindings``: where its Secret is mounted; ``address``: of its health and metrics."""

    process: Process
    bindings: Path
    address: str

    def said(self, text: str) -> bool:
        """Whether its log has a text."""
        return self.process.said(text)

    def metrics(self, name: str, **tags: str) -> float:
        """The sum of a metric's samples with these tags; 0 where there are none."""
        text = loopback.get(f"{self.address}/metrics").decode()
        return sum(value for found, labels, value in series(text) if found == name and labels.items() >= tags.items())

    def run(self, *words: str) -> str:
        """Run another command of the same image in the pod, as ``kubectl exec`` does; what it prints."""
        done = subprocess.run(
            [*_in_the_pod(self.bindings), *words], cwd=EXAMPLE, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(bindings: Path, log: Path, view: KafkaView) -> Iterator[UserService]:
    """The service, healthy and with its partitions; it is ended in order behind the block."""
    port = free_port()
    process = Process("user-service", _in_the_pod(bindings, PORT=str(port)), log, folder=EXAMPLE)
    address = f"http://{HOST}:{port}"
    process.start()
    try:
        process.wait_until(lambda: _answers(address), 120)
        until(lambda: _stable(view), "its groups have their partitions", timeout=120, pause=0.5)
        yield UserService(process, bindings, address)
    finally:
        process.stop(30)


def _in_the_pod(bindings: Path, **more: str) -> list[str]:
    """The image's command with the Deployment's variables and no others, the mounted folder in its place."""
    given = {entry["name"]: entry["value"].replace("/bindings", str(bindings)) for entry in container()["env"]}
    given |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ} | more
    return ["/usr/bin/env", "-i", *(f"{k}={v}" for k, v in given.items()), sys.executable, *command()[1:]]


def _answers(address: str) -> bool:
    try:
        return b"UP" in loopback.get(f"{address}/health")
    except OSError:
        return False


def _stable(view: KafkaView) -> bool:
    """Whether nobody comes or goes in the service's groups."""
    spec = yaml.safe_load(manifests()["06-binding.yaml"])["spec"]
    try:
        found = [future.result(20) for future in view.admin.describe_consumer_groups(spec["groups"]).values()]
    except KafkaException as error:
        if not moving(error):
            raise
        return False
    return all(one.state is ConsumerGroupState.STABLE and one.members for one in found)
