"""The resources of a Kubernetes cluster as they are now, to plan with: read once, and never written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from kafkade.api.kinds import KINDS
from kafkade.api.objects import Resource
from kafkade.clients.kube import KubeClient
from kafkade.handlers.login import login_as_command
from kafkade.local.kube import LocalKube, Memory


async def cluster_snapshot(namespace: str | None, now: Callable[[], str]) -> LocalKube:
    """All of kafkade's resources, of one namespace or (None) of all; writes to it stay in memory.

    Raises:
        KubernetesError: they cannot be read.
    """
    kube = KubeClient()
    try:
        await login_as_command(kube)
        listed = await asyncio.gather(*(kube.list_resources(kind, namespace, None) for kind in KINDS))
    except BaseException:
        await kube.close()
        raise
    return LocalKube(Memory({r.key: body_of(r) for found in listed for r in found.resources}), now, behind=kube)


def body_of(resource: Resource) -> dict[str, Any]:
    """The object that a resource was read from, as far as it was kept."""
    meta: dict[str, Any] = {
        "name": resource.key.name,
        "namespace": resource.key.namespace,
        "uid": resource.uid,
        "generation": resource.generation,
        "resourceVersion": resource.resource_version,
        "creationTimestamp": resource.created,
        "finalizers": list(resource.finalizers),
        "labels": dict(resource.labels),
        "annotations": dict(resource.annotations),
    }
    if resource.deleted is not None:
        meta["deletionTimestamp"] = resource.deleted
    if resource.owner is not None:
        meta["ownerReferences"] = [resource.owner.reference()]
    return {"metadata": meta, "spec": resource.spec, "status": resource.status}
