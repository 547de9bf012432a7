"""The resources of Kubernetes that belong to a cluster, and what their Ready conditions say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kafkade.ui.clusters import Cluster, Declared
from kafkade.ui.layout import Column, Part, Sorting, badge, notice, search, table
from kafkade.ui.markup import Html
from kafkade.ui.pages.asking import Missing, Page, Query

_AT_ONCE = 200
"""Resources on a page."""

_FIRST = {"False": 0, "Unknown": 1, None: 2, "True": 3}

_KEYS: Mapping[str, Callable[[Declared], Any]] = {
    "state": lambda d: _FIRST.get(d.status, 1),
    "kind": lambda d: d.kind,
    "name": lambda d: (d.namespace, d.name),
}


async def resources(cluster: Cluster, query: Query) -> Page:
    """All of them; what is not ready comes first. Nothing is asked for: the operator knows them."""
    if cluster.declared is None:
        raise Missing("resources are known to the operator only: kafkade run --ui")
    path, wanted = cluster.page("resources"), query.get("q", "").strip()
    found = [d for d in cluster.declared() if wanted.lower() in f"{d.kind} {d.namespace}/{d.name} {d.reason}".lower()]
    sorting = Sorting.parse(path, query.get("sort"), _KEYS, "state", {"q": wanted or None})
    found.sort(key=lambda d: (d.kind, d.namespace, d.name))
    found.sort(key=_KEYS[sorting.by], reverse=sorting.descending)
    part = Part.parse(query.get("page"), len(found), _AT_ONCE)
    bad = sum(d.status != "True" for d in found)
    told = f"{bad} of {len(found)} are not ready." if bad else "All are ready."
    columns = (
        Column("Resource", sort="name"),
        Column("Kind", sort="kind"),
        Column("Ready", sort="state"),
        Column("Reason"),
        Column("Message"),
    )
    rows = (
        (f"{d.namespace}/{d.name}", d.kind, ready(d.status), d.reason, d.message) for d in found[part.first : part.end]
    )
    return Page(
        "Resources",
        (
            search(path, "Kind, name or reason contains", wanted, {"sort": sorting.text}),
            notice(told, "warn" if bad else "good") if found else None,
            table("Resources", columns, rows, sorting, empty="There are none."),
            part.links(path, {"q": wanted or None, "sort": sorting.text}),
        ),
    )


def ready(status: str | None) -> Html:
    """The status of a Ready condition."""
    mood = {"True": "good", "False": "bad"}.get(status or "", "warn")
    return badge(status or "not yet", mood)
