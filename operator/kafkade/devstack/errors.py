"""The one error this package raises."""

from __future__ import annotations

from pathlib import Path


class DevStackError(Exception):
    """A part of the stack could not be had or did not start.

    The message says what was wrong, where, and what to do about it.
    """


def last_lines(log: Path, count: int = 25) -> str:
    """The end of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"(the log cannot be read: {error})"
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (the log is empty)"
