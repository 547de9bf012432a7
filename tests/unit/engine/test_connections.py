"""What of a connection is news to the resources of its cluster: they are all looked at then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.errors import ClusterUnreachable, TLSFailed
from kafkade.api.objects import Key
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_config import Security
from kafkade.clients.model import BrokerNode, ClusterDescription, Health
from kafkade.engine.connections import State

ONE, TWO = (BrokerNode(n, "localhost", 9092 + n, None) for n in (1, 2))
SEEN = ClusterDescription("the-cluster", 1, (ONE,), Health(10, 20, 0, 0))


@pytest.fixture
def connection() -> Connection:
    spec = parse(KafkaClusterSpec, {"bootstrapServers": "localhost:9093"})
    return Connection(Key("KafkaCluster", "ns", "main"), spec, SEEN, KafkaAdmin(Security("localhost:9093")), None)


def usable(connection: Connection, **seen: Any) -> object:
    return State(connection=replace(connection, description=replace(SEEN, **seen))).usable


async def test_a_topic_more_or_another_controller_is_no_news(connection: Connection) -> None:
    """Each topic that anybody made had all others looked at anew, before those that had changed."""
    assert usable(connection, health=Health(11, 23, 3, 1)) == usable(connection)
    assert usable(connection, controller=2) == usable(connection)


async def test_brokers_another_cluster_and_another_spec_are(connection: Connection) -> None:
    assert usable(connection, brokers=(ONE, TWO)) != usable(connection)
    assert usable(connection, cluster_id="another") != usable(connection)
    spec = parse(KafkaClusterSpec, {"bootstrapServers": "localhost:9093", "resyncInterval": "5m"})
    assert State(connection=replace(connection, spec=spec)).usable != State(connection=connection).usable


async def test_an_outage_and_its_end_and_another_reason_are(connection: Connection) -> None:
    away, refused = State(error=ClusterUnreachable("away")), State(error=TLSFailed("refused"))
    assert away.usable != State(connection=connection).usable
    assert away.usable != refused.usable
    assert away.usable == State(error=ClusterUnreachable("still away")).usable
