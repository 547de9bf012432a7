"""What commands print: data on stdout as a table, JSON or YAML, everything else on stderr.

Records come from anyone, so nothing that a terminal would take for a command (escape sequences, text direction) is
printed as it is. NO_COLOR is respected (https://no-color.org; Rich does it).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import typer
import yaml
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kafkade.api.errors import KafkadeError
from kafkade.cli.options import Output
from kafkade.cli.words import cli_words, hint_for

T = TypeVar("T")


_NO_TERMINAL = 10_000
"""Columns where no terminal limits them: lines that are read by programs are not wrapped."""

_SHOW_AFTER = 2.0
_SAY_EVERY, _MOVE_EVERY = 10.0, 0.1
"""Seconds between lines on progress where stderr is no terminal, and between moves where it is one."""


def print_data(data: Any, output: Output, table: Callable[[], RenderableType]) -> None:
    """``data``, made of what JSON knows, or the table of it."""
    match output:
        case Output.JSON:
            sys.stdout.write(_json(data) + "\n")
        case Output.YAML:
            sys.stdout.write(_yaml(data))
        case Output.TABLE:
            console = Console(highlight=False, soft_wrap=False)
            if not console.is_terminal:
                console.width = _NO_TERMINAL
            console.print(table())


def new_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table without lines; the columns named in ``right`` hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def add_row(table: Table, *cells: object) -> None:
    """A row; None is an empty cell, and no text is taken for Rich's markup."""
    table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in cells))


def printable(text: str, limit: int | None = None) -> str:
    """``text`` on one line, with escapes in place of what is not to be seen; at most ``limit`` characters of it."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _json(data: Any) -> str:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # what is not ASCII stands in strings only, where JSON takes escapes
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _yaml(data: Any) -> str:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    if all(c.isprintable() or c == "\n" for c in text):
        return text
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=False, width=120)


def warn(message: str) -> None:
    """A line on stderr about something that the output lacks."""
    typer.echo(f"warning: {printable(message)}", err=True)


def fail(error: KafkadeError, *hints: str) -> NoReturn:
    """End the command: the error on one line, hints on the next ones, exit code 1. ``hints``: besides the error's own."""
    typer.echo(f"error: {printable(cli_words(error.message))}", err=True)
    for hint in (hint_for(error), *hints):
        if hint:
            typer.echo(f"hint: {hint}", err=True)
    raise typer.Exit(1) from error


@contextmanager
def errors_reported() -> Iterator[None]:
    """Ends the command when something of kafkade's fails in it."""
    try:
        yield
    except KafkadeError as error:
        fail(error)


def with_progress(items: Iterable[T], doing: str, of: int | None = None) -> Iterator[T]:
    """``items``; what takes longer than two seconds is counted on stderr. ``of``: how many there are at most."""
    at_most = "" if of is None else f" of at most {of}"
    count, line = 0, ProgressLine()
    try:
        for item in items:
            count += 1
            if line.due:
                line.tell(f"{doing}: {count}{at_most}")
            yield item
    finally:
        line.end()


class ProgressLine:
    """How far something is that takes longer than two seconds: on a terminal a line that moves, elsewhere one now and then.

    ``bar``: the line has a bar, for work whose size is known.
    """

    def __init__(self, *, bar: bool = False) -> None:
        self._bar = bar
        self._console = Console(stderr=True, highlight=False)
        self._next = time.monotonic() + _SHOW_AFTER
        self._shown: Progress | None = None

    @property
    def due(self) -> bool:
        """Whether it is time to tell."""
        return time.monotonic() >= self._next

    def tell(self, text: str, done: int = 0, of: int | None = None) -> None:
        """Say how far it is: ``done`` of ``of``, for the bar."""
        if not self._console.is_terminal:
            self._next = time.monotonic() + _SAY_EVERY
            typer.echo(text, err=True)
            return
        self._next = time.monotonic() + _MOVE_EVERY
        if self._shown is None:
            columns = (BarColumn(), TaskProgressColumn()) if self._bar else ()
            self._shown = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                *columns,
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._shown.start()
            self._shown.add_task(text, total=None)
        self._shown.update(self._shown.task_ids[0], description=text, completed=done, total=of)

    def end(self) -> None:
        """Take the line away; the cursor is as before."""
        if self._shown is not None:
            self._shown.stop()
            self._shown = None
