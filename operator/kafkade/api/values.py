"""Reading and comparing settings that Kafka keeps as text."""

from __future__ import annotations


def same_value(left: str, right: str, *, unordered: bool = False) -> bool:
    """Whether two spellings mean the same: numbers by value, booleans without case, ``unordered`` lists as sets."""
    left, right = left.strip(), right.strip()
    if left == right:
        return True
    if unordered:
        return _items(left) == _items(right)
    if left.lower() == right.lower() and left.lower() in ("true", "false"):
        return True
    try:
        return int(left) == int(right)
    except ValueError:
        pass
    try:
        return float(left) == float(right)
    except ValueError:
        return False


def number(text: str | None) -> int | None:
    """The whole number, not below 0, that a setting holds; None for anything else."""
    return int(text) if text is not None and text.isdecimal() else None


def _items(value: str) -> frozenset[str]:
    return frozenset(part.strip() for part in value.split(",") if part.strip())
