"""What a check says, and a diagnosis made of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Figure = str | int | float | bool | None


class Severity(StrEnum):
    """How bad it is. UNKNOWN: it could not be looked at, and the finding says what it takes."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    ``check``: its name, which never changes. ``says``: what is so, in one sentence. ``evidence``: lines with the figures
    that show it; ``figures``: the same for programs. ``cause``: why it is so, most likely. ``remedy``: what to do.
    """

    check: str
    severity: Severity
    subject: str
    says: str
    evidence: tuple[str, ...] = ()
    cause: str = ""
    remedy: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """As what JSON knows."""
        return {
            "check": self.check,
            "severity": self.severity.value,
            "subject": self.subject,
            "says": self.says,
            "evidence": list(self.evidence),
            "cause": self.cause or None,
            "remedy": self.remedy or None,
            "figures": dict(self.figures),
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings on one subject (``group orders-app``), the worst first."""

    subject: str
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, subject: str, findings: list[Finding]) -> Diagnosis:
        """The findings in order; those of one severity stay in the order of the checks."""
        order = list(Severity)
        return cls(subject, tuple(sorted(findings, key=lambda found: -order.index(found.severity))))

    @property
    def worst(self) -> Severity:
        """Of all findings."""
        return self.findings[0].severity if self.findings else Severity.OK

    def data(self) -> dict[str, Any]:
        """As what JSON knows."""
        return {
            "subject": self.subject,
            "result": self.worst.value,
            "findings": [found.data() for found in self.findings],
        }


def some(items: list[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"


def many(number: int, one: str, more: str | None = None) -> str:
    """``1 record``, ``2 records``; ``more``: where an s is not enough."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def span(seconds: float) -> str:
    """A time for people: ``800 ms``, ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def size(number: float) -> str:
    """Bytes for people: ``512 B``, ``16.0 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1024 or unit == "TiB":
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return ""


def rate(number: float) -> str:
    """Records a second for people."""
    return f"{number:.0f}/s" if number >= 10 else f"{number:.1f}/s"
