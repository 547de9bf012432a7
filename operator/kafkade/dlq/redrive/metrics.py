"""Metrics of redrives for Prometheus: the counts of their statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kafkade.api.metrics import ResourceMetrics
from kafkade.api.objects import Key

OUTCOMES = ("moved", "skipped", "failed", "quarantined", "lost")


class RedriveMetrics(ResourceMetrics[Mapping[str, int]]):
    """What became of the records of each redrive: the counts that its status has."""

    def families(self, known: Sequence[tuple[Key, Mapping[str, int]]]) -> list[Metric]:
        """As docs/reference/metrics.md has it."""
        records = GaugeMetricFamily(
            "kafkade_redrive_records",
            "What became of the dead letters that a redrive looked at; nothing of a dry run",
            labels=("namespace", "redrive", "outcome"),
        )
        for key, counts in known:
            for outcome in OUTCOMES:
                records.add_metric((key.namespace, key.name, outcome), counts.get(outcome, 0))
        return [records]
