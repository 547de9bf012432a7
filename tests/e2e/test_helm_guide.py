"""docs/guides/helm.md, typed in from its first command to its last, on a Kubernetes of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkade.devstack import golang
from kafkade.devstack.kubernetes import ControlPlane, kubectl_environment
from support.places import ROOT

from .book import Reader, blocks

GUIDE = ROOT / "docs" / "guides" / "helm.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody with helm, kubectl and a Kubernetes that kafkade was never in."""
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    (tools / "helm").symlink_to(golang.binaries(golang.HELM) / "helm")
    (tools / "kubectl").symlink_to(golang.binaries(golang.KUBERNETES) / "kubectl")
    homes = {f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    with ControlPlane() as control_plane:
        yield Reader(tmp_path, {}, kubectl_environment(control_plane.kubeconfig) | homes, tools)


def test_the_guide_works_from_installation_to_removal(reader: Reader) -> None:
    reader.read(blocks(GUIDE))
    kinds = "crds,clusterroles,clusterrolebindings,validatingadmissionpolicies"
    left = json.loads(reader.run("kubectl", "get", kinds, "-o", "json").stdout)["items"]
    ours = {item["kind"] for item in left if "kafkade" in item["metadata"]["name"]}
    assert ours == {"CustomResourceDefinition"}
    assert reader.run("kubectl", "delete", "-f", "crds/", "--dry-run=server").stdout.count("deleted") == 6
    rendered = (reader.folder / "operator.yaml").read_text()
    assert "kind: PodMonitor" in rendered
    assert "kafkade_dlq_records > 1000" in rendered
    assert "replicas: 2" in rendered


def test_the_readme_installs_as_the_guide_does() -> None:
    first = blocks(GUIDE)[0].text
    assert first in [block.text for block in blocks(ROOT / "README.md")]
