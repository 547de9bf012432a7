"""The API server as these tests call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from kafkade.api.kinds import KINDS
from kafkade.clients.kube import KubeClient
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.handlers.login import login_as_command
from support.api import Api
from support.waiting import until

NAMESPACE = "api-types"


@pytest.fixture(scope="package")
def api(crds_installed: ControlPlane) -> Iterator[Api]:
    """As the administrator, in a namespace of its own."""
    crds_installed.kubectl("create", "namespace", NAMESPACE)
    client = Api(crds_installed.kubeconfig, NAMESPACE)
    # what serves the definitions hears of them by a watch, as what tells of them does: a moment after they are said to be served
    until(lambda: client.resources().keys() >= KINDS.keys(), "the kinds are served")
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
