"""A real Kafka for the tests of commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from kafkade.devstack.kafka import Kafka


@pytest.fixture(scope="package")
def kafka() -> Iterator[Kafka]:
    """One broker with every kind of listener, and an authorizer."""
    with Kafka(security=True, authorizer=True) as running:
        yield running


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """Commands that run in this process set the level of kafkade's log, which other tests read."""
    logger = logging.getLogger("kafkade")
    before = logger.level
    yield
    logger.setLevel(before)
