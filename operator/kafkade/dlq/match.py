"""Which topics a policy is for, and which of several policies. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from kafkade.api.common import parse
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import DeadLetterLoop, InvalidSpec, NotAllowed
from kafkade.api.kinds import CLUSTER, DLQ_POLICY
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import DLQ_SUFFIX, INTERNAL_TOPICS, Grant
from kafkade.dlq.naming import is_own
from kafkade.dlq.share.desired import dead_letter_topic


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy as the others see it."""

    key: Key
    uid: str
    created: str
    spec: KafkaDLQPolicySpec
    grant: Grant

    @property
    def rank(self) -> tuple[str, str, str]:
        """The older one holds a topic; at the same second namespace and name decide."""
        return (self.created, self.key.namespace, self.key.name)

    @property
    def names(self) -> list[str]:
        """Topics that are named one by one."""
        return [text for text in self.spec.topics or () if not is_pattern(text)]


def rules_of(policies: Iterable[tuple[Resource, Grant | None]]) -> list[Rule]:
    """The policies that hold something: let in by their cluster, not in deletion, and with a spec that parses."""
    found = []
    for resource, grant in policies:
        if resource.deleted or grant is None:
            continue
        try:
            spec = parse(KafkaDLQPolicySpec, resource.spec)
        except InvalidSpec:
            continue
        found.append(Rule(resource.key, resource.uid, resource.created, spec, grant))
    return found


@dataclass(frozen=True)
class World:
    """What there is to match: topics of Kafka, KafkaTopics by topic name, and all policies of the cluster.

    What holds for all policies is found out once: with hundreds of them among thousands of topics, each asks for each.
    """

    topics: Collection[str]
    """With a quick ``in``, as the keys of a dict have it."""
    resources: Mapping[str, tuple[Resource, ...]]
    rules: tuple[Rule, ...]

    def is_source(self, name: str) -> bool:
        """Whether a topic can have dead letters: not internal, and no dead-letter or retry topic of any policy."""
        if name in INTERNAL_TOPICS or name.startswith("__") or name.endswith(DLQ_SUFFIX):
            return False
        if any(r.owner is not None and r.owner.key.kind == DLQ_POLICY for r in self.resources.get(name, ())):
            return False
        return name not in self._of_groups and not any(is_own(name, spec) for spec in self._suffixes)

    @cached_property
    def _suffixes(self) -> tuple[KafkaDLQPolicySpec, ...]:
        """One spec of each pair of suffixes that policies have: most have the same."""
        return tuple({(rule.spec.suffix, rule.spec.retry.suffix): rule.spec for rule in self.rules}.values())

    @cached_property
    def _of_groups(self) -> frozenset[str]:
        """Where share groups of policies have their dead letters."""
        names = ((rule, dead_letter_topic(group)) for rule in self.rules for group in rule.spec.share_groups)
        return frozenset(name for rule, name in names if _allowed(name, rule.grant))

    def narrowed(self, topic: str) -> World:
        """The same with one topic alone, and all policies."""
        topics = (topic,) if topic in self.topics else ()
        return World(topics, {topic: self.resources.get(topic, ())}, self.rules)


def matched(rule: Rule, world: World) -> list[str]:
    """The source topics of a policy, sorted; a name given in full is among them whether or not the topic exists.

    Raises:
        DeadLetterLoop: a dead-letter or retry topic is named.
        NotAllowed: a topic is named that the namespace may not use.
    """
    for name in rule.names:
        _check(name, rule, world)
        rule.grant.check_topic(name, cluster_of(rule))
    found = set(rule.names)
    patterns = [text for text in rule.spec.topics or () if is_pattern(text)]
    known = {*world.topics, *world.resources}
    found |= {n for n in known if any(fnmatch.fnmatchcase(n, p) for p in patterns)}
    selector = rule.spec.topic_selector
    if selector is not None:
        wanted = selector.match_labels.items()
        found |= {
            name
            for name, resources in world.resources.items()
            if any(r.key.namespace == rule.key.namespace and wanted <= r.labels.items() for r in resources)
        }
    return sorted(n for n in found if n in rule.names or (world.is_source(n) and _allowed(n, rule.grant)))


def holder(topic: str, rule: Rule, world: World) -> Rule | None:
    """The older policy that is for this topic too, or None."""
    narrowed = world.narrowed(topic)
    older = [other for other in world.rules if other.rank < rule.rank and topic in _claims(other, narrowed)]
    return min(older, key=lambda other: other.rank, default=None)


def _claims(rule: Rule, world: World) -> list[str]:
    try:
        return matched(rule, world)
    except (DeadLetterLoop, NotAllowed):
        return []


def _check(name: str, rule: Rule, world: World) -> None:
    if name in INTERNAL_TOPICS or name.startswith("__"):
        raise DeadLetterLoop(f"spec.topics: {name} is one of Kafka's internal topics and has no dead letters")
    if not world.is_source(name):
        raise DeadLetterLoop(
            f"spec.topics: {name} is a dead-letter or retry topic by its name or its owner, and a record that fails there"
            " must not go round in circles; name its source topic"
        )


def _allowed(name: str, grant: Grant) -> bool:
    return grant.topic_prefixes is None or name.startswith(grant.topic_prefixes)


def cluster_of(rule: Rule) -> Key:
    """The KafkaCluster of a policy."""
    ref = rule.spec.cluster_ref
    return Key(CLUSTER, ref.namespace or rule.key.namespace, ref.name)


def is_pattern(text: str) -> bool:
    """Whether an entry of spec.topics is for all topics that fit it."""
    return "*" in text or "?" in text
