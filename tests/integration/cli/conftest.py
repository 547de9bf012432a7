"""A real Kafka for the tests of commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkade.devstack.kafka import Kafka


@pytest.fixture(scope="package")
def kafka() -> Iterator[Kafka]:
    """One broker with every kind of listener, and an authorizer."""
    with Kafka(security=True, authorizer=True) as running:
        yield running
