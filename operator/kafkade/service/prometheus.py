"""A service's metrics for Prometheus: kafka_consumer_lag, kafka_messages_total and kafka_processing_duration_seconds.

``REGISTRY.register(Collector(service.metrics))``, and the process's own endpoint has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector as Base

from kafkade.service.metrics import BUCKETS, Metrics


class Collector(Base):
    """What a registry of prometheus-client asks for metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily]:
        """The families as they are now; also while the service runs in another thread."""
        lag = GaugeMetricFamily(
            "kafka_consumer_lag",
            "Records behind the end of the partitions that this instance has.",
            labels=("topic", "group"),
        )
        for (topic, group), records in self._metrics.lags.items():
            lag.add_metric((topic, group), records)
        yield lag
        messages = CounterMetricFamily("kafka_messages", "Records by what became of them.", labels=("topic", "status"))
        for (topic, status), number in self._metrics.messages.copy().items():
            messages.add_metric((topic, status), number)
        yield messages
        durations = HistogramMetricFamily(
            "kafka_processing_duration_seconds", "How long a handler was at a record.", labels=("topic", "handler")
        )
        bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
        for (topic, handler), found in self._metrics.durations.copy().items():
            # a histogram's buckets count all that is below their bound
            buckets = list(zip(bounds, map(float, accumulate(found.counts)), strict=True))
            durations.add_metric((topic, handler), buckets, sum_value=found.total)
        yield durations
