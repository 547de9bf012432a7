"""Ports of loopback, asked for by parts of a stack that start side by side."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import partial

import pytest

from kafkade.devstack import parallel, ports
from support.chart_pods import Addresses


@pytest.fixture
def given() -> Iterator[list[int]]:
    """What a test was given, which it need not give back itself."""
    found: list[int] = []
    yield found
    ports.release(*found)


def test_two_threads_that_think_of_one_port_get_two(given: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ports.free_port(), ports.free_port()
    ports.release(first, second)
    thoughts = iter([first, first, second])
    reserve = ports._reserve

    def slowly(port: int) -> bool:
        time.sleep(0.1)
        return reserve(port)

    monkeypatch.setattr(random, "choice", lambda _: next(thoughts))
    monkeypatch.setattr(ports, "_reserve", slowly)
    given += parallel.gather(ports.free_port, ports.free_port)
    assert sorted(given) == sorted([first, second])


def test_all_pods_that_are_set_up_side_by_side_are_told_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three brokers once had three ideas of where their controllers are."""
    numbers = iter(range(20_000, 20_100))

    def slowly() -> int:
        time.sleep(0.1)
        return next(numbers)

    monkeypatch.setattr("support.chart_pods.free_port", slowly)
    addresses = Addresses()
    told = parallel.gather(*(partial(addresses.port, "kafka-0", 9093) for _ in range(3)))
    assert len(set(told)) == 1
