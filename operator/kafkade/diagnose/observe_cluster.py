"""Facts about a cluster. What the principal may not see is left out, and said."""

from __future__ import annotations

from collections.abc import Mapping

from kafkade.api.errors import KafkadeError, NotSupportedByCluster
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ConfigEntry, TopicDescription
from kafkade.diagnose.cluster import ClusterFacts
from kafkade.diagnose.looking import unless
from kafkade.diagnose.topic import MIN_ISR


async def observe(kafka: KafkaAdmin) -> ClusterFacts:
    """Look at a cluster.

    Raises:
        KafkaError: no answer at all.
    """
    unread: dict[str, KafkadeError] = {}
    cluster = await kafka.describe_cluster()
    names = await kafka.topics()
    described = await kafka.describe_topics(names)
    topics = {name: found for name, found in described.items() if isinstance(found, TopicDescription)}
    replication = await unless(kafka.replication(), "quorum", unread)
    if replication is None and isinstance(unread.get("quorum"), NotSupportedByCluster):
        del unread["quorum"]  # ZooKeeper
    min_isr = dict(replication.min_isr) if replication is not None else await _min_isr(kafka, topics)
    configs: dict[int, Mapping[str, ConfigEntry]] = {}
    for broker in cluster.brokers:
        found = await unless(kafka.broker_configs(broker.id), f"settings of broker {broker.id}", unread)
        if found is not None:
            configs[broker.id] = found
    disks = await unless(kafka.log_dirs(), "disks", unread)
    versions = await unless(kafka.versions(), "versions", unread)
    return ClusterFacts(
        cluster,
        topics,
        min_isr,
        None if replication is None else replication.quorum,
        configs,
        None if disks is None else tuple(disks),
        versions or {},
        await kafka.features() or {},
        unread,
    )


async def _min_isr(kafka: KafkaAdmin, topics: Mapping[str, TopicDescription]) -> dict[str, int]:
    found = {}
    for name, configs in (await kafka.topic_configs(topics)).items():
        if not isinstance(configs, KafkadeError) and MIN_ISR in configs and configs[MIN_ISR].value:
            found[name] = int(configs[MIN_ISR].value or 1)
    return found
