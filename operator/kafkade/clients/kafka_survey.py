"""Thousands of topics in a request or two: Metadata, and DescribeConfigs of the settings that matter.

Answers are read piece by piece, and what many topics have alike is kept once: some 0.4 KB a topic. Blocking: called in
:class:`kafkade.clients.kafka_python.KafkaPython`'s worker thread.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from kafka.admin import ConfigResourceType

from kafkade.clients.kafka_pieces import ConfigsInPieces, MetadataInPieces
from kafkade.clients.model import (
    BrokerNode,
    ClusterDescription,
    ConfigEntry,
    ConfigSource,
    Health,
    Partition,
    TopicDescription,
    TopicState,
)

AT_ONCE = 20_000
"""Topics that one request asks for at most: answers of some hundred bytes a topic and partition stay far below 100 MB, which is
as much as clients take."""

PER_TOPIC = 0.001
"""Seconds that a request may take longer for each of its topics."""

WITH_IDS = 10
"""The version of Metadata that tells topics' ids first (KIP-516, Kafka 2.8)."""

BEFORE_ERRORS = 12
"""The version of Metadata behind which an error of the whole answer comes at its end."""

_SOURCES = {
    1: ConfigSource.TOPIC,
    2: ConfigSource.BROKER,
    3: ConfigSource.DEFAULT_BROKER,
    4: ConfigSource.STATIC_BROKER,
    5: ConfigSource.DEFAULT,
}


class Refused(NamedTuple):
    """Kafka's error for one topic. ``settings``: whether the one for its settings."""

    code: int
    text: str | None
    settings: bool


def overview(client: Any) -> ClusterDescription:
    """The brokers, and how all topics are that the principal may describe; none of them is kept.

    Raises:
        kafka.errors.KafkaError: no answer.
    """
    request = MetadataInPieces(topics=None, allow_auto_topic_creation=False, max_version=BEFORE_ERRORS)
    answer = client._manager.run(client._manager.send, request)
    topics = partitions = under_replicated = offline = 0
    for topic in answer:
        topics += 1
        for partition in topic.partitions:
            partitions += 1
            under_replicated += len(partition.isr_nodes) < len(partition.replica_nodes)
            offline += partition.leader_id < 0
    brokers = sorted(answer.brokers, key=lambda broker: broker.node_id)
    return ClusterDescription(
        answer.cluster_id,
        answer.controller_id if answer.controller_id >= 0 else None,
        tuple(BrokerNode(b.node_id, b.host, b.port, b.rack) for b in brokers),
        Health(topics, partitions, under_replicated, offline),
    )


def survey(client: Any, keys: Mapping[str, Collection[str]], timeout: float) -> dict[str, TopicState | Refused]:
    """The topics of these names, with these of their settings; a setting that the broker does not know is missing.

    ``timeout``: seconds that a request for next to nothing may take.

    Raises:
        kafka.errors.KafkaError: no answer.
    """
    names = iter(keys)
    found: dict[str, TopicState | Refused] = {}
    while asked := list(islice(names, AT_ONCE)):
        within = timeout + PER_TOPIC * len(asked)
        described = dict(_described(client._manager, asked, within))
        settings = dict(_configured(client._manager, {n: keys[n] for n in asked if _is_there(described, n)}, within))
        for name, topic in described.items():
            configs = settings.get(name, {})
            if isinstance(topic, Refused):
                found[name] = topic
            else:
                found[name] = configs if isinstance(configs, Refused) else TopicState(topic, configs)
    return found


def _is_there(described: Mapping[str, TopicDescription | Refused], name: str) -> bool:
    return isinstance(described.get(name), TopicDescription)


def _described(
    manager: Any, names: Collection[str], timeout: float
) -> Iterator[tuple[str, TopicDescription | Refused]]:
    topic = MetadataInPieces.MetadataRequestTopic
    request = MetadataInPieces(
        topics=[topic(name=name) for name in names],
        allow_auto_topic_creation=False,
        min_version=WITH_IDS,
        max_version=BEFORE_ERRORS,
    )
    alike: dict[tuple[Partition, ...], tuple[Partition, ...]] = {}
    for found in manager.run(manager.send, request, None, 1000 * timeout):
        if found.error_code != 0:
            yield found.name, Refused(found.error_code, None, settings=False)
            continue
        partitions = tuple(partition_of(p) for p in sorted(found.partitions, key=lambda p: p.partition_index))
        yield (
            found.name,
            TopicDescription(
                found.name, _id(found.topic_id), alike.setdefault(partitions, partitions), internal=found.is_internal
            ),
        )


def partition_of(found: Any) -> Partition:
    """A partition in an answer of Metadata."""
    leader = found.leader_id if found.leader_id >= 0 else None
    return Partition(tuple(found.replica_nodes), tuple(found.isr_nodes), leader)


def _id(found: Any) -> str:
    """As Kafka's own tools print it."""
    return urlsafe_b64encode(found.bytes).decode().rstrip("=")


def _configured(
    manager: Any, keys: Mapping[str, Collection[str]], timeout: float
) -> Iterator[tuple[str, Mapping[str, ConfigEntry] | Refused]]:
    wanted = [(ConfigResourceType.TOPIC, name, sorted(each)) for name, each in keys.items() if each]
    if not wanted:
        return
    request = ConfigsInPieces(resources=wanted, min_version=1)
    alike: dict[tuple[tuple[str, ConfigEntry], ...], dict[str, ConfigEntry]] = {}
    for found in manager.run(manager.send, request, None, 1000 * timeout):
        if found.error_code != 0:
            yield found.resource_name, Refused(found.error_code, found.error_message, settings=True)
            continue
        settings = entries(found)
        yield found.resource_name, alike.setdefault(tuple(settings.items()), settings)


def entries(found: Any) -> dict[str, ConfigEntry]:
    """The settings in one answer of DescribeConfigs."""
    return {
        entry.name: ConfigEntry(
            entry.value, _SOURCES.get(entry.config_source, ConfigSource.OTHER), entry.read_only, entry.is_sensitive
        )
        for entry in found.configs
    }
