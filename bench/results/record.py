"""Writing a result down, with what every result says of where it was measured."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from dataclasses import replace
from pathlib import Path

from kafkade import __version__

from .model import Result, text_of
from .site import FOLDER, PAGE, found, pages


def add_option(parser: argparse.ArgumentParser) -> None:
    """``--record``, as each benchmark has it."""
    parser.add_argument(
        "--record", action="store_true", help="write the figures into docs/results/ and docs/results.md"
    )


def record(result: Result, folder: Path = FOLDER, page: Path = PAGE) -> Result:
    """Write a result and make the page anew; returns it as it was written."""
    done = replace(
        result,
        kafkade=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=machine(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{done.name}.json").write_text(text_of(done), encoding="utf-8")
    made = pages(folder, page)
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    for path in found(folder):
        if path not in made:
            path.unlink()
    sys.stderr.write(f"recorded in {os.path.relpath(folder / done.name)}.json and {os.path.relpath(page)}\n")
    return done


def machine() -> str:
    """Cores that this process may use, and the machine's memory; nothing that names it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"
