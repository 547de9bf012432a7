"""Whether what resources name is there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kafkade.api.binding import KafkaServiceBindingSpec
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import SecretNotFound
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, DLQ_REDRIVE, SCHEMA, SERVICE_BINDING, TOPIC
from kafkade.api.objects import Key
from kafkade.api.redrive import KafkaDLQRedriveSpec
from kafkade.api.schema import KafkaSchemaSpec
from kafkade.clusters.connect import access_of, secrets_of
from kafkade.dlq.match import is_pattern
from kafkade.local.admission import Path
from kafkade.local.checks.world import World
from kafkade.local.manifests import CONFIG_MAP
from kafkade.local.problems import Problem, Rule
from kafkade.local.words import nearest
from kafkade.topics.desired import topic_name

_FIELD = re.compile(r"which (spec\.[\w.]+) names")
"""The field that an error of a Secret speaks of."""


def check(world: World) -> Iterator[Problem]:
    """References of all resources."""
    for key in world.resources:
        if key.kind != CLUSTER:
            yield from _named(world, key, ("spec", "clusterRef"), world.cluster_of(key))
    for key in world.of_kind(CLUSTER):
        yield from _secrets(world, key)
    for key in world.of_kind(SCHEMA):
        yield from _schema(world, key)
    yield from _topics(world)
    for key in world.of_kind(SERVICE_BINDING):
        yield from _binding(world, key)
    for key in world.of_kind(DLQ_REDRIVE):
        policy = world.spec(key, KafkaDLQRedriveSpec).source.policy_ref
        if policy is not None:
            path = ("spec", "source", "policyRef")
            yield from _named(world, key, path, Key(DLQ_POLICY, key.namespace, policy.name))


def _named(world: World, key: Key, path: Path, named: Key) -> Iterator[Problem]:
    if not world.known(named) and not world.partial:
        others = {f"{k.namespace}/{k.name}" for k in world.manifests.documents if k.kind == named.kind}
        yield _missing(world, key, path, str(named), f"{named.namespace}/{named.name}", others)


def _missing(world: World, key: Key, path: Path, what: str, name: str, others: Iterable[str]) -> Problem:
    where = ".".join(str(step) for step in path)
    message = f"{where}: {what} is in none of the files{nearest(name, others)}"
    return world.problem(key, (*path, "name") if path[-1] != "topics" else path, message, Rule.REFERENCE)


def _secrets(world: World, key: Key) -> Iterator[Problem]:
    """Keys of Secrets that are among the files. Others come from elsewhere, as they should: a Secret is nothing for git."""
    spec = world.spec(key, KafkaClusterSpec)
    names = secrets_of(spec)
    here = {n: s for (namespace, n), s in world.manifests.secrets.items() if namespace == key.namespace}
    if not names or not names <= here.keys():
        return
    try:
        access_of(spec, here, key)
    except SecretNotFound as error:
        field = _FIELD.search(error.message)
        path: Path = tuple(field[1].split(".")) if field is not None else ("spec",)
        yield world.problem(key, path, error.message, Rule.REFERENCE, of_key=True)


def _schema(world: World, key: Key) -> Iterator[Problem]:
    spec = world.spec(key, KafkaSchemaSpec)
    if spec.topic_ref is not None:
        yield from _named(world, key, ("spec", "topicRef"), Key(TOPIC, key.namespace, spec.topic_ref.name))
    if spec.schema_from is not None:
        yield from _config_map(world, key, spec.schema_from.config_map_key_ref.name, spec)
    for index, reference in enumerate(spec.references):
        if reference.schema_ref is None:
            continue
        path = ("spec", "references", index, "schemaRef")
        other = Key(SCHEMA, key.namespace, reference.schema_ref.name)
        yield from _named(world, key, path, other)
        if other in world.resources and world.cluster_of(other) != world.cluster_of(key):
            message = f"reference {reference.name}: {other} belongs to another KafkaCluster, hence to another registry"
            yield world.problem(key, path, message, Rule.REFERENCE)


def _binding(world: World, key: Key) -> Iterator[Problem]:
    """The resources that a service binding names. Topics that it names by name can be anybody's."""
    spec = world.spec(key, KafkaServiceBindingSpec)
    named: list[tuple[Path, Key]] = []
    for field, topics in (("produces", spec.produces), ("consumes", spec.consumes)):
        for index, topic in enumerate(topics or ()):
            if topic.topic_ref is not None:
                other = Key(TOPIC, key.namespace, topic.topic_ref.name)
                named.append((("spec", field, index, "topicRef"), other))
    for index, schema in enumerate(spec.schemas):
        if schema.schema_ref is not None:
            named.append((("spec", "schemas", index, "schemaRef"), Key(SCHEMA, key.namespace, schema.schema_ref.name)))
    if spec.dlq_policy_ref is not None:
        named.append((("spec", "dlqPolicyRef"), Key(DLQ_POLICY, key.namespace, spec.dlq_policy_ref.name)))
    for path, other in named:
        yield from _named(world, key, path, other)
        if other in world.resources and world.cluster_of(other) != world.cluster_of(key):
            message = f"{'.'.join(map(str, path))}: {other} belongs to another KafkaCluster"
            yield world.problem(key, path, message, Rule.REFERENCE)


def _config_map(world: World, key: Key, name: str, spec: KafkaSchemaSpec) -> Iterator[Problem]:
    assert spec.schema_from is not None  # noqa: S101 -- the caller saw it
    path: Path = ("spec", "schemaFrom", "configMapKeyRef")
    texts = world.manifests.config_maps.get((key.namespace, name))
    if texts is None:
        yield from _named(world, key, path, Key(CONFIG_MAP, key.namespace, name))
    elif (wanted := spec.schema_from.config_map_key_ref.key) not in texts:
        message = (
            f"{'.'.join(map(str, path))}: ConfigMap {key.namespace}/{name} has no key {wanted}{nearest(wanted, texts)}"
        )
        yield world.problem(key, (*path, "key"), message, Rule.REFERENCE)


def _topics(world: World) -> Iterator[Problem]:
    """Topics that policies name one by one."""
    if world.partial:
        return
    if any(key.kind == TOPIC and key not in world.resources for key in world.manifests.documents):
        return  # a topic with a problem of its own may be the one: that comes first
    topics: dict[Key, set[str]] = defaultdict(set)
    for key in world.of_kind(TOPIC):
        topics[world.cluster_of(key)].add(topic_name(world.resources[key]))
    for key in world.of_kind(DLQ_POLICY):
        cluster = world.cluster_of(key)
        there = topics[cluster]
        for index, name in enumerate(world.spec(key, KafkaDLQPolicySpec).topics or ()):
            if not is_pattern(name) and name not in there:
                message = f"spec.topics: no KafkaTopic of the files is topic {name} of {cluster}{nearest(name, there)}"
                yield world.problem(key, ("spec", "topics", index), message, Rule.REFERENCE)
