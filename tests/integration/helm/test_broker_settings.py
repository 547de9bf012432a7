"""What the chart tells brokers is what brokers do: real ones are started with the environment that pods would get."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from kafka.admin import KafkaAdminClient

from kafkade.api.errors import UnknownTopic
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.model import Replication
from kafkade.clusters.rolling.plan import plan
from kafkade.clusters.rolling.pods import Pod, StatefulSet
from kafkade.devstack import Registry, loopback
from kafkade.devstack.certificates import CertificateAuthority
from support.chart_brokers import ChartBrokers
from support.chart_pods import Addresses, ChartPod
from support.document_brokers import admin, are_there, brokers_of, holds_what_is_promised, settings_of, stateful_sets
from support.helm import one, render
from support.places import CHART, DOCUMENT
from support.waiting import until

ZONES = ("zone-a", "zone-b", "zone-c")

LEVEL_OF_3_5 = 11
"""metadata.version 3.5-IV2."""


@pytest.fixture
def addresses() -> Iterator[Addresses]:
    """Ports that stay the same while brokers are stopped and started."""
    found = Addresses()
    yield found
    found.release()


def removed_properties() -> list[str]:
    """Patterns of what the chart refuses from Kafka 4.0 on."""
    text = (CHART / "templates" / "kafka" / "_checks.tpl").read_text()
    found = re.search(r'define "kafkade.kafka.removedProperties" -}}\n(.*?){{- end', text, re.DOTALL)
    assert found
    return [line.removeprefix("- ") for line in found[1].splitlines()]


def metadata_level(bootstrap: str) -> int:
    """The finalized level of metadata.version, which cannot be lowered."""
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return int(client.describe_features()["metadata.version"]["finalized"][1])
    finally:
        client.close()


def create(bootstrap: str, name: str) -> None:
    """A topic that leaves everything to the brokers."""
    client = admin(bootstrap)
    client.create_topics([NewTopic(name)])[name].result(20)


def replicas(bootstrap: str, topic: str) -> list[int]:
    """How many replicas each partition has; each broker learns of a new topic a moment later, on its own."""
    client, found = admin(bootstrap), []

    def known() -> bool:
        found[:] = client.list_topics(topic, timeout=20).topics[topic].partitions.values()
        return bool(found)

    until(known, f"topic {topic} is known")
    return [len(partition.replicas) for partition in found]


def test_the_documents_values_from_3_5_over_3_9_to_4_1(tmp_path: Path, addresses: Addresses) -> None:
    """Each version starts with what the chart renders for it, on the storage that the one before has left."""
    for number, version in enumerate(("3.5.2", "3.9.1", "4.1.1")):
        with ChartBrokers(version, stateful_sets(version), tmp_path, addresses, zones=ZONES) as brokers:
            holds_what_is_promised(brokers, {0, 1, 2})
            bootstrap = brokers.bootstrap()
            create(bootstrap, f"topic-{number}")
            for earlier in range(number + 1):
                assert replicas(bootstrap, f"topic-{earlier}") == [3, 3, 3]
            assert [settings_of(bootstrap, b)["broker.rack"] for b in (0, 1, 2)] == list(ZONES)
            known = settings_of(bootstrap, 0)
            for pattern in removed_properties():
                assert any(re.match(pattern, key) for key in known) is (version < "4"), f"{version}: {pattern}"
            assert metadata_level(bootstrap) == LEVEL_OF_3_5, "nothing raises it on its own"
            assert not admin(bootstrap).list_topics("never-made", timeout=10).topics["never-made"].partitions
            assert (
                admin(bootstrap).list_topics(timeout=10).cluster_id
                == brokers.environment(brokers.pods[0])["CLUSTER_ID"]
            )


NEWEST = "newest"


def outdated(name: str, first: int, number: int, revision: str = "old") -> StatefulSet:
    """A StatefulSet whose pods are Ready; outdated unless their revision is given."""
    found = (Pod(f"{name}-{n}", first + n, f"uid-{n}", revision, ready=True) for n in range(number))
    return StatefulSet(name, NEWEST, tuple(found))


async def replication(bootstrap: str, topic: str) -> Replication:
    """What a roll asks of Kafka, once all brokers have heard of the topic."""
    client = KafkaAdmin(Security(bootstrap))
    try:
        while True:
            with suppress(UnknownTopic):
                found = await client.replication()
                if all(len(p.isr) == len(p.replicas) for p in found.topics[topic]):
                    return found
            await asyncio.sleep(0.1)
    finally:
        await client.close()


@pytest.mark.parametrize("version", ["3.5.2", "4.1.1"])
async def test_controllers_apart(version: str, tmp_path: Path, addresses: Addresses) -> None:
    small = {"replicas": 2, "replicationFactor": 2}
    sets = stateful_sets(version, controllers={"enabled": True, "replicas": 1}, **small)
    # nodes without a zone, which makes an empty rack
    with ChartBrokers(version, sets, tmp_path, addresses) as brokers:
        assert [pod.name for pod in brokers.pods] == ["kafka-0", "kafka-1", "kafka-controller-0"]
        bootstrap = brokers.bootstrap()
        are_there(bootstrap, {0, 1})
        assert settings_of(bootstrap, 0)["controller.quorum.voters"].startswith("1000@")
        create(bootstrap, "apart")
        assert replicas(bootstrap, "apart") == [2, 2, 2]
        # and a roll takes them for what they are: a single controller cannot be spared
        seen = await replication(bootstrap, "apart")
        assert (seen.brokers, {voter.id for voter in seen.quorum.voters}) == ({0, 1}, {1000})
        blocked = plan([outdated("kafka-controller", 1000, 1), outdated("kafka", 0, 2, NEWEST)], seen, was_active=True)
        assert blocked.error is not None
        assert blocked.error.reason == "RollingBlocked"
        assert "controllers are 1" in blocked.error.message
        going = plan([outdated("kafka-controller", 1000, 1, NEWEST), outdated("kafka", 0, 2)], seen, was_active=True)
        assert going.delete is not None
        assert going.delete.name == "kafka-0"


@pytest.mark.parametrize("version", ["3.5.2", "4.1.1"])
def test_tls_everywhere_and_a_first_user(version: str, tmp_path: Path, addresses: Addresses) -> None:
    authority = CertificateAuthority()
    brokers = authority.server("kafka")
    secrets = {
        "kafka-tls": {"ca.crt": authority.pem, "tls.crt": brokers.certificate, "tls.key": brokers.key},
        "kafka-admin": {"username": "admin", "password": "first-secret"},
    }
    listeners = {
        "plain": {"enabled": False},
        "tls": {"enabled": True, "clientAuth": "required"},
        "scram": {"enabled": True, "usersSecret": "kafka-admin"},
    }
    sets = stateful_sets(
        version,
        tls={"secretName": "kafka-tls", "internal": True},
        listeners=listeners,
        controllers={"replicas": 1},
        replicas=1,
        replicationFactor=1,
    )
    for _ in ("formatted", "left as it is"):
        with ChartBrokers(version, sets, tmp_path, addresses, secrets=secrets) as running:
            client = authority.client("shop")
            mutual = {"ssl.certificate.pem": client.certificate, "ssl.key.pem": client.key}
            assert connects(running.bootstrap(9093), authority, {"security.protocol": "SSL", **mutual})
            assert not connects(running.bootstrap(9093), authority, {"security.protocol": "SSL"})
            assert connects(running.bootstrap(9094), authority, scram("first-secret"))
            assert not connects(running.bootstrap(9094), authority, scram("other-secret"))


def test_the_registry_keeps_schemas_in_these_brokers(tmp_path: Path, addresses: Addresses) -> None:
    """With its pod's environment, over SCRAM and TLS, since that is the only listener."""
    authority = CertificateAuthority()
    broker = authority.server("kafka")
    secrets = {
        "kafka-tls": {"ca.crt": authority.pem, "tls.crt": broker.certificate, "tls.key": broker.key},
        "kafka-admin": {"username": "admin", "password": "first-secret"},
    }
    kafka = {
        "version": "4.1.1",
        "tls": {"secretName": "kafka-tls"},
        "listeners": {"plain": {"enabled": False}, "scram": {"enabled": True, "usersSecret": "kafka-admin"}},
        "controllers": {"replicas": 1},
        "replicas": 1,
        "replicationFactor": 1,
    }
    objects = render({"kafka": kafka}, files=[DOCUMENT])
    sets = brokers_of(objects)
    (container,) = one(objects, "StatefulSet", "kafka-schema-registry")["spec"]["template"]["spec"]["containers"]
    folder = tmp_path / "registry"
    (folder / "kafka-tls").mkdir(parents=True)
    (folder / "kafka-tls" / "ca.crt").write_text(authority.pem)
    given = ChartPod("registry", container, secrets=secrets).environment(addresses, folder)
    with ChartBrokers("4.1.1", sets, tmp_path, addresses, secrets=secrets) as running:
        given["APICURIO_KAFKASQL_BOOTSTRAP_SERVERS"] = running.bootstrap(9094)
        with Registry(environment=given) as registry:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                says_yes(f"{registry.management_url}{container[probe]['httpGet']['path']}")
            assert loopback.get(f"{registry.url}/subjects") == b"[]"
            settings = {"bootstrap.servers": running.bootstrap(9094), "ssl.ca.pem": authority.pem, "log_level": 0}
            topics = AdminClient({**settings, **scram("first-secret")}).list_topics(timeout=20).topics
            assert "kafkasql-journal" in topics


def says_yes(url: str) -> None:
    """A probe succeeds, sooner or later."""
    deadline = time.monotonic() + 60
    said = ""
    while time.monotonic() < deadline:
        try:
            loopback.get(url)
        except HTTPError as error:
            said = f"{error}: {error.read().decode()}"
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"{url}: {said}")


def scram(password: str) -> dict[str, str]:
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin",
        "sasl.password": password,
    }


def connects(bootstrap: str, authority: CertificateAuthority, settings: dict[str, str]) -> bool:
    """Whether a client with these settings is let in: librdkafka, once it is refused, would try on until time is up."""
    refusals: list[KafkaError] = []
    given = {"bootstrap.servers": bootstrap, "log_level": 0, "ssl.ca.pem": authority.pem, "error_cb": refusals.append}
    client = AdminClient({**given, **settings})
    for _ in range(10):
        try:
            return bool(client.list_topics(timeout=0.5).brokers)
        except KafkaException:
            client.poll(0)
            if any(error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL) for error in refusals):
                break
    return False
