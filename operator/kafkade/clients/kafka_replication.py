"""What decides whether a broker can be spared: replicas, in-sync replicas, min.insync.replicas and the quorum's voters.

A broker that lags behind, or that just started, still shows what was so before. So every broker is asked, one by one, and
the least favourable answer counts: a replica is in sync, and a broker is up, only when all of them say so, and a topic's
min.insync.replicas is the highest that one of them would go by. That differs from broker to broker while a new value of the
brokers' own default is rolled out.

Blocking: called in :class:`kafkade.clients.kafka_python.KafkaPython`'s worker thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import errors as foreign
from kafka.admin import ConfigResourceType
from kafka.protocol.admin import DescribeConfigsRequest, DescribeQuorumRequest
from kafka.protocol.metadata import MetadataRequest

from kafkade.clients.kafka_survey import partition_of
from kafkade.clients.model import Partition, Quorum, Replication, Voter

MIN_ISR = "min.insync.replicas"

_METADATA_LOG = "__cluster_metadata"
_UNKNOWN_TOPIC = 3


@dataclass(frozen=True, slots=True)
class View:
    """What one broker says: which brokers are up, each topic's partitions by number, and what it takes for min ISR."""

    brokers: frozenset[int]
    topics: Mapping[str, Mapping[int, Partition]]
    min_isr: Mapping[str, int]


def read(client: Any) -> Replication:
    """Ask every broker, and the active controller.

    Raises:
        kafka.errors.KafkaError: one of them did not answer, or refused to; then nothing is known.
    """
    manager = client._manager
    manager.run(manager.cluster.refresh_metadata)
    brokers = [broker.node_id for broker in manager.cluster.brokers()]
    # what may change any moment is asked last: with many topics the settings take a while
    names = [topic.name for topic in _metadata(manager, None).topics]
    min_isr = {broker: _min_isr(manager, broker, names) for broker in brokers}
    views = {broker: _view(_metadata(manager, broker), min_isr[broker]) for broker in brokers}
    return combined(views, quorum(client))


def quorum(client: Any) -> Quorum:
    """DescribeQuorum (KIP-595, KIP-836), which brokers hand on to the active controller."""
    topic = DescribeQuorumRequest.TopicData
    # version 1 is what all of 3.3 to 4.x have, whichever of them answers while brokers are upgraded one by one
    request = DescribeQuorumRequest(
        topics=[topic(topic_name=_METADATA_LOG, partitions=[topic.PartitionData(partition_index=0)])], max_version=1
    )
    response = client._manager.run(client._manager.send, request)
    _check(response.error_code)
    partition = response.topics[0].partitions[0]
    _check(partition.error_code)
    caught_up = {voter.replica_id: voter.last_caught_up_timestamp for voter in partition.current_voters}
    return Quorum(
        partition.leader_id if partition.leader_id >= 0 else None,
        tuple(Voter(id_, _behind(then, caught_up.get(partition.leader_id, -1))) for id_, then in caught_up.items()),
    )


def combined(views: Mapping[int, View], voters: Quorum) -> Replication:
    """The least favourable of what the brokers say, by the broker that says it. Pure."""
    brokers = frozenset(views)
    for view in views.values():
        brokers &= view.brokers
    names = {name for view in views.values() for name in view.topics}
    topics = {name: _partitions([view.topics.get(name, {}) for view in views.values()]) for name in sorted(names)}
    known: dict[str, int] = {}
    for view in views.values():
        for name, value in view.min_isr.items():
            known[name] = max(value, known.get(name, value))
    missing = names - known.keys()
    if missing:
        raise foreign.UnknownTopicOrPartitionError(f"topic {min(missing)} comes or goes right now")
    return Replication(brokers, topics, known, voters)


def _partitions(views: Sequence[Mapping[int, Partition]]) -> tuple[Partition, ...]:
    return tuple(
        _partition([view.get(number, _NOT_THERE) for view in views])
        for number in sorted({number for view in views for number in view})
    )


def _partition(views: Sequence[Partition]) -> Partition:
    replicas = dict.fromkeys(id_ for view in views for id_ in view.replicas)
    in_sync = [id_ for id_ in views[0].isr if all(id_ in view.isr for view in views)]
    leaders = {view.leader for view in views}
    return Partition(tuple(replicas), tuple(in_sync), leaders.pop() if len(leaders) == 1 else None)


_NOT_THERE = Partition((), (), None)
"""A partition that a broker knows nothing of yet."""


def _metadata(manager: Any, broker: int | None) -> Any:
    """All topics and the brokers that are up, as one broker has them; None: whichever."""
    # versions of requests that all brokers from 3.5 on have: they need not be of one version
    request = MetadataRequest(topics=None, allow_auto_topic_creation=False, max_version=9)
    return manager.run(manager.send, request, broker)


def _view(metadata: Any, min_isr: Mapping[str, int]) -> View:
    topics = {}
    for topic in metadata.topics:
        _check(topic.error_code, topic.name)
        topics[topic.name] = {p.partition_index: partition_of(p) for p in topic.partitions}
    return View(frozenset(b.node_id for b in metadata.brokers), topics, min_isr)


def _min_isr(manager: Any, broker: int, topics: Iterable[str]) -> dict[str, int]:
    """By topic, as this broker would go by it; a topic that is gone meanwhile is left out."""
    wanted = [(ConfigResourceType.TOPIC, name, [MIN_ISR]) for name in topics]
    if not wanted:
        return {}
    request = DescribeConfigsRequest(resources=wanted, min_version=1, max_version=4)
    found = {}
    for result in manager.run(manager.send, request, broker).results:
        if result.error_code != _UNKNOWN_TOPIC:
            _check(result.error_code, result.resource_name)
            if not result.configs:
                raise foreign.UnsupportedVersionError(f"these brokers have no {MIN_ISR}")
            found[result.resource_name] = int(result.configs[0].value)
    return found


def _behind(then: int, now: int) -> int | None:
    """Milliseconds; None where the leader does not know when it last had all, or of no leader."""
    return None if then < 0 or now < 0 else max(0, now - then)


def _check(code: int, topic: str = "") -> None:
    if code != 0:
        error = foreign.for_code(code)
        raise error(f"topic {topic}: {error.__name__}" if topic else error.__name__)
