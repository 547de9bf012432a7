"""Writes the chart's Grafana dashboards, helm/kafkade/files/dashboards/: the operator, topics and lag, dead letters.

``python helm/dashboards.py`` writes them; with ``--check`` it writes nothing and ends with 1 when one is stale. Panels are laid
out row by row, and each query is one of Prometheus' that the tests hold against its own parser and a running operator.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from panels import Dashboard, Variable, lines, number

from kafkade.devstack.generated import main

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "helm" / "kafkade" / "files" / "dashboards"
_NAMESPACE = Variable("namespace", "Namespace", "kafkade_resources")
_HERE = 'namespace=~"$namespace"'
_CLUSTER = f'{_HERE},cluster=~"$cluster"'
_TOPIC = f'{_CLUSTER},topic=~"$topic"'
_PAIR = f'{_TOPIC},group=~"$group"'
_POLICY = f'{_HERE},policy=~"$policy"'
_EACH = "max by (cluster_namespace, cluster, topic)"
"""Dead-letter topics, each once: two policies can have one together, and two namespaces clusters of one name."""
_LETTERS = "{{cluster_namespace}}/{{cluster}} {{topic}}"

OPERATOR = Dashboard(
    "operator",
    "kafkade: operator",
    (_NAMESPACE,),
    (
        (
            number(
                "Clusters that do not answer",
                f"count(kafkade_cluster_connected{{{_HERE}}} == 0) or vector(0)",
                "KafkaClusters whose brokers did not answer at the last look.",
                bad=True,
            ),
            number(
                "Resources not Ready",
                f'sum(kafkade_resources{{{_HERE},ready="False"}}) or vector(0)',
                "Their condition Ready says why.",
                bad=True,
            ),
            number("Resources", f"sum(kafkade_resources{{{_HERE}}}) or vector(0)", "Of all kinds."),
            number(
                "Version",
                "max by (version) (kafkade_build_info)",
                legend="{{version}}",
                options={"textMode": "name", "colorMode": "none"},
            ),
        ),
        (
            lines(
                "Resources",
                (f"sum by (kind, reason) (kafkade_resources{{{_HERE}}})", "{{kind}} {{reason}}"),
                text="By kind and reason.",
            ),
            lines(
                "Resources that wait",
                (f"kafkade_queue_depth{{{_HERE}}}", "{{namespace}}/{{cluster}} {{kind}}"),
                text="By cluster and kind; those that are looked at included.",
            ),
        ),
        (
            lines(
                "Looks a second",
                ("sum by (kind, reason) (rate(kafkade_reconciles_total[5m]))", "{{kind}} {{reason}}"),
                text="By kind and what they came to.",
                unit="ops",
            ),
            lines(
                "Refusals and failures a second",
                (
                    'sum by (kind, reason) (rate(kafkade_reconciles_total{ready="False"}[5m]))',
                    "{{kind}} {{reason}}",
                ),
                text="Looks that found a resource not to be as declared, by reason.",
                unit="ops",
            ),
        ),
        (
            lines(
                "Time of a batch, 95 of 100",
                (
                    "histogram_quantile(0.95, sum by (kind, le)"
                    " (rate(kafkade_reconcile_batch_duration_seconds_bucket[5m])))",
                    "{{kind}}",
                ),
                text="From its first check to its last status, by kind.",
                unit="s",
            ),
            lines(
                "Time of a batch, mean",
                (
                    "sum by (kind) (rate(kafkade_reconcile_batch_duration_seconds_sum[5m]))"
                    " / sum by (kind) (rate(kafkade_reconcile_batch_duration_seconds_count[5m]))",
                    "{{kind}}",
                ),
                text="By kind.",
                unit="s",
            ),
        ),
        (
            lines(
                "Memory of the operator",
                ("process_resident_memory_bytes and on (job, instance) kafkade_build_info", "{{pod}}"),
                text="Resident.",
                unit="bytes",
                width=8,
            ),
            lines(
                "CPU of the operator",
                ("rate(process_cpu_seconds_total[5m]) and on (job, instance) kafkade_build_info", "{{pod}}"),
                text="Seconds a second.",
                width=8,
            ),
            lines(
                "Who acts",
                ("kafkade_leader", "{{pod}}"),
                text="1 for the replica that holds the Lease, 0 for those that wait.",
                width=8,
                limits={"min": 0, "max": 1},
            ),
        ),
    ),
)

TOPICS = Dashboard(
    "topics",
    "kafkade: topics and lag",
    (
        _NAMESPACE,
        Variable("cluster", "Cluster", f"kafkade_cluster_connected{{{_HERE}}}"),
        Variable("topic", "Topic", f"kafkade_topic_messages_total{{{_CLUSTER}}}"),
        Variable("group", "Group", f"kafkade_consumer_lag_records{{{_CLUSTER}}}"),
    ),
    (
        (
            number(
                "Partitions without a leader",
                f"sum(kafkade_cluster_offline_partitions{{{_CLUSTER}}}) or vector(0)",
                "They can be neither written nor read.",
                bad=True,
            ),
            number(
                "Partitions under-replicated",
                f"sum(kafkade_cluster_under_replicated_partitions{{{_CLUSTER}}}) or vector(0)",
                "With fewer in-sync replicas than replicas.",
                bad=True,
            ),
            number("Topics", f"sum(kafkade_cluster_topics{{{_CLUSTER}}}) or vector(0)", "Internal ones included."),
            number("Brokers", f"sum(kafkade_cluster_brokers{{{_CLUSTER}}}) or vector(0)", "That are up."),
        ),
        (
            lines(
                "Brokers",
                (f"kafkade_cluster_brokers{{{_CLUSTER}}}", "{{namespace}}/{{cluster}}"),
                text="That are up; no line while a cluster does not answer.",
                width=8,
            ),
            lines(
                "Partitions",
                (f"kafkade_cluster_partitions{{{_CLUSTER}}}", "{{namespace}}/{{cluster}}"),
                text="Of all topics.",
                width=8,
            ),
            lines(
                "Partitions under-replicated, without a leader",
                (
                    f"kafkade_cluster_under_replicated_partitions{{{_CLUSTER}}}",
                    "{{namespace}}/{{cluster}} under-replicated",
                ),
                (f"kafkade_cluster_offline_partitions{{{_CLUSTER}}}", "{{namespace}}/{{cluster}} without a leader"),
                width=8,
            ),
        ),
        (
            number(
                "Most behind, records",
                f'max(kafkade_consumer_lag_records{{{_PAIR},group!="*"}})',
                "Of a group at a topic that has a series of its own.",
            ),
            number(
                "Most behind, time",
                f"max(kafkade_consumer_lag_seconds{{{_PAIR}}})",
                "How long the oldest record that a group has not read has waited.",
                unit="s",
            ),
            number(
                "Messages a second",
                f'sum(rate(kafkade_topic_messages_total{{{_TOPIC},status="written"}}[5m]))',
                "Written to the topics chosen above.",
                unit="ops",
            ),
            number(
                "Clusters not read",
                f"count(kafkade_cluster_metrics_read{{{_CLUSTER}}} == 0) or vector(0)",
                "Groups and topics of these are not known: the operator's log says why.",
                bad=True,
            ),
        ),
        (
            lines(
                "Lag, records",
                (f"kafkade_consumer_lag_records{{{_PAIR}}}", "{{cluster}} {{group}} {{topic}}"),
                text="By group and topic; * stands for all that have no series of their own.",
            ),
            lines(
                "Lag, time",
                (f"kafkade_consumer_lag_seconds{{{_PAIR}}}", "{{cluster}} {{group}} {{topic}}"),
                text="How long the oldest record that waits has waited. No line where a record's time may not be read.",
                unit="s",
            ),
        ),
        (
            lines(
                "Messages written a second",
                (f'rate(kafkade_topic_messages_total{{{_TOPIC},status="written"}}[5m])', "{{cluster}} {{topic}}"),
                text="By topic, over five minutes.",
                unit="ops",
            ),
            lines(
                "Messages kept",
                (
                    f'kafkade_topic_messages_total{{{_TOPIC},status="written"}}'
                    f' - ignoring (status) kafkade_topic_messages_total{{{_TOPIC},status="expired"}}',
                    "{{cluster}} {{topic}}",
                ),
                text="By topic: written, and not taken by retention.",
            ),
        ),
        (
            lines(
                "Groups",
                (f"kafkade_consumer_groups{{{_CLUSTER}}}", "{{namespace}}/{{cluster}} {{state}}"),
                text="By state: Empty ones have offsets and no members.",
                width=8,
            ),
            lines(
                "Without a series of their own",
                (f"kafkade_cluster_metrics_left_out{{{_CLUSTER}}} > 0", "{{namespace}}/{{cluster}} {{what}}"),
                text="Beyond maxSeries, or not to be read.",
                width=8,
            ),
            lines(
                "Time of reading groups and topics",
                (f"kafkade_cluster_metrics_read_duration_seconds{{{_CLUSTER}}}", "{{namespace}}/{{cluster}}"),
                unit="s",
                width=8,
            ),
        ),
    ),
)

DEAD_LETTERS = Dashboard(
    "dead-letters",
    "kafkade: dead letters",
    (_NAMESPACE, Variable("policy", "Policy", f"kafkade_dlq_policy_counted{{{_HERE}}}")),
    (
        (
            number(
                "Dead letters that wait",
                f"sum({_EACH} (kafkade_dlq_records{{{_POLICY}}})) or vector(0)",
                "Of all policies chosen above; a topic of two policies counts once.",
            ),
            number(
                "Oldest",
                f"max(kafkade_dlq_oldest_record_age_seconds{{{_POLICY}}})",
                "Age of the oldest dead letter that waits.",
                unit="s",
            ),
            number(
                "Policies with a limit passed",
                f"sum(kafkade_dlq_policy_alert{{{_POLICY}}}) or vector(0)",
                "Condition Alert of a KafkaDLQPolicy.",
                bad=True,
            ),
            number(
                "Policies not counted",
                f"count(kafkade_dlq_policy_counted{{{_POLICY}}} == 0) or vector(0)",
                "Their numbers are not known: condition Ready says why.",
                bad=True,
            ),
        ),
        (
            lines(
                "Dead letters that wait",
                (f"{_EACH} (kafkade_dlq_records{{{_POLICY}}})", _LETTERS),
                text="By topic: they are there and were not put back.",
            ),
            lines(
                "Age of the oldest",
                (
                    f"{_EACH} (kafkade_dlq_oldest_record_age_seconds{{{_POLICY}}})",
                    _LETTERS,
                ),
                text="By topic. No line where nothing waits.",
                unit="s",
            ),
        ),
        (
            lines(
                "Dead letters that come, a minute",
                (
                    f"{_EACH} (rate(kafkade_dlq_arrived_records_total{{{_POLICY}}}[5m])) * 60",
                    _LETTERS,
                ),
                text="By topic, over five minutes.",
            ),
            lines(
                "Growth as alerts see it",
                (
                    f"{_EACH} (kafkade_dlq_growth_records_per_minute{{{_POLICY}}})",
                    _LETTERS,
                ),
                text="Records a minute between the last two counts: what spec.alert.growthPerMinute is held against.",
            ),
        ),
        (
            lines(
                "Redrives",
                (f"kafkade_redrive_records{{{_HERE}}}", "{{namespace}}/{{redrive}} {{outcome}}"),
                text="Records of each KafkaDLQRedrive by what became of them.",
                width=24,
            ),
        ),
    ),
)

DASHBOARDS = (OPERATOR, TOPICS, DEAD_LETTERS)


def files() -> dict[Path, str]:
    """The text of each file by its path."""
    return {
        FOLDER / f"{board.name}.json": json.dumps(board.to_json(), indent=1, ensure_ascii=False) + "\n"
        for board in DASHBOARDS
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, files, "make crds", FOLDER.glob("*")))
