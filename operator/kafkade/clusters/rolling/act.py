"""Carries out what was planned: the deletion of one pod, that very one and no namesake."""

from __future__ import annotations

import logging

from kafkade.api.context import Context
from kafkade.api.errors import ApiConflict, ApiUnavailable
from kafkade.clusters.rolling.observe import permitted
from kafkade.clusters.rolling.pods import Pod

log = logging.getLogger("kafkade.rolling")


async def delete(pod: Pod, namespace: str, context: Context) -> bool:
    """Whether it was this pod. False: another one has its name by now, or nobody knows what became of the request, since the
    API server did not answer; then the next look shows it.

    Raises:
        RollingForbidden: the operator may not. Other KubernetesErrors as everywhere.
    """
    if pod.uid is None:
        raise ValueError(f"there is no pod {pod.name}")
    try:
        await permitted(context.delete_pod(namespace, pod.name, pod.uid), "delete", "", "pods", pod.name, namespace)
    except ApiConflict:
        return False
    except ApiUnavailable as error:
        log.warning("deletion of pod %s/%s: %s", namespace, pod.name, error.message)
        return False
    return True
