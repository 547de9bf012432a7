"""Real brokers and a real registry for the tests of commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkade.devstack.kafka import Kafka
from kafkade.devstack.registry import Registry
from support.kafka import KafkaView


@pytest.fixture(scope="package")
def kafka() -> Iterator[Kafka]:
    """One broker with every kind of listener, and an authorizer."""
    with Kafka(security=True, authorizer=True) as running:
        yield running


@pytest.fixture(scope="package")
def plain() -> Iterator[Kafka]:
    """One broker that counts requests."""
    with Kafka(metrics=True) as running:
        yield running


@pytest.fixture
def view(plain: Kafka) -> Iterator[KafkaView]:
    """A Kafka without topics, before and after."""
    yield from without_topics(plain)


def without_topics(kafka: Kafka) -> Iterator[KafkaView]:
    """What a test makes is gone afterwards."""
    found = KafkaView(kafka.bootstrap)
    yield found
    if found.topics():
        found.delete(*found.topics())


@pytest.fixture(scope="package")
def registry(apicurio: Registry) -> Registry:
    """The one of the whole run."""
    return apicurio
