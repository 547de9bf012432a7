"""A result as data, and as the JSON that stands in docs/results/."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Section(StrEnum):
    """The page's sections, in their order."""

    SPEED = "Speed"
    STAYING_POWER = "Staying power"
    SECURITY = "Security"
    APPLICATIONS = "Applications"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: a line of the page's table.

    ``goal`` needs one of ``at_most`` and ``at_least``, in the same unit; neither: a figure that is only told.
    """

    what: str
    """What was measured: "create to Ready"."""
    value: float
    unit: str = ""
    """"× the floor", "MiB", "topics"; empty for a bare number."""
    at_most: float | None = None
    at_least: float | None = None
    beside: str = ""
    """What it stands beside: the floor's own figure in this run, what a peer is known for. Free text."""

    def __post_init__(self) -> None:
        """Raises ValueError: no finite number, or two goals."""
        if not math.isfinite(self.value):
            raise ValueError(f"{self.what}: {self.value} is no figure that JSON can hold")
        if self.at_most is not None and self.at_least is not None:
            raise ValueError(f"{self.what}: at_most and at_least are two goals: make two rows")

    def __str__(self) -> str:
        """For a terminal."""
        verdict = "  (goal not met)" if self.met is False else ""
        return (
            f"{self.what}: {self.value:,.6g} {self.unit}".rstrip()
            + (f" ({self.beside})" if self.beside else "")
            + verdict
        )

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None: there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None


def median(rounds: Sequence[Row]) -> Row:
    """The same figure of several rounds: the one in the middle, which tells of the others where there is a goal."""
    ordered = sorted(rounds, key=lambda row: row.value)
    row = ordered[len(ordered) // 2]
    if row.at_most is None or ordered[0].value == ordered[-1].value:
        return row
    spread = f"rounds: {ordered[0].value:g} to {ordered[-1].value:g}"
    return replace(row, beside=f"{row.beside}; {spread}" if row.beside else spread)


@dataclass(frozen=True, slots=True)
class Line:
    """Points of a plot, by rising x."""

    label: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False
    """For what only guides the eye: a goal, a floor, a fit."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture: docs/results/RESULT-NAME.svg. Both axes begin at zero and are linear."""

    name: str
    title: str
    x: str
    """What the x axis has, with its unit."""
    y: str
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        """Raises ValueError: nothing to draw, or a name that makes no file's name."""
        _check_name(self.name)
        if not any(line.points for line in self.lines):
            raise ValueError(f"plot {self.name} has no points")
        for line in self.lines:
            if any(not (math.isfinite(n) and n >= 0) for point in line.points for n in point):
                raise ValueError(f"plot {self.name}, {line.label}: coordinates are finite numbers from 0")


@dataclass(frozen=True, slots=True)
class Table:
    """What a figure is made of: a profile."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The first cell is what the others are of."""

    def __post_init__(self) -> None:
        """Raises ValueError: a row that is longer or shorter than the head."""
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"table {self.title}: {row} has not the {len(self.head)} cells of the head")

    def __str__(self) -> str:
        """For a terminal."""
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        lines = (
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in (self.head, *self.rows)
        )
        return "\n".join((self.title, *lines))


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of one command found: docs/results/NAME.json."""

    name: str
    """Of the file: small letters, digits and hyphens. A later run with this name takes the place of the former."""
    section: Section
    title: str
    command: str
    """What measures it again, from the repository's root."""
    rows: tuple[Row, ...]
    about: str = ""
    """A paragraph of Markdown: what is compared with what."""
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
    """Versions of what it ran against: {"Kafka": "4.1.1"}."""
    kafkade: str = ""
    """``record`` fills these three."""
    date: str = ""
    machine: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError: a name that makes no file's name, or nothing measured."""
        _check_name(self.name)
        if not self.rows:
            raise ValueError(f"result {self.name} has no rows")


def text_of(result: Result) -> str:
    """The JSON of a result: equal results have equal text."""
    made = asdict(result)
    made["rows"] = [{name: value for name, value in row.items() if value not in (None, "")} for row in made["rows"]]
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def result_of(text: str) -> Result:
    """The result that ``text_of`` wrote.

    Raises:
        ValueError: it is none, with what is wrong.
    """
    raw = json.loads(text)
    try:
        plots = tuple(Plot(**{**plot, "lines": tuple(map(_line, plot["lines"]))}) for plot in raw.pop("plots"))
        rows = tuple(Row(**row) for row in raw.pop("rows"))
        tables = tuple(map(_table, raw.pop("tables", ())))
        return Result(**{**raw, "section": Section(raw["section"])}, rows=rows, plots=plots, tables=tables)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no result of a benchmark: {error!r}") from error


def _line(raw: Mapping[str, Any]) -> Line:
    return Line(raw["label"], tuple((x, y) for x, y in raw["points"]), raw["dashed"])


def _table(raw: Mapping[str, Any]) -> Table:
    return Table(raw["title"], tuple(raw["head"]), tuple(map(tuple, raw["rows"])))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a name has small letters, digits and single hyphens between them")
