"""bench/results: what a benchmark measured, as JSON, page and plots."""

from __future__ import annotations

import argparse
import json
import math
import xml.etree.ElementTree as Xml
from dataclasses import replace
from pathlib import Path

import pytest
from results import (
    Line,
    Plot,
    Result,
    Row,
    Section,
    Table,
    add_option,
    found,
    median,
    pages,
    record,
    result_of,
    text_of,
)
from results.site import number, page_of
from results.svg import draw, ticks

PLOT = Plot(
    "wall",
    "Wall <and> goal",
    "topics",
    "seconds",
    (Line("create & Ready", ((0, 0), (1000, 4.5), (10_000, 41))), Line("goal", ((0, 0), (10_000, 60)), dashed=True)),
)
TABLE = Table("CPU by part", ("phase", "API server", "etcd"), (("create", "7.82", "1.10"), ("a | b", "9.62", "0.5")))
RESULT = Result(
    "topics-1000",
    Section.SPEED,
    "1,000 topics",
    "python bench/topics.py --topics 1000 --record",
    (
        Row("create to Ready", 1.234, "× the floor", at_most=1.3, beside="floor 3.2 s; a | b"),
        Row("throughput", 0.5, at_least=0.7),
        Row("CPU", 2.71, "ms a topic"),
    ),
    about="Against bare writes.",
    plots=(PLOT,),
    tables=(TABLE,),
    software={"Kubernetes": "1.35.4", "Kafka": "4.1.1"},
)


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("a", 1.3, at_most=1.3), True),
        (Row("a", 1.31, at_most=1.3), False),
        (Row("a", 0.7, at_least=0.7), True),
        (Row("a", 0.69, at_least=0.7), False),
        (Row("a", 0, at_most=0), True),
        (Row("a", 1), None),
    ],
)
def test_a_goal_is_met_or_not(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_a_row_on_a_terminal() -> None:
    assert str(RESULT.rows[0]) == "create to Ready: 1.234 × the floor (floor 3.2 s; a | b)"
    assert str(RESULT.rows[1]) == "throughput: 0.5  (goal not met)"


def test_of_rounds_the_one_in_the_middle_is_told_and_how_far_they_lie_apart() -> None:
    rounds = [Row("time", value, "×", at_most=2, beside=f"round {n}") for n, value in enumerate((2.4, 1.5, 1.75))]
    assert median(rounds) == replace(rounds[2], beside="round 2; rounds: 1.5 to 2.4")
    assert median(rounds[:1]) == rounds[0]
    told = [replace(row, at_most=None) for row in rounds]
    assert median(told) == told[2]


def test_a_table_on_a_terminal() -> None:
    title, head, create, other = str(TABLE).splitlines()
    assert title == "CPU by part"
    assert len(head) == len(create) == len(other)
    assert create.split() == ["create", "7.82", "1.10"]


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(ValueError, match="no figure"):
        Row("a", math.nan)
    with pytest.raises(ValueError, match="two goals"):
        Row("a", 1, at_most=1, at_least=1)
    with pytest.raises(ValueError, match="no points"):
        replace(PLOT, lines=(Line("empty", ()),))
    with pytest.raises(ValueError, match="not the 3 cells"):
        replace(TABLE, rows=(("create", "1"),))
    with pytest.raises(ValueError, match="finite numbers"):
        replace(PLOT, lines=(Line("below", ((1, -1),)),))
    for name in ("", "../x", "A", "a--b", "a.b"):
        with pytest.raises(ValueError, match="small letters"):
            replace(RESULT, name=name)
    with pytest.raises(ValueError, match="no rows"):
        replace(RESULT, rows=())
    for text in ("", "[]", "{}", json.dumps({**json.loads(text_of(RESULT)), "more": 1})):
        with pytest.raises(ValueError, match=r"."):
            result_of(text)


def test_json_and_back() -> None:
    assert result_of(text_of(RESULT)) == RESULT
    assert text_of(result_of(text_of(RESULT))) == text_of(RESULT)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (5, "5"), (0.12345, "0.123"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123")),
        *((12345.6, "12,346"), (10_000, "10,000"), (0.00012, "0.00012")),
    ],
)
def test_figures_for_people(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (41, [0, 10, 20, 30, 40, 50]),
        (10_000, [0, 2000, 4000, 6000, 8000, 10_000]),
        (0.3, [0, 0.1, 0.2, 0.3]),
    ],
)
def test_ticks_are_round_and_reach_the_top(top: float, expected: list[float]) -> None:
    assert ticks(top) == pytest.approx(expected)


def test_the_page() -> None:
    page = page_of([replace(RESULT, name="topics-10000", title="10,000 topics", plots=()), RESULT])
    assert page.index("### 1,000 topics") < page.index("### 10,000 topics"), "numbers in names sort as numbers"
    assert "| create to Ready | 1.23 × the floor | at most 1.3 | met | floor 3.2 s; a \\| b |" in page.replace(
        "1.30", "1.3"
    )
    assert "| throughput | 0.5 | at least 0.7 | **not met** |  |" in page
    assert "| CPU | 2.71 ms a topic |  |  |  |" in page
    assert "CPU by part:\n\n| phase | API server | etcd |\n|---|--:|--:|\n| create | 7.82 | 1.10 |\n| a \\| b |" in page
    assert "![Wall <and> goal](results/topics-1000-wall.svg)" in page
    assert (
        "Measured by `python bench/topics.py --topics 1000 --record`: kafkade ; Kafka 4.1.1, Kubernetes 1.35.4." in page
    )
    assert "## Staying power" not in page


def test_a_plot_is_well_formed_and_inside_its_frame() -> None:
    root = Xml.fromstring(draw(PLOT))  # noqa: S314 -- made here
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Wall <and> goal", "create & Ready", "goal", "topics", "seconds", "10,000", "60"} <= set(texts)
    dots = [(float(n.get("cx", "")), float(n.get("cy", ""))) for n in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == 3, "points are marked on measured lines only"
    assert all(0 <= x <= 640 and 0 <= y <= 340 for x, y in dots)
    assert dots == sorted(dots, key=lambda dot: (dot[0], -dot[1])), "more is further right, and higher"
    assert draw(PLOT) == draw(PLOT)


def test_recording_writes_the_file_the_page_and_the_plots(tmp_path: Path) -> None:
    folder, page = tmp_path / "results", tmp_path / "results.md"
    written = record(RESULT, folder, page)
    assert result_of((folder / "topics-1000.json").read_text()) == written
    assert written.kafkade
    assert written.date.count("-") == 2
    assert written.machine.count(" cores, ") == 1
    assert {path: path.read_text() for path in pages(folder, page)} == pages(folder, page)
    assert [path.name for path in found(folder)] == ["topics-1000-wall.svg"]
    record(replace(RESULT, plots=()), folder, page)
    assert found(folder) == [], "a plot that no result has any more goes"


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ValueError, match=r"broken\.json: no result"):
        pages(tmp_path, tmp_path / "page.md")
    (tmp_path / "broken.json").write_text(text_of(RESULT))
    with pytest.raises(ValueError, match=r"broken\.json has the result topics-1000"):
        pages(tmp_path, tmp_path / "page.md")


def test_the_option() -> None:
    parser = argparse.ArgumentParser()
    add_option(parser)
    assert parser.parse_args([]).record is False
    assert parser.parse_args(["--record"]).record is True
