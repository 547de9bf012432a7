"""Shows how long things go on: bars on a terminal, a plain line every 20 s elsewhere.

Work reports to a task; what ends within two seconds is never shown. All tasks of the process share
one display, so parts that start in parallel do not overwrite each other's lines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SHOW_AFTER = 2.0
PLAIN_EVERY = 20.0
_TICK = 0.2

console = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass
class Task:
    """One piece of work; the worker sets the numbers, the display reads them."""

    title: str
    total: float | None = None
    unit: str = ""
    done: float = 0
    note: str = ""
    started: float = field(default_factory=time.monotonic)
    said: float | None = None

    def advance(self, amount: float = 1) -> None:
        """Note that ``amount`` more of the work is done."""
        self.done += amount

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def amount(self) -> str:
        """How far it is, in words."""
        if self.unit == "MB":
            of = f" of {self.total / 1e6:.0f}" if self.total else ""
            return f"{self.done / 1e6:.0f}{of} MB"
        if self.total:
            return f"{self.done:.0f} of {self.total:.0f} {self.unit}".rstrip()
        return self.note


class _Display:
    """Draws the tasks from a thread of its own, which lives while there are any."""

    def __init__(self) -> None:
        self._tasks: list[Task] = []
        self._lock = threading.RLock()
        self._bars: Progress | None = None
        self._ids: dict[int, object] = {}
        self._thread: threading.Thread | None = None

    def add(self, task: Task) -> None:
        with self._lock:
            self._tasks.append(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
                self._thread.start()

    def remove(self, task: Task, *, failed: bool) -> None:
        with self._lock:
            # by identity: two tasks may say the same
            self._tasks = [other for other in self._tasks if other is not task]
            if self._bars is not None:
                bar = self._ids.pop(id(task), None)
                if isinstance(bar, int):
                    self._bars.remove_task(bar)  # type: ignore[arg-type]
                if not self._tasks:
                    self._close_bars()
            if task.elapsed >= SHOW_AFTER and not failed:
                console.print(f"[green]✓[/] {task.title} ({task.elapsed:.0f} s)")

    def _run(self) -> None:
        while True:
            time.sleep(_TICK)
            with self._lock:
                if not self._tasks:
                    self._thread = None
                    return
                for task in self._tasks:
                    if task.elapsed >= SHOW_AFTER:
                        self._draw(task)

    def _draw(self, task: Task) -> None:
        if not console.is_terminal:
            now = time.monotonic()
            if now - (task.said if task.said is not None else task.started) >= PLAIN_EVERY:
                task.said = now
                more = f": {task.amount}" if task.amount else ""
                console.print(f"… {task.title}{more} ({task.elapsed:.0f} s)")
            return
        if self._bars is None:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[amount]}"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )
            self._bars.start()
        bar = self._ids.get(id(task))
        if bar is None:
            bar = self._bars.add_task(task.title, total=task.total, amount=task.amount)
            self._ids[id(task)] = bar
        self._bars.update(
            bar,  # type: ignore[arg-type]
            description=task.title,
            total=task.total,
            completed=task.done,
            amount=task.amount,
        )

    def _close_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
        self._ids.clear()


_display = _Display()


@contextmanager
def task(title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
    """Show ``title`` while the block runs, if it runs for long."""
    shown = Task(title, total, unit)
    _display.add(shown)
    failed = True
    try:
        yield shown
        failed = False
    finally:
        _display.remove(shown, failed=failed)
