"""What the layers hand each other: keys, snapshots of resources, reports. Frozen values, no behaviour beyond reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from typing import Any, Literal, NamedTuple

from kafkade.api import API_VERSION, FINALIZERS, GROUP

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

    @property
    def is_held(self) -> bool:
        """Whether a finalizer of kafkade's keeps it, whoever put that on."""
        return any(name in FINALIZERS for name in self.finalizers)

    @classmethod
    def from_body(cls, kind: str, body: Mapping[str, Any]) -> Resource:
        """Keep what kafkade reads of a Kubernetes object and drop the rest (managedFields, foreign annotations)."""
        meta = body["metadata"]
        texts: dict[str, str] = {}
        return cls(
            key=Key(kind, intern(meta["namespace"]), meta["name"]),
            uid=meta["uid"],
            generation=int(meta.get("generation", 0)),
            resource_version=meta.get("resourceVersion", ""),
            created=meta.get("creationTimestamp") or "",
            deleted=meta.get("deletionTimestamp"),
            finalizers=_shared(tuple(meta.get("finalizers") or ())),
            labels=_compact(meta.get("labels") or {}, texts),
            annotations={k: v for k, v in (meta.get("annotations") or {}).items() if k.startswith(f"{GROUP}/")},
            spec=_compact(body.get("spec") or {}, texts),
            status=_compact(body.get("status") or {}, texts),
            owner=_owner(meta),
        )


SHORT = 24
"""Characters of a text that many resources may have in common: names of settings, reasons, moments."""

_shared = lru_cache(maxsize=64)(lambda finalizers: finalizers)


def _compact(value: Any, texts: dict[str, str]) -> Any:
    """An equal value that shares what it can with others: of ten thousand topics most keys and many texts are the same.

    ``texts``: those of this object that are its own; a message stands in each of its conditions.
    """
    if type(value) is str:  # only these can be interned: files are read as texts that know their line
        return intern(value) if len(value) <= SHORT else texts.setdefault(value, value)
    if isinstance(value, dict):
        return {intern(key) if type(key) is str else key: _compact(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_compact(item, texts) for item in value]
    return value


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
    ``release``: take kafkade's finalizers off, which lets Kubernetes finish the deletion.
    """

    key: Key
    status: Mapping[str, Any] | None = None
    events: tuple[Event, ...] = ()
    retry: Literal["backoff"] | float | None = None
    release: bool = False
    wakes: frozenset[Key] = field(default_factory=frozenset)
    """Other resources that must look again because of this one (a schema's dependants)."""


Tell = Callable[[Sequence[Report]], None]
"""Takes what a reconcile came to, to be written while it goes on with others."""
