"""The manifests for Argo CD and Flux, and what these make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from support.kubernetes import Kubectl
from support.places import DEPLOY, ROOT

Object = dict[str, Any]


def documents(path: Path) -> list[Object]:
    """All YAML documents of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def named(path: Path, name: str) -> Object:
    """One of them."""
    (found,) = [document for document in documents(path) if document["metadata"]["name"] == name]
    return dict(found)


def rendered(kubectl: Kubectl, folder: Path, source: Path, patches: list[Object]) -> list[Object]:
    """What kustomize makes of a folder with patches, as both tools have it done; in the namespace of ``kubectl``."""
    (folder / "source").symlink_to(source)
    whole = {"resources": ["source"], "namespace": kubectl.namespace, "patches": patches}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    return list(yaml.safe_load_all(kubectl.run("kustomize", str(folder)).stdout))


def of_argo_cd(kubectl: Kubectl, folder: Path) -> list[Object]:
    """What Argo CD makes of deploy/gitops."""
    source = named(DEPLOY / "argocd" / "apps" / "resources.yaml", "kafka-resources")["spec"]["source"]
    return rendered(kubectl, folder, ROOT / source["path"], source["kustomize"]["patches"])
