"""The ConfigMap that applications mount, and those of former names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kafkade.api.context import Context
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import ApiUnavailable, KafkadeError
from kafkade.api.objects import Resource


def name_of(policy: Resource, spec: KafkaDLQPolicySpec) -> str:
    """The ConfigMap's name; by default the policy's with ``-dlq``."""
    return spec.config_map_name or f"{policy.key.name}-dlq"


def former_names(policy: Resource, name: str) -> tuple[str, ...]:
    """Of the ConfigMaps that the policy had, or may have, under other names than ``name``."""
    told = policy.status
    return tuple(sorted({*(told.get("formerConfigMaps") or ()), told.get("configMap", name)} - {name}))


async def keep_mounted(
    policy: Resource, name: str, former: Sequence[str], data: Mapping[str, str], context: Context
) -> KafkadeError | None:
    """Keep what applications mount, then take what they mounted before; returns why it could not be.

    A ConfigMap of a former name would say what was declared once, and nobody would keep it. The names are in status before
    anything is made of this name, so that a crash leaves none that nobody knows.

    Raises:
        ApiUnavailable: the Kubernetes API cannot be reached.
    """
    try:
        await context.announce(policy, {"configMap": name, **({"formerConfigMaps": list(former)} if former else {})})
        await context.keep_config_map(policy, name, data)
        for other in former:
            await context.take_config_map(policy, other)
    except ApiUnavailable:
        raise
    except KafkadeError as error:
        return error
    return None
