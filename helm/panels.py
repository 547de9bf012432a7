"""Forms of Grafana's dashboards: panels in rows, their queries, and the choices above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

GRID = 24
"""Grafana's columns."""

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask Prometheus for, and the name of each series of the answer."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``unit`` is one of Grafana's; ``text``: what it shows, for who hovers over its title."""

    title: str
    queries: tuple[Query, ...]
    text: str = ""
    unit: str = "short"
    width: int = 12
    height: int = 8
    kind: str = "timeseries"
    limits: dict[str, Any] = field(default_factory=dict)
    """Further defaults of the fields: thresholds, the range of the axis."""
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """As Grafana has it, with its place."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                {
                    "refId": chr(ord("A") + place),
                    "datasource": _SOURCE,
                    "expr": query.expr,
                    "legendFormat": query.legend,
                    "instant": self.kind != "timeseries",
                }
                for place, query in enumerate(self.queries)
            ],
            "fieldConfig": {"defaults": {"unit": self.unit, **self.limits}, "overrides": []},
            "options": self.options,
        }


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the panels: the values of a label of a metric."""

    name: str
    label: str
    metric: str

    def to_json(self) -> dict[str, Any]:
        """As Grafana has it."""
        query = f"label_values({self.metric}, {self.name})"
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": query, "refId": self.name},
            "definition": query,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
            "refresh": 2,
            "sort": 1,
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard: rows of panels below each other."""

    name: str
    title: str
    variables: tuple[Variable, ...]
    rows: tuple[tuple[Panel, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """As Grafana imports it."""
        return {
            "uid": f"kafkade-{self.name}",
            "title": self.title,
            "tags": ["kafkade", "kafka"],
            "timezone": "browser",
            "schemaVersion": 39,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {
                "list": [
                    {
                        "name": "datasource",
                        "label": "Prometheus",
                        "type": "datasource",
                        "query": "prometheus",
                        "current": {},
                    },
                    *(variable.to_json() for variable in self.variables),
                ]
            },
            "annotations": {"list": []},
            "links": [
                {
                    "title": "kafkade",
                    "type": "dashboards",
                    "tags": ["kafkade"],
                    "asDropdown": True,
                    "includeVars": False,
                    "keepTime": True,
                }
            ],
            "panels": list(_laid_out(self.rows)),
        }


def _laid_out(rows: Sequence[Sequence[Panel]]) -> Iterator[dict[str, Any]]:
    """Each row below the one before; a row's panels fill the width."""
    number = y = 0
    for row in rows:
        x = 0
        for panel in row:
            number += 1
            yield panel.to_json(number, x, y)
            x += panel.width
        if x != GRID:
            raise ValueError(f"the row of {row[0].title!r} is {x} columns wide, not {GRID}")
        y += max(panel.height for panel in row)


def number(title: str, expr: str, text: str = "", *, bad: bool = False, **more: Any) -> Panel:
    """One large number. ``bad``: anything but 0 is red."""
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 1}]
    limits = {"thresholds": {"mode": "absolute", "steps": steps}} if bad else {}
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", **more.pop("options", {})}
    panel = {"width": 6, "height": 4, **more}
    return Panel(
        title, (Query(expr, panel.pop("legend", "")),), text, kind="stat", limits=limits, options=options, **panel
    )


def lines(title: str, *queries: tuple[str, str], text: str = "", **more: Any) -> Panel:
    """Lines over time, the table of their last values beside them."""
    options = {
        "legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(title, tuple(Query(*query) for query in queries), text, options=options, **more)
