"""What a local compatibility check finds, in words that name the field, the rule and the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: where, what the rule is, and what to do about it."""

    path: str
    rule: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}; {self.advice}" if self.advice else f"{self.path}: {self.rule}"


@dataclass(frozen=True, slots=True)
class Direction:
    """Which of two schemas reads what the other one wrote.

    Backward: the new schema reads records of an old version. Forward: an old version reads records of the new schema.
    """

    kind: Literal["backward", "forward"]
    version: int | str
    """Of the old schema; a text names one that is in no registry."""

    @property
    def old(self) -> str:
        """The old schema, for people."""
        return f"version {self.version}" if isinstance(self.version, int) else self.version

    @property
    def reader(self) -> str:
        """The schema that reads."""
        return "the new schema" if self.kind == "backward" else self.old

    @property
    def writer(self) -> str:
        """The schema that wrote."""
        return self.old if self.kind == "backward" else "the new schema"

    @property
    def breaks(self) -> str:
        """Who fails on what."""
        return f"readers with {self.reader} cannot read records of {self.writer}"

    def pick(self, backward: str, forward: str) -> str:
        """The words for this direction."""
        return backward if self.kind == "backward" else forward

    def clash(self, path: str, what: str, backward: str, forward: str) -> Violation:
        """``what`` breaks the reader; one advice for each direction."""
        return Violation(path, f"{what}: {self.breaks}", self.pick(backward, forward))
