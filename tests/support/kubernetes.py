"""kubectl for tests: apply, read, delete, wait for what a condition says.

What it would send to the API server is sent from here, since kubectl takes longer to start than to do what it is asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from kafkade.api.kinds import KINDS
from kafkade.devstack import golang
from kafkade.devstack.kubernetes import kubectl_environment
from support.api import Answer, Api, Resource
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
        other = Kubectl(self.kubeconfig, namespace)
        other._resources = self._resources
        return other

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
        refused = [answer.message for answer in self._apply(*objects) if answer.status >= 400]
        assert refused == []

    def apply_refused(self, obj: Mapping[str, Any]) -> str:
        """What the API server says when it refuses an object."""
        (answer,) = self._apply(obj)
        assert answer.status >= 400, f"accepted: {obj}"
        return answer.message

    def _apply(self, *objects: Mapping[str, Any]) -> Sequence[Answer]:
        """All of them, also behind one that is refused."""
        options = {"fieldManager": "test", "force": "true", "fieldValidation": "Strict"}
        with closing(Api(self.kubeconfig, self.namespace)) as api:
            return [
                api.patient("PATCH", self._path(api, obj), dict(obj), "application/apply-patch+yaml", **options)
                for obj in objects
            ]

    def _path(self, api: Api, obj: Mapping[str, Any]) -> str:
        known, meta = self._resource(api, obj["kind"]), obj["metadata"]
        group, _, _ = obj["apiVersion"].rpartition("/")
        assert known.api_version.rpartition("/")[0] == group, f"{obj['kind']} is not that of {known.api_version}"
        return replace(known, api_version=obj["apiVersion"]).path(meta.get("namespace", "default"), meta["name"])

    def _resource(self, api: Api, kind: str) -> Resource:
        """What is told of a kind; of a new one a moment after its definition is served."""

        def known() -> bool:
            if kind not in self._resources:
                self._resources.update(api.resources())
            return kind in self._resources

        until(known, f"the API server serves {kind}", 20)
        return self._resources[kind]

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
            answer = api.patient("GET", self._resource(api, kind).path(namespace or self.namespace, name))
        if answer.status == 404:
            return None
        assert answer.status == 200, f"{kind} {name or ''}: {answer.message}"
        for found in answer.body.get("items", [answer.body]):
            found["metadata"].pop("managedFields", None)  # kubectl shows them only when it is asked to
        return answer.body

    def delete(self, kind: str, name: str, namespace: str | None = None, wait: bool = True) -> None:
        """Delete an object; by default wait until it is gone."""
        with closing(Api(self.kubeconfig, self.namespace)) as api:
            path = self._resource(api, kind).path(namespace or self.namespace, name)
            answer = api.patient("DELETE", path)
        assert answer.status < 300, f"{kind} {name}: {answer.message}"

        # the object where it has finalizers, a Status without one where it is gone already
        deleted = answer.body["metadata"].get("uid")

        def gone() -> bool:
            found = self.get(kind, name, namespace)
            return found is None or found["metadata"]["uid"] != deleted

        if wait:
            until(gone, f"{kind} {name} is gone")

    def clear(self, namespace: str, selector: str | None = None) -> None:
        """Ask for the deletion of all resources of kafkade; one request a kind."""
        query = {"labelSelector": selector} if selector else {}
        with closing(Api(self.kubeconfig, namespace)) as api:
            for kind in reversed(KINDS):
                answer = api.patient("DELETE", api.path(kind), **query)
                assert answer.status < 300, f"{kind} in {namespace}: {answer.message}"

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

    def wait_event(self, name: str, reason: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Wait until an Event tells this about an object, which comes after the status; all Events that do."""

        def told() -> list[dict[str, Any]]:
            found = [e for e in self.events(name) if e["reason"] == reason]
            return [e for e in found if kind in (None, e["involvedObject"]["kind"])]

        until(told, f"an Event of {name} tells {reason}")
        return told()

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
