"""A Kubernetes API: etcd, kube-apiserver and kube-controller-manager, without nodes.

Objects are stored, validated, admitted, authorised, watched and garbage-collected as in any
cluster; pods stay pending, since nothing runs them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import audit, golang, kubernetes_config, loopback, progress
from .audit import AuditEvent
from .certificates import CertificateAuthority
from .errors import DevStackError
from .kubernetes_config import NodeNetwork, Settings
from .part import Part
from .ports import accepts, free_port, release
from .process import Process, output
from .workdir import WorkDir

_START_TIMEOUT = 120
_KUBECTL_TIMEOUT = 120
_SERVE_TIMEOUT = 60

# what the API server does after its start before it is of use: RBAC's own roles, the namespaces
_FIRST_NAMESPACES = ("default", "kube-system")

MUTATING_POLICIES = (
    "--feature-gates=MutatingAdmissionPolicy=true",
    "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
)
"""Flags of an API server that serves MutatingAdmissionPolicies: before Kubernetes 1.36 it has to be told so."""

MUTATING_POLICY = "admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy"
"""What such a one serves, as Helm asks for it."""


def prepare() -> None:
    """Bring the programs into the cache; builds them if they aren't there."""
    golang.binaries(golang.ETCD)
    golang.binaries(golang.KUBERNETES)


class ControlPlane(Part):
    """A cluster's API on loopback; ``audit`` keeps a log of the requests it took.

    With ``nodes`` it is reached from there too, all controllers run, and what runs pods can be given kubeconfigs.
    """

    def __init__(
        self, *, audit: bool = False, api_server_flags: Sequence[str] = (), nodes: NodeNetwork | None = None
    ) -> None:
        self._audit = audit
        self._nodes = nodes
        self._flags = tuple(api_server_flags)
        self._work: WorkDir | None = None
        self._settings: Settings | None = None
        self._processes: dict[str, Process] = {}

    # --- addresses -----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The API server's address."""
        return self._started().url

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig whose user may do everything."""
        return self._started().kubeconfig("admin")

    def kubeconfig_of(self, part: str) -> Path:
        """The kubeconfig of a part of the cluster such as ``kubelet``, which may do everything too."""
        return self._started().kubeconfig(part)

    @property
    def ca_pem(self) -> str:
        """The certificate that the API server's is to be checked with."""
        return self._started().ca_file.read_text()

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of a ServiceAccount: its rights are those that RBAC gives it.

        The ServiceAccount must exist; the token is good for a day.
        """
        settings = self._started()
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration=24h").strip()
        return settings.write_kubeconfig(f"{namespace}.{name}", token, namespace)

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return what it printed."""
        program = golang.binaries(golang.KUBERNETES) / "kubectl"
        return run_kubectl(program, self.kubeconfig, arguments, stdin)

    def serve(self, *places: Path) -> None:
        """Apply the CustomResourceDefinitions of files and folders, and wait until they are served.

        Raises:
            DevStackError: they are refused, or are not served within a minute.
        """
        words = [word for place in places for word in ("-f", place)]
        self.kubectl("apply", "--server-side", *words)
        deadline = time.monotonic() + _SERVE_TIMEOUT
        while not self._serves(words):
            if time.monotonic() > deadline:
                where = ", ".join(map(str, places))
                raise DevStackError(f"The definitions in {where} were not served after {_SERVE_TIMEOUT} s.")
            time.sleep(0.1)

    def _serves(self, words: Sequence[str | Path]) -> bool:
        listed = json.loads(self.kubectl("get", *words, "-o", "json"))
        return established(listed["items"] if listed["kind"] == "List" else [listed])

    def audit_events(self) -> Iterator[AuditEvent]:
        """What the API server was asked, in order: reads of users, and writes of all."""
        return audit.read(self.audit_log())

    def audit_log(self) -> Path:
        """The file that ``audit_events`` reads, for who wants only what is new in it; it goes with the cluster."""
        if not self._audit:
            raise DevStackError("There is no audit log. Make it ControlPlane(audit=True).")
        return self._started().audit_log

    def pids(self) -> dict[str, int]:
        """The process id of each running part."""
        return {
            name: process.pid
            for name, process in self._processes.items()
            if process.running and process.pid is not None
        }

    # --- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the cluster and wait until its API takes requests."""
        if self._work is not None:
            return
        prepare()
        self._work = WorkDir("kubernetes")
        try:
            with progress.task(f"starting Kubernetes {golang.KUBERNETES.version}"):
                self._set_up(self._work.path)
                etcd = self._processes["etcd"]
                etcd.start()
                etcd.wait_until(lambda: accepts(self._started().etcd_port), _START_TIMEOUT)
                self.start_api_server()
                self._processes["kube-controller-manager"].start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the cluster and remove its data."""
        # by force, since nothing of it is kept; the API server last but its storage, so that the
        # others do not fill their logs with complaints
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self._processes:
                self._processes[name].kill()
        self._processes.clear()
        if self._settings is not None:
            release(*self._settings.ports)
            self._settings = None
        if self._work is not None:
            self._work.remove()
            self._work = None

    def stop_api_server(self) -> None:
        """End the API server alone, as a crash would; etcd keeps the objects."""
        self._started()
        self._processes["kube-apiserver"].kill()

    def start_api_server(self) -> None:
        """Start the API server where it was, and wait until it takes requests."""
        self._started()
        server = self._processes["kube-apiserver"]
        server.start()
        server.wait_until(self._ready, _START_TIMEOUT)

    # --- before the start ----------------------------------------------------------------------

    def _set_up(self, folder: Path) -> None:
        settings = Settings(folder, free_port(), etcd_port=free_port(), etcd_peer_port=free_port(), nodes=self._nodes)
        self._settings = settings
        kubernetes_config.write_files(settings, CertificateAuthority("kafkade kubernetes"))
        programs = golang.binaries(golang.KUBERNETES)
        commands: dict[str, list[str | Path]] = {
            "etcd": [
                golang.binaries(golang.ETCD) / "etcd",
                *kubernetes_config.etcd_flags(settings),
            ],
            "kube-apiserver": [
                programs / "kube-apiserver",
                *kubernetes_config.api_server_flags(settings, audit=self._audit),
                *self._flags,
            ],
            "kube-controller-manager": [
                programs / "kube-controller-manager",
                *kubernetes_config.controller_manager_flags(settings),
            ],
        }
        for name, command in commands.items():
            self._processes[name] = Process(name, command, folder / f"{name}.log", folder=folder)

    def _started(self) -> Settings:
        if self._settings is None:
            raise DevStackError("The control plane is not running. Start it with start(), or in a with block.")
        return self._settings

    def _ready(self) -> bool:
        settings = self._started()
        headers = {"Authorization": f"Bearer {settings.tokens['admin']}"}
        paths = ["/readyz", *(f"/api/v1/namespaces/{name}" for name in _FIRST_NAMESPACES)]
        try:
            for path in paths:
                loopback.get(settings.url + path, headers=headers, ca_file=settings.ca_file)
        except OSError:
            return False
        return True


def established(definitions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all these CustomResourceDefinitions, as the API server tells of them, are served.

    Not by ``kubectl wait``: it fails over a definition that is so new that it has no conditions at all.
    """
    # null, not [], when they are new
    conditions = (definition["status"].get("conditions") or [] for definition in definitions)
    return all(any(c["type"] == "Established" and c["status"] == "True" for c in found) for found in conditions)


def kubectl_environment(kubeconfig: Path) -> dict[str, str]:
    """What kubectl is to find in its environment, so that it knows this cluster alone and leaves nothing at home."""
    return {
        "KUBECONFIG": str(kubeconfig),
        # the user's own preferences are for the user's own clusters
        "KUBECTL_KUBERC": "false",
        # what it caches goes with the cluster; a later one at the same port would meet it
        "KUBECACHEDIR": str(kubeconfig.parent / "cache"),
    }


def run_kubectl(program: Path, kubeconfig: Path, arguments: Sequence[str | Path], stdin: str | None = None) -> str:
    """Run a kubectl; what it complains about becomes the error."""
    return output(
        [program, *arguments],
        called=f"kubectl {' '.join(map(str, arguments))}",
        stdin=stdin,
        environment=os.environ | kubectl_environment(kubeconfig),
        timeout=_KUBECTL_TIMEOUT,
    )
