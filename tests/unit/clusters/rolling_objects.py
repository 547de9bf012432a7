"""StatefulSet kafka and its pods, as objects of the Kubernetes API, and an API server in memory that has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkade.api.errors import ApiConflict, ApiForbidden

from .doubles import FakeContext

NOW = "2026-01-01T00:00:00Z"


def set_object(revision: str = "new", replicas: int = 3) -> dict[str, Any]:
    """The StatefulSet."""
    return {
        "metadata": {"name": "kafka", "uid": "uid-kafka", "generation": 2},
        "spec": {"replicas": replicas, "updateStrategy": {"type": "OnDelete"}},
        "status": {"updateRevision": revision, "observedGeneration": 2},
    }


def pod_object(name: str, revision: str, ready: bool = True, **meta: Any) -> dict[str, Any]:
    """A pod of it."""
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}-{revision}",
            "labels": {"controller-revision-hash": revision},
            "ownerReferences": [{"uid": "uid-kafka"}],
            "creationTimestamp": NOW,
            **meta,
        },
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


class Cluster(FakeContext):
    """What the engine shows of the Kubernetes API. ``forbidden``: calls that the operator may not make."""

    def __init__(self, *revisions: str) -> None:
        super().__init__()
        self.sets: dict[str, dict[str, Any]] = {"kafka": set_object(replicas=len(revisions))}
        self.pods = {f"kafka-{n}": pod_object(f"kafka-{n}", revision) for n, revision in enumerate(revisions)}
        self.forbidden: set[str] = set()
        self.deleted: list[str] = []
        self.reads = 0

    def now(self) -> str:
        """No pod grows old here."""
        return NOW

    def _called(self, name: str) -> None:
        self.reads += 1
        if name in self.forbidden:
            raise ApiForbidden(f"no {name}")

    async def stateful_set(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        self._called("stateful_set")
        return self.sets.get(name)

    async def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        self._called("pod")
        return self.pods.get(name)

    async def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        self._called("delete_pod")
        if self.pods[name]["metadata"]["uid"] != uid:
            raise ApiConflict("another pod")
        self.deleted.append(name)
        self.pods[name]["metadata"]["deletionTimestamp"] = NOW

    def replaced(self, name: str, ready: bool = True) -> None:
        """The pod is back, of the newest revision."""
        self.pods[name] = pod_object(name, "new", ready)
