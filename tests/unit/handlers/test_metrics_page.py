"""docs/reference/metrics.md has every metric of kafkade's own, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from kafkade.api.kinds import CLUSTER, DLQ_POLICY
from kafkade.api.objects import Key, Report
from kafkade.clients.model import ClusterDescription, Health
from kafkade.dlq.depth import Depth
from kafkade.dlq.metrics import Counted, PolicyMetrics
from kafkade.dlq.redrive.metrics import RedriveMetrics
from kafkade.engine.metrics import EngineMetrics, Waiting
from kafkade.engine.store import Readiness
from kafkade.groups.metrics import GroupMetrics
from kafkade.groups.series import Lag, Messages, Told
from kafkade.handlers.metrics import registry
from support.places import ROOT

PAGE = ROOT / "docs" / "reference" / "metrics.md"
MAIN, ORDERS = Key(CLUSTER, "shop", "main"), Key(DLQ_POLICY, "shop", "orders")

_ROW = re.compile(r"\| `(?P<name>kafkade_\w+)` \| (?P<type>\w+) \|[^|]*\| (?P<labels>[^|]*) \|.*\|")


def collected() -> Iterable[Metric]:
    """Families as a registry of the running operator has them, each with a sample."""
    description = ClusterDescription("id", 0, (), Health(1, 1, 0, 0))
    engine = EngineMetrics(
        lambda: {("shop", DLQ_POLICY, Readiness()): 1},
        lambda: [Waiting(MAIN, DLQ_POLICY, 1)],
        lambda: [(MAIN, description)],
    )
    engine.reported(Report(ORDERS, {"conditions": [{"type": "Ready", "status": "True", "reason": "Reconciled"}]}))
    with engine.batch(DLQ_POLICY):
        pass
    policies, redrives, groups = PolicyMetrics(), RedriveMetrics(), GroupMetrics()
    groups.tell(MAIN, Told({("g", "t"): Lag(1, 1.0)}, {"t": Messages(1, 0)}, {"Stable": 1}, {"pairs": 0}))
    policies.tell(ORDERS, Counted(MAIN, {"a.dlq": Depth(1, 1, 1)}, {"a.dlq": 1.0}, alert=False))
    redrives.tell(ORDERS, {"moved": 1})
    for collector in (engine, policies, redrives, groups):
        assert [f.name for f in collector.describe()] == [f.name for f in collector.collect()]
    return registry([engine, policies, redrives, groups]).collect()


def name_and_labels(family: Metric) -> tuple[str, set[str]]:
    """As a query would have them."""
    if family.type == "histogram":
        return family.name, set(family.samples[0].labels) - {"le"}
    return family.samples[0].name, set(family.samples[0].labels)


def test_each_family_is_documented_and_no_other() -> None:
    rows = [match.groupdict() for match in map(_ROW.fullmatch, PAGE.read_text().splitlines()) if match]
    documented = {row["name"]: (row["type"], set(re.findall(r"`(\w+)`", row["labels"]))) for row in rows}
    told = {}
    for family in collected():
        if family.name.startswith("kafkade"):
            name, labels = name_and_labels(family)
            told[name] = ("gauge" if family.type == "info" else family.type, labels)
    assert documented == told
    assert len(rows) == len(documented), "each once"
