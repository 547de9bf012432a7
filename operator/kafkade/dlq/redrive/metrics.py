"""Metrics of redrives for Prometheus: the counts of their statuses. Told from the event loop, asked for from other threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kafkade.api.objects import Key

OUTCOMES = ("moved", "skipped", "failed", "quarantined", "lost")


class RedriveMetrics(Collector):
    """What became of the records of each redrive, for as long as the resource is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Key, tuple[int, ...]] = {}

    def tell(self, redrive: Key, counts: Mapping[str, int]) -> None:
        """The counts that its status has."""
        with self._lock:
            self._known[redrive] = tuple(counts.get(outcome, 0) for outcome in OUTCOMES)

    def forget(self, redrive: Key) -> None:
        """A redrive is gone."""
        with self._lock:
            self._known.pop(redrive, None)

    def collect(self) -> Iterable[Metric]:
        """The family with what is known now; Prometheus calls it."""
        with self._lock:
            known = sorted(self._known.items())
        family = _family()
        for key, numbers in known:
            for outcome, number in zip(OUTCOMES, numbers, strict=True):
                family.add_metric((key.namespace, key.name, outcome), number)
        return [family]

    def describe(self) -> Iterable[Metric]:
        """The family without samples."""
        return [_family()]


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "kafkade_redrive_records",
        "What became of the dead letters that a redrive looked at; nothing of a dry run",
        labels=("namespace", "redrive", "outcome"),
    )
