"""What there is to export, in few requests; nothing is written in here."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kafkade.api.errors import ClusterUnreachable, KafkadeError
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clusters.observe import BrokerSettings, broker_settings
from kafkade.exports.model import Exported
from kafkade.topics.observe import TopicFacts, observe

_BATCH = 500
"""Topics that one request asks for: answers about many thousands take longer than a client waits."""

Told = Callable[[int, int], None]
"""Is told how many of how many are read."""


async def topic_facts(kafka: KafkaAdmin, names: Collection[str], told: Told) -> dict[str, TopicFacts | KafkadeError]:
    """Facts by topic; an error instead where Kafka answered one for that topic alone.

    Raises:
        KafkaError: no answer at all.
    """
    ordered = sorted(names)
    try:
        moving = await kafka.moving()
    except ClusterUnreachable:
        raise
    except KafkadeError:
        moving = True  # it may not be asked for all at once: then each is looked at
    found: dict[str, TopicFacts | KafkadeError] = {}
    for start in range(0, len(ordered), _BATCH):
        batch = ordered[start : start + _BATCH]
        found |= await _facts(kafka, batch, batch if moving else ())
        told(len(found), len(ordered))
    return found


async def _facts(
    kafka: KafkaAdmin, names: Collection[str], moving: Collection[str]
) -> dict[str, TopicFacts | KafkadeError]:
    try:
        return await observe(kafka, names, moving)
    except ClusterUnreachable:
        raise
    except KafkadeError:
        if not moving:
            raise
        return await observe(kafka, names, ())


async def settings(kafka: KafkaAdmin, found: Exported) -> BrokerSettings:
    """Settings of brokers; what may not be read is noted in ``found``.

    Raises:
        ClusterUnreachable: no answer at all.
    """
    answer = await broker_settings(kafka, await kafka.describe_cluster())
    if isinstance(answer, BrokerSettings):
        return answer
    if isinstance(answer, ClusterUnreachable):
        raise answer
    found.notes.append(f"KafkaCluster: spec.brokerConfig is left out: {answer.message}")
    return BrokerSettings({}, {})
