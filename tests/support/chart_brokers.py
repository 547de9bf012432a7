"""Real brokers that are told nothing but what a rendered chart tells its pods."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kafkade.devstack import kafka, parallel
from kafkade.devstack.images import recipes
from kafkade.devstack.kafka_config import broker_flags, write_logging
from kafkade.devstack.ports import HOST, accepts
from kafkade.devstack.process import Process
from support.chart_pods import Addresses, ChartPod, Secrets, pods

_START_TIMEOUT = 90
_STOP_TIMEOUT = 3


class ChartBrokers:
    """The pods of StatefulSets as processes, with data that outlives them in ``folder``."""

    def __init__(
        self,
        version: str,
        stateful_sets: Sequence[Mapping[str, Any]],
        folder: Path,
        addresses: Addresses,
        *,
        zones: Sequence[str] = (),
        secrets: Secrets | None = None,
    ) -> None:
        self.version = version
        self.pods = [pod for one in stateful_sets for pod in pods(one, zones, secrets)]
        self.addresses = addresses
        self._folder = folder
        self._processes: dict[str, Process] = {}
        # as the image has it: a version without the wrapper is given a later one's, behind its own jars
        self._wrapper = sorted(recipes.kafka_image(version).contexts["wrapper"].iterdir())

    def bootstrap(self, port: int = 9092) -> str:
        """Addresses of a listener of all brokers."""
        brokers = [pod for pod in self.pods if any(p["containerPort"] == port for p in pod.container["ports"])]
        return ",".join(f"{HOST}:{self.addresses.port(pod.name, port)}" for pod in brokers)

    def __enter__(self) -> ChartBrokers:
        try:
            parallel.gather(*(partial(self._set_up, pod) for pod in self.pods))
            for process in self._processes.values():
                process.start()
            for pod in self.pods:
                self._processes[pod.name].wait_until(partial(self.ready, pod), _START_TIMEOUT)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # some cannot hand over any more, since all of them go
        parallel.gather(*(partial(process.stop, _STOP_TIMEOUT) for process in self._processes.values()))
        self._processes.clear()

    def ready(self, pod: ChartPod) -> bool:
        """What the pod's readiness probe says."""
        time.sleep(0.1)
        probe = pod.container["readinessProbe"]
        if "tcpSocket" in probe:
            return accepts(self.addresses.port(pod.name, probe["tcpSocket"]["port"]))
        return subprocess.run(pod.probe("readinessProbe", self.addresses), capture_output=True).returncode == 0

    def folder(self, pod: ChartPod) -> Path:
        """Where the pod's volumes are."""
        return self._folder / pod.name

    def settings(self, pod: ChartPod) -> Path:
        """The server.properties that its image made."""
        return self.folder(pod) / "config" / "server.properties"

    def environment(self, pod: ChartPod) -> dict[str, str]:
        """What its container is given."""
        return pod.environment(self.addresses, self.folder(pod))

    def java(self, *arguments: str | Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a class of this version."""
        return subprocess.run(self._java(*arguments), env=dict(environment), capture_output=True, text=True)

    def _run(self, pod: ChartPod, container: Mapping[str, Any]) -> None:
        """An init container's command."""
        folder = self.folder(pod)
        words = [pod.local(word, self.addresses, folder) for word in container["command"]]
        environment = {"PATH": os.environ["PATH"], **pod.environment(self.addresses, folder, container)}
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{pod.name}, {container['name']}: {done.stdout}{done.stderr}"

    def _java(self, *arguments: str | Path) -> list[str]:
        return [*kafka.java(self.version, *self._wrapper), *map(str, arguments)]

    def _set_up(self, pod: ChartPod) -> None:
        """What the image does before it starts the broker: server.properties, and storage formatted if it is not."""
        folder = self.folder(pod)
        for name in ("data", "config", "defaults", "mounted", "bin", "tls", "tls-secret", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in pod.secrets.get("kafka-tls", {}).items():
            (folder / "tls-secret" / name).write_text(text)
        tool = folder / "bin" / "kafka-storage.sh"
        tool.write_text(f'#!/bin/bash\nexec {shlex.join(self._java("kafka.tools.StorageTool"))} "$@"\n')
        tool.chmod(0o700)
        for container in pod.init.values():
            self._run(pod, container)
        environment = self.environment(pod)
        words: list[str | Path] = ["kafka.docker.KafkaDockerWrapper", "setup"]
        words += ["--default-configs-dir", folder / "defaults", "--mounted-configs-dir", folder / "mounted"]
        words += ["--final-configs-dir", folder / "config"]
        done = self.java(*words, environment=environment)
        said = done.stdout + done.stderr
        assert done.returncode == 0 or "already formatted" in said, f"{pod.name}: {said}"
        flags = [*broker_flags("256m"), write_logging(folder, self.version)]
        self._processes[pod.name] = Process(
            f"Kafka {self.version} {pod.name}",
            self._java(*flags, "kafka.Kafka", self.settings(pod)),
            folder / f"{self.version}.log",
            folder=folder,
        )
