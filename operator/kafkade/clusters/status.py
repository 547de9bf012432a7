"""From what was seen and done to the one report of a KafkaCluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kafkade.api.conditions import Outcome, next_status, transition_events
from kafkade.api.errors import KafkadeError, RegistryUnreachable
from kafkade.api.objects import Report, Resource
from kafkade.api.plan import Plan
from kafkade.clients.kafka_features import METADATA_VERSION, SHARE_VERSION
from kafkade.clients.model import Health
from kafkade.clusters.observe import ClusterFacts
from kafkade.clusters.rolling.status import Rolled
from kafkade.clusters.steps import SetBrokerConfig


@dataclass(frozen=True, slots=True)
class Known:
    """Of brokerConfig. ``ours``: what kafkade had set before. ``announced``: what it wrote down before setting it."""

    ours: Mapping[str, str]
    announced: Mapping[str, str] = field(default_factory=dict)


def failed(resource: Resource, error: KafkadeError, now: str, fields: Mapping[str, Any] | None = None) -> Report:
    """The report of a cluster that is not as it should be; what was last seen of it stays in status."""
    status = next_status(resource.status, resource.generation, Outcome.failed(error), now, fields)
    return Report(
        resource.key,
        status,
        transition_events(resource.status, status),
        retry="backoff" if error.retryable else None,
    )


def report(
    resource: Resource,
    declared: Mapping[str, str],
    known: Known,
    facts: ClusterFacts,
    plan: Plan,
    error: KafkadeError | None,
    rolled: Rolled,
    now: str,
    *,
    observe_only: bool,
) -> Report:
    """The whole status; ``error``: why brokerConfig could not be carried out."""
    acted = error is None and not observe_only
    fields = _seen(facts)
    fields["brokerConfig"] = _ours(known.ours, declared, facts, plan, acted=acted) or None
    # one that failed may have been carried out all the same, where only the answer is missing
    fields["brokerConfigAnnounced"] = None if acted else dict(known.announced) or None
    fields["drift"] = _drift(resource, plan, acted=acted, observe_only=observe_only)
    fields["rolling"] = rolled.status
    error = error or rolled.error or _registry_error(facts)
    if error is not None:
        made = failed(resource, error, now, fields)
    else:
        outcome = _observed(facts, plan, rolled) if observe_only else _outcome(facts, rolled)
        status = next_status(resource.status, resource.generation, outcome, now, fields)
        made = Report(resource.key, status, transition_events(resource.status, status))
    # what is not known of a cluster yet shall not wait for the next resync
    unknown = facts.features is None and "metadataVersion" not in resource.status
    retry = rolled.retry or made.retry or ("backoff" if unknown else None)
    return replace(made, events=(*rolled.events, *made.events), retry=retry)


def _outcome(facts: ClusterFacts, rolled: Rolled) -> Outcome:
    if rolled.status is None:
        return Outcome.done(summary(facts))
    return Outcome.progressing("Rolling", f"{summary(facts)}; {rolled.message}", ready=True)


def summary(facts: ClusterFacts) -> str:
    """``3 brokers, 12 topics, 40 partitions``, and what is wrong with those."""
    health = facts.description.health
    parts = [
        _count(len(facts.description.brokers), "broker"),
        _count(health.topics, "topic"),
        _count(health.partitions, "partition"),
    ]
    return ", ".join(parts + _troubles(health))


def _troubles(health: Health) -> list[str]:
    troubles = (("under-replicated", health.under_replicated), ("without a leader", health.offline))
    return [f"{number} {what}" for what, number in troubles if number]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def unsupported(features: Mapping[str, int | str]) -> list[str]:
    """What a cluster with these finalized features cannot do, with what it would need."""
    level = features.get(SHARE_VERSION, 0)
    share = level if isinstance(level, int) else 0
    missing = (
        (1, "share groups (KIP-932): need Kafka 4.2 and share.version 1"),
        (2, "share-group dead-letter queues (KIP-1191): need Kafka 4.4 and share.version 2"),
    )
    return [text for needed, text in missing if share < needed]


def _seen(facts: ClusterFacts) -> dict[str, Any]:
    health = facts.description.health
    brokers = [
        {"id": b.id, "host": b.host, "port": b.port} | ({} if b.rack is None else {"rack": b.rack})
        for b in sorted(facts.description.brokers, key=lambda b: b.id)
    ]
    fields: dict[str, Any] = {
        "clusterId": facts.description.cluster_id,
        "controller": facts.description.controller,
        "brokers": brokers,
        "topics": health.topics,
        "partitions": health.partitions,
        "underReplicatedPartitions": health.under_replicated,
        "offlinePartitions": health.offline,
        "registry": _registry(facts),
    }
    if facts.features:
        # when they cannot be had this once, what was known of them stays
        version = facts.features.get(METADATA_VERSION)
        fields["metadataVersion"] = None if version is None else str(version)
        fields["unsupported"] = unsupported(facts.features) or None
    return fields


def _registry(facts: ClusterFacts) -> dict[str, Any] | None:
    probe = facts.registry
    if probe is None:
        return None
    shown: dict[str, Any] = {"flavour": probe.flavour, "reachable": probe.reachable}
    return shown if probe.message is None else shown | {"message": probe.message}


def _registry_error(facts: ClusterFacts) -> KafkadeError | None:
    if facts.registry is None or facts.registry.reachable:
        return None
    why = facts.registry.message or "it does not answer"
    return RegistryUnreachable(
        f"schemas wait: {why}. Kafka itself is reached ({summary(facts)}), so topics are kept as declared;"
        " check spec.schemaRegistry and the registry"
    )


def _ours(
    ours: Mapping[str, str], declared: Mapping[str, str], facts: ClusterFacts, plan: Plan, *, acted: bool
) -> dict[str, str]:
    """The settings that kafkade has set: those of before that are still declared, and those set now.

    One that was there before is somebody else's.
    """
    before = dict(ours)
    if not acted or facts.settings is None:
        return before
    kept = {key: value for key, value in declared.items() if key in before}
    kept |= {step.key: step.new for step in plan.steps if isinstance(step, SetBrokerConfig)}
    return dict(sorted(kept.items()))


def _drift(resource: Resource, plan: Plan, *, acted: bool, observe_only: bool) -> list[dict[str, Any]] | None:
    if plan.drift:
        return [found.as_status(repaired=acted) for found in plan.drift]
    if observe_only or resource.status.get("observedGeneration") != resource.generation:
        return None
    return resource.status.get("drift")


def _observed(facts: ClusterFacts, plan: Plan, rolled: Rolled) -> Outcome:
    differs = [rolled.message] if rolled.status is not None else []
    if plan.steps:
        differs.insert(0, f"brokerConfig differs: {'; '.join(step.change for step in plan.steps)}")
    if differs:
        message = f"{summary(facts)}; {'; '.join(differs)}; managementPolicy is Observe, so nothing is changed"
        return Outcome("False", reconciling=False, stalled=False, reason="Observed", message=message)
    return Outcome.done(f"{summary(facts)}; managementPolicy is Observe", "Observed")
