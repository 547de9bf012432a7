"""Whether resources may use the names that they use, by Kafka's rules, the cluster's policy and its allowed namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import DeadLetterLoop, KafkadeError, NamingRefused, NotAllowed
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant, check_topic_name, naming_violation
from kafkade.dlq.match import Rule as PolicyRule
from kafkade.dlq.match import World as Topics
from kafkade.dlq.match import matched
from kafkade.local.admission import Path
from kafkade.local.checks.subjects import subject
from kafkade.local.checks.world import World
from kafkade.local.problems import Problem, Rule
from kafkade.topics.desired import topic_name

_RULE_OF = {NotAllowed: Rule.GRANT, NamingRefused: Rule.NAME, DeadLetterLoop: Rule.DEAD_LETTERS}


def check(world: World) -> Iterator[Problem]:
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
        elif key.kind == SCHEMA and grant is not None and (name := subject(world, key)) is not None:
            try:
                grant.check_subject(name, world.cluster_of(key))
            except NotAllowed as error:
                yield world.problem(key, _where(world, key, "subject"), error.message, Rule.GRANT)
    yield from _policies(world)


def _where(world: World, key: Key, field: str) -> Path:
    """The field that a name comes from: ``field``, where it is given."""
    return ("spec", field) if field in world.resources[key].spec else ("metadata", "name")


def _topic(world: World, key: Key, grant: Grant | None) -> Iterator[Problem]:
    resource, cluster = world.resources[key], world.cluster(key)
    name, where = topic_name(resource), _where(world, key, "topicName")
    try:
        check_topic_name(name)
        if grant is not None:
            grant.check_topic(name, world.cluster_of(key))
    except (NamingRefused, NotAllowed) as error:
        yield world.problem(key, where, error.message, _RULE_OF[type(error)])
        return
    if cluster is None:
        return
    if (why := naming_violation(cluster.naming, name)) is not None:
        warning = cluster.naming is not None and cluster.naming.mode == "Warn"
        yield world.problem(key, where, why, Rule.NAME, warning=warning)


def policy_rules(world: World, cluster: Key) -> dict[Key, PolicyRule]:
    """The policies of a cluster as its matching takes them. A namespace of which nothing is known may use any name."""
    found = {}
    for key in world.of_kind(DLQ_POLICY):
        if world.cluster_of(key) != cluster:
            continue
        try:
            grant = world.grant(key) or Grant()
        except NotAllowed:
            continue
        found[key] = PolicyRule(key, str(key), "", world.spec(key, KafkaDLQPolicySpec), grant)
    return found


def topics_of(world: World, cluster: Key, rules: dict[Key, PolicyRule]) -> Topics:
    """The topics of a cluster as the matching of policies takes them: those that are declared."""
    by_name: dict[str, tuple[Resource, ...]] = {}
    for key in world.of_kind(TOPIC):
        if world.cluster_of(key) == cluster:
            resource = world.resources[key]
            by_name[topic_name(resource)] = (*by_name.get(topic_name(resource), ()), resource)
    return Topics((), by_name, tuple(rules.values()))


def _policies(world: World) -> Iterator[Problem]:
    for cluster in {world.cluster_of(key) for key in world.of_kind(DLQ_POLICY)}:
        rules = policy_rules(world, cluster)
        topics = topics_of(world, cluster, rules)
        for key, rule in rules.items():
            try:
                matched(rule, topics)
            except (DeadLetterLoop, NotAllowed) as error:
                yield world.problem(key, _of_topic(rule, error), error.message, _RULE_OF[type(error)])


def _of_topic(rule: PolicyRule, error: KafkadeError) -> Path:
    """The item of spec.topics that an error speaks of."""
    words = error.message.replace(":", " ").split()
    return next((("spec", "topics", i) for i, t in enumerate(rule.spec.topics or ()) if t in words), ("spec", "topics"))
