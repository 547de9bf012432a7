"""What the layers hand each other: keys, snapshots of resources, reports. Frozen values, no behaviour beyond reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from kafkade.api import API_VERSION, GROUP

CONFLICT_RETRY = 0.2
"""Seconds until a resource that changed under our hands is looked at again: `Report.retry` after an ApiConflict."""


class Key(NamedTuple):
    """Names one custom resource: ``KafkaTopic shop/user-events``."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Owner(NamedTuple):
    """Who controls a resource, from its ownerReferences."""

    key: Key
    uid: str

    def reference(self) -> dict[str, Any]:
        """The entry of ownerReferences that says so: Kubernetes deletes what has it once the owner is gone.

        blockOwnerDeletion would take a right on the owner's finalizers.
        """
        return {
            "apiVersion": API_VERSION,
            "kind": self.key.kind,
            "name": self.key.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }


@dataclass(frozen=True, slots=True)
class Resource:
    """A custom resource as the API server last showed it. ``spec`` and ``status`` are the raw JSON objects."""

    key: Key
    uid: str
    generation: int
    resource_version: str
    created: str
    """metadata.creationTimestamp, RFC 3339, whole seconds; string order is time order."""
    deleted: str | None
    """metadata.deletionTimestamp, or None."""
    finalizers: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Those of the kafkade.io group only."""
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    owner: Owner | None = None
    """The resource of kafkade's that made this one and keeps it."""

    @classmethod
    def from_body(cls, kind: str, body: Mapping[str, Any]) -> Resource:
        """Keep what kafkade reads of a Kubernetes object and drop the rest (managedFields, foreign annotations)."""
        meta = body["metadata"]
        return cls(
            key=Key(kind, meta["namespace"], meta["name"]),
            uid=meta["uid"],
            generation=int(meta.get("generation", 0)),
            resource_version=meta.get("resourceVersion", ""),
            created=meta.get("creationTimestamp") or "",
            deleted=meta.get("deletionTimestamp"),
            finalizers=tuple(meta.get("finalizers") or ()),
            labels=dict(meta.get("labels") or {}),
            annotations={k: v for k, v in (meta.get("annotations") or {}).items() if k.startswith(f"{GROUP}/")},
            spec=dict(body.get("spec") or {}),
            status=dict(body.get("status") or {}),
            owner=_owner(meta),
        )


def _owner(meta: Mapping[str, Any]) -> Owner | None:
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller") and str(reference.get("apiVersion")).startswith(f"{GROUP}/"):
            return Owner(Key(reference["kind"], meta["namespace"], reference["name"]), reference["uid"])
    return None


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event to post: only on transitions, never as a heartbeat."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconcile of one resource came to. The engine alone writes it to Kubernetes.

    ``status``: the whole desired status (None leaves it as it is); written only when it differs.
    ``retry``: None when done until the next event or resync, "backoff" for exponential backoff with jitter,
    or a number of seconds (for example while a reassignment runs).
    ``release``: take kafkade's finalizer off, which lets Kubernetes finish the deletion.
    """

    key: Key
    status: Mapping[str, Any] | None = None
    events: tuple[Event, ...] = ()
    retry: Literal["backoff"] | float | None = None
    release: bool = False
    wakes: frozenset[Key] = field(default_factory=frozenset)
    """Other resources that must look again because of this one (a schema's dependants)."""
