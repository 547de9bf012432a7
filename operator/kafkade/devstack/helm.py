"""Helm and kubeconform, for charts: built from their modules as the Kubernetes programs are; and kinds that charts use."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import golang
from .errors import DevStackError
from .kubernetes import kubectl_environment

_TIMEOUT = 300
_HOMES = ("CACHE", "CONFIG", "DATA")
_MONITORING = ("podmonitors", "prometheusrules", "servicemonitors")


def prepare() -> None:
    """Bring the programs into the cache; builds them if they aren't there."""
    golang.binaries(golang.KUBECONFORM)
    golang.binaries(golang.PROMQL)
    golang.binaries(golang.HELM)
    golang.binaries(golang.HELM_3)
    monitoring_crds()


def monitoring_crds() -> list[Path]:
    """Files with the CustomResourceDefinitions of PodMonitor, ServiceMonitor and PrometheusRule."""
    module = golang.sources("monitoring", "github.com/prometheus-operator/prometheus-operator")
    folder = module / "example" / "prometheus-operator-crd"
    return [folder / f"monitoring.coreos.com_{plural}.yaml" for plural in _MONITORING]


class Helm:
    """The real helm, with a home of its own: the user's repositories, plugins and cache are not seen."""

    def __init__(self, home: Path, kubeconfig: Path | None = None, module: golang.GoModule = golang.HELM) -> None:
        """``home`` is a folder for what helm keeps; without a kubeconfig it can lint and render only.

        ``module`` is what it is built from: golang.HELM is Helm 4, golang.HELM_3 its predecessor.
        """
        self._program = golang.binaries(module) / "helm"
        self._environment = os.environ | {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in _HOMES}
        if kubeconfig is not None:
            self._environment |= kubectl_environment(kubeconfig)

    def try_run(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run helm, and leave it to the caller what comes of it."""
        return subprocess.run(
            [str(self._program), *map(str, arguments)],
            env=self._environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
        )

    def run(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run helm and return what it printed; what it complains about becomes the error."""
        done = self.try_run(*arguments, stdin=stdin)
        if done.returncode != 0:
            said = done.stderr.strip() or done.stdout.strip()
            raise DevStackError(f"`helm {' '.join(map(str, arguments))}` failed: {said}")
        return done.stdout


def kubeconform(manifests: str, schemas: Sequence[str | Path]) -> None:
    """Check manifests strictly against JSON schemas; each location is a folder or a template of a path.

    Raises:
        DevStackError: it names each object and field that does not conform.
    """
    program = golang.binaries(golang.KUBECONFORM) / "kubeconform"
    places = [word for schema in schemas for word in ("-schema-location", str(schema))]
    done = subprocess.run(
        [str(program), "-strict", "-summary", *places, "-"],
        input=manifests,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )
    if done.returncode != 0:
        raise DevStackError(f"kubeconform refuses manifests:\n{done.stdout}{done.stderr}")


class Selector(NamedTuple):
    """A metric that an expression asks for, and the labels that it selects, groups or matches it by."""

    metric: str
    labels: frozenset[str]


def parse_promql(expressions: Sequence[str]) -> list[list[Selector]]:
    """Parse expressions of Prometheus by its own parser; each is one line. Returns what each asks for.

    Raises:
        DevStackError: it names the first one that is none, and why.
    """
    program = golang.binaries(golang.PROMQL) / "promql"
    given = "".join(f"{expression}\n" for expression in expressions)
    done = subprocess.run([str(program)], input=given, capture_output=True, text=True, timeout=_TIMEOUT)
    if done.returncode != 0:
        raise DevStackError(f"no PromQL: {done.stderr.strip()}")
    return [
        [Selector(found["metric"], frozenset(found["labels"])) for found in json.loads(line)]
        for line in done.stdout.splitlines()
    ]
