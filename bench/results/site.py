"""docs/results.md and its plots, made of the JSON beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .model import Plot, Result, Row, Section, Table, result_of
from .svg import draw

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "results"
PAGE = DOCS / "results.md"

_HEAD = """\
<!-- Made by docs/generate.py of docs/results/*.json, which benchmarks and suites write when they are called with --record. -->

# Results

Every figure here was written by the command that measured it, with `--record`. Times are told as ratios of a floor that
was measured in the same run, on the same machine, since only these mean anything elsewhere: the floor is what no operator
could do without. "Beside it" has the floor's own figure, or what is known of others.
"""


def pages(folder: Path = FOLDER, page: Path = PAGE) -> dict[Path, str]:
    """The text of the page and of each plot by its path.

    Raises:
        ValueError: a file is no result, with its name.
    """
    results = []
    for file in sorted(folder.glob("*.json")):
        try:
            results.append(result_of(file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{file.name}: {error}") from error
        if results[-1].name != file.stem:
            raise ValueError(f"{file.name} has the result {results[-1].name}: the names differ")
    made = {page: page_of(results)}
    for result in results:
        made |= {folder / _file(result, plot): draw(plot) for plot in result.plots}
    return made


def found(folder: Path = FOLDER) -> list[Path]:
    """Plots that are there; one that no result has any more is to go."""
    return sorted(folder.glob("*.svg"))


def page_of(results: Sequence[Result]) -> str:
    """The page, by section and then by name, with numbers in names as numbers."""
    parts = [_HEAD]
    for section in Section:
        chosen = sorted((r for r in results if r.section is section), key=lambda r: _natural(r.name))
        if chosen:
            parts.append(f"## {section.value}\n")
            parts += map(_part, chosen)
    return "\n".join(parts)


def _part(result: Result) -> str:
    lines = [f"### {result.title}", ""]
    if result.about:
        lines += [result.about, ""]
    lines += ["| what | measured | goal | | beside it |", "|---|---|---|---|---|", *map(_row, result.rows), ""]
    for table in result.tables:
        lines += [f"{table.title}:", "", *_table(table), ""]
    for plot in result.plots:
        lines += [f"![{plot.title}](results/{_file(result, plot)})", ""]
    against = ", ".join(f"{name} {version}" for name, version in sorted(result.software.items()))
    facts = [f"kafkade {result.kafkade}", against, result.machine, result.date]
    lines += [f"Measured by `{result.command}`: {'; '.join(fact for fact in facts if fact)}.", ""]
    return "\n".join(lines)


def _row(row: Row) -> str:
    goal = {row.at_most: "at most", row.at_least: "at least"}
    wanted = next((f"{word} {limit:,.6g}" for limit, word in goal.items() if limit is not None), "")
    verdict = {True: "met", False: "**not met**", None: ""}[row.met]
    return f"| {_cell(row.what)} | {_cell(f'{number(row.value)} {row.unit}')} | {wanted} | {verdict} | {_cell(row.beside)} |"


def _table(table: Table) -> list[str]:
    head, *rows = (f"| {' | '.join(map(_cell, row))} |" for row in (table.head, *table.rows))
    return [head, "|---|" + "--:|" * (len(table.head) - 1), *rows]


def number(value: float) -> str:
    """Three digits that count, thousands apart: 0.123, 1.23, 12.3, 123, 12,345."""
    if float(value).is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}" if abs(value) >= 1 else f"{value:.3g}"


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in name.split("-")]


def _file(result: Result, plot: Plot) -> str:
    return f"{result.name}-{plot.name}.svg"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
