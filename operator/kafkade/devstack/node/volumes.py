"""A StorageClass ``standard`` and volumes of it: folders on the node, which are a pod's once it claims one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .kubelet import NODE

STORAGE_CLASS = "standard"
COUNT = 8

_CAPACITY = "100Gi"
"""Of each, in name: a folder has no limit of its own."""


def manifests(folder: Path) -> list[dict[str, Any]]:
    """Makes the folders; the objects to apply."""
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    ]
    for number in range(COUNT):
        place = folder / f"volume-{number}"
        place.mkdir(parents=True)
        objects.append(_volume(f"volume-{number}", place))
    return objects


def _volume(name: str, place: Path) -> dict[str, Any]:
    on_the_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": _CAPACITY},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "local": {"path": str(place)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_the_node]}]}},
        },
    }
