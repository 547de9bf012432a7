"""The floor of what Kubernetes lets anybody do: one bare asyncio client with 16 connections that only writes.

Any operator must have these writes done, whoever does them: POST, finalizer PATCH and status PATCH for a creation, spec PATCH
and status PATCH for a change, DELETE and finalizer PATCH for a deletion. Each phase waits for the one before it.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import yaml

from kafkade.api import API_VERSION, FINALIZER
from kafkade.devstack import progress
from kafkade.devstack.helm import Helm
from kafkade.devstack.kubernetes import MUTATING_POLICY, ControlPlane

ROOT = Path(__file__).parents[1]
CONNECTIONS = 16
MERGE = "application/merge-patch+json"


class Bare:
    """Writes to resources of kafkade's kinds in one namespace; ``session`` speaks to the API server at ``server``."""

    def __init__(self, server: str, session: aiohttp.ClientSession, namespace: str) -> None:
        self.server = server
        self.session = session
        self.base = f"{server}/apis/{API_VERSION}/namespaces/{namespace}"
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """One request; ``path`` begins behind the namespace."""
        async with self._slots:
            data = None if body is None else json.dumps(body).encode()
            headers = {"Content-Type": kind}
            async with self.session.request(method, self.base + path, data=data, headers=headers) as response:
                assert response.status < 300, f"{method} {path}: {response.status} {await response.text()}"
                return json.loads(await response.read())

    async def each(
        self, title: str, names: Iterable[str], method: str, path: str, body: Callable[[str], Any] | Any = None
    ) -> None:
        """The same request for each name; ``path`` and, where it is a function, ``body`` have the name in it."""
        todo = list(names)
        kind = MERGE if method == "PATCH" else "application/json"
        with progress.task(title, total=len(todo), unit="requests") as task:

            async def one(name: str) -> None:
                await self.call(method, path.format(name), body(name) if callable(body) else body, kind)
                task.advance()

            # the slots bound what is under way; a task for each of 40,000 would cost more than the requests
            waiting = iter(todo)

            async def worker() -> None:
                for name in waiting:
                    await one(name)

            await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))

    async def known_cluster(self, name: str, spec: Mapping[str, Any]) -> None:
        """Make a KafkaCluster, and wait until an operator knows which Kafka it is."""
        body = {"apiVersion": API_VERSION, "kind": "KafkaCluster", "metadata": {"name": name}, "spec": spec}
        await self.call("POST", "/kafkaclusters", body)
        while not (await self.call("GET", f"/kafkaclusters/{name}")).get("status", {}).get("clusterId"):
            await asyncio.sleep(0.1)

    async def writes(self) -> int:
        """Writes of kafkade's kinds and of Events that the API server has taken so far, by whomever."""
        async with self.session.get(f"{self.server}/metrics") as response:
            text = await response.text()
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in text.splitlines() if _is_write(line))


def _is_write(line: str) -> bool:
    return (
        line.startswith("apiserver_request_total{")
        and ('group="kafkade.io"' in line or 'resource="events"' in line)
        and any(f'verb="{verb}"' in line for verb in ("POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"))
    )


@asynccontextmanager
async def connected(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Bare]:
    """A bare client with the administrator's rights."""
    os.environ["KUBECONFIG"] = str(control_plane.kubeconfig)
    info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings(), logger=None)
    assert info is not None
    connector = aiohttp.TCPConnector(limit=CONNECTIONS + 4, ssl=info.as_ssl_context() or True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(connector=connector, headers=info.as_http_headers(), timeout=timeout) as session:
        yield Bare(info.server, session, namespace)


def install(control_plane: ControlPlane, *namespaces: str) -> None:
    """kafkade's kinds, the operator's rights, and namespaces to work in."""
    control_plane.serve(ROOT / "crds")
    control_plane.kubectl("apply", "--server-side", "-f", ROOT / "deploy/rbac/cluster-wide.yaml")
    bodies = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
    control_plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(bodies))


def finalizer_policy() -> str:
    """The chart's manifests that have the API server put the finalizer on."""
    with tempfile.TemporaryDirectory(prefix="kafkade-helm-") as home:
        return Helm(Path(home)).run(
            *("template", "kafkade", ROOT / "helm" / "kafkade", "--namespace", "kafkade-system"),
            *("--api-versions", MUTATING_POLICY, "--show-only", "templates/operator/admission-finalizer.yaml"),
        )


def switch(control_plane: ControlPlane, manifests: str, on: bool) -> None:
    """Apply manifests or delete them; in force within a moment."""
    control_plane.kubectl(*(("apply", "--server-side") if on else ("delete",)), "-f", "-", stdin=manifests)


async def timed(work: Any) -> float:
    """Seconds that a coroutine takes."""
    started = time.monotonic()
    await work
    return time.monotonic() - started


async def floor(
    bare: Bare,
    plural: str,
    bodies: Mapping[str, Any],
    change: Mapping[str, Any],
    status: Callable[[str, int], Mapping[str, Any]],
    done: Callable[[str], None] = lambda phase: None,
) -> dict[str, float]:
    """Seconds of create, alter and delete, for resources that nobody reconciles; all of them are gone afterwards.

    ``bodies`` by name; ``change``: a merge patch of the spec; ``status``: of a name at a generation; ``done`` is called at the
    end of each phase.
    """
    one = f"/{plural}/{{}}"

    async def create() -> None:
        await bare.each("floor: POST", bodies, "POST", f"/{plural}", lambda name: bodies[name])
        await bare.each("floor: finalizer", bodies, "PATCH", one, {"metadata": {"finalizers": [FINALIZER]}})
        await bare.each("floor: status", bodies, "PATCH", f"{one}/status", lambda name: {"status": status(name, 1)})

    async def alter() -> None:
        await bare.each("floor: spec", bodies, "PATCH", one, {"spec": change})
        await bare.each("floor: status", bodies, "PATCH", f"{one}/status", lambda name: {"status": status(name, 2)})

    async def delete() -> None:
        await bare.each("floor: DELETE", bodies, "DELETE", one)
        await bare.each("floor: finalizer off", bodies, "PATCH", one, {"metadata": {"finalizers": None}})

    seconds = {}
    for phase, work in (("create", create), ("alter", alter), ("delete", delete)):
        seconds[phase] = await timed(work())
        done(phase)
    return seconds
