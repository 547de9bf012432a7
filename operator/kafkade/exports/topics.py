"""KafkaTopics of the topics that are there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Key
from kafkade.clients.model import ConfigSource
from kafkade.exports.model import Exported, Target
from kafkade.local.object_names import object_names
from kafkade.local.writing import Draft, setting
from kafkade.topics.observe import TopicFacts
from kafkade.topics.plan import THROTTLED_REPLICAS

SAFE = {"deletionPolicy": "Retain", "adoptionPolicy": "IfIdentical"}
"""What stands in the KafkaCluster's topicDefaults, else in each topic.

IfIdentical: what was changed since the export is refused, not set back. Retain: a file that is lost takes no records
with it.
"""
_MIN_ISR = "min.insync.replicas"


def topic_drafts(facts: Mapping[str, TopicFacts | KafkadeError], target: Target, taken: frozenset[str]) -> Exported:
    """A KafkaTopic for each topic. ``taken``: names of KafkaTopics that DLQ policies will make."""
    found = Exported()
    names = object_names(sorted(facts), taken)
    for topic, known in sorted(facts.items()):
        if isinstance(known, KafkadeError):
            found.failed.append(f"topic {topic}: {known.message}")
        elif known.description is None:
            found.notes.append(f"topic {topic}: left out, it was deleted meanwhile")
        else:
            draft, notes = _draft(topic, known, Key(TOPIC, target.namespace, names[topic]), target)
            found.drafts.append(draft)
            found.notes += [f"topic {topic}: {note}" for note in notes]
    return found


def _draft(topic: str, facts: TopicFacts, key: Key, target: Target) -> tuple[Draft, list[str]]:
    assert facts.description is not None  # noqa: S101 -- the caller saw it
    notes: list[str] = []
    spec: dict[str, Any] = {"clusterRef": dict(target.cluster_ref)}
    if key.name != topic:
        spec["topicName"] = topic
    spec["partitions"] = len(facts.description.partitions)
    factor = replication_factor(facts)
    if factor is not None:
        spec["replicationFactor"] = factor
    else:
        notes.append(uneven(facts))
    config, dropped = own_settings(facts)
    notes += dropped
    if config:
        spec["config"] = {name: setting(value) for name, value in config.items()}
    if not target.with_cluster:
        spec |= SAFE
    return Draft(key, spec), notes


def replication_factor(facts: TopicFacts) -> int | None:
    """How many replicas each partition has; None where they have not as many, or replicas move right now."""
    assert facts.description is not None  # noqa: S101 -- callers saw it
    factors = {len(p.replicas) for p in facts.description.partitions}
    return None if facts.moves or len(factors) != 1 else factors.pop()


def uneven(facts: TopicFacts) -> str:
    """Why there is no replication factor to declare."""
    if facts.moves:
        return "spec.replicationFactor is left out: replicas are being moved; export again once that is done"
    return "spec.replicationFactor is left out: its partitions have different numbers of replicas; set one to have them alike"


def own_settings(facts: TopicFacts) -> tuple[dict[str, str], list[str]]:
    """The topic's own settings, sorted, and what is left out of them."""
    assert facts.description is not None  # noqa: S101 -- callers saw it
    config: dict[str, str] = {}
    notes: list[str] = []
    least = min((len(p.replicas) for p in facts.description.partitions), default=1)
    for name, entry in sorted(facts.configs.items()):
        if entry.source is not ConfigSource.TOPIC:
            continue
        if name in THROTTLED_REPLICAS:
            notes.append(f"{name} is left out: it belongs to a running or forgotten reassignment")
        elif entry.value is None:
            notes.append(f"{name} is left out: the brokers do not show its value")
        elif name == _MIN_ISR and entry.value.isdigit() and int(entry.value) > least:
            notes.append(
                f"{name} is left out: it is {entry.value} and the replication factor {least}, with which no producer with"
                " acks=all can write, so kafkade would refuse it; lower the one or raise the other"
            )
        else:
            config[name] = entry.value
    return config, notes
