"""Regular expressions that users wrote, matched by RE2: in time linear in the text, whatever the expression.

Python's own engine tries every way to split a text, and ``(a+)+$`` takes it hours to refuse 40 letters: whoever may write an
expression could stop the operator for all. RE2 has no backreferences and no look-around, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MEMORY = 8 * 2**20
"""Bytes that one compiled expression may take: more is refused when it is compiled."""

KEPT = 256
"""Compiled expressions that are kept."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled expression. Half characters of a text (lone surrogates) are matched as ``?``."""

    text: str
    _compiled: Any

    def search(self, text: str) -> bool:
        """Whether it matches anywhere."""
        return self._compiled.search(_whole(text)) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether it matches the whole text."""
        return self._compiled.fullmatch(_whole(text)) is not None


@lru_cache(KEPT)
def pattern(text: str) -> Pattern:
    """Compile an expression; the same one again costs nothing.

    Raises:
        ValueError: it is none, or one that RE2 does not have; with what is wrong.
    """
    import re2  # 2 MiB, and most clusters have no expression

    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False  # it would write to stderr
    try:
        return Pattern(text, re2.compile(_whole(text), options))
    except re2.error as error:
        (why,) = error.args[:1] or ("",)
        said = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        raise ValueError(
            f"{said or 'not understood'} (by RE2, which has no look-around and no backreferences)"
        ) from error


def _whole(text: str) -> str:
    return text.encode(errors="replace").decode()
