"""What every test against real parts shares: one Kubernetes API for the whole run, with the CRDs in it, and one registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.registry import Registry
from support.stack import install_crds


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A running Kubernetes API; tests keep apart by namespaces of their own."""
    with ControlPlane(audit=True) as running:
        yield running


@pytest.fixture(scope="session")
def crds_installed(control_plane: ControlPlane) -> ControlPlane:
    """The same, with the committed CRDs served."""
    install_crds(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def apicurio() -> Iterator[Registry]:
    """A running registry; tests keep apart by subjects of their own."""
    with Registry() as running:
        yield running
