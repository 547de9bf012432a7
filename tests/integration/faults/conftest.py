"""The stack behind fault proxies, for this package alone: its API server and broker are killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.faults.machine import Machine
from support.faults.neighbours import Neighbours
from support.faults.world import World, running


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All of it."""
    with running(tmp_path_factory.mktemp("faults")) as world:
        Machine.world, Machine.neighbours = world, Neighbours(world)
        yield world
