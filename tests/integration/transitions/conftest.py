"""How many transitions, and in which order: `make test` goes through a few, `make transitions` through all fields."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Only read where this folder is given on the command line."""
    parser.addoption("--transitions", type=int, help="how many transitions at least")
    parser.addoption("--seed", type=int, help="of their order")
