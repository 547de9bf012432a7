"""A Kafka cluster, a registry and an engine in memory, for the parts that decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Key, Resource
from kafkade.clients.model import BrokerNode, ClusterDescription, ConfigEntry, ConfigSource, Health
from kafkade.clients.registry import RegistryProbe

KEY = Key("KafkaCluster", "shop", "main")
NOW = "2026-01-01T00:00:00Z"

KNOWN = {
    "message.max.bytes": ConfigEntry("1048588", ConfigSource.DEFAULT),
    "log.retention.ms": ConfigEntry(None, ConfigSource.DEFAULT),
    "log.cleanup.policy": ConfigEntry("delete", ConfigSource.DEFAULT),
    "unclean.leader.election.enable": ConfigEntry("false", ConfigSource.DEFAULT),
    "process.roles": ConfigEntry("broker", ConfigSource.STATIC_BROKER, read_only=True),
    "num.partitions": ConfigEntry("1", ConfigSource.DEFAULT, read_only=True),
    "listener.name.set.max.connections": ConfigEntry("5", ConfigSource.DEFAULT_BROKER, read_only=True),
    "ssl.keystore.password": ConfigEntry(None, ConfigSource.DEFAULT, sensitive=True),
}
BROKERS = tuple(BrokerNode(n, f"kafka-{n}", 9092, None) for n in (1, 2, 3))
FEATURES: Mapping[str, int | str] = {"metadata.version": "4.1-IV1", "share.version": 1}


def entry(value: str) -> ConfigEntry:
    """A cluster-wide setting."""
    return ConfigEntry(value, ConfigSource.DEFAULT_BROKER)


def resource(spec: Mapping[str, Any] | None = None, status: Mapping[str, Any] | None = None, **more: Any) -> Resource:
    """KafkaCluster shop/main."""
    values: dict[str, Any] = {
        "key": KEY,
        "uid": "u1",
        "generation": 1,
        "resource_version": "1",
        "created": NOW,
        "deleted": None,
        "finalizers": (),
        "labels": {},
        "annotations": {},
        "spec": {"bootstrapServers": "kafka:9092", **(spec or {})},
        "status": status or {},
    }
    return Resource(**{**values, **more})


class FakeKafka:
    """The part of KafkaAdmin that clusters use. ``errors``: method name -> what it raises."""

    def __init__(self, defaults: Mapping[str, str] | None = None, **errors: KafkadeError) -> None:
        self.defaults = dict(defaults or {})
        self.errors = errors
        self.health_now = Health(topics=12, partitions=40, under_replicated=0, offline=0)
        self.features_now: Mapping[str, int | str] | None = dict(FEATURES)
        self.calls: list[str] = []
        self.down: frozenset[int] = frozenset()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.errors:
            raise self.errors[name]

    async def describe_cluster(self) -> ClusterDescription:
        self._called("describe_cluster")
        return ClusterDescription("kraft-id", 2, BROKERS, self.health_now)

    async def features(self) -> Mapping[str, int | str] | None:
        self._called("features")
        return self.features_now

    async def broker_configs(self, broker: int) -> Mapping[str, ConfigEntry]:
        self.calls.append(f"broker_configs {broker}")
        if broker in self.down:
            raise self.errors["broker_configs"]
        return KNOWN

    async def default_broker_configs(self) -> Mapping[str, ConfigEntry]:
        self._called("default_broker_configs")
        return {key: entry(value) for key, value in self.defaults.items()}

    async def alter_default_broker_configs(self, changes: Mapping[str, str | None]) -> None:
        self._called(f"alter {dict(changes)}" if changes else "nothing to alter")
        if "alter" in self.errors:
            raise self.errors["alter"]
        for key, value in changes.items():
            if value is None:
                self.defaults.pop(key, None)
            else:
                self.defaults[key] = value

    @property
    def altered(self) -> list[str]:
        """The changes that were asked for."""
        return [c for c in self.calls if c.startswith("alter ")]


class FakeRegistry:
    """A registry that answers its probe with what it was given."""

    def __init__(self, answer: RegistryProbe | KafkadeError) -> None:
        self.answer = answer

    async def probe(self) -> RegistryProbe:
        if isinstance(self.answer, KafkadeError):
            raise self.answer
        return self.answer


class FakeContext:
    """The engine's clock, which moves on at each look."""

    def __init__(self) -> None:
        self.minute = 0
        self.announced: list[dict[str, Any]] = []

    async def announce(self, _: Resource, fields: Mapping[str, Any]) -> None:
        self.announced.append(dict(fields))

    def now(self) -> str:
        self.minute += 1
        return f"2026-01-01T00:{self.minute:02}:00Z"
