"""A real Kafka for the tests of dead letters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkade.devstack.kafka import Kafka


@pytest.fixture(scope="package")
def kafka() -> Iterator[Kafka]:
    """One broker; tests keep apart by topics of their own."""
    with Kafka() as running:
        yield running
