"""Which dead-letter topics a redrive is for, and who else is at work on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from kafkade.api.errors import InvalidSpec, NotAllowed, PolicyNotReady, UnknownTopic
from kafkade.api.kinds import DLQ_POLICY
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import INTERNAL_TOPICS, Grant, check_topic_name
from kafkade.api.redrive import KafkaDLQRedriveSpec
from kafkade.dlq.redrive.pool import Run
from kafkade.dlq.redrive.status import begun, phase_of


def policy_of(resource: Resource, spec: KafkaDLQRedriveSpec) -> Key | None:
    """The KafkaDLQPolicy that a redrive names."""
    reference = spec.source.policy_ref
    return None if reference is None else Key(DLQ_POLICY, resource.key.namespace, reference.name)


def dead_letter_topics(
    spec: KafkaDLQRedriveSpec, cluster: Key, policy_key: Key | None, policy: Resource | None, known: Collection[str]
) -> list[str]:
    """The topics of a redrive that begins. ``known``: those that Kafka has; ``policy``: the one of ``policy_key``.

    A policy's topic that is not there, or is another policy's, has no dead letters of this one.

    Raises:
        UnknownTopic: the topic that is named does not exist.
        PolicyNotReady: the policy does not exist, or nobody has looked at it yet.
        InvalidSpec: the policy is of another Kafka cluster.
    """
    if policy_key is None:
        topic = spec.source.topic or ""
        if topic not in known:
            raise UnknownTopic(f"topic {topic} does not exist in Kafka; create another redrive if spec.source is wrong")
        return [topic]
    if policy is None or policy.deleted:
        raise PolicyNotReady(f"{policy_key} does not exist; create it, or create another redrive")
    reference = policy.spec.get("clusterRef") or {}
    if (reference.get("namespace") or policy_key.namespace, reference.get("name")) != (cluster.namespace, cluster.name):
        raise InvalidSpec(
            f"{policy_key} is not of {cluster}: spec.clusterRef and spec.source belong to different clusters"
        )
    if policy.status.get("observedGeneration") != policy.generation:
        raise PolicyNotReady(f"{policy_key} is not looked at yet")
    entries: list[Mapping[str, str]] = [*(policy.status.get("topics") or ()), *(policy.status.get("shareGroups") or ())]
    topics = [entry["deadLetterTopic"] for entry in entries if entry.get("reason") != "PolicyConflict"]
    return [topic for topic in dict.fromkeys(topics) if topic in known]


def check(topics: Iterable[str], grant: Grant, cluster: Key) -> None:
    """Whether the namespace of a redrive may have these dead-letter topics read.

    Raises:
        NotAllowed: one is outside the namespace's prefixes.
        NamingRefused: one is internal, or no name of a topic.
    """
    for topic in topics:
        check_topic_name(topic)
        grant.check_topic(topic, cluster)


def is_allowed(topic: str, grant: Grant, cluster: Key) -> bool:
    """Whether records of the namespace may go to a topic."""
    try:
        grant.check_topic(topic, cluster)
    except NotAllowed:
        return False
    return topic not in INTERNAL_TOPICS


def holders(redrives: Iterable[Resource], runs: Iterable[Run]) -> dict[str, Key]:
    """Who is at work on each dead-letter topic: redrives that have begun and are not finished, paused ones too."""
    held: dict[str, Key] = {}
    for resource in redrives:
        phase = phase_of(resource)
        if begun(resource) and phase is not None and not phase.final and resource.deleted is None:
            held |= dict.fromkeys(resource.status.get("topics") or (), resource.key)
    for run in runs:
        if run.active:
            held |= dict.fromkeys(run.topics, run.key)
    return held
