"""The registry: all subjects, and one subject with what changed from one of its versions to another."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kafkade.api.errors import KafkadeError
from kafkade.clients.registry import RegistryClient
from kafkade.clients.registry_model import Registered
from kafkade.ui.clusters import Cluster
from kafkade.ui.layout import Column, Part, badge, facts, notice, search, section, table, whole
from kafkade.ui.markup import Content, Html, el, link
from kafkade.ui.pages.asking import Missing, Page, Query, registry_of
from kafkade.ui.pages.printed import cut, in_lines
from kafkade.ui.threads import Stop, aside

_AT_ONCE = 50
"""Subjects on a page: each takes three requests."""
_CONTEXT = 4
"""Lines around a change."""
_MOST_LINES = 5000
"""Of a text that is compared: the comparison's time grows with the square."""
_MOST_TEXT = 500_000
"""Characters of a text that are shown, or compared."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A subject in the list, or why the registry does not tell."""

    subject: str
    latest: Registered | None = None
    versions: int = 0
    level: str | None = None
    trouble: str | None = None


async def schemas(cluster: Cluster, query: Query) -> Page:
    """All subjects, fifty at a time."""
    registry, path, wanted = registry_of(cluster), cluster.page("schemas"), query.get("q", "").strip()
    subjects = [name for name in await registry.subjects() if wanted.lower() in name.lower()]
    part = Part.parse(query.get("page"), len(subjects), _AT_ONCE)
    level = await registry.global_level()
    rows = await asyncio.gather(*(_row(registry, name) for name in subjects[part.first : part.end]))
    columns = (
        Column("Subject"),
        Column("Type"),
        Column("Versions", numbers=True),
        Column("Newest", numbers=True),
        Column("Id", numbers=True),
        Column("Compatibility"),
    )
    return Page(
        "Schemas",
        (
            search(path, "Subject contains", wanted, {}),
            facts(("Compatibility, unless a subject has its own", level or "not known")),
            table(
                "Subjects",
                columns,
                (_cells(cluster, row) for row in rows),
                empty=f"No subject's name contains {wanted}." if wanted else "There are no subjects yet.",
            ),
            part.links(path, {"q": wanted or None}),
        ),
    )


async def _row(registry: RegistryClient, subject: str) -> _Row:
    try:
        latest, versions, config = await asyncio.gather(
            registry.latest(subject), registry.versions(subject), registry.subject_config(subject)
        )
    except KafkadeError as error:
        return _Row(subject, trouble=error.message)
    return _Row(subject, latest, len(versions), None if config is None else config.level)


def _cells(cluster: Cluster, row: _Row) -> tuple[Content, ...]:
    name = link(cluster.page("schema"), row.subject, {"subject": row.subject})
    if row.latest is None:
        return name, row.trouble or "deleted meanwhile", None, None, None, None
    level = badge(row.level, "own") if row.level else None
    return name, row.latest.schema_type, row.versions, row.latest.version, str(row.latest.id), level


async def schema(cluster: Cluster, query: Query) -> Page:
    """One subject: its newest version or the one that is asked for, and what changed since another one."""
    registry, subject = registry_of(cluster), query.get("subject", "")
    versions = await registry.versions(subject) if subject else ()
    if not versions:
        raise Missing(f"the registry has no subject {subject}")
    new = _chosen(query.get("to"), versions, versions[-1])
    before = [version for version in versions if version < new]
    old = _chosen(query.get("from"), versions, before[-1] if before else new)
    shown, earlier, config = await asyncio.gather(
        registry.version(subject, new), registry.version(subject, old), registry.subject_config(subject)
    )
    level = None if config is None else config.level
    return Page(
        subject,
        (
            facts(
                ("Type", shown.schema_type),
                ("Version", shown.version),
                ("Id", str(shown.id)),
                ("Versions", len(versions)),
                ("Compatibility", level or f"{await registry.global_level() or 'not known'} (the registry's)"),
            ),
            _choice(cluster, subject, versions, old, new) if len(versions) > 1 else None,
            await _changes(earlier, shown) if old != new else None,
            section(f"Version {new}", await aside(lambda _: _text(shown))),
            _references(cluster, shown),
        ),
        link(cluster.page("schemas"), "Schemas"),
    )


def _chosen(text: str | None, versions: Sequence[int], otherwise: int) -> int:
    given = whole(text, 0)
    return given if given in versions else otherwise


def _choice(cluster: Cluster, subject: str, versions: Sequence[int], old: int, new: int) -> Html:
    def choose(name: str, label: str, chosen: int) -> Iterable[Html]:
        options = (
            el("option", f"version {number}", value=number, selected=number == chosen) for number in reversed(versions)
        )
        return el("label", label, for_=name), el("select", options, name=name, id=name)

    return el(
        "form",
        el("input", type="hidden", name="subject", value=subject),
        choose("from", "Changes from", old),
        choose("to", "to", new),
        el("button", "Compare", type="submit"),
        method="get",
        action=cluster.page("schema"),
        class_="search",
    )


async def _changes(old: Registered, new: Registered) -> Html:
    title = f"Changes from version {old.version} to version {new.version}"
    lines = await aside(lambda stop: _compared(old, new, stop))
    if lines is None:
        told = f"Texts of more than {_MOST_LINES:,} lines or {_MOST_TEXT:,} characters are not compared."
        return section(title, notice(told))
    if not lines:
        return section(title, el("p", "None that can be seen: the texts differ in spaces at most.", class_="empty"))
    return section(title, el("pre", (_line(line) for line in lines), class_="diff", tabindex=0, aria_label=title))


def _compared(old: Registered, new: Registered, stop: Stop) -> list[str] | None:
    """The changes; None where that would take too long."""
    texts = pretty(old), pretty(new)
    if max(map(len, texts)) > _MOST_TEXT:
        return None
    before, after = (text.splitlines() for text in texts)
    stop.check()
    return None if max(len(before), len(after)) > _MOST_LINES else changes(before, after)


def changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """A unified diff without the names of files."""
    return list(difflib.unified_diff(before, after, n=_CONTEXT, lineterm=""))[2:]


_KINDS = {"+": "added", "-": "removed", "@": "place"}


def _line(line: str) -> Html:
    return el("span", line, class_=_KINDS.get(line[:1]))


def pretty(found: Registered) -> str:
    """The text as people write it: JSON in lines, everything else as it is. One that is too long is cut, and still too long."""
    if found.schema_type in ("AVRO", "JSON") and len(found.schema) <= _MOST_TEXT:
        try:
            return in_lines(json.loads(found.schema), _MOST_TEXT)
        except (ValueError, RecursionError):
            pass
    return cut(found.schema, _MOST_TEXT)


def _text(found: Registered) -> Html:
    return el("pre", pretty(found), class_="text", tabindex=0, aria_label=f"Text of version {found.version}")


def _references(cluster: Cluster, found: Registered) -> Html | None:
    if not found.references:
        return None
    rows = (
        (r.name, link(cluster.page("schema"), r.subject, {"subject": r.subject, "to": r.version}), r.version)
        for r in found.references
    )
    columns = (Column("Name in the text"), Column("Subject"), Column("Version", numbers=True))
    return section("References", table("References", columns, rows))
