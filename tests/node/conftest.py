"""A real node for all tests in this folder: `make e2e` runs them where one can be started."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from kafkade.devstack import KindCluster, kind
from kafkade.devstack.images import recipes
from kafkade.devstack.node import Node, apart, requirements
from support.kubernetes import Kubectl

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""A container's securityContext where Pod Security is restricted."""


class Cluster:
    """A cluster that runs pods, and a way to give it the project's images."""

    def __init__(self, running: Node | KindCluster) -> None:
        self._running = running
        self.kubeconfig = running.kubeconfig

    def load(self, image: recipes.Image) -> None:
        """Build an image unless it is in the cache, and give it to the node."""
        if isinstance(self._running, Node):
            self._running.load_image(recipes.make(image))
        else:
            recipes.make_with_docker(image)
            self._running.load_image(image.name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A node without Docker, or a kind cluster where Docker answers; it has the operator's image."""
    if kind.takes_docker():
        started: Node | KindCluster = KindCluster()
    elif lacking := requirements.missing_rights():
        pytest.skip(f"a real node cannot run here: {', '.join(lacking)} is lacking")
    elif not apart.is_apart():
        pytest.fail("a real node runs in namespaces of its own: run these tests by `make e2e`")
    else:
        started = Node()
    with started:
        running = Cluster(started)
        running.load(recipes.operator())
        yield running


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """The administrator's kubectl."""
    return Kubectl(cluster.kubeconfig, "default")


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
