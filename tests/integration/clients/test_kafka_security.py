"""Every way to log in that the brokers offer, and each way it goes wrong: the right error, soon, with the way out."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from kafkade.api.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    ClusterUnreachable,
    InvalidSpec,
    KafkadeError,
    TLSFailed,
)
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, TlsFiles
from kafkade.clients.model import NewTopic
from kafkade.devstack.certificates import CertificateAuthority
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN, USER

PATIENCE = 60.0
"""Seconds that a request may take."""

SOON = 20.0
"""Seconds within which the cause is known."""

Make = Callable[[Kafka], Security]


@dataclass(frozen=True)
class Way:
    id: str
    security: Make


def tls_of(kafka: Kafka) -> TlsFiles:
    return TlsFiles(ca_pem=kafka.ca_pem)


def certified(kafka: Kafka) -> TlsFiles:
    return TlsFiles(kafka.ca_pem, kafka.client_cert_pem, kafka.client_key_pem)


def admin_by(mechanism: str) -> SaslPassword:
    return SaslPassword(mechanism, *ADMIN)


WAYS = [
    Way("PLAINTEXT", lambda k: Security(k.bootstrap)),
    Way("TLS", lambda k: Security(k.ssl_bootstrap, tls_of(k))),
    Way("TLS, any certificate", lambda k: Security(k.ssl_bootstrap, TlsFiles(verify=False))),
    Way("SASL PLAIN", lambda k: Security(k.sasl_plaintext_bootstrap, None, admin_by("PLAIN"))),
    Way("SCRAM-SHA-256", lambda k: Security(k.sasl_plaintext_bootstrap, None, admin_by("SCRAM-SHA-256"))),
    Way("SCRAM-SHA-512", lambda k: Security(k.sasl_plaintext_bootstrap, None, admin_by("SCRAM-SHA-512"))),
    Way("SASL PLAIN over TLS", lambda k: Security(k.sasl_ssl_bootstrap, tls_of(k), admin_by("PLAIN"))),
    Way("SCRAM-SHA-256 over TLS", lambda k: Security(k.sasl_ssl_bootstrap, tls_of(k), admin_by("SCRAM-SHA-256"))),
    Way("SCRAM-SHA-512 over TLS", lambda k: Security(k.sasl_ssl_bootstrap, tls_of(k), admin_by("SCRAM-SHA-512"))),
    Way("with clientConfig", lambda k: Security(k.bootstrap, client_config={"reconnect.backoff.ms": "50"})),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.id)
async def test_both_clients_get_in(way: Way, secured: Kafka) -> None:
    """describe_cluster and the features are asked for by librdkafka and by kafka-python."""
    admin = KafkaAdmin(way.security(secured))
    description = await admin.describe_cluster()
    assert description.controller == 1, "from kafka-python"
    assert (await admin.features() or {})["metadata.version"] == "4.1-IV1"
    assert await admin.default_broker_configs() is not None
    await admin.close()


async def test_a_client_certificate_gets_in(secured: Kafka) -> None:
    """The certificate's holder has no rights, and that is what both clients are told."""
    admin = KafkaAdmin(Security(secured.mtls_bootstrap, certified(secured)))
    assert (await admin.describe_cluster()).controller is None
    with pytest.raises(AuthorizationFailed, match="client certificate's principal may not read cluster-wide"):
        await admin.default_broker_configs()
    await admin.close()


@dataclass(frozen=True)
class Refusal:
    id: str
    security: Make
    error: type[KafkadeError]
    says: str


def wrong_password(mechanism: str) -> Make:
    return lambda k: Security(k.sasl_plaintext_bootstrap, None, SaslPassword(mechanism, ADMIN[0], "not-the-password"))


def foreign_certificate(kafka: Kafka) -> Security:
    """librdkafka does not even send it, since brokers name the CAs that they trust."""
    pair = CertificateAuthority("another").client("somebody")
    return Security(kafka.mtls_bootstrap, TlsFiles(kafka.ca_pem, pair.certificate, pair.key))


def forged_certificate(kafka: Kafka) -> Security:
    """Signed by another CA of the same name."""
    pair = CertificateAuthority().client("somebody")
    return Security(kafka.mtls_bootstrap, TlsFiles(kafka.ca_pem, pair.certificate, pair.key))


def mismatched_key(kafka: Kafka) -> Security:
    key = CertificateAuthority("another").client("somebody").key
    return Security(kafka.mtls_bootstrap, TlsFiles(kafka.ca_pem, kafka.client_cert_pem, key))


IDP = SaslOAuth("http://127.0.0.1:1/token", "kafkade", "not-the-password")

REFUSALS = [
    Refusal("wrong password, PLAIN", wrong_password("PLAIN"), AuthenticationFailed, "login of User:admin"),
    Refusal(
        "wrong password, SCRAM-SHA-256", wrong_password("SCRAM-SHA-256"), AuthenticationFailed, "login of User:admin"
    ),
    Refusal(
        "wrong password, SCRAM-SHA-512", wrong_password("SCRAM-SHA-512"), AuthenticationFailed, "login of User:admin"
    ),
    Refusal(
        "wrong CA",
        lambda k: Security(k.ssl_bootstrap, TlsFiles(CertificateAuthority("another").pem)),
        TLSFailed,
        "not signed by the CA in tls.caSecretRef",
    ),
    Refusal("system CAs", lambda k: Security(k.ssl_bootstrap, TlsFiles()), TLSFailed, "not signed by the CA"),
    Refusal("no client certificate", lambda k: Security(k.mtls_bootstrap, tls_of(k)), TLSFailed, "clientCertSecretRef"),
    Refusal("foreign client certificate", foreign_certificate, TLSFailed, "that a CA of theirs signed"),
    Refusal("forged client certificate", forged_certificate, TLSFailed, "do not accept the client certificate"),
    Refusal("key of another certificate", mismatched_key, TLSFailed, "certificates of spec.tls cannot be used"),
    Refusal("no certificate in the Secret", lambda k: Security(k.ssl_bootstrap, TlsFiles("tea")), TLSFailed, "PEM"),
    Refusal("TLS to a plaintext port", lambda k: Security(k.bootstrap, tls_of(k)), TLSFailed, "take spec.tls away"),
    Refusal("plaintext to a TLS port", lambda k: Security(k.ssl_bootstrap), TLSFailed, "set spec.tls"),
    Refusal(
        "no login on a SASL port",
        lambda k: Security(k.sasl_plaintext_bootstrap),
        AuthenticationFailed,
        "set spec.sasl",
    ),
    Refusal(
        "login on a port without SASL",
        lambda k: Security(k.bootstrap, None, admin_by("PLAIN")),
        AuthenticationFailed,
        "take spec.sasl away",
    ),
    Refusal(
        "login without TLS on a TLS port",
        lambda k: Security(k.sasl_ssl_bootstrap, None, admin_by("PLAIN")),
        TLSFailed,
        "set spec.tls",
    ),
    Refusal(
        "no token from the identity provider",
        lambda k: Security(k.sasl_plaintext_bootstrap, None, IDP),
        AuthenticationFailed,
        "spec.sasl.oauthBearer",
    ),
    Refusal("nobody listens", lambda k: Security("127.0.0.1:1"), ClusterUnreachable, "Connection refused"),
    Refusal("no such host", lambda k: Security("kafka.invalid:9092"), ClusterUnreachable, "does not resolve"),
    Refusal(
        "clientConfig is no number",
        lambda k: Security(k.bootstrap, client_config={"socket.timeout.ms": "soon"}),
        InvalidSpec,
        "socket.timeout.ms",
    ),
]


@dataclass
class Tried:
    """What three requests of each came to: the error, and after how many seconds; and all that was logged meanwhile."""

    answers: dict[str, list[tuple[KafkadeError | None, float]]] = field(default_factory=dict)
    log: io.StringIO = field(default_factory=io.StringIO)


@pytest.fixture(scope="module")
async def tried(secured: Kafka) -> AsyncIterator[Tried]:
    """All of them side by side, as each is waited for."""
    made, root = Tried(), logging.getLogger()
    handler, level = logging.StreamHandler(made.log), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    admins = {refusal.id: KafkaAdmin(refusal.security(secured), timeout=PATIENCE) for refusal in REFUSALS}

    async def attempt(name: str, admin: KafkaAdmin) -> None:
        found = made.answers.setdefault(name, [])
        for request in (admin.describe_cluster, admin.describe_cluster, admin.default_broker_configs):
            started, error = time.monotonic(), None
            try:
                await request()
            except KafkadeError as caught:
                error = caught
            found.append((error, time.monotonic() - started))

    try:
        threads = threading.active_count()
        await asyncio.gather(*(attempt(*one) for one in admins.items()))
        left = threading.active_count() - threads
        assert left <= 4 * len(admins), "no client that failed goes on in the background"
        yield made
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        for admin in admins.values():
            await admin.close()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: r.id)
async def test_refused(refusal: Refusal, tried: Tried) -> None:
    """The same from both clients and at every try, and no secret in message or log."""
    answers = tried.answers[refusal.id]
    assert len(answers) == 3
    for error, seconds in answers:
        assert type(error) is refusal.error
        assert refusal.says in error.message
        assert seconds < SOON
        assert "not-the-password" not in error.message
    said = tried.log.getvalue()
    assert said
    assert "not-the-password" not in said


@pytest.fixture
def alice(secured: Kafka) -> Security:
    """Gets in, and has no rights."""
    return Security(secured.sasl_plaintext_bootstrap, None, SaslPassword("PLAIN", *USER))


DENIED: list[tuple[str, Callable[[KafkaAdmin], object], str]] = [
    ("create", lambda a: a.create_topics([NewTopic("t", 1, 1)]), "may not create topic t: grant it Create on topic t"),
    ("describe", lambda a: a.describe_topics(["t"]), "grant it Describe on topic t"),
    ("configs", lambda a: a.topic_configs(["t"]), "grant it DescribeConfigs on topic t"),
    (
        "alter configs",
        lambda a: a.alter_topic_configs({"t": {"retention.ms": "1"}}),
        "grant it AlterConfigs on topic t",
    ),
    ("partitions", lambda a: a.create_partitions({"t": 2}), "grant it Alter on topic t"),
    ("delete", lambda a: a.delete_topics(["t"]), "grant it Delete on topic t"),
    ("broker configs", lambda a: a.broker_configs(1), "grant it DescribeConfigs on the cluster"),
    (
        "throttle",
        lambda a: a.alter_broker_configs(1, {"message.max.bytes": "9"}),
        "grant it AlterConfigs on the cluster",
    ),
    ("broker defaults", lambda a: a.default_broker_configs(), "grant it DescribeConfigs on the cluster"),
    (
        "alter broker defaults",
        lambda a: a.alter_default_broker_configs({"message.max.bytes": "9"}),
        "grant it AlterConfigs on the cluster",
    ),
    ("read a group's settings", lambda a: a.group_configs(["t"]), "grant it DescribeConfigs on group t"),
    (
        "change a group's settings",
        lambda a: a.alter_group_configs({"t": {"share.auto.offset.reset": "earliest"}}),
        "grant it AlterConfigs on group t",
    ),
    ("reassign", lambda a: a.reassign({("t", 0): (1,)}), "grant it Alter on the cluster"),
]


@pytest.mark.parametrize(("request_", "says"), [d[1:] for d in DENIED], ids=[d[0] for d in DENIED])
async def test_without_rights(request_: Callable[[KafkaAdmin], object], says: str, alice: Security) -> None:
    admin = KafkaAdmin(alice)
    try:
        answers = await request_(admin)  # type: ignore[misc]
        error = answers["t"]
    except AuthorizationFailed as raised:
        error = raised
    await admin.close()
    assert type(error) is AuthorizationFailed
    assert "User:alice" in error.message
    assert says in error.message


async def test_a_new_client_gets_in_where_one_failed(secured: Kafka) -> None:
    """Credentials are put right in a Secret: the next client starts afresh."""
    bad = KafkaAdmin(wrong_password("PLAIN")(secured))
    with pytest.raises(AuthenticationFailed):
        await bad.describe_cluster()
    await bad.close()
    good = KafkaAdmin(Security(secured.sasl_plaintext_bootstrap, None, admin_by("PLAIN")))
    assert (await good.describe_cluster()).controller == 1
    await good.close()


async def test_the_same_client_recovers_when_the_brokers_come_back(name: str) -> None:
    with Kafka() as kafka:
        admin = KafkaAdmin(Security(kafka.bootstrap))
        assert await admin.create_topics([NewTopic(name, 1, 1)]) == {name: None}
        assert await admin.default_broker_configs() is not None
        await asyncio.to_thread(kafka.stop_broker, 1)
        with pytest.raises(ClusterUnreachable):
            await admin.describe_topics([name])
        with pytest.raises(ClusterUnreachable):
            await admin.default_broker_configs()
        await asyncio.to_thread(kafka.start_broker, 1)
        assert name in await admin.describe_topics([name])
        assert await admin.default_broker_configs() is not None
        await admin.close()
