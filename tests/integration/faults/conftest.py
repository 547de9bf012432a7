"""The stack behind fault proxies, for this package alone: its API server and broker are killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.faults.machine import Machine
from support.faults.neighbours import Neighbours
from support.faults.world import World, running


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where this folder is named on the command line."""
    parser.addoption("--faults", action="store_true", help="random actions under random faults: some three minutes")


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[World]:
    """All of it."""
    if not pytestconfig.getoption("faults", default=False):
        pytest.skip("faults are for `make faults`, or --faults for a short run")
    with running(tmp_path_factory.mktemp("faults")) as world:
        Machine.world, Machine.neighbours = world, Neighbours(world)
        yield world
