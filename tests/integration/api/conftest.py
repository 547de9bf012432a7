"""The API server as these tests call it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkade.devstack.kubernetes import ControlPlane
from support.api import Api

NAMESPACE = "api-types"


@pytest.fixture(scope="package")
def api(crds_installed: ControlPlane) -> Iterator[Api]:
    """As the administrator, in a namespace of its own."""
    crds_installed.kubectl("create", "namespace", NAMESPACE)
    client = Api(crds_installed.kubeconfig, NAMESPACE)
    yield client
    client.close()
