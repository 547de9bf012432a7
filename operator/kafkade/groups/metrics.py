"""Metrics of consumer groups and topics for Prometheus, as they were last read."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kafkade.api.metrics import ResourceMetrics
from kafkade.api.objects import Key
from kafkade.groups.series import Told

_CLUSTER = ("namespace", "cluster")
_PAIR = (*_CLUSTER, "group", "topic")


class GroupMetrics(ResourceMetrics[Told | None]):
    """What was read of each KafkaCluster that wants it; None: it could not be, and no number is told."""

    def families(self, known: Sequence[tuple[Key, Told | None]]) -> list[Metric]:
        """As docs/reference/metrics.md has them."""
        records = GaugeMetricFamily(
            "kafkade_consumer_lag_records",
            "Records between a group's committed offsets and the ends of logs",
            labels=_PAIR,
        )
        seconds = GaugeMetricFamily(
            "kafkade_consumer_lag_seconds",
            "How long the oldest record that a group has not read has waited",
            labels=_PAIR,
        )
        groups = GaugeMetricFamily("kafkade_consumer_groups", "Groups, by state", labels=(*_CLUSTER, "state"))
        messages = CounterMetricFamily(
            "kafkade_topic_messages",
            "Records of a topic: all that were ever written, and those that retention took",
            labels=(*_CLUSTER, "topic", "status"),
        )
        read = GaugeMetricFamily(
            "kafkade_cluster_metrics_read",
            "1 where groups and topics could be read at the last look, 0 where not: the other series are gone then",
            labels=_CLUSTER,
        )
        duration = GaugeMetricFamily(
            "kafkade_cluster_metrics_read_duration_seconds", "Time that reading them took", labels=_CLUSTER
        )
        left_out = GaugeMetricFamily(
            "kafkade_cluster_metrics_left_out", "What has no series of its own", labels=(*_CLUSTER, "what")
        )
        for key, told in known:
            cluster = (key.namespace, key.name)
            read.add_metric(cluster, told is not None)
            if told is None:
                continue
            duration.add_metric(cluster, told.duration)
            for pair, lag in told.lag.items():
                records.add_metric((*cluster, *pair), lag.records)
                if lag.seconds is not None:
                    seconds.add_metric((*cluster, *pair), lag.seconds)
            for state, number in sorted(told.groups.items()):
                groups.add_metric((*cluster, state), number)
            for topic, counted in told.messages.items():
                messages.add_metric((*cluster, topic, "written"), counted.written)
                messages.add_metric((*cluster, topic, "expired"), counted.expired)
            for what, number in told.left_out.items():
                left_out.add_metric((*cluster, what), number)
        return [records, seconds, groups, messages, read, duration, left_out]
