"""What the control plane is told without a node and with one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from kafkade.devstack import kubernetes_config
from kafkade.devstack.certificates import CertificateAuthority
from kafkade.devstack.kubernetes_config import NodeNetwork, Settings


@pytest.mark.parametrize(
    ("nodes", "bound_to", "accounts", "addresses"),
    [
        (None, "127.0.0.1", False, ["127.0.0.1"]),
        (NodeNetwork(), "0.0.0.0", True, ["127.0.0.1", "10.99.0.1", "10.0.0.1"]),  # noqa: S104
    ],
)
def test_the_api_server_is_open_to_nodes_only_where_there_are_any(
    tmp_path: Path, nodes: NodeNetwork | None, bound_to: str, accounts: bool, addresses: list[str]
) -> None:
    settings = Settings(tmp_path, 1, 2, 3, nodes=nodes)
    flags = kubernetes_config.api_server_flags(settings, audit=False)
    assert f"--bind-address={bound_to}" in flags
    assert ("--disable-admission-plugins=ServiceAccount" not in flags) == accounts
    kubernetes_config.write_files(settings, CertificateAuthority())
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == addresses


def test_all_controllers_run_where_there_are_nodes(tmp_path: Path) -> None:
    few = kubernetes_config.controller_manager_flags(Settings(tmp_path, 1, 2, 3))
    every = kubernetes_config.controller_manager_flags(Settings(tmp_path, 1, 2, 3, nodes=NodeNetwork()))
    assert any(flag.startswith("--controllers=") for flag in few)
    assert not any(flag.startswith("--controllers=") for flag in every)
