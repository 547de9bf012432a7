"""Helm, and the API server as the judge of what it renders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration.helm.judge import Judge
from kafkade.devstack.helm import Helm, monitoring_crds
from kafkade.devstack.kubernetes import ControlPlane

NAMESPACE = "helm-values"
WATCHED = ("shop", "payments")
"""Namespaces that value sets name, as ``helm-values-shop`` would be in their place."""


@pytest.fixture(scope="package")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster: it renders and lints."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def judge(crds_installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """The API server with the kinds of the Prometheus operator and a namespace under restricted Pod Security."""
    crds_installed.serve(*monitoring_crds())
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in (
            (NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"}),
            *((f"{NAMESPACE}-{name}", {}) for name in WATCHED),
        )
    ]
    classes = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "helm-values"},
        "value": 1000,
    }
    crds_installed.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([*namespaces, classes]))
    made = Judge(crds_installed.kubeconfig, NAMESPACE, Path(tmp_path_factory.mktemp("schemas")))
    yield made
    made.close()
