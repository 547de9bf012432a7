"""How long N topics take from POST to Ready, as a ratio of the bare Kubernetes writes that they need, in one run.

The floor: one asyncio client with 16 connections that does only what any operator must have done — POST the resource,
PATCH the finalizer, PATCH the status — phase after phase. Usage: ``make bench`` or ``python bench/topics.py --topics 1000``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import yaml

from kafkade.api import FINALIZER
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane

ROOT = Path(__file__).parents[1]
CONNECTIONS = 16


class Api:
    """The bare client."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.base = f"{server}/apis/kafkade.io/v1alpha1/namespaces/bench"
        self.session = session
        self.slots = asyncio.Semaphore(CONNECTIONS)

    async def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        async with self.slots:
            data = None if body is None else json.dumps(body).encode()
            async with self.session.request(
                method, self.base + path, data=data, headers={"Content-Type": kind}
            ) as response:
                assert response.status < 300, f"{method} {path}: {response.status} {await response.text()}"
                return json.loads(await response.read())


def body(name: str, cluster: str) -> dict[str, Any]:
    return {
        "apiVersion": "kafkade.io/v1alpha1",
        "kind": "KafkaTopic",
        "metadata": {"name": name},
        "spec": {
            "clusterRef": {"name": cluster},
            "partitions": 1,
            "replicationFactor": 1,
            "config": {"retention.ms": 60000},
        },
    }


async def floor(api: Api, count: int) -> float:
    """Seconds that the writes alone take, for resources that nobody reconciles (their cluster does not exist yet)."""
    names = [f"floor-{n}" for n in range(count)]
    merge = "application/merge-patch+json"
    started = time.monotonic()
    await asyncio.gather(*(api.call("POST", "/kafkatopics", body(n, "nobody")) for n in names))
    await asyncio.gather(
        *(api.call("PATCH", f"/kafkatopics/{n}", {"metadata": {"finalizers": [FINALIZER]}}, merge) for n in names)
    )
    status = {"status": {"observedGeneration": 1, "topicId": "x", "conditions": []}}
    await asyncio.gather(*(api.call("PATCH", f"/kafkatopics/{n}/status", status, merge) for n in names))
    taken = time.monotonic() - started
    await asyncio.gather(
        *(api.call("PATCH", f"/kafkatopics/{n}", {"metadata": {"finalizers": None}}, merge) for n in names)
    )
    await asyncio.gather(*(api.call("DELETE", f"/kafkatopics/{n}") for n in names))
    return taken


async def create(api: Api, count: int) -> float:
    """Seconds from the first POST to the last Ready."""
    names = [f"topic-{n}" for n in range(count)]
    started = time.monotonic()
    await asyncio.gather(*(api.call("POST", "/kafkatopics", body(n, "bench")) for n in names))
    while True:
        items = (await api.call("GET", "/kafkatopics"))["items"]
        ready = sum(
            any(c["type"] == "Ready" and c["status"] == "True" for c in i.get("status", {}).get("conditions", []))
            for i in items
        )
        if ready >= count:
            return time.monotonic() - started
        await asyncio.sleep(0.2)


async def measure(control_plane: ControlPlane, kafka: Kafka, count: int) -> None:
    os.environ["KUBECONFIG"] = str(control_plane.kubeconfig)
    info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings(), logger=None)
    assert info is not None
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=info.as_ssl_context())
    async with aiohttp.ClientSession(connector=connector, headers=info.as_http_headers()) as session:
        api = Api(info.server, session)
        bare = await floor(api, count)
        log = tempfile.NamedTemporaryFile(suffix=".log", delete=False)  # noqa: SIM115 -- the operator writes into it
        kubeconfig = control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
        operator = subprocess.Popen(
            [sys.executable, "-m", "kafkade.cli.main", "run", "--all-namespaces"],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=log,
            stderr=log,
        )
        try:
            cluster = {
                "apiVersion": "kafkade.io/v1alpha1",
                "kind": "KafkaCluster",
                "metadata": {"name": "bench"},
                "spec": {"bootstrapServers": kafka.bootstrap},
            }
            await api.call("POST", "/kafkaclusters", cluster)
            while not (await api.call("GET", "/kafkaclusters/bench")).get("status", {}).get("clusterId"):
                await asyncio.sleep(0.1)
            before = cpu(operator.pid)
            taken = await create(api, count)
            spent = cpu(operator.pid) - before
            memory = rss(operator.pid)
        finally:
            operator.terminate()
            operator.wait()
            Path(log.name).unlink()
    print(f"{count} topics: bare writes {bare:.1f} s, create to Ready {taken:.1f} s: {taken / bare:.2f} x the floor")
    print(f"operator: {1000 * spent / count:.1f} ms CPU a topic, {memory:.0f} MiB resident")


def cpu(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> float:
    """Resident MiB of a process."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, default=1000)
    count = parser.parse_args().topics
    with ControlPlane() as control_plane, Kafka("4.1.1") as kafka:
        for path in ("crds", "deploy/rbac/cluster-wide.yaml"):
            control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / path))
        control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        namespace = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
        control_plane.kubectl("apply", "-f", "-", stdin=namespace)
        asyncio.run(measure(control_plane, kafka, count))


if __name__ == "__main__":
    main()
