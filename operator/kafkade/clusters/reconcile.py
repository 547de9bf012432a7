"""One KafkaCluster: observe, plan, act, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import ManagementPolicy, config_text
from kafkade.api.conditions import condition
from kafkade.api.context import Context
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Report, Resource
from kafkade.api.plan import Plan
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ClusterDescription
from kafkade.clients.registry import RegistryClient
from kafkade.clusters.act import act
from kafkade.clusters.observe import BrokerSettings, observe
from kafkade.clusters.plan import is_same, plan
from kafkade.clusters.rolling.reconcile import roll
from kafkade.clusters.rolling.status import NOTHING, Rolled
from kafkade.clusters.status import Known, failed, report
from kafkade.clusters.steps import SetBrokerConfig

__all__ = ["Look", "failed", "reconcile"]


@dataclass(frozen=True, slots=True)
class Look:
    """What came of it. ``description`` None: Kafka could not be used, and ``error`` says why."""

    report: Report
    description: ClusterDescription | None = None
    error: KafkadeError | None = None
    plan: Plan = field(default_factory=Plan)


async def reconcile(
    resource: Resource,
    spec: KafkaClusterSpec,
    kafka: KafkaAdmin,
    registry: RegistryClient | None,
    context: Context,
    *,
    dry: bool = False,
) -> Look:
    """Look at the cluster, bring its brokerConfig to the spec, roll its pods, and report.

    A cluster in deletion is only looked at. Trouble with brokerConfig, pods or the registry is in the report; topics can
    be kept all the same, so the description is there. ``dry``: nothing is done, and the plan says what would be for the
    brokers' settings; pods are not looked at.

    Raises:
        KubernetesError: the pods of spec.rolling could not be seen, since the API server does not answer. Nothing was done.
    """
    declared = {key: config_text(value) for key, value in spec.broker_config.items()}
    announced: Mapping[str, str] = resource.status.get("brokerConfigAnnounced") or {}
    ours: Mapping[str, str] = resource.status.get("brokerConfig") or {}
    observe_only = spec.management_policy is ManagementPolicy.OBSERVE or resource.deleted is not None
    try:
        facts = await observe(kafka, registry, with_settings=bool(declared or ours or announced))
    except KafkadeError as unusable:
        return Look(failed(resource, unusable, context.now()), error=unusable)
    ours = {**_came_about(announced, facts.settings), **ours}
    planned = plan(declared, ours, facts.settings, settled=observe_only or _settled(resource, declared))
    # before the settings: what was set and is not reported since this raises would not be known as kafkade's any more
    rolled = NOTHING if dry else await _roll(resource, spec, kafka, context, observe_only=observe_only)
    error = planned.error
    if error is None and not observe_only and not dry:
        fresh = {s.key: s.new for s in planned.steps if isinstance(s, SetBrokerConfig) and s.key not in ours}
        if fresh:
            # what came about of an earlier announcement is recorded nowhere else yet
            announced = {**{key: value for key, value in announced.items() if key in ours}, **fresh}
            await context.announce(resource, {"brokerConfigAnnounced": announced})
        error = await _carry_out(kafka, planned)
    known = Known(ours, announced)
    made = report(resource, declared, known, facts, planned, error, rolled, context.now(), observe_only=observe_only)
    return Look(made, facts.description, plan=planned)


async def _roll(
    resource: Resource, spec: KafkaClusterSpec, kafka: KafkaAdmin, context: Context, *, observe_only: bool
) -> Rolled:
    if spec.rolling is None or spec.paused or resource.deleted is not None:
        return NOTHING
    return await roll(resource, spec.rolling, kafka, context, observe_only=observe_only)


def _came_about(announced: Mapping[str, str], settings: BrokerSettings | KafkadeError | None) -> dict[str, str]:
    """What of an announcement was carried out before a crash: it was not so before, and it is so now."""
    if not isinstance(settings, BrokerSettings):
        return {}
    return {
        k: v for k, v in announced.items() if (e := settings.defaults.get(k)) and e.value and is_same(k, e.value, v)
    }


async def _carry_out(kafka: KafkaAdmin, planned: Plan) -> KafkadeError | None:
    try:
        await act(kafka, planned.steps)
    except KafkadeError as error:
        return error
    return None


def _settled(resource: Resource, declared: Mapping[str, str]) -> bool:
    """Whether this very spec was carried out before. A spec whose first try failed has not drifted, be it that the one before
    it had the same keys."""
    if resource.status.get("observedGeneration") != resource.generation:
        return False
    ready: Mapping[str, Any] | None = condition(resource.status, "Ready")
    was_ready = ready is not None and ready["status"] == "True"
    kept: Mapping[str, str] = resource.status.get("brokerConfig") or {}
    return was_ready or all(key in kept and is_same(key, kept[key], value) for key, value in declared.items())
