"""Whether resources may use the names that they use, by Kafka's rules, the cluster's policy and its allowed namespaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from kafkade.api.binding import KafkaServiceBindingSpec
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import DeadLetterLoop, KafkadeError, NamingRefused, NotAllowed
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, SERVICE_BINDING, TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant, check_topic_name, naming_violation
from kafkade.bindings.wanted import check_prefix, groups_of
from kafkade.dlq.match import Rule as PolicyRule
from kafkade.dlq.match import World as Topics
from kafkade.dlq.match import matched
from kafkade.local.admission import Path
from kafkade.local.checks.subjects import subject
from kafkade.local.checks.world import World
from kafkade.local.problems import Problem, Rule
from kafkade.topics.desired import topic_name

_RULE_OF = {NotAllowed: Rule.GRANT, NamingRefused: Rule.NAME, DeadLetterLoop: Rule.DEAD_LETTERS}


@dataclass(frozen=True, slots=True)
class Policy:
    """A KafkaDLQPolicy as the matching of a cluster takes it, and the topics that it is for; an error where it names a wrong one."""

    cluster: Key
    rule: PolicyRule
    sources: Sequence[str] | DeadLetterLoop | NotAllowed


def check(world: World, policies: Iterable[Policy]) -> Iterator[Problem]:
    """Names of all resources."""
    for key in world.resources:
        if key.kind == CLUSTER:
            continue
        try:
            grant = world.grant(key)
        except NotAllowed as error:
            yield world.problem(key, ("spec", "clusterRef"), error.message, Rule.GRANT, of_key=True)
            continue
        if key.kind == TOPIC:
            yield from _topic(world, key, grant)
        elif key.kind == SERVICE_BINDING:
            yield from _binding(world, key, grant)
        elif key.kind == SCHEMA and grant is not None and (name := subject(world, key)) is not None:
            try:
                grant.check_subject(name, world.cluster_of(key))
            except NotAllowed as error:
                yield world.problem(key, where(world, key, "subject"), error.message, Rule.GRANT)
    for policy in policies:
        if isinstance(wrong := policy.sources, KafkadeError):
            path = _of_topic(policy.rule, wrong)
            yield world.problem(policy.rule.key, path, wrong.message, _RULE_OF[type(wrong)])


def where(world: World, key: Key, field: str) -> Path:
    """The field that a name comes from: ``field``, where it is given."""
    return ("spec", field) if field in world.resources[key].spec else ("metadata", "name")


def _topic(world: World, key: Key, grant: Grant | None) -> Iterator[Problem]:
    resource, cluster = world.resources[key], world.cluster(key)
    name, path = topic_name(resource), where(world, key, "topicName")
    try:
        check_topic_name(name)
        if grant is not None:
            grant.check_topic(name, world.cluster_of(key))
    except (NamingRefused, NotAllowed) as error:
        yield world.problem(key, path, error.message, _RULE_OF[type(error)])
        return
    if cluster is None:
        return
    if (why := naming_violation(cluster.naming, name)) is not None:
        warning = cluster.naming is not None and cluster.naming.mode == "Warn"
        yield world.problem(key, path, why, Rule.NAME, warning=warning)


def _binding(world: World, key: Key, grant: Grant | None) -> Iterator[Problem]:
    """Names that a service binding gives itself; those of its KafkaTopics are looked at there."""
    spec, cluster = world.spec(key, KafkaServiceBindingSpec), world.cluster_of(key)
    checks: list[tuple[Path, Callable[[], None]]] = []
    for field, topics in (("produces", spec.produces), ("consumes", spec.consumes)):
        for index, topic in enumerate(topics or ()):
            path: Path = ("spec", field, index)
            if topic.topic is not None:
                checks.append(((*path, "topic"), partial(check_topic_name, topic.topic)))
            if topic.prefix is not None:
                checks.append(((*path, "prefix"), partial(check_prefix, topic.prefix, f"spec.{field}[{index}]")))
            name = topic.topic or topic.prefix
            if grant is not None and name is not None:
                checks.append((path, partial(grant.check_topic, name, cluster)))
    if grant is not None and spec.consumes:
        groups = enumerate(groups_of(world.resources[key], spec))
        checks += [(("spec", "groups", i), partial(grant.check_group, group, cluster)) for i, group in groups]
    if grant is not None and (ids := spec.transactional_id_prefix) is not None:
        checks.append((("spec", "transactionalIdPrefix"), partial(grant.check_group, ids, cluster, "transactional id")))
    for path, checked in checks:
        try:
            checked()
        except (NamingRefused, NotAllowed) as error:
            yield world.problem(key, path, error.message, _RULE_OF[type(error)])


def policies(world: World) -> list[Policy]:
    """The policies that their clusters let in, by cluster."""
    found = []
    for cluster in dict.fromkeys(world.cluster_of(key) for key in world.of_kind(DLQ_POLICY)):
        topics = _topics(world, cluster)
        for rule in topics.rules:
            sources: Sequence[str] | DeadLetterLoop | NotAllowed
            try:
                sources = matched(rule, topics)
            except (DeadLetterLoop, NotAllowed) as error:
                sources = error
            found.append(Policy(cluster, rule, sources))
    return found


def _rules(world: World, cluster: Key) -> Iterator[PolicyRule]:
    """The policies of a cluster. A namespace of which nothing is known may use any name."""
    for key in world.of_kind(DLQ_POLICY):
        if world.cluster_of(key) != cluster:
            continue
        try:
            grant = world.grant(key) or Grant()
        except NotAllowed:
            continue
        yield PolicyRule(key, str(key), "", world.spec(key, KafkaDLQPolicySpec), grant)


def _topics(world: World, cluster: Key) -> Topics:
    """The policies of a cluster and its topics, which are those that are declared."""
    by_name: dict[str, tuple[Resource, ...]] = {}
    for key in world.of_kind(TOPIC):
        if world.cluster_of(key) == cluster:
            resource = world.resources[key]
            by_name[topic_name(resource)] = (*by_name.get(topic_name(resource), ()), resource)
    return Topics((), by_name, tuple(_rules(world, cluster)))


def _of_topic(rule: PolicyRule, error: KafkadeError) -> Path:
    """The item of spec.topics that an error speaks of."""
    words = error.message.replace(":", " ").split()
    return next((("spec", "topics", i) for i, t in enumerate(rule.spec.topics or ()) if t in words), ("spec", "topics"))
