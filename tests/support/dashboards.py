"""What the chart's dashboards ask Prometheus for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from support.places import CHART

_VALUES = re.compile(r"label_values\((?P<metric>.*), (?P<label>\w+)\)")


class Asked(NamedTuple):
    """A query, and the labels that the names of its series or the choices of its variable are made of."""

    place: str
    expr: str
    labels: frozenset[str]


def asked() -> Iterator[Asked]:
    """All queries of all dashboards, those of their variables included."""
    for file in sorted((CHART / "files" / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                found = _VALUES.fullmatch(variable["definition"])
                assert found is not None, variable
                yield Asked(f"{board['title']}, {variable['label']}", found["metric"], frozenset({found["label"]}))
        for panel in board["panels"]:
            for target in panel["targets"]:
                legend = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                yield Asked(f"{board['title']}, {panel['title']}", target["expr"], legend)
