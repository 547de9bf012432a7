"""The demo on the terminal: panels, tables and what kubectl printed. Plain text where there is no terminal or NO_COLOR is set."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta

from outside import Subject, Topic
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 118
_SHORT = {"604800000": "7 d", "1209600000": "14 d", "86400000": "1 d", "2592000000": "30 d", "5184000000": "60 d"}


class Screen:
    """Where the story is told. ``pause``: wait for Enter between scenes."""

    def __init__(self, *, pause: bool = False) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console = Console(highlight=False, width=_PLAIN_WIDTH)
        self._pause = pause and sys.stdin.isatty()
        self._scene = 0

    def opening(self, title: str, text: str) -> None:
        """The first panel."""
        self._console.print(Panel(text, title=f"[bold]{title}[/]", box=box.ROUNDED, border_style="cyan"))

    def scene(self, title: str, text: str) -> None:
        """A new scene, after Enter where that is wanted."""
        if self._pause and self._scene:
            self._console.input("[dim]Enter for the next scene …[/] ")
        self._scene += 1
        self._console.print()
        head = f"[bold cyan]{self._scene}. {title}[/]"
        self._console.print(Panel(text, title=head, title_align="left", box=box.ROUNDED, border_style="cyan"))

    def part(self, what: str, seconds: float) -> None:
        """One part of the stack is up."""
        self._console.print(f"  [green]✓[/] {escape(what)} [dim]({seconds:.1f} s)[/]")

    def command(self, line: str, output: str = "") -> None:
        """A command as a person would type it, and what it printed."""
        self._console.print(f"[bold]$ {escape(line)}[/]", soft_wrap=True)
        if output:
            self._console.print(Text(output), soft_wrap=True)

    def says(self, who: str, message: str) -> None:
        """A message that somebody gets."""
        self._console.print(f"  [yellow]{escape(who)}[/]")
        self._console.print(Panel(Text(message), box=box.MINIMAL, border_style="yellow", padding=(0, 2)))

    def checked(self, what: str) -> None:
        """Something was read back and is as told."""
        self._console.print(f"  [green]✓[/] {escape(what)}")

    def text(self, line: str) -> None:
        """Plain words."""
        self._console.print(escape(line), soft_wrap=True)

    def topics(self, found: Iterable[Topic]) -> None:
        """What the brokers have."""
        topics = list(found)
        keys = sorted({key for topic in topics for key in topic.config})
        rows = [
            (t.name, str(t.partitions), str(t.replicas), *(_short(t.config.get(key, "")) for key in keys))
            for t in topics
        ]
        self._table("Kafka, asked by an AdminClient:", ("topic", "partitions", "replicas", *keys), rows)

    def subjects(self, found: Iterable[Subject]) -> None:
        """What the registry has."""
        rows = [(s.name, str(s.version), s.schema_type, s.compatibility or "", "\n".join(s.references)) for s in found]
        self._table("The registry, asked by HTTP:", ("subject", "version", "type", "compatibility", "references"), rows)

    def failure(self, title: str, message: str) -> None:
        """The demo did not come out as told."""
        self._console.print(f"\n[bold red]{escape(title)}[/]")
        self._console.print(Text(message), soft_wrap=True)

    def ending(self, took: timedelta) -> None:
        """The last line."""
        self._console.print(f"\n[bold green]All scenes came out as told, in {took.total_seconds():.0f} s.[/]")

    def _table(self, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self._console.print(table)


def _short(value: str) -> str:
    return f"{value} ({_SHORT[value]})" if value in _SHORT else value
