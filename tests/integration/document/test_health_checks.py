"""Monitoring 1, Health Checks: nodes and controller, or why not; and what the Deployment's probes ask."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from integration.document.conftest import Platform
from kafkade.devstack import loopback
from kafkade.devstack.ports import HOST, free_port
from kafkade.service import Service
from support.user_service import UserService, container


def test_up_with_nodes_and_controller(service: UserService) -> None:
    found = json.loads(loopback.get(f"{service.address}/health"))
    assert (found["status"], found["details"]["nodes"]) == ("UP", 3)
    assert found["details"]["controller"] in (0, 1, 2)


async def test_down_with_the_reason(platform: Platform, tmp_path: Path) -> None:
    shutil.copytree(platform.bindings / "kafka", tmp_path / "kafka")
    file = tmp_path / "kafka" / "bootstrap-servers"
    file.chmod(0o644)
    file.write_text(f"{HOST}:{free_port()}")
    found = await Service.from_binding(root=tmp_path).health()
    assert (found.up, found.details["reason"]) == (False, "ClusterUnreachable")
    assert found.details["error"]


def test_the_probes_succeed(service: UserService) -> None:
    spec = container()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert loopback.get(f"{service.address}{spec[probe]['httpGet']['path']}")
