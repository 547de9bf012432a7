"""bench/growth.py and bench/fairness.py: what they make of what they measured."""

from __future__ import annotations

import pytest
from fairness import percentile
from growth import Cost, exponent, plots_of, rows_of

LINEAR = [Cost(n, floor=0.003 * n, wall=0.004 * n, cpu=0.002 * n, memory=80 + n / 1024) for n in (250, 500, 1000)]


@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
def test_the_exponent_is_the_one_of_the_curve(k: float) -> None:
    assert exponent([(n, 7 * n**k) for n in (10, 100, 500, 1000)]) == pytest.approx(k)


def test_linear_growth_meets_its_goal_and_quadratic_does_not() -> None:
    time, cpu, memory, ratio = rows_of(LINEAR)
    assert (time.value, time.met, cpu.value, cpu.met) == (1.0, True, 1.0, True)
    assert memory.value == pytest.approx(1.0)
    assert ratio.value == pytest.approx(1.33)
    worse = [Cost(c.topics, c.floor, c.wall * c.topics, c.cpu, c.memory) for c in LINEAR]
    assert rows_of(worse)[0].met is False


def test_the_plots_have_all_points() -> None:
    assert {plot.name: len(plot.lines[0].points) for plot in plots_of(LINEAR)} == {"time": 3, "cpu": 3, "memory": 3}


@pytest.mark.parametrize(("of_hundred", "value"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentiles(of_hundred: int, value: int) -> None:
    assert percentile(range(1, 101), of_hundred) == value


def test_percentiles_of_few() -> None:
    assert percentile([3.0], 99) == 3.0
    assert percentile([1.0, 2.0], 50) == 1.0
