"""Brokers of the platform's values (deploy/k8s/modules/messaging/kafka/values.yaml), and what these promise."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from support.chart_brokers import ChartBrokers
from support.helm import of_kind, render
from support.places import DOCUMENT
from support.waiting import until

PROMISED = {
    "num.partitions": "3",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "message.max.bytes": "1048576",
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
}
"""What kafka-integration's values say, by Kafka's names."""


def stateful_sets(version: str, **kafka: Any) -> list[dict[str, Any]]:
    """Of the document's values, with another version and other values over it."""
    return brokers_of(render({"kafka": {"version": version, **kafka}}, files=[DOCUMENT]))


def brokers_of(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The StatefulSets of Kafka's, without the registry's."""
    found = of_kind(objects, "StatefulSet").values()
    return [one for one in found if one["metadata"]["labels"]["app.kubernetes.io/name"] == "kafka"]


def admin(bootstrap: str) -> AdminClient:
    """A plain client."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def settings_of(bootstrap: str, broker: int) -> dict[str, str]:
    """All settings of a broker, defaults included, as it reports them."""
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    for last in (False, False, True):
        # librdkafka may lose a broker over the answer of one that has just started; a new client finds it
        client = admin(bootstrap)
        client.list_topics(timeout=20)
        try:
            entries = client.describe_configs([resource])[resource].result(15)
        except (TimeoutError, KafkaException):
            if last:
                raise
        else:
            return {name: entry.value for name, entry in entries.items()}
    raise AssertionError("unreachable")


def are_there(bootstrap: str, ids: set[int]) -> None:
    """All brokers are let in by the controller; those of 3.5 are ready a moment before."""
    until(lambda: set(admin(bootstrap).list_topics(timeout=20).brokers) == ids, f"brokers {ids} are there", pause=0.2)


def holds_what_is_promised(brokers: ChartBrokers, ids: set[int]) -> None:
    """Whether each broker has the settings that the values say."""
    bootstrap = brokers.bootstrap()
    are_there(bootstrap, ids)
    for broker in ids:
        found = settings_of(bootstrap, broker)
        assert {key: found[key] for key in PROMISED} == PROMISED
        assert found["log.dirs"].endswith("/data/kraft")
