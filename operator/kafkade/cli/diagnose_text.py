"""A diagnosis for people: the worst first, each finding with what shows it, why, and what helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from kafkade.cli.output import printable
from kafkade.cli.words import cli_words
from kafkade.diagnose.finding import Diagnosis, Finding, Severity

_SIGNS = {
    Severity.PROBLEM: ("✖", "problem", "bold red"),
    Severity.WARNING: ("!", "warning", "bold yellow"),
    Severity.UNKNOWN: ("?", "not known", "bold cyan"),
    Severity.OK: ("✔", "ok", "green"),
}
_WORDS = (
    (Severity.PROBLEM, "problem", "problems"),
    (Severity.WARNING, "warning", "warnings"),
    (Severity.UNKNOWN, "not known", "not known"),
    (Severity.OK, "ok", "ok"),
)


def report(found: Diagnosis) -> RenderableType:
    """All findings, and a line that counts them."""
    parts: list[RenderableType] = []
    for finding in found.findings:
        parts.append(_heading(finding, found.subject))
        parts += [Padding(line, (0, 0, 0, 4), expand=False) for line in _body(finding)]
    return Group(*parts, Text(summary(found), "bold"))


def summary(found: Diagnosis) -> str:
    """``group orders: 1 problem, 2 warnings, 4 ok``."""
    counts = Counter(finding.severity for finding in found.findings)
    parts = [f"{n} {one if n == 1 else more}" for severity, one, more in _WORDS if (n := counts[severity])]
    return f"{printable(found.subject)}: {', '.join(parts)}"


def _heading(finding: Finding, subject: str) -> Text:
    sign, word, style = _SIGNS[finding.severity]
    line = Text.assemble((f"{sign} {word:<9} ", style), (finding.check, "bold"), ": ", printable(finding.says))
    if finding.subject != subject:
        line.append(f"  ({printable(finding.subject)})", "dim")
    return line


def _body(finding: Finding) -> Iterator[Text]:
    for line in finding.evidence:
        yield Text(printable(line))
    if finding.severity is Severity.OK:
        return
    if finding.cause:
        yield Text.assemble(("cause:  ", "dim"), printable(cli_words(finding.cause)))
    if finding.remedy:
        yield Text.assemble(("remedy: ", "bold"), printable(finding.remedy))
