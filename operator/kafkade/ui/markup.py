"""HTML in which foreign text cannot become markup: what is not ``Html`` already is escaped, always and only here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TypeAlias
from urllib.parse import urlencode

from kafkade.api.text import visible


class Html(str):
    """Markup, to be used as it is. Only this module makes some of other text."""

    __slots__ = ()


Content: TypeAlias = "str | int | float | Iterable[Content] | None"
"""What an element can hold: Html as it is, other text and numbers escaped, None for nothing, or several of these."""

Attribute = str | int | bool | None

_VOID = frozenset({"br", "input", "link", "meta"})


def html(content: Content) -> Html:
    """Markup of ``content``."""
    if content is None:
        return Html("")
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(escape(visible(content)))
    if isinstance(content, int | float):
        return Html(str(content))
    return Html("".join(html(part) for part in content))


def el(tag: str, *content: Content, **attributes: Attribute) -> Html:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; True has no value, None and False are left out."""
    given = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{html(content)}</{tag}>")


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(visible(str(value)))}"'


Query = Mapping[str, str | int | None]
"""Parameters of an address; None leaves one out."""


def link(
    path: str, text: Content, query: Query | None = None, *, class_: str | None = None, current: bool = False
) -> Html:
    """A link to a page of this server. ``current``: it is the page that the link stands on."""
    return el("a", text, href=address(path, query), class_=class_, aria_current="page" if current else None)


def address(path: str, query: Query | None = None) -> str:
    """A path with parameters; ``path`` is percent-encoded already, and always one of this server."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return f"/{path.lstrip('/')}" + (f"?{urlencode(given, errors='surrogatepass')}" if given else "")


def number(value: int | None) -> str:
    """A number for people: thousands apart; a dash where it is not known."""
    return "–" if value is None else f"{value:,}" if abs(value) >= 10_000 else str(value)


def counted(count: int, what: str) -> str:
    """How many there are of what: 1 partition, 2 partitions."""
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time for people: 0.4 s, 12 s, 3 min, 2 h, 4 d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == 0 else f"{seconds:.1f} s"
