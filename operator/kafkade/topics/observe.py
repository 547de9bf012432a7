"""Facts about the topics of a batch: one DescribeTopics, one DescribeConfigs, and only where replicas move, one list of moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
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
    is_marked: bool = False
    """Whether kafkade announced that this very topic becomes the resource's own (``marks.py``)."""


MANY = 200
"""Topics from which on only the settings that matter are asked for: each has forty, and all of them take time and memory."""


async def observe(
    kafka: KafkaAdmin, names: Collection[str], moving: Collection[str], keys: Mapping[str, Set[str]] | None = None
) -> dict[str, TopicFacts | KafkadeError]:
    """Facts by topic name; an error instead where Kafka answered one for that topic alone.

    ``moving``: names whose running reassignments are asked for as well. ``keys``: the settings that matter, by topic, so that
    of others there may be facts or none; None: all do.

    Raises:
        KafkaError: no answer at all (ClusterUnreachable, AuthenticationFailed, …).
    """
    descriptions = await kafka.describe_topics(names)
    present = [name for name, found in descriptions.items() if isinstance(found, TopicDescription)]
    if keys is None or len(present) <= MANY:
        configs: Mapping[str, Mapping[str, ConfigEntry] | KafkadeError] = await kafka.topic_configs(present)
    else:
        configs = await _settings(kafka, {name: keys[name] for name in present})
    there = set(present)
    listed = await kafka.reassignments([n for n in moving if n in there])
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


async def _settings(
    kafka: KafkaAdmin, keys: Mapping[str, Set[str]]
) -> Mapping[str, Mapping[str, ConfigEntry] | KafkadeError]:
    found = await kafka.topic_settings({name: wanted for name, wanted in keys.items() if wanted})
    # of a topic with a key that does not exist all are asked for: whoever is told shall be told what there is
    unknown = [
        name for name, entries in found.items() if not isinstance(entries, KafkadeError) and keys[name] - entries.keys()
    ]
    return found | await kafka.topic_configs(unknown)
