"""Facts about the topics of a batch: one DescribeTopics, one DescribeConfigs, and only where replicas move, one list of moves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field, replace

from kafkade.api.errors import KafkadeError, UnknownTopic
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ConfigEntry, PartitionMove, TopicDescription, TopicState


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What Kafka says of one topic. ``description`` None: there is no such topic."""

    description: TopicDescription | None
    configs: Mapping[str, ConfigEntry] = field(default_factory=dict)
    moves: Mapping[int, PartitionMove] = field(default_factory=dict)
    is_marked: bool = False
    """Whether kafkade announced that this very topic becomes the resource's own (``marks.py``)."""


Seen = TopicFacts | KafkadeError

MANY = 20
"""Topics from which on only what matters is asked for and kept: each has forty settings, and all take time and memory. Those of
200 topics keep Kafka busy for a tenth of a second, and the event loop for half of that."""


async def observe(
    kafka: KafkaAdmin, names: Collection[str], moving: Collection[str], keys: Mapping[str, Set[str]] | None = None
) -> dict[str, Seen]:
    """Facts by topic name; an error instead where Kafka answered one for that topic alone.

    ``moving``: names whose running reassignments are asked for as well. ``keys``: the settings that matter, by topic, so that
    of others there may be facts or none; None: all do.

    Raises:
        KafkaError: no answer at all (ClusterUnreachable, AuthenticationFailed, …).
    """
    if keys is None or len(names) <= MANY:
        facts = await _one_by_one(kafka, names)
    else:
        facts = await _together(kafka, {name: keys[name] for name in names})
    listed = await kafka.reassignments([n for n in moving if _is_there(facts.get(n))])
    moves: dict[str, dict[int, PartitionMove]] = {}
    for (name, partition), move in listed.items():
        moves.setdefault(name, {})[partition] = move
    for name, running in moves.items():
        if isinstance(found := facts[name], TopicFacts):
            facts[name] = replace(found, moves=running)
    return facts


async def _one_by_one(kafka: KafkaAdmin, names: Collection[str]) -> dict[str, Seen]:
    """With all their settings."""
    descriptions = await kafka.describe_topics(names)
    present = [name for name, found in descriptions.items() if isinstance(found, TopicDescription)]
    configs = await kafka.topic_configs(present)
    return {name: _facts(found, configs.get(name, {})) for name, found in descriptions.items()}


async def _together(kafka: KafkaAdmin, keys: Mapping[str, Set[str]]) -> dict[str, Seen]:
    """With the settings that matter."""
    facts = await survey(kafka, keys)
    # of a topic with a key that does not exist all are asked for: whoever is told shall be told what there is
    unknown = {
        name: found.description
        for name, found in facts.items()
        if isinstance(found, TopicFacts) and found.description is not None and not keys[name] <= found.configs.keys()
    }
    for name, entries in (await kafka.topic_configs(unknown)).items():
        facts[name] = _facts(unknown[name], entries)
    return facts


async def survey(kafka: KafkaAdmin, keys: Mapping[str, Set[str]]) -> dict[str, Seen]:
    """Facts of many topics, with some of their settings; a key that the broker does not know is missing.

    Raises:
        KafkaError: no answer at all.
    """
    answers = await kafka.survey(keys)
    return {
        name: _facts(found.description, found.configs) if isinstance(found, TopicState) else _facts(found, {})
        for name, found in answers.items()
    }


async def described(kafka: KafkaAdmin, names: Collection[str]) -> Mapping[str, TopicDescription | KafkadeError]:
    """Topics without their settings.

    Raises:
        KafkaError: no answer at all.
    """
    if len(names) <= MANY:
        return await kafka.describe_topics(names)
    answers = await kafka.survey(dict.fromkeys(names, ()))
    return {name: found.description if isinstance(found, TopicState) else found for name, found in answers.items()}


def knows(found: Seen, keys: Set[str]) -> bool:
    """Whether there are facts of all these settings of a topic that is there."""
    return isinstance(found, TopicFacts) and found.description is not None and keys <= found.configs.keys()


def _facts(found: TopicDescription | KafkadeError, configs: Mapping[str, ConfigEntry] | KafkadeError) -> Seen:
    if isinstance(found, UnknownTopic) or isinstance(configs, UnknownTopic):
        return TopicFacts(None)
    if isinstance(found, KafkadeError):
        return found
    return configs if isinstance(configs, KafkadeError) else TopicFacts(found, configs)


def _is_there(found: Seen | None) -> bool:
    return isinstance(found, TopicFacts) and found.description is not None
