"""What all pages have in common: head, navigation, tables, notices, pages of a long list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from kafkade import __version__
from kafkade.ui.clusters import Cluster
from kafkade.ui.markup import Content, Html, Query, address, el, html, link, number

STATIC = "/static/"

_PAGES = (
    ("overview", "Overview"),
    ("topics", "Topics"),
    ("schemas", "Schemas"),
    ("groups", "Groups"),
    ("dead-letters", "Dead letters"),
    ("resources", "Resources"),
)
_PART_OF = {"topic": "topics", "schema": "schemas", "group": "groups", "peek": "dead-letters"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is: of which cluster, under which name, and which other clusters there are."""

    cluster: Cluster | None = None
    name: str = ""
    others: Sequence[Cluster] = ()


def page(title: str, body: Content, place: Place | None = None, up: Content = None) -> str:
    """A whole page. ``up``: a link to the list that it is of."""
    place = place or Place()
    head = (
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · kafkade"),
        el("link", rel="stylesheet", href=asset("style.css")),
        el("link", rel="icon", href=asset("icon.svg"), type="image/svg+xml"),
    )
    shell = (
        el("a", "Skip to the content", href="#content", class_="skip"),
        el("header", _brand(place), _navigation(place)),
        el("main", up and el("p", "← ", up, class_="up"), el("h1", title), body, id="content"),
        el("footer", f"kafkade {__version__} · only shows, never changes anything · as of {moment_of_now()}"),
    )
    return "<!doctype html>" + el("html", el("head", head), el("body", shell), lang="en")


def moment_of_now() -> str:
    """The time for people, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@cache
def content_of(name: str) -> bytes:
    """A file that pages refer to."""
    return (files(__package__) / "static" / name).read_bytes()


@cache
def asset(name: str) -> str:
    """The address of such a file: a new one whenever it changes, so that a browser may keep it."""
    return address(STATIC + name, {"v": hashlib.sha256(content_of(name)).hexdigest()[:12]})


def _brand(place: Place) -> Html:
    name = el("a", "kafkade", href="/", class_="brand")
    if place.cluster is None:
        return name
    if len(place.others) < 2:
        return html((name, el("span", place.cluster.title, class_="cluster")))
    items = (el("li", link(c.page("overview"), c.title, current=c.id == place.cluster.id)) for c in place.others)
    choice = el("details", el("summary", place.cluster.title), el("ul", items), class_="cluster")
    return html((name, choice))


def _navigation(place: Place) -> Html | None:
    cluster = place.cluster
    if cluster is None:
        return None
    here = _PART_OF.get(place.name, place.name)
    shown = (
        (name, text)
        for name, text in _PAGES
        if (name != "resources" or cluster.declared is not None) and (name != "schemas" or cluster.registry is not None)
    )
    items = (el("li", link(cluster.page(name), text, current=name == here)) for name, text in shown)
    return el("nav", el("ul", items), aria_label="Pages of this cluster")


# parts of pages


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. ``sort``: the value of the query parameter that sorts by it."""

    title: str
    numbers: bool = False
    sort: str | None = None


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a table is sorted: by which column's key, and whether the largest come first. ``path``: the page's address.

    ``query``: the page's other parameters.
    """

    path: str
    by: str
    descending: bool
    query: Query

    @classmethod
    def parse(cls, path: str, text: str | None, allowed: Iterable[str], default: str, query: Query) -> Sorting:
        """From a parameter such as ``-partitions``; what is not ``allowed`` counts as ``default``."""
        by = (text or default).removeprefix("-")
        if by not in allowed:
            text, by = default, default.removeprefix("-")
        return cls(path, by, (text or default).startswith("-"), query)

    @property
    def text(self) -> str:
        """As the parameter has it."""
        return ("-" if self.descending else "") + self.by


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Content]],
    sorting: Sorting | None = None,
    *,
    empty: str = "None.",
) -> Html:
    """A table; the first cell of each row is its heading. It scrolls by itself where the screen is too narrow."""
    body = [el("tr", (_cell(cell, columns[at], heading=at == 0) for at, cell in enumerate(row))) for row in rows]
    if not body:
        return el("p", empty, class_="empty")
    head = el("tr", (_heading(column, sorting) for column in columns))
    made = el("table", el("caption", caption), el("thead", head), el("tbody", body))
    return el("div", made, class_="scroll", role="region", aria_label=caption, tabindex=0)


def _cell(content: Content, column: Column, *, heading: bool) -> Html:
    class_ = "number" if column.numbers else None
    if isinstance(content, int):
        content = number(content)
    return el("th", content, scope="row", class_=class_) if heading else el("td", content, class_=class_)


def _heading(column: Column, sorting: Sorting | None) -> Html:
    class_ = "number" if column.numbers else None
    if sorting is None or column.sort is None:
        return el("th", column.title, scope="col", class_=class_)
    active = sorting.by == column.sort
    # names rise first, numbers fall first: the largest are what is looked for
    down = not sorting.descending if active else column.numbers
    order = ("descending" if sorting.descending else "ascending") if active else None
    arrow = (el("span", "▼" if sorting.descending else "▲", aria_hidden="true", class_="arrow")) if active else None
    query = {**sorting.query, "sort": ("-" if down else "") + column.sort}
    return el("th", link(sorting.path, (column.title, arrow), query), scope="col", class_=class_, aria_sort=order)


def facts(*pairs: tuple[str, Content]) -> Html:
    """Names and values, of those that there are."""
    shown = ((name, number(value) if isinstance(value, int) else value) for name, value in pairs if value is not None)
    return el("dl", (el("div", el("dt", name), el("dd", value)) for name, value in shown), class_="facts")


def tiles(*pairs: tuple[str, Content, str | None]) -> Html:
    """Large numbers: what it is, the number, and whether it is good or bad or neither."""
    return el(
        "dl",
        (
            el("div", el("dt", name), el("dd", number(value) if isinstance(value, int) else value), class_=mood)
            for name, value, mood in pairs
        ),
        class_="tiles",
    )


def badge(text: str, mood: str = "neutral") -> Html:
    """A word that stands out. ``mood``: good, bad, warn or neutral."""
    return el("span", text, class_=f"badge {mood}")


def notice(content: Content, mood: str = "warn") -> Html:
    """Something about the page that its reader should know first."""
    return el("div", content, class_=f"notice {mood}", role="status")


def section(title: str, *content: Content) -> Html:
    """A part of a page with a title of its own."""
    return el("section", el("h2", title), content)


def search(path: str, label: str, value: str, kept: Query, *more: Content) -> Html:
    """A field to look for something by a part of its name. ``kept``: other parameters that stay as they are."""
    hidden = (
        el("input", type="hidden", name=name, value=value_) for name, value_ in kept.items() if value_ not in (None, "")
    )
    field = el("input", type="search", name="q", value=value, id="q", autocomplete="off", spellcheck="false")
    return el(
        "form",
        el("label", label, for_="q"),
        field,
        more,
        hidden,
        el("button", "Show", type="submit"),
        method="get",
        action=address(path),
        role="search",
        class_="search",
    )


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a list: the first entry's index, the one after the last, and how many there are."""

    first: int
    end: int
    of: int
    size: int

    @classmethod
    def parse(cls, text: str | None, of: int, size: int) -> Part:
        """From a page's number, counted from 1; one that there is not counts as the nearest."""
        last = max(1, -(-of // size))
        chosen = min(max(1, whole(text, 1)), last)
        return cls((chosen - 1) * size, min(of, chosen * size), of, size)

    def links(self, path: str, query: Query) -> Html | None:
        """Links to the other pages; none where there is one page."""
        if self.of <= self.size:
            return None
        chosen, last = self.first // self.size + 1, -(-self.of // self.size)
        before = link(path, "← Previous", {**query, "page": chosen - 1}) if chosen > 1 else None
        after = link(path, "Next →", {**query, "page": chosen + 1}) if chosen < last else None
        told = f"{number(self.first + 1)} to {number(self.end)} of {number(self.of)}"
        return el("nav", before, el("span", told), after, class_="pager", aria_label="More of this list")


def whole(text: str | None, otherwise: int) -> int:
    """A whole number that a parameter gives, at most nine digits; ``otherwise`` where it is none."""
    return int(text) if text and len(text) <= 9 and text.isascii() and text.isdigit() else otherwise
