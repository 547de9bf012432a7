"""Facts about share groups: whether the brokers write their dead letters at all, and how the groups are set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError, NotSupportedByCluster
from kafkade.clients.connection import Connection
from kafkade.clients.kafka_features import SHARE_VERSION
from kafkade.clients.model import ConfigEntry
from kafkade.dlq.observe import broker_setting
from kafkade.dlq.share.desired import NAME_PREFIX, TOPIC_NAME

NEEDED_LEVEL = 2
"""Of share.version: from here on brokers write dead letters (KIP-1191)."""


@dataclass(frozen=True, slots=True)
class ShareFacts:
    """``configs``: each group's settings, defaults included. ``prefix``: None where it could not be read."""

    configs: Mapping[str, Mapping[str, ConfigEntry] | KafkadeError] = field(default_factory=dict)
    prefix: str | None = None
    error: KafkadeError | None = None
    """Why nothing can be done for any group."""


async def observe(connection: Connection, groups: Collection[str]) -> ShareFacts:
    """Facts about the ``groups``; nothing is asked when there are none.

    Raises:
        KafkaError: no answer at all.
    """
    if not groups:
        return ShareFacts()
    features = await connection.kafka.features() or {}
    level = features.get(SHARE_VERSION, 0)
    if features and (not isinstance(level, int) or level < NEEDED_LEVEL):
        return ShareFacts(error=_unsupported(f"this cluster has {SHARE_VERSION} {level}"))
    configs = await connection.kafka.group_configs(sorted(groups))
    if any(not isinstance(found, KafkadeError) and TOPIC_NAME not in found for found in configs.values()):
        return ShareFacts(error=_unsupported(f"these brokers know no group setting {TOPIC_NAME}"))
    return ShareFacts(configs, await broker_setting(connection, NAME_PREFIX))


def _unsupported(found: str) -> NotSupportedByCluster:
    return NotSupportedByCluster(
        f"dead letters of share groups (KIP-1191) need Kafka 4.4 with the feature {SHARE_VERSION} at {NEEDED_LEVEL}"
        f" (kafka-features.sh upgrade --feature {SHARE_VERSION}={NEEDED_LEVEL}), and {found}"
    )
