"""KafkaClusters over every kind of connection, against a broker that checks: Secrets that change, rights, broker settings.

The operator runs with its log at DEBUG, and at the end nothing secret may be anywhere in it or in the API.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from kafkade.devstack.certificates import CertificateAuthority
from kafkade.devstack.kafka import Kafka, java
from kafkade.devstack.kafka_config import ADMIN, CLIENT_NAME, USER
from support.acls import allowed
from support.faults.http import HttpProxy
from support.faults.network import Network
from support.faults.schedule import Fault, Schedule
from support.faults.world import through
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, manifest, ready
from support.operator import OperatorProcess
from support.stack import Stack, own_stack, secret
from support.waiting import until

NAMESPACE = "secure"
WRONG = "wrong-password-of-nobody"

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Secured:
    """A Kafka with an authorizer, and the Secrets ``ca``, ``client``, ``admin`` and ``alice`` that go with it."""

    stack: Stack
    kubectl: Kubectl
    kafka: Kafka
    view: KafkaView

    def cluster(self, name: str, bootstrap: str, **fields: Any) -> None:
        """Apply a KafkaCluster; it looks at everything every two seconds."""
        spec = {
            "bootstrapServers": bootstrap,
            "topicDefaults": {"partitions": 1, "replicationFactor": 1},
            "resyncInterval": "2s",
            **fields,
        }
        self.kubectl.apply(manifest("KafkaCluster", name, spec, NAMESPACE))

    def topic(self, name: str, cluster: str, **fields: Any) -> None:
        """Apply a KafkaTopic."""
        self.kubectl.apply(manifest("KafkaTopic", name, {"clusterRef": {"name": cluster}, **fields}, NAMESPACE))

    def secret(self, name: str, **data: str) -> None:
        """Apply a Secret."""
        self.kubectl.apply(secret(name, NAMESPACE, **data))

    def version(self, kind: str, name: str) -> str:
        """resourceVersion: equal as long as nothing was written."""
        found = self.kubectl.get(kind, name)
        assert found is not None
        return str(found["metadata"]["resourceVersion"])

    def allow(self, principal: str, *rights: tuple[ResourceType, str, ResourcePatternType, AclOperation]) -> None:
        """Grant rights by ACLs."""
        allow = AclPermissionType.ALLOW
        acls = [
            AclBinding(kind, name, pattern, principal, "*", operation, allow)
            for kind, name, pattern, operation in rights
        ]
        # or the broker could refuse, and a resource tell of, what is granted already
        allowed(self.view.admin, *acls)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """An API server, an operator and a Kafka of their own."""
    log = tmp_path_factory.mktemp("secure") / "operator.log"
    with (
        own_stack(log, ("--all-namespaces", "--log-level", "DEBUG", "--log-format", "json")) as stack,
        Kafka(security=True, authorizer=True) as kafka,
    ):
        secured = Secured(stack, stack.namespace(NAMESPACE), kafka, KafkaView(kafka.bootstrap))
        secured.secret("ca", ca_crt=kafka.ca_pem)
        secured.secret("client", tls_crt=kafka.client_cert_pem, tls_key=kafka.client_key_pem)
        for name, password in (ADMIN, USER):
            secured.secret(name, username=name, password=password)
        yield secured


CA = {"caSecretRef": {"name": "ca"}}


def sasl(mechanism: str, name: str = ADMIN[0]) -> Spec:
    """spec.sasl with the Secret ``name``."""
    return {"mechanism": mechanism, "credentialsSecretRef": {"name": name}}


WAYS: Mapping[str, tuple[str, Spec]] = {
    "plaintext": ("bootstrap", {}),
    "tls": ("ssl_bootstrap", {"tls": CA}),
    "tls-unchecked": ("ssl_bootstrap", {"tls": {"insecureSkipVerify": True}}),
    "mtls": ("mtls_bootstrap", {"tls": {**CA, "clientCertSecretRef": {"name": "client"}}}),
    "plain": ("sasl_plaintext_bootstrap", {"sasl": sasl("PLAIN")}),
    "scram-sha-256": ("sasl_plaintext_bootstrap", {"sasl": sasl("SCRAM-SHA-256")}),
    "scram-sha-512": ("sasl_plaintext_bootstrap", {"sasl": sasl("SCRAM-SHA-512")}),
    "plain-over-tls": ("sasl_ssl_bootstrap", {"sasl": sasl("PLAIN"), "tls": CA}),
    "scram-sha-512-over-tls": ("sasl_ssl_bootstrap", {"sasl": sasl("SCRAM-SHA-512"), "tls": CA}),
}
"""Which listener of the broker, and the security part of the spec."""

ANY = ResourcePatternType.LITERAL
EVERYTHING = (
    (ResourceType.BROKER, "kafka-cluster", ANY, AclOperation.ALL),
    (ResourceType.TOPIC, "*", ANY, AclOperation.ALL),
)


@pytest.mark.parametrize("way", WAYS)
def test_a_topic_is_kept_over(secured: Secured, way: str) -> None:
    listener, security = WAYS[way]
    if way == "mtls":
        # who shows the certificate is somebody to the broker, and without rights at first
        secured.allow(f"User:CN={CLIENT_NAME}", *EVERYTHING)
    secured.cluster(way, getattr(secured.kafka, listener), **security)
    secured.topic(f"over-{way}", way, config={"retention.ms": 60000})
    found = secured.kubectl.wait_ready("KafkaCluster", way)
    assert [b["id"] for b in found["status"]["brokers"]] == [1]
    assert found["status"]["clusterId"]
    found = secured.kubectl.wait_ready("KafkaTopic", f"over-{way}")
    assert found["status"]["topicId"] == secured.view.topic_id(f"over-{way}")
    secured.view.shows(f"over-{way}", config={"retention.ms": "60000"})
    secured.topic(f"over-{way}", way, config={"retention.ms": 70000}, partitions=2)
    secured.kubectl.wait_ready("KafkaTopic", f"over-{way}")
    secured.view.shows(f"over-{way}", partitions=2, config={"retention.ms": "70000"})
    secured.kubectl.delete("KafkaTopic", f"over-{way}")
    until(lambda: not secured.view.exists(f"over-{way}"), "the topic is gone")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_password_that_is_put_right_is_taken_without_a_restart(secured: Secured, mechanism: str) -> None:
    name = f"late-{mechanism.lower()}"
    pid = secured.stack.operator.pid
    secured.secret(name, username=ADMIN[0], password=WRONG)
    secured.cluster(name, secured.kafka.sasl_plaintext_bootstrap, sasl=sasl(mechanism, name))
    secured.topic(name, name)
    found = secured.kubectl.wait_reason("KafkaCluster", name, "AuthenticationFailed")
    assert f"User:{ADMIN[0]}" in condition(found)["message"]
    secured.kubectl.wait_reason("KafkaTopic", name, "AuthenticationFailed")
    secured.secret(name, username=ADMIN[0], password=ADMIN[1])
    secured.kubectl.wait_ready("KafkaCluster", name, timeout=30)
    secured.kubectl.wait_ready("KafkaTopic", name, timeout=30)
    assert secured.view.exists(name)
    assert secured.stack.operator.pid == pid
    assert secured.stack.operator.running


def test_a_password_that_is_put_right_is_taken_though_no_watch_tells_of_it(secured: Secured, tmp_path: Path) -> None:
    """An event that got lost is made up for by the next list, up to 290 s later: who was refused reads the Secret again."""
    name, control_plane, schedule = "unheard", secured.stack.control_plane, Schedule()
    events = f"event of GET watch /api/v1/namespaces/{NAMESPACE}/secrets"
    schedule.force("kube", Fault.DROP_EVENT, events.__eq__, times=sys.maxsize)
    secured.stack.operator.stop()
    with ExitStack() as stack:
        stack.callback(secured.stack.operator.start)
        network = stack.enter_context(Network())
        proxy = HttpProxy(network, schedule, "kube", control_plane.url, ca_pem=control_plane.ca_pem, watches=True)
        kubeconfig = through(secured.stack.operator.kubeconfig, stack.enter_context(proxy))
        stack.enter_context(OperatorProcess(kubeconfig, tmp_path / "operator.log"))
        secured.secret(name, username=ADMIN[0], password=WRONG)
        secured.cluster(name, secured.kafka.sasl_plaintext_bootstrap, sasl=sasl("PLAIN", name))
        secured.kubectl.wait_reason("KafkaCluster", name, "AuthenticationFailed")
        secured.secret(name, username=ADMIN[0], password=ADMIN[1])
        secured.kubectl.wait_ready("KafkaCluster", name)
        assert schedule.tally()["kube", Fault.DROP_EVENT], "the watch would have told of it"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_password_that_turns_wrong_is_told_once_and_its_topics_stay_quiet(secured: Secured, mechanism: str) -> None:
    name = f"lost-{mechanism.lower()}"
    secured.secret(name, username=ADMIN[0], password=ADMIN[1])
    secured.cluster(name, secured.kafka.sasl_plaintext_bootstrap, sasl=sasl(mechanism, name))
    # a topic that is seen before its cluster is told so, and that would be an Event
    secured.kubectl.wait_ready("KafkaCluster", name)
    secured.topic(name, name, config={"retention.ms": 60000})
    secured.kubectl.wait_ready("KafkaTopic", name)
    topic = secured.version("KafkaTopic", name)

    secured.secret(name, username=ADMIN[0], password=WRONG)
    secured.kubectl.wait_reason("KafkaCluster", name, "AuthenticationFailed")
    cluster = secured.version("KafkaCluster", name)
    secured.view.set_config(name, "retention.ms", "1")
    time.sleep(5)
    assert secured.version("KafkaTopic", name) == topic, "the KafkaCluster tells of it, for all its topics"
    assert secured.version("KafkaCluster", name) == cluster, "told once"
    assert secured.view.config(name) == {"retention.ms": "1"}, "nothing is done with yesterday's password"
    assert [e["reason"] for e in secured.kubectl.events(name) if e["involvedObject"]["kind"] == "KafkaTopic"] == []

    secured.secret(name, username=ADMIN[0], password=ADMIN[1])
    secured.kubectl.wait_ready("KafkaCluster", name, timeout=30)
    until(lambda: secured.view.config(name) == {"retention.ms": "60000"}, "what changed meanwhile is repaired")
    for reason in ("AuthenticationFailed", "Recovered"):
        secured.kubectl.wait_event(name, reason, kind="KafkaCluster")


def test_a_secret_that_goes_and_comes_back(secured: Secured) -> None:
    secured.secret("comes", username=ADMIN[0], password=ADMIN[1])
    secured.cluster("comes", secured.kafka.sasl_plaintext_bootstrap, sasl=sasl("PLAIN", "comes"))
    secured.kubectl.wait_ready("KafkaCluster", "comes")
    secured.kubectl.run("-n", NAMESPACE, "delete", "secret", "comes")
    found = secured.kubectl.wait_reason("KafkaCluster", "comes", "SecretNotFound")
    assert f"{NAMESPACE}/comes" in condition(found)["message"]
    secured.secret("comes", username=ADMIN[0], password=ADMIN[1])
    secured.kubectl.wait_ready("KafkaCluster", "comes", timeout=30)


def test_certificates_that_are_put_right_are_taken_without_a_restart(secured: Secured) -> None:
    other = CertificateAuthority("somebody else")
    stranger = other.client(CLIENT_NAME)
    secured.allow(f"User:CN={CLIENT_NAME}", *EVERYTHING)
    secured.secret("late-ca", ca_crt=other.pem)
    secured.secret("late-client", tls_crt=stranger.certificate, tls_key=stranger.key)
    tls = {"caSecretRef": {"name": "late-ca"}, "clientCertSecretRef": {"name": "late-client"}}
    secured.cluster("late-mtls", secured.kafka.mtls_bootstrap, tls=tls)
    found = secured.kubectl.wait_reason("KafkaCluster", "late-mtls", "TLSFailed")
    assert "caSecretRef" in condition(found)["message"]
    secured.secret("late-ca", ca_crt=secured.kafka.ca_pem)
    what = "told of the client certificate"
    secured.kubectl.wait_for(
        "KafkaCluster", "late-mtls", lambda o: "clientCertSecretRef" in condition(o)["message"], what
    )
    secured.secret("late-client", tls_crt=secured.kafka.client_cert_pem, tls_key=secured.kafka.client_key_pem)
    secured.kubectl.wait_ready("KafkaCluster", "late-mtls", timeout=30)


def test_rights_that_are_missing_are_named_and_taken_once_granted(secured: Secured) -> None:
    principal = f"User:{USER[0]}"
    cluster_rights = (AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    secured.allow(principal, *((ResourceType.BROKER, "kafka-cluster", ANY, right) for right in cluster_rights))
    secured.cluster("alice", secured.kafka.sasl_ssl_bootstrap, sasl=sasl("SCRAM-SHA-512", USER[0]), tls=CA)
    secured.topic("of-alice", "alice", config={"retention.ms": 60000})
    secured.kubectl.wait_ready("KafkaCluster", "alice")
    found = secured.kubectl.wait_reason("KafkaTopic", "of-alice", "AuthorizationFailed")
    assert principal in condition(found)["message"]
    assert "topic of-alice" in condition(found)["message"]
    assert not secured.view.exists("of-alice")
    secured.allow(principal, (ResourceType.TOPIC, "of-alice", ANY, AclOperation.ALL))
    secured.kubectl.wait_ready("KafkaTopic", "of-alice", timeout=30)
    assert secured.view.config("of-alice") == {"retention.ms": "60000"}


def test_broker_settings_are_set_repaired_and_taken_back(secured: Secured) -> None:
    def spec(**config: Any) -> None:
        fields = {"brokerConfig": config} if config else {}
        secured.cluster("brokers", secured.kafka.sasl_plaintext_bootstrap, sasl=sasl("SCRAM-SHA-512"), **fields)

    spec(**{"message.max.bytes": 2_000_000, "log.cleaner.threads": 2})
    found = secured.kubectl.wait_ready("KafkaCluster", "brokers")
    declared = {"message.max.bytes": "2000000", "log.cleaner.threads": "2"}
    assert found["status"]["brokerConfig"] == declared
    until(lambda: _defaults(secured) == declared, "the broker, which heard of it, runs with it")

    _kafka_configs(secured.kafka, "message.max.bytes=1,log.retention.ms=5000000")
    until(lambda: _defaults(secured).get("message.max.bytes") == "2000000", "the setting is repaired", timeout=30)
    what = "the drift is told"
    found = secured.kubectl.wait_for("KafkaCluster", "brokers", lambda o: bool(o["status"].get("drift")), what)
    (drift,) = found["status"]["drift"]
    assert (drift["expected"], drift["found"], drift["repaired"]) == ("2000000", "1", True)
    assert "message.max.bytes" in drift["field"]
    assert ready(found) == "True"

    spec(**{"log.cleaner.threads": 2})
    until(lambda: "message.max.bytes" not in _defaults(secured), "what was taken out of the spec is unset", timeout=30)
    secured.kubectl.wait_ready("KafkaCluster", "brokers")
    spec()
    until(lambda: _defaults(secured) == {"log.retention.ms": "5000000"}, "what kafkade never set stays", timeout=30)
    found = secured.kubectl.wait_ready("KafkaCluster", "brokers")
    assert "brokerConfig" not in found["status"]


def _kafka_configs(kafka: Kafka, settings: str) -> None:
    """kafka-configs.sh, since librdkafka cannot name the cluster-wide defaults."""
    whom = ("--bootstrap-server", kafka.bootstrap, "--entity-type", "brokers", "--entity-default")
    command = [*java(kafka.version), "kafka.admin.ConfigCommand", *whom]
    subprocess.run([*command, "--alter", "--add-config", settings], check=True, capture_output=True, timeout=60)


def _defaults(secured: Secured) -> dict[str, str]:
    """The cluster-wide dynamic settings, as a broker runs with them, without the one that Kafka 4.1 itself sets (KIP-966)."""
    resource = ConfigResource(ConfigResource.Type.BROKER, "1")
    entries = secured.view.admin.describe_configs([resource])[resource].result(20)
    return {
        key: entry.value for key, entry in entries.items() if int(entry.source) == 3 and key != "min.insync.replicas"
    }


def test_nothing_secret_is_in_the_log_or_in_the_api(secured: Secured) -> None:
    """After all of the above, the failures among it."""
    places = {"the operator's log": secured.stack.operator.log.read_text(errors="replace")}
    for kind in ("kafkaclusters", "kafkatopics", "events", "configmaps"):
        places[kind] = secured.kubectl.run("get", kind, "-A", "-o", "json", "--show-managed-fields").stdout
    assert "AuthenticationFailed" in places["the operator's log"], "the log tells of what went on"
    assert json.loads(places["events"])["items"]
    told = secured.stack.operator.records()
    refused = [r for r in told if r.get("reason") == "AuthenticationFailed"]
    assert {r["resource"]["kind"] for r in refused} >= {"KafkaCluster"}
    assert {r["level"] for r in told} >= {"DEBUG", "INFO", "WARNING"}
    key = secured.kafka.client_key_pem.splitlines()[1]
    for word in (ADMIN[1], USER[1], WRONG, key):
        for form in (word, base64.b64encode(word.encode()).decode(), json.dumps(word)[1:-1]):
            assert [name for name, text in places.items() if form in text] == [], "a secret was told"
