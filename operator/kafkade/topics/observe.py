"""Facts about the topics of a batch: one DescribeTopics, one DescribeConfigs, and only where replicas move, one list of moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError, UnknownTopic
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ConfigEntry, PartitionMove, TopicDescription


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What Kafka says of one topic. ``description`` None: there is no such topic."""

    description: TopicDescription | None
    configs: Mapping[str, ConfigEntry] = field(default_factory=dict)
    moves: Mapping[int, PartitionMove] = field(default_factory=dict)


async def observe(
    kafka: KafkaAdmin, names: Collection[str], moving: Collection[str]
) -> dict[str, TopicFacts | KafkadeError]:
    """Facts by topic name; an error instead where Kafka answered one for that topic alone.

    ``moving``: names whose running reassignments are asked for as well.

    Raises:
        KafkaError: no answer at all (ClusterUnreachable, AuthenticationFailed, …).
    """
    descriptions = await kafka.describe_topics(names)
    present = [name for name, found in descriptions.items() if isinstance(found, TopicDescription)]
    configs = await kafka.topic_configs(present)
    listed = await kafka.reassignments([n for n in moving if n in set(present)])
    moves: dict[str, dict[int, PartitionMove]] = {}
    for (name, partition), move in listed.items():
        moves.setdefault(name, {})[partition] = move
    facts: dict[str, TopicFacts | KafkadeError] = {}
    for name, found in descriptions.items():
        entries = configs.get(name, {})
        if isinstance(found, UnknownTopic) or isinstance(entries, UnknownTopic):
            facts[name] = TopicFacts(None)
        elif isinstance(found, KafkadeError):
            facts[name] = found
        elif isinstance(entries, KafkadeError):
            facts[name] = entries
        else:
            facts[name] = TopicFacts(found, entries, moves.get(name, {}))
    return facts
