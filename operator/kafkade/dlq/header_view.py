"""Headers by name, and what their bytes say as text or as a number. Never raises."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kafkade.dlq.letter import Headers

_DECIMAL = re.compile(rb"\s*\+?([0-9]{1,19})\s*")
_MAX_LONG = 2**63 - 1


class HeaderView:
    """Headers by name. A value that cannot be read is None, as is one that is negative: Java writes -1 for unknown."""

    def __init__(self, headers: Headers) -> None:
        self._values: dict[str, list[bytes | None]] = {}
        self._positions: dict[str, int] = {}
        for position, (name, value) in enumerate(headers):
            self._values.setdefault(name, []).append(value)
            self._positions[name] = position

    def has(self, names: Sequence[str]) -> bool:
        return any(name in self._values for name in names)

    def last_position(self, names: Sequence[str]) -> int:
        return max(self._positions.get(name, -1) for name in names)

    def count(self, name: str) -> int:
        return len(self._values.get(name, ()))

    def raw(self, name: str, index: int = -1) -> bytes | None:
        """The value of the header that is last of its name, or of the one at ``index`` among them."""
        values = self._values.get(name, [])
        return values[index] if -len(values) <= index < len(values) else None

    def text(self, *names: str, index: int = -1) -> str | None:
        """The first of ``names`` that says something."""
        values = (self.raw(name, index) for name in names)
        return next((value.decode("utf-8", "replace") for value in values if value), None)

    def number(self, *names: str, index: int = -1) -> int | None:
        """Decimal text."""
        for name in names:
            match = _DECIMAL.fullmatch(self.raw(name, index) or b"")
            if match is not None and int(match[1]) <= _MAX_LONG:
                return int(match[1])
        return None

    def binary(self, name: str, sizes: Sequence[int]) -> int | None:
        """Big-endian, of one of ``sizes`` bytes."""
        value = self.raw(name) or b""
        number = int.from_bytes(value, "big", signed=True) if len(value) in sizes else -1
        return number if number >= 0 else None
