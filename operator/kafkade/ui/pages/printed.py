"""Foreign texts and values in lines, as far as a page has room for them."""

from __future__ import annotations

from json import JSONEncoder
from typing import Any


def cut(text: str, most: int) -> str:
    """The first ``most`` characters of ``text``, and how many more there are."""
    return text if len(text) <= most else f"{text[:most]}\n… and {len(text) - most:,} characters more"


def in_lines(value: Any, most: int) -> str:
    """JSON in lines, ``most`` characters of it at most. No more is made: indented, what is deep is as long as its depth's square.

    Raises:
        ValueError, RecursionError: it cannot be written as JSON.
    """
    parts: list[str] = []
    size = 0
    for part in JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        parts.append(part)
        size += len(part)
        if size > most:
            return f"{''.join(parts)[:most]}\n… and more"
    return "".join(parts)
