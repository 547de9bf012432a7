"""What a policy keeps, topic by topic: what it wants, what is there, and what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from kafkade.api.conditions import condition
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import (
    KafkadeError,
    PartitionShrinkRefused,
    PolicyConflict,
    TooFewPartitions,
    TopicNotFound,
)
from kafkade.api.kinds import DLQ_POLICY
from kafkade.api.objects import Resource
from kafkade.api.values import number
from kafkade.dlq.desired import Child, SourceFacts, children
from kafkade.dlq.match import Rule, World, holder
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.naming import check_names, source_topics
from kafkade.dlq.share.desired import dead_letter_topic

WAITING = "WaitingForTopics"
"""Reason of a policy whose KafkaTopics are not as declared yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that a policy keeps KafkaTopics for.

    ``create`` and ``change`` are what its KafkaTopics need; ``error`` keeps it from being ready, ``waits`` says what a
    KafkaTopic of it has not finished yet.
    """

    create: tuple[Child, ...] = ()
    change: tuple[tuple[Resource, Child], ...] = ()
    error: KafkadeError | None = None
    waits: str | None = None
    reason: str | None = None
    """The reason of the KafkaTopic that is not ready."""
    stalled: bool = False
    """Whether that KafkaTopic waits for somebody to change something."""

    @property
    def finished(self) -> bool:
        """Whether all its topics are there, as declared."""
        return self.error is None and self.waits is None and not self.create and not self.change


@dataclass(frozen=True, slots=True)
class Entry(Kept):
    """One source topic of the policy."""

    topics: SourceTopics
    there: bool = False
    """Whether its topics are there and can be used, though ``error`` keeps them from being as declared."""

    @property
    def usable(self) -> bool:
        """Whether applications are to be told of its topics."""
        return self.error is None or self.there

    @property
    def ready(self) -> bool:
        """Whether all its topics are there, as declared."""
        return self.finished


K = TypeVar("K", bound=Kept)


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """All entries by source topic, and the KafkaTopics of topics that left the policy."""

    entries: tuple[Entry, ...] = ()
    leaving: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the plan of one policy is made from."""

    world: World
    sources: Mapping[str, SourceFacts]
    made: Mapping[str, Resource]
    """KafkaTopics that this policy made, by topic name."""


def plan(resource: Resource, rule: Rule, topics: Sequence[str], facts: Facts) -> PolicyPlan:
    """The plan for a policy that is for ``topics``."""
    entries = []
    names = {dead_letter_topic(group) for group in rule.spec.share_groups}
    for name in topics:
        entry = _entry(resource, rule, name, facts)
        entries.append(entry)
        names |= {entry.topics.dead_letter_topic, *entry.topics.retry_topics}
    leaving = tuple(found for name, found in sorted(facts.made.items()) if name not in names)
    return PolicyPlan(tuple(entries), leaving)


def _entry(resource: Resource, rule: Rule, name: str, facts: Facts) -> Entry:
    names = source_topics(name, rule.spec)
    try:
        other = holder(name, rule, facts.world)
        if other is not None:
            raise PolicyConflict(
                f"topic {name}: {other.key} is older and for this topic too; take the topic out of one of the two policies"
            )
        check_names([names])
        source = _source(name, names, facts)
        others = {
            n: found for n in (names.dead_letter_topic, *names.retry_topics) if (found := given(n, resource, facts))
        }
        _check_given(names, others, source, rule.spec)
        wanted = children(resource.key.namespace, rule.spec, names, source, {n: r.spec for n, r in facts.made.items()})
        check_growth(rule.spec, facts.made.get(names.dead_letter_topic))
    except PartitionShrinkRefused as error:
        needed = (names.dead_letter_topic, *names.retry_topics)
        return Entry(names, error=error, there=all(n in facts.made or given(n, resource, facts) for n in needed))
    except KafkadeError as error:
        return Entry(names, error=error)
    return kept(Entry(names), wanted, others, facts)


def kept(entry: K, wanted: Sequence[Child], others: Mapping[str, Resource], facts: Facts) -> K:
    """The entry with what its KafkaTopics need. ``others``: KafkaTopics, by topic name, that somebody else wrote."""
    own = [child for child in wanted if child.topic not in others]
    create = tuple(child for child in own if child.topic not in facts.made)
    change = tuple((made, child) for child in own if (made := facts.made.get(child.topic)) and made.spec != child.spec)
    entry = replace(entry, create=create, change=change)
    states = [*others.values(), *(facts.made[c.topic] for c in own if c.topic in facts.made)]
    return next((told for state in states if (told := _unfinished(entry, state))), entry)


def _source(name: str, names: SourceTopics, facts: Facts) -> SourceFacts:
    found = facts.sources.get(name)
    if found is not None:
        return found
    before = facts.made.get(names.dead_letter_topic)
    if before is not None:
        # the source is gone for the moment or for good: what was made for it stays as it is
        partitions = before.spec.get("partitions")
        limit = (before.spec.get("config") or {}).get("max.message.bytes")
        return SourceFacts(partitions if isinstance(partitions, int) else 1, letters_max_bytes=number(str(limit)))
    raise TopicNotFound(f"topic {name} does not exist in Kafka yet; its dead-letter topic is made once it does")


def given(name: str, resource: Resource, facts: Facts) -> Resource | None:
    """A KafkaTopic that somebody else wrote for this topic: it is used, and no second one is made."""
    for found in facts.world.resources.get(name, ()):
        by_policy = found.owner is not None and found.owner.key.kind == DLQ_POLICY
        if not by_policy and found.key.namespace == resource.key.namespace and found.deleted is None:
            return found
    return None


def _check_given(
    names: SourceTopics, others: Mapping[str, Resource], source: SourceFacts, spec: KafkaDLQPolicySpec
) -> None:
    found = others.get(names.dead_letter_topic)
    if found is None:
        return
    has = found.status.get("partitions")
    needed = spec.dead_letter_topics.partitions or source.partitions
    if isinstance(has, int) and has < needed:
        why = "its source" if spec.dead_letter_topics.partitions is None else "spec.deadLetterTopics.partitions"
        raise TooFewPartitions(
            f"{found.key}: topic {names.dead_letter_topic} has {has} partitions and {why} {needed}; a dead letter of a"
            f" higher partition could not be written; set its spec.partitions to {needed}"
        )


def check_growth(spec: KafkaDLQPolicySpec, made: Resource | None) -> None:
    """Raises PartitionShrinkRefused where the KafkaTopic that the policy made has more partitions than are declared."""
    wanted = spec.dead_letter_topics.partitions
    has = None if made is None else made.spec.get("partitions")
    if wanted is not None and isinstance(has, int) and wanted < has:
        raise PartitionShrinkRefused(
            f"spec.deadLetterTopics.partitions is {wanted} and the dead-letter topic has {has}: Kafka cannot take"
            f" partitions away; set it to {has} or more"
        )


def _unfinished(entry: K, state: Resource) -> K | None:
    ready = condition(state.status, "Ready")
    if ready is None or state.status.get("observedGeneration") != state.generation:
        return replace(entry, waits=f"{state.key} is not looked at yet", reason=WAITING)
    if ready["status"] != "True":
        stalled = (condition(state.status, "Stalled") or {}).get("status") == "True"
        return replace(entry, waits=f"{state.key}: {ready['message']}", reason=ready["reason"], stalled=stalled)
    return None
