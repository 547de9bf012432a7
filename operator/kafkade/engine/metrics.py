"""Metrics of the operator's own work for Prometheus: what waits, what it came to, how long it took; and the clusters' health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from prometheus_client import Counter as CounterMetric
from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kafkade.api.conditions import condition
from kafkade.api.objects import Key, Report
from kafkade.clients.model import ClusterDescription
from kafkade.engine.store import Readiness

BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds: from a look that found nothing to do up to a broker that takes its time."""

Standing = tuple[str, str, Readiness]
"""Namespace, kind, and the condition Ready."""

Described = tuple[Key, ClusterDescription | None]
"""A KafkaCluster and what was last seen of it; None: there is no working connection."""


class Waiting(NamedTuple):
    """How many resources of a kind wait in the lane of a cluster, those that are worked on included."""

    cluster: Key
    kind: str
    number: int


class EngineMetrics(Collector):
    """Asked for from threads of their own: the functions give lists that nobody changes afterwards."""

    def __init__(
        self,
        resources: Callable[[], Mapping[Standing, int]],
        waiting: Callable[[], list[Waiting]],
        clusters: Callable[[], list[Described]],
    ) -> None:
        self._resources = resources
        self._waiting = waiting
        self._clusters = clusters
        self._reports = CounterMetric(
            "kafkade_reconciles",
            "Looks at resources, by what they came to: status and reason of the condition Ready",
            ("kind", "ready", "reason"),
            registry=None,
        )
        self._seconds = Histogram(
            "kafkade_reconcile_batch_duration_seconds",
            "Time that a batch of one kind of one cluster took, from the gates to its last status",
            ("kind",),
            buckets=BUCKETS,
            registry=None,
        )

    def reported(self, report: Report) -> None:
        """A look at a resource came to this."""
        ready = condition(report.status or {}, "Ready")
        if ready is not None:
            self._reports.labels(report.key.kind, ready["status"], ready["reason"]).inc()

    def batch(self, kind: str) -> AbstractContextManager[Any]:
        """Measures what is done meanwhile."""
        return self._seconds.labels(kind).time()

    def collect(self) -> Iterable[Metric]:
        """All families with what is so now; Prometheus calls it."""
        yield from families(self._resources(), self._waiting(), self._clusters())
        yield from self._reports.collect()
        yield from self._seconds.collect()

    def describe(self) -> Iterable[Metric]:
        """All families without samples."""
        yield from families({}, (), ())
        yield from self._reports.describe()
        yield from self._seconds.describe()


def families(
    resources: Mapping[Standing, int], waiting: Sequence[Waiting], clusters: Sequence[Described]
) -> list[Metric]:
    """What is known of the resources, the lanes and the clusters, as docs/reference/metrics.md has it. Pure."""
    counted = GaugeMetricFamily(
        "kafkade_resources",
        "Resources, by status and reason of the condition Ready",
        labels=("namespace", "kind", "ready", "reason"),
    )
    for (namespace, kind, ready), number in sorted(resources.items()):
        counted.add_metric((namespace, kind, *ready), number)
    queue = GaugeMetricFamily(
        "kafkade_queue_depth",
        "Resources that wait for a look or are looked at",
        labels=("namespace", "cluster", "kind"),
    )
    for lane in sorted(waiting):
        queue.add_metric((lane.cluster.namespace, lane.cluster.name, lane.kind), lane.number)
    return [counted, queue, *_health(clusters)]


def _health(clusters: Sequence[Described]) -> list[Metric]:
    """Numbers of a cluster only while it is connected: a last number that stayed would look like a good one."""

    def gauge(name: str, text: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"kafkade_cluster_{name}", text, labels=("namespace", "cluster"))

    connected = gauge("connected", "1 where the brokers answered at the last look, 0 where not")
    brokers = gauge("brokers", "Brokers that are up")
    topics = gauge("topics", "Topics, internal ones included")
    partitions = gauge("partitions", "Partitions of all topics")
    under = gauge("under_replicated_partitions", "Partitions with fewer in-sync replicas than replicas")
    offline = gauge("offline_partitions", "Partitions without a leader")
    for cluster, description in sorted(clusters, key=lambda entry: entry[0]):
        where = (cluster.namespace, cluster.name)
        connected.add_metric(where, description is not None)
        if description is None:
            continue
        brokers.add_metric(where, len(description.brokers))
        topics.add_metric(where, description.health.topics)
        partitions.add_metric(where, description.health.partitions)
        under.add_metric(where, description.health.under_replicated)
        offline.add_metric(where, description.health.offline)
    return [connected, brokers, topics, partitions, under, offline]
