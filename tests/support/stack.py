"""An API server and an operator for a test file that must not share them, and what the operator wrote there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkade.devstack.kubernetes import ControlPlane
from support.chart import objects
from support.kubernetes import Kubectl
from support.operator import OperatorProcess
from support.places import DEPLOY, ROOT


@dataclass(frozen=True, slots=True)
class Stack:
    """A Kubernetes API with kafkade in it."""

    control_plane: ControlPlane
    kubectl: Kubectl
    operator: OperatorProcess

    def namespace(self, name: str) -> Kubectl:
        """Make a namespace; a kubectl for it."""
        self.kubectl.run("create", "namespace", name)
        return self.kubectl.at(name)


def install_crds(control_plane: ControlPlane) -> None:
    """The committed CRDs, served."""
    control_plane.serve(ROOT / "crds")


def install_operator(control_plane: ControlPlane) -> tuple[Kubectl, Path]:
    """The chart's rights and admission; a kubectl of the admin's and the kubeconfig of the chart's own ServiceAccount.

    All of deploy/operator.yaml but the definitions, which are there, and the Deployment, in whose place tests run a process.
    """
    kubectl = Kubectl(control_plane.kubeconfig)
    found = objects((DEPLOY / "operator.yaml").read_text())
    kubectl.apply(*(item for item in found if item["kind"] not in ("CustomResourceDefinition", "Deployment")))
    return kubectl, control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")


@contextmanager
def own_stack(log: Path, args: Sequence[str] = ("--all-namespaces",), **environment: str) -> Iterator[Stack]:
    """Install kafkade as the README says on a new API server and run the operator with the chart's rights."""
    with ControlPlane(audit=True) as control_plane:
        install_crds(control_plane)
        kubectl, kubeconfig = install_operator(control_plane)
        with OperatorProcess(kubeconfig, log, args, **environment) as operator:
            yield Stack(control_plane, kubectl, operator)


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    """A Secret; ``_`` in the names of keys stands for a dot."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {key.replace("_", "."): value for key, value in data.items()},
    }
