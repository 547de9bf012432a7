"""Facts about the pods of spec.rolling, read one by one by name: no list, no watch, no other pod."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from kafkade.api.cluster import RolledStatefulSet, Rolling
from kafkade.api.context import Context
from kafkade.api.errors import ApiForbidden, RollingForbidden, StatefulSetNotFound
from kafkade.clusters.rolling.pods import StatefulSet, pod_names, stateful_set

T = TypeVar("T")


async def observe(rolling: Rolling, namespace: str, context: Context) -> tuple[StatefulSet, ...]:
    """The StatefulSets in the order of the spec, with their pods.

    Raises:
        StatefulSetNotFound: one of them is not there.
        RollingForbidden: the operator may not see one of them, or a pod. Other KubernetesErrors as everywhere.
    """
    return tuple([await _one(wanted, namespace, context) for wanted in rolling.stateful_sets])


async def _one(wanted: RolledStatefulSet, namespace: str, context: Context) -> StatefulSet:
    body = await permitted(
        context.stateful_set(namespace, wanted.name), "get", "apps", "statefulsets", wanted.name, namespace
    )
    if body is None:
        raise StatefulSetNotFound(
            f"StatefulSet {namespace}/{wanted.name} does not exist; create it, or correct spec.rolling.statefulSets"
        )
    pods = {
        name: await permitted(context.pod(namespace, name), "get", "", "pods", name, namespace)
        for name in pod_names(body)
    }
    return stateful_set(body, pods, wanted.first_node_id, context.now())


async def permitted(call: Awaitable[T], verb: str, group: str, resource: str, name: str, namespace: str) -> T:
    """The call's answer; where it is forbidden, an error that has the missing rule."""
    try:
        return await call
    except ApiForbidden as error:
        raise RollingForbidden(
            f"kafkade may not {verb} {resource}/{name}, which spec.rolling takes: add to a Role in namespace {namespace}"
            f' apiGroups: ["{group}"], resources: ["{resource}"], resourceNames: ["{name}"], verbs: ["{verb}"]'
            f" (deploy/rbac/rolling.yaml is an example). The API server says: {error.message}"
        ) from error
