"""deploy/argocd, deploy/flux and deploy/gitops on a real API server with Argo CD's and Flux's own CRDs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, TOPIC
from kafkade.devstack import gitops
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.kubernetes import ControlPlane
from support.gitops import documents, named, of_argo_cd, rendered
from support.kubernetes import Kubectl, manifest
from support.places import DEPLOY, ROOT

WAVE, OPTIONS = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
PRUNE = "kustomize.toolkit.fluxcd.io/prune"
TRIED_IN = "gitops-tried"
"""A namespace of these tests alone, in place of those that the manifests name."""
CONFIRM = "Prune=confirm,Delete=confirm"

Object = dict[str, Any]


@pytest.fixture(scope="module")
def cluster(crds_installed: ControlPlane) -> Iterator[ControlPlane]:
    """With the CRDs of both tools, and the namespaces that their manifests name."""
    crds = gitops.crds()
    namespaces = ("argocd", "flux-system", TRIED_IN)
    crds_installed.serve(*crds)
    for name in namespaces:
        crds_installed.kubectl("create", "namespace", name)
    yield crds_installed
    for crd in crds:
        crds_installed.kubectl("delete", "-f", crd, "--wait=false")
    crds_installed.kubectl("delete", "namespace", *namespaces, "--wait=false")


MANIFESTS = [
    *(DEPLOY / "argocd").rglob("apps/*.yaml"),
    DEPLOY / "argocd" / "root.yaml",
    *(path for path in (DEPLOY / "flux").rglob("*.yaml") if path.name not in ("kustomization.yaml", "namespace.yaml")),
]


def test_all_manifests_are_tried() -> None:
    assert sorted(path.name for path in MANIFESTS) == [
        "kafkade.yaml",
        "operator.yaml",
        "release.yaml",
        "resources.yaml",
        "resources.yaml",
        "root.yaml",
        "source.yaml",
    ]


@pytest.mark.parametrize("path", MANIFESTS, ids=[str(path.relative_to(DEPLOY)) for path in MANIFESTS])
def test_the_tools_take_it(cluster: ControlPlane, path: Path) -> None:
    """Unknown fields are refused, as are values that the CRDs' schemas and rules do not let in."""
    text = path.read_text().replace("namespace: kafkade-system", f"namespace: {TRIED_IN}")
    strict = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    cluster.kubectl(*strict, stdin=text)
    misspelt = documents(path)[0]
    misspelt["spec"]["intervall"] = "5m"
    misspelt["metadata"]["namespace"] = TRIED_IN
    with pytest.raises(DevStackError, match="intervall"):
        cluster.kubectl(*strict, stdin=yaml.safe_dump(misspelt))


def taken(cluster: ControlPlane, objects: list[Object]) -> None:
    """Dry-run them."""
    cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=yaml.safe_dump_all(objects)
    )


def annotations(objects: list[Object]) -> dict[str, dict[str, str]]:
    """By kind; the same for all resources of it."""
    found: dict[str, dict[str, str]] = {}
    for one in objects:
        mine = dict(one["metadata"].get("annotations") or {})
        assert found.setdefault(one["kind"], mine) == mine
    return found


def test_argo_cd_orders_and_protects_the_resources(cluster: ControlPlane, tmp_path: Path) -> None:
    application = named(DEPLOY / "argocd" / "apps" / "resources.yaml", "kafka-resources")
    objects = of_argo_cd(Kubectl(cluster.kubeconfig, TRIED_IN), tmp_path)
    taken(cluster, objects)
    found = annotations(objects)
    assert {kind: own.get(WAVE) for kind, own in found.items()} == {
        "Namespace": "0",
        CLUSTER: "1",
        TOPIC: "2",
        SCHEMA: "3",
        DLQ_POLICY: "3",
    }
    assert {kind for kind, own in found.items() if own.get(OPTIONS) == CONFIRM} == {"Namespace", CLUSTER, TOPIC, SCHEMA}
    options = application["spec"]["syncPolicy"]["syncOptions"]
    assert set(options) == {"ServerSideApply=true", "SkipDryRunOnMissingResource=true"}


def test_argo_cd_installs_the_operator_first_and_removes_it_last() -> None:
    root = named(DEPLOY / "argocd" / "root.yaml", "kafka")
    apps = ROOT / root["spec"]["source"]["path"]
    found = {app["metadata"]["name"]: app for path in sorted(apps.glob("*.yaml")) for app in documents(path)}
    assert {name: app["metadata"]["annotations"][WAVE] for name, app in found.items()} == {
        "kafkade": "0",
        "kafka-resources": "1",
    }
    for app in (root, *found.values()):
        # without it the Application goes at once, and what it brought stays
        assert app["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    chart = ROOT / found["kafkade"]["spec"]["source"]["path"]
    assert (chart / "Chart.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "kept"),
    [("kafka-cluster", {"Namespace", CLUSTER}), ("kafka-resources", {TOPIC, SCHEMA})],
)
def test_flux_protects_the_resources(cluster: ControlPlane, tmp_path: Path, name: str, kept: set[str]) -> None:
    spec = named(DEPLOY / "flux" / "resources.yaml", name)["spec"]
    objects = rendered(Kubectl(cluster.kubeconfig, TRIED_IN), tmp_path, ROOT / spec["path"], spec["patches"])
    assert {kind for kind, own in annotations(objects).items() if own.get(PRUNE) == "disabled"} == kept
    checked = {check["kind"] for check in spec["healthCheckExprs"]}
    assert {found["kind"] for found in objects} - {"Namespace"} <= checked
    taken(cluster, objects)


def test_flux_orders_the_operator_the_cluster_and_the_rest() -> None:
    operator = named(DEPLOY / "flux" / "kafkade.yaml", "kafkade")
    found = [operator, *documents(DEPLOY / "flux" / "resources.yaml")]
    before = {one["metadata"]["name"]: one["spec"].get("dependsOn", []) for one in found}
    assert before == {
        "kafkade": [],
        "kafka-cluster": [{"name": "kafkade"}],
        "kafka-resources": [{"name": "kafka-cluster"}],
    }
    assert all(one["spec"]["wait"] is True for one in found), "what depends on it waits until it is Current"
    assert (operator["spec"]["prune"], operator["spec"]["deletionPolicy"]) == (False, "Orphan")
    release = named(DEPLOY / "flux" / "operator" / "release.yaml", "kafkade")
    chart = ROOT / release["spec"]["chart"]["spec"]["chart"]
    assert (chart / "Chart.yaml").is_file()
    assert not (chart / "crds").exists(), "CRDs are in the templates, which Helm upgrades"


def test_the_settings_come_beside_those_that_argo_cd_has(cluster: ControlPlane) -> None:
    """By the command that the file names."""
    file = DEPLOY / "argocd" / "argocd-cm.yaml"
    command = file.read_text().splitlines()[1].removeprefix("#").split()
    cluster.kubectl("create", "configmap", "argocd-cm", "-n", "argocd", "--from-literal=url=https://argocd.example.org")
    assert command[-1] == str(file.relative_to(ROOT))
    cluster.kubectl(*command[1:-1], file)
    data = json.loads(cluster.kubectl("get", "configmap", "argocd-cm", "-n", "argocd", "-o", "json"))["data"]
    assert data == {"url": "https://argocd.example.org", **yaml.safe_load(file.read_text())["data"]}


def test_protection_does_not_take_annotations_away(cluster: ControlPlane, tmp_path: Path) -> None:
    """The patches of both tools are laid over what a resource has."""
    mine = {"kafkade.io/deletion-protection": "true"}
    source = tmp_path / "own"
    source.mkdir()
    topic = manifest(TOPIC, "own", {"clusterRef": {"name": "main"}}, annotations=mine)
    (source / "topic.yaml").write_text(yaml.safe_dump(topic))
    (source / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["topic.yaml"]}))
    argo = named(DEPLOY / "argocd" / "apps" / "resources.yaml", "kafka-resources")["spec"]["source"]["kustomize"]
    flux = named(DEPLOY / "flux" / "resources.yaml", "kafka-resources")["spec"]
    for tool, patches in (("argo", argo["patches"]), ("flux", flux["patches"])):
        folder = tmp_path / tool
        folder.mkdir()
        (found,) = rendered(Kubectl(cluster.kubeconfig, TRIED_IN), folder, source, patches)
        assert found["metadata"]["annotations"].items() > mine.items()
