"""The API server as these tests call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from kafkade.clients.kube import KubeClient
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.handlers.login import login_as_command
from support.api import Api

NAMESPACE = "api-types"


@pytest.fixture(scope="package")
def api(crds_installed: ControlPlane) -> Iterator[Api]:
    """As the administrator, in a namespace of its own."""
    crds_installed.kubectl("create", "namespace", NAMESPACE)
    client = Api(crds_installed.kubeconfig, NAMESPACE)
    yield client
    client.close()


@pytest.fixture
async def kube(crds_installed: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeClient]:
    """The operator's own client, as the administrator."""
    monkeypatch.setenv("KUBECONFIG", str(crds_installed.kubeconfig))
    client = KubeClient(fence=None)
    await login_as_command(client)
    yield client
    await client.close()
