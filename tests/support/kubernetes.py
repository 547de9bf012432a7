"""kubectl for tests: apply, read, wait for what a condition says. What is only read is read without starting a program."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from kafkade.api.kinds import KINDS
from kafkade.devstack import golang
from kafkade.devstack.kubernetes import kubectl_environment
from support.api import Api, Resource
from support.waiting import until


def manifest(kind: str, name: str, spec: Mapping[str, Any], namespace: str = "shop", **meta: Any) -> dict[str, Any]:
    """A custom resource of kafkade."""
    return {
        "apiVersion": "kafkade.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **meta},
        "spec": dict(spec),
    }


class Kubectl:
    """The real kubectl against one API server."""

    def __init__(self, kubeconfig: Path, namespace: str = "shop") -> None:
        self.binary = golang.binaries(golang.KUBERNETES) / "kubectl"
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self._resources: dict[str, Resource] = {}

    def at(self, namespace: str) -> Kubectl:
        """The same, in another namespace."""
        return Kubectl(self.kubeconfig, namespace)

    def run(self, *args: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it; with ``check`` a failure raises with what it printed."""
        done = subprocess.run(
            [str(self.binary), *args],
            env=os.environ | kubectl_environment(self.kubeconfig),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr}")
        return done

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Server-side apply."""
        text = yaml.safe_dump_all([dict(o) for o in objects])
        self.run("apply", "--server-side", "--force-conflicts", "--field-manager=test", "-f", "-", stdin=text)

    def apply_refused(self, obj: Mapping[str, Any]) -> str:
        """What the API server says when it refuses an object."""
        done = self.run(
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=test",
            "-f",
            "-",
            stdin=yaml.safe_dump(dict(obj)),
            check=False,
        )
        assert done.returncode != 0, f"accepted: {obj}"
        return done.stderr

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """An object, or None."""
        return self._read(kind, name, namespace)

    def list(self, kind: str, namespace: str | None = None) -> Sequence[dict[str, Any]]:
        """All objects of a kind in a namespace."""
        found = self._read(kind, None, namespace)
        assert found is not None, f"{kind} cannot be listed"
        # as in a kubectl's list, each says what it is
        about = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [{**about, **item} for item in found["items"]]

    def _read(self, kind: str, name: str | None, namespace: str | None) -> dict[str, Any] | None:
        with closing(Api(self.kubeconfig, self.namespace)) as api:
            if kind not in self._resources:
                self._resources = api.resources()
            assert kind in self._resources, f"the API server does not serve {kind}"
            path = self._resources[kind].path(namespace or self.namespace, name)
            while (answer := api.call("GET", path)).status == 429:
                time.sleep(0.5)  # an API server that has just been started: "storage is (re)initializing"
        if answer.status == 404:
            return None
        assert answer.status == 200, f"{kind} {name or ''}: {answer.message}"
        for found in answer.body.get("items", [answer.body]):
            found["metadata"].pop("managedFields", None)  # kubectl shows them only when it is asked to
        return answer.body

    def delete(self, kind: str, name: str, namespace: str | None = None, wait: bool = True) -> None:
        """Delete an object; by default wait until it is gone."""
        self.run(
            "-n",
            namespace or self.namespace,
            "delete",
            kind,
            name,
            f"--wait={str(wait).lower()}",
            "--timeout=60s",
        )

    def clear(self, namespace: str, selector: str | None = None) -> None:
        """Ask for the deletion of all resources of kafkade; one request a kind, where kubectl would take five a second."""
        query = f"?labelSelector={quote(selector)}" if selector else ""
        for plural in (
            "kafkaservicebindings",
            "kafkadlqredrives",
            "kafkadlqpolicies",
            "kafkatopics",
            "kafkaschemas",
            "kafkaclusters",
        ):
            self.run("delete", "--raw", f"/apis/kafkade.io/v1alpha1/namespaces/{namespace}/{plural}{query}")

    def end(self) -> None:
        """Be rid of the namespace once nothing of kafkade is left in it; what else there is goes in the background.

        The API server's own way takes longer: where there are finalizers, it looks again only after many seconds.
        """
        self.clear(self.namespace)
        until(lambda: self.kept() == [], lambda: f"all is gone, but {self.kept()}", timeout=90)
        self.run("delete", "namespace", self.namespace, "--wait=false")

    def kept(self) -> list[str]:
        """Resources of kafkade that are there, as kind/name."""
        return [f"{kind}/{found['metadata']['name']}" for kind in KINDS for found in self.list(kind)]

    def events(self, name: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """Events about an object."""
        return [e for e in self.list("events", namespace) if e["involvedObject"]["name"] == name]

    def wait_for(
        self,
        kind: str,
        name: str,
        test: Callable[[dict[str, Any]], bool],
        what: str,
        namespace: str | None = None,
        timeout: float = 60,
    ) -> dict[str, Any]:
        """Poll until ``test`` holds for the object; says what it last looked like when it never does."""
        deadline = time.monotonic() + timeout
        last: dict[str, Any] | None = None
        while time.monotonic() < deadline:
            last = self.get(kind, name, namespace)
            if last is not None and test(last):
                return last
            time.sleep(0.05)
        status = json.dumps((last or {}).get("status"), indent=1)
        raise AssertionError(
            f"{kind} {namespace or self.namespace}/{name}: not {what} within {timeout} s; status: {status}"
        )

    def wait_ready(self, kind: str, name: str, namespace: str | None = None, timeout: float = 60) -> dict[str, Any]:
        """Wait for Ready=True for the current generation."""
        return self.wait_for(kind, name, lambda o: ready(o) == "True" and current(o), "Ready", namespace, timeout)

    def wait_reason(
        self, kind: str, name: str, reason: str, namespace: str | None = None, timeout: float = 60
    ) -> dict[str, Any]:
        """Wait for a Ready condition with this reason for the current generation."""
        return self.wait_for(
            kind, name, lambda o: condition(o)["reason"] == reason and current(o), reason, namespace, timeout
        )


def condition(obj: Mapping[str, Any], kind: str = "Ready") -> dict[str, Any]:
    """A condition of an object; empty values where it has none."""
    for item in obj.get("status", {}).get("conditions", []):
        if item["type"] == kind:
            return dict(item)
    return {"status": "", "reason": "", "message": ""}


def ready(obj: Mapping[str, Any]) -> str:
    """The status of Ready."""
    return str(condition(obj)["status"])


def current(obj: Mapping[str, Any]) -> bool:
    """Whether the status speaks of the current generation."""
    return bool(obj.get("status", {}).get("observedGeneration") == obj["metadata"]["generation"])
