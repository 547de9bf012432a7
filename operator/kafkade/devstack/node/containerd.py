"""The container runtime: containerd with runc, and the images it is given."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from .. import golang
from ..images import archive
from ..kubernetes_config import NodeNetwork
from ..process import Process, output
from . import requirements

SOCKET = Path("/run/containerd/containerd.sock")
"""In the node's own /run."""

PAUSE_IMAGE = "kafkade.local/pause:1"

_NAMESPACE = "k8s.io"
_START_TIMEOUT = 60
_CTR_TIMEOUT = 300


class Containerd:
    """containerd in a folder; ``start()`` waits until it takes requests."""

    def __init__(self, folder: Path, network: NodeNetwork) -> None:
        self._folder = folder
        folder.mkdir()
        cni = folder / "cni"
        cni.mkdir()
        (cni / "10-pods.conflist").write_text(json.dumps(_cni(network)))
        config = folder / "config.toml"
        places = {"root": folder / "root", "socket": SOCKET, "plugins": requirements.CNI_PLUGINS, "cni": cni}
        config.write_text(_CONFIG.format(pause=PAUSE_IMAGE, **places))
        program = shutil.which("containerd") or "containerd"
        self._process = Process("containerd", [program, "--config", config], folder / "containerd.log")

    def start(self) -> None:
        self._process.start()
        self._process.wait_until(self._ready, _START_TIMEOUT)
        self.load(self._pause_image())

    def load(self, image: Path) -> None:
        """Bring in the image of a docker-archive, under the names that it has there."""
        self._ctr("images", "import", str(image))

    def stop(self) -> None:
        """End all containers and the runtime."""
        if self._process.running:
            for container in self._ctr("tasks", "list", "--quiet").split():
                subprocess.run(self._command("tasks", "kill", "--signal", "SIGKILL", container), capture_output=True)
        self._process.stop()

    def _ready(self) -> bool:
        if not SOCKET.exists():
            return False
        done = subprocess.run(self._command("version"), capture_output=True)
        return done.returncode == 0

    def _pause_image(self) -> Path:
        root = self._folder / "pause"
        root.mkdir()
        program = golang.binaries(golang.PAUSE) / "pause"
        (root / "pause").write_bytes(program.read_bytes())
        (root / "pause").chmod(0o755)
        file = self._folder / "pause.tar"
        archive.pack(root, archive.Settings(entrypoint=("/pause",), user="65535:65535"), PAUSE_IMAGE, file)
        return file

    def _ctr(self, *words: str) -> str:
        return output(self._command(*words), called=f"ctr {' '.join(words)}", timeout=_CTR_TIMEOUT)

    def _command(self, *words: str) -> list[str]:
        return ["ctr", f"--address={SOCKET}", f"--namespace={_NAMESPACE}", *words]


def _cni(network: NodeNetwork) -> dict[str, object]:
    """Each pod has a link of its own to the node, which routes: what pods say to Services passes its rules."""
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{"subnet": network.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


# restrict_oom_score_adj: without CAP_SYS_RESOURCE, as in many containers, a sandbox that is to have a lower score
# than containerd dies at its start
_CONFIG = """\
version = 2
root = "{root}"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""
