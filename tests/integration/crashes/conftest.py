"""One world for all crashes, in the order that they come in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.crashes.world import World
from integration.crashes.world import world as running


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where this folder is named on the command line, as ``make crashes`` does."""
    parser.addoption("--crashes", action="store_true", help="crash at each place once: some five minutes")
    parser.addoption("--crash-seed", type=int, help="of the sample that is taken otherwise")
    parser.addoption(
        "--every-crash", action="store_true", help="crash at each place of each scenario, not at each place once"
    )
    parser.addoption(
        "--scenario", default="", help="only scenarios whose names begin so: 'binding'; nothing is recorded"
    )


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Kubernetes, Kafka and a registry without an operator."""
    with running(tmp_path_factory.mktemp("operators")) as found:
        yield found
