"""The KafkaTopics that a policy would make for topics that are themselves about to be made or changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from kafkade.api.common import parse
from kafkade.api.context import Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import AuthorizationFailed, KafkadeError, KafkaRequestFailed
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import Grant
from kafkade.clients.model import ConfigEntry, ConfigSource
from kafkade.dlq.foresee import Expected, plans
from unit.dlq.resources import policy

CLUSTER = Key("KafkaCluster", "shop", "main")
DOWN, DENIED = KafkaRequestFailed("down"), AuthorizationFailed("denied")
HEADROOM = 65536


def entry(value: str) -> ConfigEntry:
    return ConfigEntry(value, ConfigSource.DEFAULT)


@dataclass(slots=True)
class Kafka:
    """Topics of one partition by their limit, and each broker's default of it, or what it answers instead."""

    limits: Mapping[str, str] = field(default_factory=dict)
    brokers: tuple[str | KafkadeError, ...] = ("1000",)
    asked: list[int] = field(default_factory=list)

    async def topics(self) -> dict[str, int]:
        return dict.fromkeys(self.limits, 1)

    async def topic_configs(self, names: Collection[str]) -> dict[str, Mapping[str, ConfigEntry]]:
        return {name: {"max.message.bytes": entry(self.limits[name])} for name in names}

    async def broker_configs(self, broker: int) -> Mapping[str, ConfigEntry]:
        self.asked.append(broker)
        found = self.brokers[broker]
        if isinstance(found, KafkadeError):
            raise found
        return {"message.max.bytes": entry(found)}


class Imagined:
    """A context that only remembers what would be made."""

    def __init__(self, *policies: Resource) -> None:
        self.policies = policies
        self.made: dict[str, Mapping[str, Any]] = {}

    def members(self, cluster: Key, kind: str) -> list[Resource]:
        return [p for p in self.policies if p.key.kind == kind]

    def grant(self, resource: Resource) -> Grant:
        return Grant()

    def inherited_labels(self, owner: Resource) -> Mapping[str, str]:
        return {}

    async def create(self, owner: Resource, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]) -> None:
        self.made[key.name] = spec


async def made(kafka: Kafka, expected: Mapping[str, Expected]) -> Mapping[str, Mapping[str, Any]]:
    """The KafkaTopics of a policy for the topic ``orders``."""
    found = policy(topics=["orders"])
    context: Any = Imagined(found)
    nodes = tuple(SimpleNamespace(id=number) for number in range(len(kafka.brokers)))
    connection: Any = SimpleNamespace(key=CLUSTER, kafka=kafka, description=SimpleNamespace(brokers=nodes))
    batch = [Work(found, parse(KafkaDLQPolicySpec, found.spec), Grant())]
    planned = await plans(batch, connection, context, expected)
    assert planned[found.key].error is None
    return context.made  # type: ignore[no-any-return]


BY_DEFAULT = Expected(by_default=True)
NEW = Expected(3, by_default=True)


@pytest.mark.parametrize(
    ("kafka", "expected", "limit"),
    [
        pytest.param(Kafka({"orders": "5"}), Expected(), 5 + HEADROOM, id="as it is"),
        pytest.param(Kafka({"orders": "5"}), Expected(3), 5 + HEADROOM, id="only its partitions change"),
        pytest.param(Kafka({"orders": "5"}), Expected(None, 7), 7 + HEADROOM, id="gets another limit"),
        pytest.param(Kafka({"orders": "5"}), BY_DEFAULT, 1000 + HEADROOM, id="goes back to the brokers' limit"),
        pytest.param(Kafka(), NEW, 1000 + HEADROOM, id="is made with the brokers' limit"),
        pytest.param(Kafka(), Expected(3, 7), 7 + HEADROOM, id="is made with a limit of its own"),
        pytest.param(Kafka(brokers=(DOWN, "9")), NEW, 9 + HEADROOM, id="the first broker is down"),
        pytest.param(Kafka(brokers=(DOWN,)), NEW, None, id="all brokers are down"),
        pytest.param(Kafka({"orders": "5"}, (DENIED,)), BY_DEFAULT, None, id="no right: not the limit of before"),
    ],
)
async def test_the_limit_follows_what_the_source_will_have(kafka: Kafka, expected: Expected, limit: int | None) -> None:
    spec = (await made(kafka, {"orders": expected}))["orders.dlq"]
    assert spec["config"].get("max.message.bytes") == (None if limit is None else str(limit))
    assert spec["partitions"] == (expected.partitions or 1)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param({"other": NEW}, id="a topic that no policy is for"),
        pytest.param({"orders": Expected(3)}, id="partitions alone"),
        pytest.param({"gone": BY_DEFAULT}, id="a topic that went meanwhile"),
    ],
)
async def test_brokers_are_asked_only_where_their_default_counts(expected: Mapping[str, Expected]) -> None:
    kafka = Kafka({"orders": "5"})
    await made(kafka, expected)
    assert kafka.asked == []
