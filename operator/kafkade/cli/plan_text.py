"""A plan for people: with colours on a terminal, and as Markdown for a pull request."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from kafkade.api.objects import Key
from kafkade.cli.options import Output
from kafkade.cli.output import print_data, printable
from kafkade.cli.plan import PlanOutput
from kafkade.cli.plan_report import Entry, Field, PlanReport
from kafkade.cli.words import cli_words

_STYLES = {"create": "green", "change": "yellow", "delete": "bold red", "refused": "bold red", "observed": "cyan"}
_SIGNS = {"create": "+", "change": "~", "delete": "-", "adopt": "=", "observed": "?"}
_SUMMARY = (
    ("create", "to create"),
    ("change", "to change"),
    ("delete", "to delete"),
    ("refused", "refused"),
    ("waits", "waiting for their cluster"),
    ("adopt", "to adopt"),
    ("observed", "observed to differ"),
    ("paused", "paused"),
    ("left", "left, in no manifest any more"),
)
_WORDS = {"none": "nothing to do"}
"""Of actions that do not speak for themselves."""
_QUIET = frozenset({"none", "waits"})
"""Actions that the summary tells of and nothing else."""
_REASONS = "docs/reference/reasons.md"


def print_report(report: PlanReport, output: PlanOutput, *, command_line: bool) -> None:
    """Print a plan to stdout. ``command_line``: options say where Kafka is, and errors shall name them."""
    match output:
        case PlanOutput.JSON | PlanOutput.YAML:
            print_data(report.data(), Output(output.value), Text)
        case PlanOutput.MARKDOWN:
            sys.stdout.write("\n".join(markdown(report)) + "\n")
        case PlanOutput.TEXT:
            console = Console(highlight=False, soft_wrap=True)
            for line in text(report, command_line=command_line):
                console.print(line)


def summary(report: PlanReport) -> str:
    """``Plan: 2 to create, 1 refused, 12 as declared``; the destructive ones are counted last."""
    parts = [f"{n} {words}" for action, words in _SUMMARY if (n := report.count(action))]
    same = report.count("none")
    if not parts:
        return f"No changes: {same} resource{'' if same == 1 else 's'} as declared."
    parts += [f"{same} as declared"] if same else []
    gone = len(report.destructive)
    return f"Plan: {', '.join(parts)}." + (f" {gone} would lose records or versions for good." if gone else "")


def text(report: PlanReport, *, command_line: bool = False) -> Iterator[Text]:
    """The lines of a plan."""
    for entry in report.entries:
        if not _shown(entry):
            continue
        yield _heading(entry)
        yield from _body(entry, command_line=command_line)
        yield Text()
    for why, count in report.waiting:
        yield Text(f"! {count} waiting: {_told(why, command_line=command_line)}", "bold red")
        yield Text()
    yield Text(summary(report), "bold")


def _shown(entry: Entry) -> bool:
    """Whether there is more to tell of it than the summary does: what goes and leaves its topic behind has a warning."""
    return entry.action not in _QUIET or bool(entry.warnings)


def name(key: Key) -> str:
    """``KafkaTopic shop/user-events``."""
    return printable(str(key))


def _heading(entry: Entry) -> Text:
    style = _STYLES.get(entry.action, "")
    line = Text.assemble((f"{_SIGNS.get(entry.action, '!')} {name(entry.key)}", f"bold {style}".strip()))
    line.append(f": {_WORDS.get(entry.action, entry.action)}" + (f" {entry.title}" if entry.title else ""), style)
    if entry.reason is not None:
        line.append(f", {entry.reason}", style)
    if entry.destructive:
        line.append(" (destructive)", "bold red")
    if entry.place is not None:
        line.append(f"  {entry.place}", "dim")
    return line


def _body(entry: Entry, *, command_line: bool) -> Iterator[Text]:
    if entry.message is not None:
        yield Text(f"    {_told(entry.message, command_line=command_line)}")
        if entry.reason is not None:
            yield Text(f"    see {_REASONS}", "dim")
        if entry.hint is not None:
            yield Text(f"    hint: {entry.hint}")
    for step, fields in zip(entry.steps, entry.fields, strict=True):
        if step.destructive or not fields:
            yield Text(f"    {step.verb}: {printable(step.change)}", "bold red" if step.destructive else "")
        for field in fields:
            yield _line(field, is_new=entry.action == "create")
    for field_name, declared, found in entry.drift:
        yield Text(f"    drift: {printable(f'{field_name} is {found}, declared {declared}')}", "magenta")
    for warning in entry.warnings:
        yield Text(f"    warning: {printable(warning)}", "magenta")


def _told(message: str, *, command_line: bool) -> str:
    return printable(cli_words(message) if command_line else message)


def _line(field: Field, *, is_new: bool) -> Text:
    line = Text(f"    {printable(field.name)}: ")
    if not is_new or field.old is not None:
        line.append(_value(field.old), "red")
        line.append(f"{_by(field.old_by)} -> ")
    line.append(_value(field.new), "green")
    line.append(_by(field.new_by))
    return line


def _value(value: str | None) -> str:
    return "default" if value is None else printable(value)


def _by(who: str | None) -> str:
    return "" if who is None else f" ({who})"


def markdown(report: PlanReport) -> Iterator[str]:
    """The lines of a plan as a comment on a pull request: a summary, a table, and the reasons below."""
    yield "## kafkade plan"
    yield ""
    yield _cell(summary(report))
    for why, count in report.waiting:
        yield ""
        yield f"**{count} waiting**: {_cell(why)}"
    rows = [entry for entry in report.entries if _shown(entry)]
    if not rows:
        return
    yield ""
    yield "| | resource | what | file |"
    yield "|---|---|---|---|"
    for entry in rows:
        what = "<br>".join(_cell(line.plain.strip()) for line in _body(entry, command_line=False))
        heading = f"**{_WORDS.get(entry.action, entry.action)}**" + (" ⚠️ destructive" if entry.destructive else "")
        title = f"{_cell(entry.title)}<br>" if entry.title else ""
        reason = f"{entry.reason}: " if entry.reason is not None else ""
        yield f"| {heading} | {_cell(name(entry.key))} | {title}{reason}{what} | {_cell(entry.place or '')} |"


def _cell(value: str) -> str:
    """Text that no Markdown and no HTML is made of."""
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "|`*_[]\\" else c for c in escaped)
