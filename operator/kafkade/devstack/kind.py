"""A real one-node cluster, where a Docker engine answers; else the control plane alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from . import golang, progress
from .errors import DevStackError
from .kubernetes import ControlPlane, run_kubectl
from .part import Part
from .workdir import WorkDir

CHOICE_VARIABLE = "KAFKADE_CONTROL_PLANE"
"""``local`` never uses Docker; ``kind`` insists on it; unset, Docker is used where it answers."""

_DOCKER_TIMEOUT = 15
_READY_TIMEOUT = "180s"

Runner = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


class Cluster(Protocol):
    """What both kinds of cluster can do."""

    @property
    def kubeconfig(self) -> Path: ...

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is what an error would tell."""
    return subprocess.run(command, capture_output=True, text=True)


def docker_answers(runner: Runner = run) -> bool:
    """Whether there is a Docker engine: the client alone is often there without one."""
    if shutil.which("docker") is None:
        return False
    limit = ["timeout", str(_DOCKER_TIMEOUT)] if shutil.which("timeout") else []
    return runner([*limit, "docker", "info"]).returncode == 0


def takes_docker(runner: Runner = run) -> bool:
    """Whether a kind cluster is to be used: as the environment says, else if Docker answers."""
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice not in ("", "kind", "local"):
        raise DevStackError(f"{CHOICE_VARIABLE} is {choice!r}; it can be 'kind' or 'local'.")
    return choice == "kind" or (choice == "" and docker_answers(runner))


def choose_cluster(*, audit: bool = False, runner: Runner = run) -> Cluster:
    """A kind cluster where Docker answers, else the control plane without nodes."""
    if takes_docker(runner):
        return KindCluster(runner=runner)
    return ControlPlane(audit=audit)


class KindCluster(Part):
    """A cluster of its own name, deleted on ``stop()``; the user's kubeconfig is not touched."""

    def __init__(self, *, runner: Runner = run, program: Path | None = None) -> None:
        self.name = f"kafkade-{secrets.token_hex(4)}"
        self._run = runner
        self._program = program
        self._work: WorkDir | None = None

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig whose user may do everything."""
        if self._work is None:
            raise DevStackError("The kind cluster is not running. Start it with start().")
        return self._work.path / "kubeconfig"

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return what it printed."""
        program = golang.binaries(golang.KUBERNETES) / "kubectl"
        return run_kubectl(program, self.kubeconfig, arguments, stdin)

    def load_image(self, name: str) -> None:
        """Give the node an image that Docker has."""
        command = [str(self._program), "load", "docker-image", name, f"--name={self.name}"]
        done = self._run(command)
        if done.returncode != 0:
            raise DevStackError(f"`kind load docker-image {name}` failed: {(done.stderr or done.stdout).strip()}")

    def start(self) -> None:
        """Create the cluster and wait until its node is ready."""
        if self._work is not None:
            return
        if self._program is None:
            self._program = golang.binaries(golang.KIND) / "kind"
        self._work = WorkDir("kind")
        try:
            with progress.task(f"creating the kind cluster {self.name}"):
                self._kind("create", "cluster", f"--wait={_READY_TIMEOUT}")
        except BaseException:
            # what came of it may not be there to delete: the first error is the one that tells
            with contextlib.suppress(DevStackError):
                self.stop()
            raise

    def stop(self) -> None:
        """Delete the cluster."""
        if self._work is None:
            return
        try:
            self._kind("delete", "cluster")
        finally:
            self._work.remove()
            self._work = None

    def _kind(self, *words: str) -> None:
        command = [str(self._program), *words]
        done = self._run([*command, f"--name={self.name}", f"--kubeconfig={self.kubeconfig}"])
        if done.returncode != 0:
            raise DevStackError(
                f"`kind {' '.join(words)}` failed: {(done.stderr or done.stdout).strip()}\n"
                f"Without Docker the stack runs too: set {CHOICE_VARIABLE}=local."
            )
