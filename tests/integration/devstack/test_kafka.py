"""Brokers as they are started for the tests of everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from kafkade.devstack import DevStackError, Kafka
from kafkade.devstack.kafka import DEFAULT_VERSION, learn
from support.requests import counted
from support.waiting import until

SCRAM_AND_PLAIN = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """A broker with everything switched on."""
    with Kafka(security=True, authorizer=True, metrics=True) as running:
        yield running


def admin(bootstrap: str, **settings: str) -> AdminClient:
    dotted = {name.replace("_", "."): value for name, value in settings.items()}
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **dotted})


def create(client: AdminClient, name: str, partitions: int = 1, replicas: int = 1) -> None:
    client.create_topics([NewTopic(name, partitions, replicas)])[name].result(20)


def test_a_topic_is_created(kafka: Kafka) -> None:
    client = admin(kafka.bootstrap)
    create(client, "plaintext", partitions=3)

    def partitions() -> int:
        return len(client.list_topics("plaintext", timeout=20).topics["plaintext"].partitions)

    until(lambda: partitions() == 3, "the broker's metadata have it")


def test_tls(kafka: Kafka) -> None:
    create(admin(kafka.ssl_bootstrap, security_protocol="SSL", ssl_ca_pem=kafka.ca_pem), "tls")


def test_tls_with_a_client_certificate(kafka: Kafka) -> None:
    client = admin(
        kafka.mtls_bootstrap,
        security_protocol="SSL",
        ssl_ca_pem=kafka.ca_pem,
        ssl_certificate_pem=kafka.client_cert_pem,
        ssl_key_pem=kafka.client_key_pem,
    )
    assert client.list_topics(timeout=10).brokers


def test_without_the_client_certificate_there_is_no_connection(kafka: Kafka) -> None:
    client = admin(kafka.mtls_bootstrap, security_protocol="SSL", ssl_ca_pem=kafka.ca_pem)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=2)


@pytest.mark.parametrize("mechanism", SCRAM_AND_PLAIN)
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl(kafka: Kafka, protocol: str, mechanism: str) -> None:
    tls = protocol == "SASL_SSL"
    bootstrap = kafka.sasl_ssl_bootstrap if tls else kafka.sasl_plaintext_bootstrap
    settings = {"security_protocol": protocol, "sasl_mechanism": mechanism}
    if tls:
        settings["ssl_ca_pem"] = kafka.ca_pem
    allowed = admin(bootstrap, sasl_username="admin", sasl_password="admin-secret", **settings)
    topic = f"{protocol}-{mechanism}"
    create(allowed, topic)

    # alice may log in, but sees nothing and may do nothing until an ACL says so
    alice = admin(bootstrap, sasl_username="alice", sasl_password="alice-secret", **settings)
    assert topic not in alice.list_topics(timeout=10).topics
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        create(alice, "not-hers")


def test_a_wrong_password_is_refused(kafka: Kafka) -> None:
    client = admin(
        kafka.sasl_plaintext_bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="alice",
        sasl_password="wrong",
    )
    with pytest.raises(KafkaException):
        client.list_topics(timeout=2)


def test_requests_are_counted(kafka: Kafka) -> None:
    client = admin(kafka.bootstrap)
    client.list_topics(timeout=10)
    before = counted(kafka, "CreateTopics")  # those of the tests before are counted by then
    create(client, "counted")
    more = counted(kafka, "CreateTopics") - before
    # at the broker, and at the controller that it hands it on to
    assert more["CreateTopics"] == 2
    assert "DeleteTopics" not in more
    assert "BrokerHeartbeat" not in kafka.request_counts()
    assert kafka.request_counts(internal=True)["BrokerHeartbeat"] > 0


def in_sync(client: AdminClient, topic: str) -> set[tuple[int, ...]]:
    """The in-sync replicas that its partitions have; none where a broker that has gone or just come was asked."""
    try:
        found = client.list_topics(timeout=5).topics.get(topic)
    except KafkaException:
        return set()
    return {tuple(sorted(partition.isrs)) for partition in found.partitions.values()} if found else set()


def test_three_brokers_survive_the_loss_of_one() -> None:
    with Kafka(brokers=3, racks=["a", "b", "c"]) as cluster:
        client = admin(cluster.bootstrap)
        create(client, "kept", partitions=3, replicas=3)

        cluster.kill_broker(2)
        assert set(cluster.pids()) == {1, 3}
        until(lambda: in_sync(admin(cluster.bootstrap), "kept") == {(1, 3)}, "one is missing")

        cluster.start_broker(2)
        until(lambda: in_sync(admin(cluster.bootstrap), "kept") == {(1, 2, 3)}, "all are in sync")

        pids = cluster.pids()
        assert set(pids) == {1, 2, 3}
        folder = cluster.log(1).parent
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert not folder.exists()


def test_a_broker_that_does_not_start_says_why() -> None:
    broken = Kafka(config={"log.dirs": "/proc/no/such/folder"})
    with pytest.raises(DevStackError, match=r"cannot be formatted(.|\n)*/proc/no/such/folder"):
        broken.start()
    with pytest.raises(DevStackError, match="not running"):
        _ = broken.bootstrap


@pytest.mark.parametrize("metrics", [False, True], ids=["plain", "with an agent"])
def test_it_begins_with_the_classes_that_an_earlier_one_linked(metrics: bool) -> None:
    learn(DEFAULT_VERSION)
    with Kafka(metrics=metrics) as running:
        (pid,) = running.pids().values()
        assert "/classes.aot\n" in Path(f"/proc/{pid}/maps").read_text()
