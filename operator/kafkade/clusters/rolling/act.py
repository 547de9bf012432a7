"""Carries out what was planned: the deletion of one pod, that very one and no namesake."""

from __future__ import annotations

from kafkade.api.context import Context
from kafkade.api.errors import ApiConflict
from kafkade.clusters.rolling.observe import permitted
from kafkade.clusters.rolling.pods import Pod


async def delete(pod: Pod, namespace: str, context: Context) -> bool:
    """Whether it was this pod; False when another one has its name by now, and everything is to be looked at anew.

    Raises:
        RollingForbidden: the operator may not. Other KubernetesErrors as everywhere.
    """
    if pod.uid is None:
        raise ValueError(f"there is no pod {pod.name}")
    try:
        await permitted(context.delete_pod(namespace, pod.name, pod.uid), "delete", "", "pods", pod.name, namespace)
    except ApiConflict:
        return False
    return True
