"""A cluster of one node."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

from .. import golang, loopback, progress
from ..errors import DevStackError
from ..kubernetes import ControlPlane
from ..kubernetes import prepare as prepare_control_plane
from ..kubernetes_config import NodeNetwork
from ..part import Part
from ..process import Process
from ..workdir import WorkDir
from . import apart, cgroups, kubelet, network, requirements, volumes
from .containerd import Containerd

_READY_TIMEOUT = 90


def prepare() -> None:
    """Bring the programs into the cache; builds them if they aren't there."""
    prepare_control_plane()
    for module in (golang.KUBERNETES_NODE, golang.COREDNS, golang.PAUSE):
        golang.binaries(module)


class Node(Part):
    """A control plane and the one node it has."""

    def __init__(self) -> None:
        self._network = NodeNetwork()
        self._control_plane = ControlPlane(nodes=self._network)
        self._work: WorkDir | None = None
        self._containerd: Containerd | None = None
        self._processes: list[Process] = []

    @property
    def control_plane(self) -> ControlPlane:
        return self._control_plane

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig whose user may do everything."""
        return self._control_plane.kubeconfig

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return what it printed."""
        return self._control_plane.kubectl(*arguments, stdin=stdin)

    def load_image(self, archive: Path) -> None:
        """Give the node the image of a docker-archive."""
        if self._containerd is None:
            raise DevStackError("The node is not running. Start it with start(), or in a with block.")
        self._containerd.load(archive)

    def start(self) -> None:
        """Start the cluster and wait until its node is ready, its DNS answers and it has volumes."""
        if self._work is not None:
            return
        if not apart.is_apart():
            raise DevStackError(
                "A node runs only in namespaces of its own: `python -m kafkade.devstack apart COMMAND` makes them."
            )
        requirements.check()
        prepare()
        self._work = WorkDir("node")
        # pods' own users reach what lies in it
        self._work.path.chmod(0o755)
        try:
            with progress.task(f"starting a node of Kubernetes {golang.KUBERNETES.version}"):
                self._start(self._work.path)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End pods, node and control plane, and remove their data."""
        with contextlib.ExitStack() as steps:
            if self._work is not None:
                steps.callback(self._work.remove)
                steps.callback(_unmount, self._work.path)
                self._work = None
            steps.callback(self._control_plane.stop)
            if self._containerd is not None:
                steps.callback(self._containerd.stop)
                self._containerd = None
            # the kubelet would start again what containerd ends
            for process in self._processes:
                steps.callback(process.kill)
            self._processes = []

    def _start(self, folder: Path) -> None:
        network.set_up(self._network, folder)
        self._containerd = Containerd(folder / "containerd", self._network)
        self._containerd.start()
        self._control_plane.start()
        programs = golang.binaries(golang.KUBERNETES_NODE)
        kubeconfig_of = self._control_plane.kubeconfig_of
        dns = folder / "Corefile"
        dns.write_text(kubelet.corefile(kubeconfig_of("coredns"), self._network))
        cgroup = os.environ[cgroups.VARIABLE]
        commands: dict[str, list[str | Path]] = {
            "kube-scheduler": [programs / "kube-scheduler", *kubelet.scheduler_flags(kubeconfig_of("kube-scheduler"))],
            "kube-proxy": [
                programs / "kube-proxy",
                *kubelet.proxy_flags(kubeconfig_of("kube-proxy"), self._network),
            ],
            "coredns": [golang.binaries(golang.COREDNS) / "coredns", "-conf", dns],
            "kubelet": [
                programs / "kubelet",
                *kubelet.kubelet_flags(folder, kubeconfig_of("kubelet"), self._network, cgroup),
            ],
        }
        parts = {
            name: Process(name, command, folder / f"{name}.log", folder=folder) for name, command in commands.items()
        }
        self._processes = list(parts.values())
        for process in self._processes:
            process.start()
        parts["kubelet"].wait_until(self._node_ready, _READY_TIMEOUT)
        parts["coredns"].wait_until(self._dns_ready, _READY_TIMEOUT)
        self.kubectl("apply", "-f", "-", stdin=_to_list(volumes.manifests(folder / "volumes")))

    def _node_ready(self) -> bool:
        condition = '{.items[*].status.conditions[?(@.type=="Ready")].status}'
        return self.kubectl("get", "nodes", "-o", f"jsonpath={condition}") == "True"

    def _dns_ready(self) -> bool:
        try:
            loopback.get(f"http://{self._network.address}:8181/ready")
        except OSError:
            return False
        return True


def _to_list(objects: list[dict[str, object]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def _unmount(folder: Path) -> None:
    """Unmount what kubelet and containerd mounted, so that removing the folder removes nothing else."""
    with Path("/proc/self/mountinfo").open() as mounts:
        places = [line.split()[4] for line in mounts]
    for place in reversed(places):
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", place], capture_output=True)
