"""The same connection in the words of librdkafka and of kafka-python; secrets nowhere but there."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from kafkade.api.errors import TLSFailed
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_config import (
    SaslOAuth,
    SaslPassword,
    Security,
    TlsFiles,
    librdkafka_config,
    python_config,
    ssl_context,
)
from kafkade.clients.kafka_features import metadata_version_name
from kafkade.devstack.certificates import CertificateAuthority

AUTHORITY = CertificateAuthority()
PAIR = AUTHORITY.client("kafkade")
SECRET = "top-secret"
SCRAM = SaslPassword("SCRAM-SHA-512", "alice", SECRET)
OAUTH = SaslOAuth("https://idp.example/token", "kafkade", SECRET, "kafka")
MTLS = TlsFiles(AUTHORITY.pem, PAIR.certificate, PAIR.key)

PROTOCOLS: list[tuple[str, Security, dict[str, Any], dict[str, Any]]] = [
    ("plaintext", Security("a:1,b:2"), {"security.protocol": "PLAINTEXT"}, {"security_protocol": "PLAINTEXT"}),
    (
        "TLS with an own CA",
        Security("a:1,b:2", TlsFiles(AUTHORITY.pem)),
        {"security.protocol": "SSL", "ssl.ca.pem": AUTHORITY.pem},
        {"security_protocol": "SSL"},
    ),
    (
        "TLS with a client certificate",
        Security("a:1,b:2", MTLS),
        {"ssl.ca.pem": AUTHORITY.pem, "ssl.certificate.pem": PAIR.certificate, "ssl.key.pem": PAIR.key},
        {"security_protocol": "SSL"},
    ),
    (
        "TLS unverified",
        Security("a:1,b:2", TlsFiles(verify=False)),
        {"enable.ssl.certificate.verification": False, "ssl.endpoint.identification.algorithm": "none"},
        {"security_protocol": "SSL"},
    ),
    (
        "SCRAM",
        Security("a:1,b:2", sasl=SCRAM),
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "alice",
            "sasl.password": SECRET,
        },
        {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "alice", "sasl_plain_password": SECRET},
    ),
    (
        "OAUTHBEARER over TLS",
        Security("a:1,b:2", TlsFiles(), OAUTH),
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.secret": SECRET,
            "sasl.oauthbearer.scope": "kafka",
        },
        {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"},
    ),
]


@pytest.mark.parametrize(
    ("security", "librdkafka", "python"), [p[1:] for p in PROTOCOLS], ids=[p[0] for p in PROTOCOLS]
)
def test_both_clients(security: Security, librdkafka: dict[str, Any], python: dict[str, Any]) -> None:
    first, second = librdkafka_config(security, 15), python_config(security, 15)
    assert librdkafka.items() <= first.items()
    assert python.items() <= second.items()
    assert first["bootstrap.servers"] == "a:1,b:2"
    assert second["bootstrap_servers"] == ["a:1", "b:2"]
    assert ("ssl_context" in second) == (security.tls is not None)


@pytest.mark.parametrize("security", [p[1] for p in PROTOCOLS], ids=[p[0] for p in PROTOCOLS])
async def test_no_secret_in_repr(security: Security) -> None:
    admin = KafkaAdmin(security)
    for shown in (repr(security), f"{security}", repr(security.tls), repr(security.sasl), repr(admin)):
        assert SECRET not in shown
        assert "BEGIN" not in shown
    await admin.close()


def test_client_config_has_the_last_word_on_time_outs() -> None:
    security = Security("a:1", client_config={"socket.timeout.ms": "9000"})
    assert librdkafka_config(security, 15)["socket.timeout.ms"] == "9000"


@pytest.mark.parametrize(
    ("timeout", "setup"),
    [
        pytest.param(15, 5000, id="a third, so that two more brokers can be tried"),
        pytest.param(1, 1000, id="never below librdkafka's least"),
        pytest.param(60, 10_000, id="never long"),
    ],
)
def test_connection_setup_time(timeout: float, setup: int) -> None:
    assert librdkafka_config(Security("a:1"), timeout)["socket.connection.setup.timeout.ms"] == setup


@pytest.mark.parametrize(
    ("config", "checked"),
    [
        pytest.param({}, True, id="by default"),
        pytest.param({"ssl.endpoint.identification.algorithm": "none"}, False, id="turned off"),
    ],
)
def test_host_names_are_checked_by_both_or_none(config: dict[str, str], checked: bool) -> None:
    security = Security("a:1", TlsFiles(AUTHORITY.pem), client_config=config)
    assert python_config(security, 15)["ssl_context"].check_hostname is checked
    assert librdkafka_config(security, 15).get("ssl.endpoint.identification.algorithm", "https") == (
        "https" if checked else "none"
    )


def test_ssl_context_verifies_with_the_own_ca_only() -> None:
    context = ssl_context(MTLS)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 1
    assert ssl_context(TlsFiles(verify=False)).verify_mode is ssl.CERT_NONE


def encrypted_key() -> str:
    return "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQI\n-----END ENCRYPTED PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("tls", "says"),
    [
        pytest.param(TlsFiles("tea"), "spec.tls.caSecretRef", id="CA is no PEM"),
        pytest.param(TlsFiles(""), "spec.tls.caSecretRef", id="CA is empty"),
        pytest.param(TlsFiles(None, "tea", PAIR.key), "spec.tls.clientCertSecretRef", id="certificate is no PEM"),
        pytest.param(TlsFiles(None, PAIR.certificate, SECRET), "spec.tls.clientCertSecretRef", id="key is no PEM"),
        pytest.param(
            TlsFiles(None, PAIR.certificate, encrypted_key()), "unencrypted", id="key is encrypted: nobody is asked"
        ),
        pytest.param(
            TlsFiles(None, PAIR.certificate, AUTHORITY.client("b").key),
            "belongs to it",
            id="key of another certificate",
        ),
    ],
)
def test_unusable_certificates(tls: TlsFiles, says: str) -> None:
    with pytest.raises(TLSFailed) as caught:
        ssl_context(tls)
    assert says in caught.value.message
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("security", "principal"),
    [
        (Security("a:1"), "User:ANONYMOUS"),
        (Security("a:1", sasl=SCRAM), "User:alice"),
        (Security("a:1", MTLS, SCRAM), "User:alice"),
        (Security("a:1", sasl=OAUTH), "the OAuth client kafkade"),
        (Security("a:1", MTLS), "the client certificate's principal"),
        (Security("a:1", TlsFiles()), "User:ANONYMOUS"),
    ],
)
def test_principal(security: Security, principal: str) -> None:
    assert security.principal == principal


@pytest.mark.parametrize(
    ("level", "name"), [(11, "3.5-IV2"), (21, "3.9-IV0"), (27, "4.1-IV1"), (33, "4.4-IV2"), (99, "level 99")]
)
def test_metadata_version_names(level: int, name: str) -> None:
    assert metadata_version_name(level) == name
