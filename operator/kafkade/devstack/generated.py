"""Files of the repository that a script makes of others: it writes them, or with ``--check`` holds them against what it makes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def stale(made: Mapping[Path, str], found: Iterable[Path] = ()) -> list[Path]:
    """Paths that do not have the text they should, and those of ``found``, made once, that nothing makes any more."""
    surplus = sorted(path for path in found if path not in made)
    return surplus + [
        path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(about: str | None, make: Callable[[], Mapping[Path, str]], command: str, found: Iterable[Path] = ()) -> int:
    """What such a script does; returns its exit code.

    ``about`` is for ``--help``, ``make`` gives the text of each file, ``command`` is what renews them, and ``found`` are files
    as ``stale`` takes them.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when a file is stale")
    check = parser.parse_args().check
    made = make()
    outdated = stale(made, found)
    for path in outdated:
        sys.stdout.write(f"{'stale: ' if check else ''}{os.path.relpath(path)}\n")
        if check:
            continue
        if path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
        else:
            path.unlink()
    if check and outdated:
        sys.stderr.write(f"hint: run `{command}` and commit the result\n")
        return 1
    return 0
