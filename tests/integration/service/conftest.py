"""A real Kafka and bindings for the tests of services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkade.devstack.kafka import Kafka
from support.kafka import KafkaView
from support.services import Mounts


@pytest.fixture(scope="package")
def kafka() -> Iterator[Kafka]:
    """One broker; tests keep apart by topics of their own."""
    with Kafka(config={"group.initial.rebalance.delay.ms": "0"}) as running:
        yield running


@pytest.fixture(scope="package")
def view(kafka: Kafka) -> KafkaView:
    """What the broker really has."""
    return KafkaView(kafka.bootstrap)


@pytest.fixture
def mounts(tmp_path: Path, kafka: Kafka) -> Mounts:
    """Bindings of this test."""
    return Mounts(tmp_path, kafka.bootstrap)
