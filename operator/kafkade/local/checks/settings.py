"""Settings of topics, as far as they can be judged without a broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kafkade.api.errors import InvalidConfig
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, TOPIC
from kafkade.api.objects import Key
from kafkade.api.topic import KafkaTopicSpec
from kafkade.local.admission import Path
from kafkade.local.checks.world import World
from kafkade.local.problems import Problem, Rule
from kafkade.topics.desired import desired
from kafkade.topics.plan import check_minimum
from kafkade.topics.settings import KNOWN, undeclared, unknown_key_message

_PATHS: Mapping[str, Path] = {
    CLUSTER: ("spec", "topicDefaults", "config"),
    TOPIC: ("spec", "config"),
    DLQ_POLICY: ("spec", "deadLetterTopics", "config"),
}


def check(world: World) -> Iterator[Problem]:
    """Settings of all resources that have some."""
    for key in world.resources:
        if (path := _PATHS.get(key.kind)) is None:
            continue
        for name in undeclared(_config(world, key), KNOWN):
            message = unknown_key_message(name, who="Kafka 3.5 to 4.4 knows")
            yield world.problem(key, (*path, name), message, Rule.SETTING, of_key=True, warning=True)
    for key in world.of_kind(TOPIC):
        yield from _replicas(world, key)


def _config(world: World, key: Key) -> Mapping[str, str]:
    node = world.resources[key].spec
    for step in _PATHS[key.kind][1:]:
        node = node.get(str(step)) or {}
    return node


def _replicas(world: World, key: Key) -> Iterator[Problem]:
    cluster = world.cluster(key)
    if cluster is None:
        return
    wanted = desired(world.resources[key], world.spec(key, KafkaTopicSpec), cluster)
    try:
        check_minimum(wanted, wanted.new_replication_factor)
    except InvalidConfig as error:
        path = ("spec", "config", "min.insync.replicas")
        # a topic that is there already may have more replicas than the cluster's default
        by_default = wanted.replication_factor is None
        yield world.problem(key, path, error.message, Rule.REPLICAS, of_key=True, warning=by_default)
