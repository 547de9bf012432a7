"""Metrics of policies for Prometheus: what waits, since when, and how fast it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kafkade.api.metrics import ResourceMetrics
from kafkade.api.objects import Key
from kafkade.dlq.depth import Depth

_POLICY = ("namespace", "policy")
_OF_CLUSTER = (*_POLICY, "cluster_namespace", "cluster")
_TOPIC = (*_OF_CLUSTER, "topic")


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted for a policy. ``growth``: records a minute by dead-letter topic, where it is known."""

    cluster: Key
    """Its KafkaCluster, which may be of another namespace."""
    depths: Mapping[str, Depth]
    growth: Mapping[str, float]
    alert: bool
    """Whether a limit of spec.alert is passed."""


class PolicyMetrics(ResourceMetrics[Counted | None]):
    """What was counted for each policy at the last look; None: it could not be.

    Numbers that could not be renewed are dropped: stale ones would look like good ones.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock

    def families(self, known: Sequence[tuple[Key, Counted | None]]) -> list[Metric]:
        """As docs/reference/metrics.md has them."""
        return _families(known, self._clock() if known else 0.0)


def _families(known: Sequence[tuple[Key, Counted | None]], now: float) -> list[Metric]:
    counted = GaugeMetricFamily(
        "kafkade_dlq_policy_counted",
        "1 where the dead letters of the policy could be counted, 0 where not: its other series are gone then",
        labels=_POLICY,
    )
    alert = GaugeMetricFamily("kafkade_dlq_policy_alert", "1 while a limit of spec.alert is passed", labels=_OF_CLUSTER)
    records = GaugeMetricFamily("kafkade_dlq_records", "Dead letters that wait", labels=_TOPIC)
    oldest = GaugeMetricFamily(
        "kafkade_dlq_oldest_record_timestamp_seconds", "Timestamp of the oldest dead letter that waits", labels=_TOPIC
    )
    age = GaugeMetricFamily(
        "kafkade_dlq_oldest_record_age_seconds", "Age of the oldest dead letter that waits", labels=_TOPIC
    )
    arrived = CounterMetricFamily(
        "kafkade_dlq_arrived_records", "Dead letters that ever came to the topic", labels=_TOPIC
    )
    growth = GaugeMetricFamily(
        "kafkade_dlq_growth_records_per_minute", "Dead letters that come a minute, as spec.alert sees it", labels=_TOPIC
    )
    for key, found in known:
        policy = (key.namespace, key.name)
        counted.add_metric(policy, found is not None)
        if found is None:
            continue
        cluster = (*policy, found.cluster.namespace, found.cluster.name)
        alert.add_metric(cluster, found.alert)
        for topic, depth in found.depths.items():
            labels = (*cluster, topic)
            records.add_metric(labels, depth.waiting)
            arrived.add_metric(labels, depth.arrived)
            if depth.oldest is not None:
                oldest.add_metric(labels, depth.oldest / 1000)
                age.add_metric(labels, max(0.0, now - depth.oldest / 1000))
            if topic in found.growth:
                growth.add_metric(labels, found.growth[topic])
    return [records, oldest, age, arrived, growth, alert, counted]
