"""The real kubectl, and what a resource's status says."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafkade.devstack.kubernetes import kubectl_environment

Resource = Mapping[str, Any]
Test = Callable[[Resource], bool]

_TIMEOUT = 120.0
_POLL = 0.1


class KubectlFailed(Exception):
    """kubectl ended with an error; the message is what it said."""


class NeverCame(Exception):
    """A resource did not become what the story says; the message has its last status."""


class Kubectl:
    """One kubectl for one API server; ``kubectl("get", "pods")`` returns what it printed."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self._program = program
        self._kubeconfig = kubeconfig

    @property
    def folder(self) -> Path:
        """Where the program is."""
        return self._program.parent

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run it. Raises KubectlFailed."""
        words = [str(argument) for argument in arguments]
        done = subprocess.run(
            [str(self._program), *words],
            env=os.environ | kubectl_environment(self._kubeconfig),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlFailed(done.stderr.strip() or done.stdout.strip())
        return done.stdout.rstrip()

    def apply(self, text: str) -> str:
        """``kubectl apply -f -``."""
        return self("apply", "-f", "-", stdin=text)

    def refused(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl says when a command is refused. Raises NeverCame when it is not."""
        try:
            said = self(*arguments, stdin=stdin)
        except KubectlFailed as error:
            return str(error)
        raise NeverCame(f"kubectl {' '.join(arguments)} was to be refused, and was not: {said}")

    def get(self, namespace: str, kind: str, name: str) -> dict[str, Any]:
        """One resource."""
        found: dict[str, Any] = json.loads(self("-n", namespace, "get", kind, name, "-o", "json"))
        return found

    def wait(self, namespace: str, kind: str, name: str, test: Test, what: str, timeout: float = 60) -> dict[str, Any]:
        """Look until ``test`` holds. Raises NeverCame."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.get(namespace, kind, name)
            if test(found):
                return found
            if time.monotonic() > deadline:
                status = json.dumps(found.get("status"), indent=1)
                raise NeverCame(f"{kind} {name} was to be {what} within {timeout:.0f} s; its status is {status}")
            time.sleep(_POLL)

    def wait_all(self, namespace: str, kind: str, names: set[str], test: Test, what: str, timeout: float = 60) -> None:
        """Look until ``test`` holds for all of these. Raises NeverCame."""
        deadline = time.monotonic() + timeout
        while True:
            items = json.loads(self("-n", namespace, "get", kind, "-o", "json"))["items"]
            left = names - {i["metadata"]["name"] for i in items if test(i)}
            if not left:
                return
            if time.monotonic() > deadline:
                seen = {i["metadata"]["name"]: ready(i) for i in items if i["metadata"]["name"] in left}
                raise NeverCame(f"{kind} were to be {what} within {timeout:.0f} s and these are not: {seen or left}")
            time.sleep(_POLL)


def ready(resource: Resource) -> tuple[str, str, str]:
    """Status, reason and message of the Ready condition; empty unless it speaks of the current generation."""
    for condition in resource.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready" and condition["observedGeneration"] == resource["metadata"]["generation"]:
            return condition["status"], condition["reason"], condition["message"]
    return "", "", ""


def is_ready(resource: Resource) -> bool:
    """Ready=True for the current generation."""
    return ready(resource)[0] == "True"


def because(reason: str) -> Test:
    """Not ready, for this reason, for the current generation."""
    return lambda resource: ready(resource)[:2] == ("False", reason)
