"""Facts about a cluster: who its brokers are, how its partitions are, what it can do, and whether its registry answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import ClusterUnreachable, KafkadeError, KafkaRequestFailed
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ClusterDescription, ConfigEntry
from kafkade.clients.registry import RegistryClient, RegistryProbe


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """``known``: every setting of one broker, to check keys with; ``defaults``: the cluster-wide ones that are set."""

    known: Mapping[str, ConfigEntry]
    defaults: Mapping[str, ConfigEntry]


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What Kafka and the registry say."""

    description: ClusterDescription
    features: Mapping[str, int | str] | None = field(default_factory=dict)
    """Finalized feature levels; empty when they cannot be had, None when there was no answer."""
    settings: BrokerSettings | KafkadeError | None = None
    """None when nobody asked; the error that only the settings met, a missing right for example."""
    registry: RegistryProbe | None = None


async def observe(kafka: KafkaAdmin, registry: RegistryClient | None, *, with_settings: bool) -> ClusterFacts:
    """Ask Kafka and, at the same time, the registry.

    Broker settings are asked for only ``with_settings``: a principal that may not read them needs no such right then.

    Raises:
        KafkaError: no broker answered, or refused to describe the cluster.
    """
    probing = None if registry is None else asyncio.ensure_future(_probe(registry))
    try:
        description = await kafka.describe_cluster()
        features = await kafka.features()
        settings = await broker_settings(kafka, description) if with_settings else None
        return ClusterFacts(description, features, settings, await probing if probing is not None else None)
    finally:
        if probing is not None and not probing.done():
            probing.cancel()


async def _probe(registry: RegistryClient) -> RegistryProbe:
    try:
        return await registry.probe()
    except KafkadeError as error:
        return RegistryProbe("Unknown", False, error.message)


async def broker_settings(kafka: KafkaAdmin, description: ClusterDescription) -> BrokerSettings | KafkadeError:
    """Settings of a broker that is up, and the cluster-wide ones; the error that kept them away instead."""
    refused: KafkadeError = ClusterUnreachable("no broker is up to ask for its settings")
    for broker in description.brokers:
        try:
            return BrokerSettings(await kafka.broker_configs(broker.id), await kafka.default_broker_configs())
        except KafkaRequestFailed as error:
            refused = error  # this broker just went down; another one knows the same settings
        except KafkadeError as error:
            return error
    return refused
