"""StatefulSets and their pods as kafkade needs them, from the objects of the Kubernetes API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

REVISION = "controller-revision-hash"
"""The label by which the StatefulSet controller tells which template a pod was made from."""

PATIENCE = 300.0
"""Seconds that a pod may take to become Ready before somebody is told that it does not."""

_RESTARTS = 2
"""Restarts of a container that is not Ready which show that the next one will not help either."""

_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CRASHES = "CrashLoopBackOff"
_PASSING = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod of one ordinal and the Kafka node that runs in it. ``uid`` None: there is no pod of this name now."""

    name: str
    node: int
    uid: str | None = None
    revision: str | None = None
    ready: bool = False
    terminating: bool = False
    trouble: str | None = None
    """Why it hardly becomes Ready by itself."""

    def __str__(self) -> str:
        return f"{self.name} (node {self.node})"


@dataclass(frozen=True, slots=True)
class StatefulSet:
    """A StatefulSet, and a pod for each ordinal that it is to have.

    ``known``: ``revision`` is that of its spec as it is now. ``on_delete``: nobody but kafkade rolls its pods.
    """

    name: str
    revision: str
    pods: tuple[Pod, ...]
    known: bool = True
    on_delete: bool = True

    @property
    def outdated(self) -> tuple[Pod, ...]:
        """Pods that are not of the newest revision, but for those that are on their way out."""
        return tuple(p for p in self.pods if p.uid is not None and not p.terminating and p.revision != self.revision)

    @property
    def updated(self) -> int:
        """How many pods are of the newest revision and Ready."""
        return sum(p.ready and not p.terminating and p.revision == self.revision for p in self.pods)


def pod_names(body: Mapping[str, Any]) -> dict[str, int]:
    """The pods that a StatefulSet is to have: name and ordinal."""
    spec = body["spec"]
    first = int((spec.get("ordinals") or {}).get("start") or 0)
    replicas = spec.get("replicas")
    count = 1 if replicas is None else int(replicas)
    return {f"{body['metadata']['name']}-{ordinal}": ordinal for ordinal in range(first, first + count)}


def stateful_set(
    body: Mapping[str, Any], pods: Mapping[str, Mapping[str, Any] | None], first_node_id: int, now: str
) -> StatefulSet:
    """``pods``: what there is of each name of :func:`pod_names`."""
    meta, status = body["metadata"], body.get("status") or {}
    strategy = (body["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
    return StatefulSet(
        meta["name"],
        status.get("updateRevision") or "",
        tuple(
            _pod(name, first_node_id + ordinal, pods.get(name), meta["uid"], now)
            for name, ordinal in pod_names(body).items()
        ),
        known=bool(status.get("updateRevision")) and status.get("observedGeneration") == meta.get("generation"),
        on_delete=strategy == "OnDelete",
    )


def _pod(name: str, node: int, body: Mapping[str, Any] | None, owner: str, now: str) -> Pod:
    if body is None:
        return Pod(name, node)
    meta, status = body["metadata"], body.get("status") or {}
    if all(reference.get("uid") != owner for reference in meta.get("ownerReferences") or ()):
        return Pod(name, node, trouble="there is a pod of this name that the StatefulSet has not made")
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return Pod(
        name,
        node,
        meta["uid"],
        (meta.get("labels") or {}).get(REVISION),
        ready,
        terminating=meta.get("deletionTimestamp") is not None,
        trouble=None if ready else _trouble(meta, status, now),
    )


def _trouble(meta: Mapping[str, Any], status: Mapping[str, Any], now: str) -> str | None:
    """The same text for the same trouble, whatever moment of a crash loop is seen: it goes to a status."""
    for container in _containers(status):
        found = _of_container(container)
        if found is not None:
            return found
    for found in status.get("conditions") or ():
        if found["type"] == "PodScheduled" and found.get("reason") == "Unschedulable":
            return "no node can take it"
    if status.get("phase") == "Failed":
        return f"it has failed: {status.get('message') or status.get('reason') or 'no reason is given'}"
    age = (datetime.fromisoformat(now) - datetime.fromisoformat(meta["creationTimestamp"])).total_seconds()
    return f"it is not Ready after {PATIENCE / 60:.0f} minutes" if age > PATIENCE else None


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    groups: Iterable[str] = ("initContainerStatuses", "containerStatuses")
    for group in groups:
        yield from status.get(group) or ()


def _of_container(container: Mapping[str, Any]) -> str | None:
    name, state = container["name"], container.get("state") or {}
    waiting = (state.get("waiting") or {}).get("reason")
    if waiting in _NO_IMAGE:
        return f"the image of container {name} cannot be had"
    if waiting == _CRASHES or (container.get("restartCount", 0) >= _RESTARTS and not container.get("ready")):
        last = (container.get("lastState") or {}).get("terminated") or state.get("terminated") or {}
        code = last.get("exitCode")
        return f"container {name} ends again and again" + ("" if code is None else f", with exit code {code}")
    if waiting is not None and waiting not in _PASSING:
        return f"container {name} cannot be started: {waiting}"
    return None
