"""What a policy does about each of its share groups, and about those that left it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kafkade.api.common import ManagementPolicy
from kafkade.api.dlq import KafkaDLQPolicySpec, ShareGroup
from kafkade.api.errors import DeadLetterLoop, InvalidConfig, KafkadeError, NamingRefused, NotAllowed, PolicyConflict
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant, check_topic_name
from kafkade.clients.model import ConfigEntry, ConfigSource
from kafkade.dlq.match import Rule, World, cluster_of
from kafkade.dlq.plan import WAITING, Facts, Kept, check_growth, given, kept
from kafkade.dlq.share.desired import FOR_GROUPS, NAME_PREFIX, child, dead_letter_topic, settings
from kafkade.dlq.share.observe import ShareFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry(Kept):
    """One share group of the policy: its KafkaTopic as any entry's, and its settings."""

    group: str
    dead_letter_topic: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """As declared."""
    found: Mapping[str, ConfigEntry] = field(default_factory=dict)
    """As Kafka has them; empty where that is not known or not asked for."""
    changes: Mapping[str, str | None] = field(default_factory=dict)
    """What is written to Kafka; None takes a value away."""
    drift: Mapping[str, str] = field(default_factory=dict)
    """Settings that somebody changed since kafkade set them, with the values found."""

    @property
    def ready(self) -> bool:
        """Whether its topic is there and its settings are as declared."""
        return not self.changes and self.finished

    @property
    def refused(self) -> bool:
        """Whether the policy may not have the group, or its topic: records there are none of the policy's dead letters."""
        return isinstance(self.error, DeadLetterLoop | NamingRefused | NotAllowed | PolicyConflict)

    @property
    def differing(self) -> dict[str, str]:
        """The settings that are not as declared."""
        return {key: value for key, value in self.settings.items() if self.found[key].value != value}

    @property
    def due(self) -> Mapping[str, str | None]:
        """What is written once its topic is there, which is now where it is."""
        return self.changes if self.finished else self.differing


@dataclass(frozen=True, slots=True)
class Leaving:
    """A share group that is not the policy's any more. ``changes`` take back what is still as kafkade set it."""

    group: str
    dead_letter_topic: str
    recorded: Mapping[str, str]
    changes: Mapping[str, None] = field(default_factory=dict)
    error: KafkadeError | None = None


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """All share groups by id, and those that leave."""

    entries: tuple[GroupEntry, ...] = ()
    leaving: tuple[Leaving, ...] = ()


def recorded(resource: Resource) -> dict[str, dict[str, str]]:
    """The settings that kafkade has set for a policy, by group."""
    told = resource.status.get("shareGroups") or ()
    return {str(entry["group"]): dict(entry["config"]) for entry in told if entry.get("config")}


def told_ready(resource: Resource) -> set[str]:
    """The groups that status says are as declared: what kafkade has set on them is recorded."""
    return {str(entry["group"]) for entry in resource.status.get("shareGroups") or () if entry.get("ready")}


def groups_of(resource: Resource, spec: KafkaDLQPolicySpec) -> set[str]:
    """The groups that a look at a policy must ask about."""
    return {entry.group for entry in spec.share_groups} | recorded(resource).keys()


def _before(resource: Resource, spec: KafkaDLQPolicySpec) -> dict[str, dict[str, str]]:
    """What is recorded; for a deletion also what a crash may have kept from being recorded."""
    before = recorded(resource)
    if resource.deleted is None:
        return before
    unsure = [entry for entry in spec.share_groups if entry.group not in told_ready(resource)]
    return before | {entry.group: settings(entry) | before.get(entry.group, {}) for entry in unsure}


def plan_groups(resource: Resource, rule: Rule, topics: Sequence[str], facts: Facts, share: ShareFacts) -> GroupPlan:
    """The plan for a policy that is for the source ``topics``; one in deletion has only groups that leave."""
    declared = () if resource.deleted else sorted(rule.spec.share_groups, key=lambda entry: entry.group)
    before = _before(resource, rule.spec)
    entries: list[GroupEntry] = []
    for group in declared:
        entry = _entry(resource, rule, group, before.get(group.group, {}), topics, facts, share)
        if any(other.dead_letter_topic == entry.dead_letter_topic for other in entries):
            entry = _second(entry)
        entries.append(entry)
    lost = {entry.group for entry in entries if isinstance(entry.error, PolicyConflict)}
    here = {entry.group for entry in entries} - lost
    leaving = [
        _leaving(resource, rule, name, before[name], facts.world, share) for name in sorted(before.keys() - here)
    ]
    return GroupPlan(tuple(entries), tuple(leaving))


def _entry(
    resource: Resource,
    rule: Rule,
    group: ShareGroup,
    before: Mapping[str, str],
    topics: Sequence[str],
    facts: Facts,
    share: ShareFacts,
) -> GroupEntry:
    name = dead_letter_topic(group)
    entry = GroupEntry(group=group.group, dead_letter_topic=name, settings=settings(group))
    try:
        _check(group, rule, topics, facts.world)
        if share.error is not None:
            raise share.error
        found = share.configs[group.group]
        if isinstance(found, KafkadeError):
            raise found
        _check_prefix(group.group, name, share.prefix)
        other = given(name, resource, facts)
        if other is not None:
            _check_given(name, other)
        check_growth(rule.spec, facts.made.get(name))
    except KafkadeError as error:
        return replace(entry, error=error)
    made = facts.made.get(name)
    wanted = child(resource.key.namespace, rule.spec, name, {} if made is None else made.spec)
    entry = kept(replace(entry, found=found), [wanted], {} if other is None else {name: other}, facts)
    if not entry.finished:
        return entry  # a topic that brokers can write to comes first
    changes: dict[str, str | None] = {**entry.differing}
    changes |= {k: None for k, v in before.items() if k not in entry.settings and _still(found, k, v)}
    told = resource.status.get("observedGeneration") == resource.generation
    drift = {k: str(found[k].value) for k in changes if told and before.get(k) == entry.settings.get(k)}
    return replace(entry, changes=changes, drift=drift)


def _second(entry: GroupEntry) -> GroupEntry:
    """Another group with the same dead-letter topic sees to the KafkaTopic."""
    if entry.error is not None or not (entry.create or entry.change):
        return entry
    return replace(entry, create=(), change=(), waits=f"topic {entry.dead_letter_topic} is being made", reason=WAITING)


def _check(group: ShareGroup, rule: Rule, topics: Sequence[str], world: World) -> None:
    name, what = dead_letter_topic(group), f"share group {group.group}"
    check_group(group.group, rule.grant, cluster_of(rule))
    try:
        check_topic_name(name)
    except NamingRefused as error:
        raise NamingRefused(f"{what}: {error.message}; give it another deadLetterTopic") from error
    rule.grant.check_topic(name, cluster_of(rule))
    other = group_holder(group.group, rule, world)
    if other is not None:
        raise PolicyConflict(
            f"{what}: {other.key} is older and for this group too; take the group out of one of the two"
        )
    for topic in topics:
        if name in (topic, f"{topic}{rule.spec.suffix}"):
            raise DeadLetterLoop(
                f"{what}: {name} is topic {topic} of this policy, or its dead-letter topic; give the group a"
                " deadLetterTopic of its own"
            )


def check_group(group: str, grant: Grant, cluster: Key) -> None:
    """A namespace that may use only some topics may set only groups with the same prefixes.

    Raises:
        NotAllowed: with the prefixes. Else a namespace could have dead letters of others come to a topic of its own.
    """
    if grant.topic_prefixes is not None and not group.startswith(grant.topic_prefixes):
        allowed = ", ".join(grant.topic_prefixes) or "none"
        raise NotAllowed(
            f"share group {group}: {cluster} lets this namespace use only groups that start with {allowed}; rename it, or"
            " ask the cluster's owner for a prefix in spec.allowedNamespaces"
        )


def group_holder(group: str, rule: Rule, world: World) -> Rule | None:
    """The older policy that is for this group too, or None."""
    older = [other for other in world.rules if other.rank < rule.rank and _declared(group, other) is not None]
    return min(older, key=lambda other: other.rank, default=None)


def _declared(group: str, rule: Rule) -> ShareGroup | None:
    try:
        check_group(group, rule.grant, cluster_of(rule))
    except NotAllowed:
        return None
    return next((entry for entry in rule.spec.share_groups if entry.group == group), None)


def _check_prefix(group: str, name: str, prefix: str | None) -> None:
    if prefix and not name.startswith(prefix):
        raise InvalidConfig(
            f"share group {group}: brokers would not write to {name}, since their {NAME_PREFIX} is {prefix}; give the group"
            f" a deadLetterTopic that starts with it, like {prefix}{group}, or change that setting (spec.brokerConfig of"
            " the KafkaCluster)"
        )


def _check_given(name: str, other: Resource) -> None:
    value = (other.spec.get("config") or {}).get(FOR_GROUPS)
    if str(value).lower() != "true":
        raise InvalidConfig(
            f"{other.key}: brokers write no share group's dead letters to {name} without {FOR_GROUPS}: set it to true in"
            " its spec.config"
        )


def _leaving(
    resource: Resource, rule: Rule, group: str, before: Mapping[str, str], world: World, share: ShareFacts
) -> Leaving:
    """What another policy sets by now is left to it."""
    topic = next(
        (str(t["deadLetterTopic"]) for t in resource.status.get("shareGroups") or () if t["group"] == group), ""
    )
    found = share.configs.get(group, {})
    if isinstance(found, KafkadeError):
        return Leaving(group, topic, before, error=found)
    if rule.spec.management_policy is ManagementPolicy.OBSERVE:
        return Leaving(group, topic, before)
    heirs = [d for other in world.rules if _sets(other) and other.uid != rule.uid and (d := _declared(group, other))]
    theirs = {key for heir in heirs for key in settings(heir)}
    changes: dict[str, None] = {k: None for k, v in before.items() if k not in theirs and _still(found, k, v)}
    return Leaving(group, topic, before, changes)


def _sets(rule: Rule) -> bool:
    return rule.spec.management_policy is ManagementPolicy.FULL and not rule.spec.paused


def _still(found: Mapping[str, ConfigEntry], key: str, value: str) -> bool:
    """Whether the group carries the value that kafkade set."""
    entry = found.get(key)
    return entry is not None and entry.source is ConfigSource.GROUP and entry.value == value
