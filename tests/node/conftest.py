"""A real node for all tests in this folder: `make e2e` runs them where one can be started."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from kafkade.devstack import golang
from kafkade.devstack.images import recipes
from kafkade.devstack.node import Node, apart, requirements
from support.kubernetes import Kubectl


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A cluster that runs pods; it has the operator's image."""
    if lacking := requirements.missing_rights():
        pytest.skip(f"a real node cannot run here: {', '.join(lacking)} is lacking")
    if not apart.is_apart():
        pytest.fail("a real node runs in namespaces of its own: run these tests by `make e2e`")
    with Node() as running:
        running.load_image(recipes.make(recipes.operator()))
        yield running


@pytest.fixture(scope="session")
def kubectl(node: Node) -> Kubectl:
    """The administrator's kubectl."""
    return Kubectl(golang.binaries(golang.KUBERNETES) / "kubectl", node.kubeconfig, "default")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure is told with what the cluster looked like."""
    report = yield
    running = getattr(item, "funcargs", {}).get("kubectl")
    if report.failed and isinstance(running, Kubectl):
        report.sections.append(("cluster", _state(running)))
    return report


def _state(kubectl: Kubectl) -> str:
    told = []
    for words in (
        ("get", "pods,statefulsets,pvc,kafkade", "-A", "-o", "wide"),
        ("get", "events", "-A", "--sort-by=.lastTimestamp"),
    ):
        done = kubectl.run(*words, check=False)
        told.append(f"$ kubectl {' '.join(words)}\n{done.stdout[-8000:]}{done.stderr}")
    pods = kubectl.run(
        "get", "pods", "-A", "-o", "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {end}", check=False
    ).stdout
    for pod in pods.split():
        namespace, name = pod.split("/")
        logs = kubectl.run("-n", namespace, "logs", name, "--all-containers", "--tail=25", check=False)
        told.append(f"$ kubectl -n {namespace} logs {name}\n{logs.stdout}{logs.stderr}")
    return "\n".join(told)


def root() -> Path:
    """The checkout."""
    return Path(__file__).parents[2]
