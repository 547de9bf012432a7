"""Names that several resources want: only one of them would get it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import SCHEMA, TOPIC
from kafkade.api.objects import Key
from kafkade.local.admission import Path
from kafkade.local.checks.names import Policy, where
from kafkade.local.checks.subjects import subject
from kafkade.local.checks.world import World
from kafkade.local.problems import Problem, Rule
from kafkade.topics.desired import claim_of, topic_name


def check(world: World, policies: Iterable[Policy], unentitled: frozenset[Key]) -> Iterator[Problem]:
    """Claims of all resources; the one that comes first in the files is taken for the holder.

    ``unentitled``: those that may not have the name, and so hold nothing against others.
    """
    seen: dict[Hashable, tuple[Key, str]] = {}
    for key, path, claim, name, what in _claims(world, policies):
        if key in unentitled:
            continue
        holder, held = seen.setdefault(claim, (key, name))
        if holder == key:
            continue
        same = what if name == held else f"{what}, which Kafka takes for {held},"
        message = f"{same} is claimed by {holder} ({world.place(holder)}) already; take it out of one of the two"
        yield world.problem(key, path, message, Rule.CLAIM)


def _claims(world: World, policies: Iterable[Policy]) -> Iterator[tuple[Key, Path, Hashable, str, str]]:
    """Who claims, by which field, what it is claimed by, its name, and the words for it."""
    for key in world.of_kind(TOPIC):
        resource, cluster = world.resources[key], world.cluster_of(key)
        name = topic_name(resource)
        path = where(world, key, "topicName")
        yield key, path, (TOPIC, cluster, claim_of(resource)), name, f"topic {name} of {cluster}"
    for key in world.of_kind(SCHEMA):
        if (name_ := subject(world, key)) is not None:
            cluster = world.cluster_of(key)
            path = ("spec", "subject") if "subject" in world.resources[key].spec else ("spec", "topicRef", "name")
            yield key, path, (SCHEMA, cluster, name_), name_, f"subject {name_} of {cluster}"
    for policy in policies:
        if not isinstance(policy.sources, KafkadeError):
            yield from _of_policy(policy, policy.sources)


def _of_policy(policy: Policy, sources: Iterable[str]) -> Iterator[tuple[Key, Path, Hashable, str, str]]:
    key, cluster, spec = policy.rule.key, policy.cluster, policy.rule.spec
    named = spec.topics or []
    for name in sources:
        path: Path = ("spec", "topics", named.index(name)) if name in named else ("metadata", "name")
        yield key, path, ("source", cluster, name), name, f"topic {name} as a source of dead letters"
    for index, group in enumerate(spec.share_groups):
        path = ("spec", "shareGroups", index)
        yield key, path, ("group", cluster, group.group), group.group, f"share group {group.group} of {cluster}"
