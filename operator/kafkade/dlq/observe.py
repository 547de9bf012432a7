"""Facts for a batch of policies: the cluster's topics, the sources' limits, and how many dead letters wait."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError, KafkaRequestFailed
from kafkade.api.values import number
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin
from kafkade.dlq.depth import Depth, depth
from kafkade.dlq.desired import SourceFacts
from kafkade.dlq.redrive.keep import LedgerFacts
from kafkade.dlq.redrive.ledger import group_of

log = logging.getLogger("kafkade.dlq")

MAX_MESSAGE_BYTES = "max.message.bytes"
BROKERS_MAX_MESSAGE_BYTES = "message.max.bytes"
"""Setting of the brokers: what topics have that have no max.message.bytes of their own."""


@dataclass(frozen=True, slots=True)
class DepthFacts:
    """Depths and ledgers by dead-letter topic; ``error``: why they are not known this time."""

    depths: Mapping[str, Depth] = field(default_factory=dict)
    ledgers: Mapping[str, LedgerFacts] = field(default_factory=dict)
    error: KafkadeError | None = None


async def sources(kafka: KafkaAdmin, partitions: Mapping[str, int], names: Collection[str]) -> dict[str, SourceFacts]:
    """Facts about those of the ``names`` that are topics.

    Raises:
        KafkaError: no answer at all.
    """
    present = [name for name in names if name in partitions]
    configs = await kafka.topic_configs(present)
    facts = {}
    for name in present:
        found = configs[name]
        entry = None if isinstance(found, KafkadeError) else found.get(MAX_MESSAGE_BYTES)
        facts[name] = SourceFacts(partitions[name], None if entry is None else number(entry.value))
    return facts


async def broker_setting(connection: Connection, name: str) -> str | None:
    """A setting that all brokers have alike, as the first one that answers has it; None where it cannot be read.

    A missing right must not keep the topics from being kept, so an error is no more than a line of the log.
    """
    for broker in connection.description.brokers:
        try:
            found = (await connection.kafka.broker_configs(broker.id)).get(name)
        except KafkaRequestFailed:
            continue  # this broker is down
        except KafkadeError as error:
            log.info("%s of the brokers is not known: %s", name, error.message)
            return None
        return None if found is None else found.value or ""
    return None


async def depths(kafka: KafkaAdmin, partitions: Mapping[str, int], names: Collection[str]) -> DepthFacts:
    """How many dead letters wait in those of the ``names`` that are topics.

    A missing right must not keep the topics from being kept, so an error is a fact here.
    """
    present = [name for name in names if partitions.get(name)]
    try:
        offsets = await kafka.offsets({name: range(partitions[name]) for name in present})
        committed = await kafka.committed([group_of(name) for name in present])
        ledgers = {name: committed.get(group_of(name), {}) for name in present}
        return DepthFacts({name: depth(name, offsets, found) for name, found in ledgers.items()}, ledgers)
    except KafkadeError as error:
        log.info("dead letters are not counted this time: %s", error.message)
        return DepthFacts(error=error)
