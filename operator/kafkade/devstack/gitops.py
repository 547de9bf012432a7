"""What Argo CD and Flux make of resources, by their own packages, and the CRDs of both.

The program is ``gomod/gitops/main.go``; neither tool runs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import golang
from .errors import DevStackError

_TIMEOUT = 60

_CRDS = {
    "github.com/argoproj/argo-cd/v3": "manifests/crds/application-crd.yaml",
    "github.com/fluxcd/helm-controller": "config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml",
    "github.com/fluxcd/kustomize-controller": "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    "github.com/fluxcd/source-controller": "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",
}
"""File by module, as ``gomod/gitops-crds`` pins it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One tool's word on an object."""

    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Each tool's word on an object."""

    argo: Verdict
    """Argo CD's health."""
    kstatus: Verdict
    """What kstatus computes, as Flux does without healthCheckExprs, and Helm 4."""
    flux: Verdict
    """What healthCheckExprs come to."""


def prepare() -> None:
    """Bring the program and the CRDs into the cache."""
    golang.binaries(golang.GITOPS)
    crds()


def crds() -> list[Path]:
    """The files with the CRDs of Argo CD's Application and of Flux's Kustomization, GitRepository and HelmRelease."""
    return [golang.sources("gitops-crds", module) / file for module, file in _CRDS.items()]


def verdicts(
    objects: Sequence[Mapping[str, Any]],
    health_scripts: Mapping[str, str],
    health_checks: Sequence[Mapping[str, Any]],
) -> list[Verdicts]:
    """What the tools say of whole objects, in their order.

    ``health_scripts``: Argo CD's Lua by group/Kind. ``health_checks``: spec.healthCheckExprs of a Kustomization.

    Raises:
        DevStackError: a script or an expression fails, or there is none for an object.
    """
    question = {"healthScripts": health_scripts, "healthChecks": health_checks, "objects": objects}
    done = subprocess.run(
        [golang.binaries(golang.GITOPS) / "gitops"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )
    if done.returncode != 0:
        raise DevStackError(f"Argo CD's and Flux's packages refuse it: {done.stderr.strip()}")
    return [Verdicts(**{tool: Verdict(**said) for tool, said in one.items()}) for one in json.loads(done.stdout)]
