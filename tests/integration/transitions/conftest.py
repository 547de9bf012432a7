"""How many transitions: `make transitions` says it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Only read where this folder is given on the command line."""
    parser.addoption("--transitions", type=int, default=0, help="how many transitions at least; 0: none")
    parser.addoption("--seed", type=int, default=8, help="of their order")
