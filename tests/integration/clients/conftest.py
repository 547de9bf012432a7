"""Kafka for the client's own tests: one broker with every kind of listener, and a cluster of three."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kafka_config import TlsFiles
from kafkade.devstack.kafka import Kafka
from support.kafka import KafkaView
from support.waiting import until


@pytest.fixture(scope="package")
def secured() -> Iterator[Kafka]:
    """One broker with TLS, client certificates, SASL and an authorizer."""
    with Kafka(security=True, authorizer=True) as running:
        yield running


@pytest.fixture(scope="package")
def three() -> Iterator[Kafka]:
    """Three brokers in three racks; requests are counted."""
    with Kafka(brokers=3, racks=("a", "b", "c"), metrics=True) as running:
        view, all_ = KafkaView(running.bootstrap), set(running.broker_ids)
        # a broker takes requests before the others have heard that it does
        until(lambda: all(set(told.brokers) == all_ for told in view.answers(*all_).values()), "all know of each other")
        yield running


@pytest.fixture(scope="package")
def tls(secured: Kafka) -> TlsFiles:
    """The CA that signed the brokers' certificates."""
    return TlsFiles(ca_pem=secured.ca_pem)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an answer may do without is waited for: a busy machine may take longer than an operator would wait."""
    monkeypatch.setattr("kafkade.clients.kafka._AUXILIARY_TIMEOUT", 30.0)


@pytest.fixture
async def admin(three: Kafka) -> AsyncIterator[KafkaAdmin]:
    """A client of the three brokers."""
    client = KafkaAdmin(Security(three.bootstrap))
    yield client
    await client.close()


@pytest.fixture
def name() -> str:
    """A topic name of this test's own."""
    return f"t-{uuid.uuid4().hex[:10]}"
