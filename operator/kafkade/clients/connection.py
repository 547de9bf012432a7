"""A working connection to one KafkaCluster: its clients, what its spec says and what was last seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.objects import Key
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ClusterDescription
from kafkade.clients.registry import RegistryClient


@dataclass(frozen=True, slots=True)
class Connection:
    """What a reconcile needs to reach one Kafka cluster and its registry."""

    key: Key
    """The KafkaCluster resource."""
    spec: KafkaClusterSpec
    description: ClusterDescription
    kafka: KafkaAdmin
    registry: RegistryClient | None
    registry_ca: str | None = None
    """The registry's own CA, PEM."""
    service_registry: tuple[str, str] | None = field(default=None, repr=False)
    """User name and password for the registry that services get."""
