"""From spec and Secrets to a connection: what is missing is named, what is secret is not."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.errors import InvalidSpec, KafkadeError, SecretNotFound
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, Security, TlsFiles
from kafkade.clients.registry import RegistryAuth
from kafkade.clusters.connect import Access, RegistryAccess, access_of, secrets_of

from .doubles import KEY

SECRETS = {
    "ca": {"ca.crt": b"CA", "other.crt": b"OTHER"},
    "client": {"tls.crt": b"CERT", "tls.key": b"top-secret-key"},
    "user": {"username": b"alice", "password": b"top-secret", "u": b"bob", "p": b"hunter2"},
    "token": {"token": b"top-secret-token\n"},
    "odd": {"username": b"alice", "password": b"\xff\xfe", "ca.crt": b" \n"},
}
SCRAM = {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "user"}}
OAUTH = {
    "mechanism": "OAUTHBEARER",
    "oauthBearer": {"tokenEndpointUrl": "https://idp/token", "scope": "k", "clientSecretRef": {"name": "user"}},
}


def spec(**fields: Any) -> KafkaClusterSpec:
    return parse(KafkaClusterSpec, {"bootstrapServers": "kafka:9092", **fields})


def access(**fields: Any) -> Access:
    return access_of(spec(**fields), SECRETS, KEY)


SECURITY: list[tuple[str, dict[str, Any], Security]] = [
    ("plaintext", {}, Security("kafka:9092")),
    ("TLS, system CAs", {"tls": {}}, Security("kafka:9092", TlsFiles())),
    ("TLS, own CA", {"tls": {"caSecretRef": {"name": "ca"}}}, Security("kafka:9092", TlsFiles("CA"))),
    (
        "TLS, another key",
        {"tls": {"caSecretRef": {"name": "ca", "key": "other.crt"}}},
        Security("kafka:9092", TlsFiles("OTHER")),
    ),
    (
        "mTLS",
        {"tls": {"caSecretRef": {"name": "ca"}, "clientCertSecretRef": {"name": "client"}}},
        Security("kafka:9092", TlsFiles("CA", "CERT", "top-secret-key")),
    ),
    ("TLS unverified", {"tls": {"insecureSkipVerify": True}}, Security("kafka:9092", TlsFiles(verify=False))),
    ("SCRAM", {"sasl": SCRAM}, Security("kafka:9092", sasl=SaslPassword("SCRAM-SHA-512", "alice", "top-secret"))),
    (
        "SCRAM, other keys",
        {
            "sasl": {
                "mechanism": "PLAIN",
                "credentialsSecretRef": {"name": "user", "usernameKey": "u", "passwordKey": "p"},
            }
        },
        Security("kafka:9092", sasl=SaslPassword("PLAIN", "bob", "hunter2")),
    ),
    (
        "OAUTHBEARER",
        {"sasl": OAUTH},
        Security("kafka:9092", sasl=SaslOAuth("https://idp/token", "alice", "top-secret", "k")),
    ),
    (
        "clientConfig",
        {"clientConfig": {"socket.timeout.ms": "9000"}},
        Security("kafka:9092", client_config={"socket.timeout.ms": "9000"}),
    ),
]


@pytest.mark.parametrize(("fields", "security"), [s[1:] for s in SECURITY], ids=[s[0] for s in SECURITY])
def test_kafka(fields: dict[str, Any], security: Security) -> None:
    assert access(**fields).kafka == security


URLS = {"urls": ["https://a", "https://b"]}
REGISTRIES: list[tuple[str, dict[str, Any] | None, RegistryAccess | None]] = [
    ("none", None, None),
    ("bare", URLS, RegistryAccess(("https://a", "https://b"))),
    (
        "basic",
        {**URLS, "basicAuthSecretRef": {"name": "user"}},
        RegistryAccess(("https://a", "https://b"), RegistryAuth.basic("alice", "top-secret")),
    ),
    (
        "bearer, without the line break",
        {**URLS, "bearerTokenSecretRef": {"name": "token"}},
        RegistryAccess(("https://a", "https://b"), RegistryAuth.bearer("top-secret-token")),
    ),
    (
        "TLS and a context",
        {**URLS, "tls": {"caSecretRef": {"name": "ca"}}, "context": ".blue"},
        RegistryAccess(("https://a", "https://b"), None, TlsFiles("CA"), ".blue"),
    ),
]


@pytest.mark.parametrize(("fields", "registry"), [r[1:] for r in REGISTRIES], ids=[r[0] for r in REGISTRIES])
def test_registry(fields: dict[str, Any] | None, registry: RegistryAccess | None) -> None:
    assert access(schemaRegistry=fields).registry == registry


async def test_registry_client() -> None:
    assert access().registry_client() is None
    client = access(schemaRegistry={**URLS, "tls": {"insecureSkipVerify": True}}).registry_client()
    assert repr(client) == "RegistryClient(https://a, https://b)"
    assert client is not None
    await client.close()


REFUSED: list[tuple[str, dict[str, Any], type[KafkadeError], str]] = [
    (
        "no such Secret",
        {"tls": {"caSecretRef": {"name": "gone"}}},
        SecretNotFound,
        "Secret shop/gone, which spec.tls.caSecretRef names, does not exist: create it with the key ca.crt",
    ),
    (
        "no such key",
        {"sasl": {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "ca"}}},
        SecretNotFound,
        "Secret shop/ca, which spec.sasl.credentialsSecretRef names, has no key username; it has ca.crt, other.crt",
    ),
    ("no key of the certificate", {"tls": {"clientCertSecretRef": {"name": "ca"}}}, SecretNotFound, "no key tls.crt"),
    (
        "no text",
        {"sasl": {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "odd"}}},
        SecretNotFound,
        "no UTF-8 text under password",
    ),
    ("empty", {"tls": {"caSecretRef": {"name": "odd"}}}, SecretNotFound, "has nothing under the key ca.crt"),
    (
        "registry's Secret",
        {"schemaRegistry": {**URLS, "bearerTokenSecretRef": {"name": "gone"}}},
        SecretNotFound,
        "which spec.schemaRegistry.bearerTokenSecretRef names, does not exist",
    ),
    (
        "registry's CA",
        {"schemaRegistry": {**URLS, "tls": {"caSecretRef": {"name": "gone"}}}},
        SecretNotFound,
        "spec.schemaRegistry.tls.caSecretRef",
    ),
    (
        "mechanism without credentials",
        {"sasl": {"mechanism": "PLAIN"}},
        InvalidSpec,
        "PLAIN takes credentialsSecretRef",
    ),
    (
        "OAUTHBEARER without its part",
        {"sasl": {"mechanism": "OAUTHBEARER"}},
        InvalidSpec,
        "OAUTHBEARER takes oauthBearer",
    ),
    (
        "unverified with a CA",
        {"tls": {"insecureSkipVerify": True, "caSecretRef": {"name": "ca"}}},
        InvalidSpec,
        "spec.tls: insecureSkipVerify",
    ),
    (
        "two kinds of registry auth",
        {"schemaRegistry": {**URLS, "basicAuthSecretRef": {"name": "user"}, "bearerTokenSecretRef": {"name": "token"}}},
        InvalidSpec,
        "not both",
    ),
    (
        "clientConfig outside the list",
        {"clientConfig": {"sasl.password": "x"}},
        InvalidSpec,
        "sasl.password is not among",
    ),
]


@pytest.mark.parametrize(("fields", "kind", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(fields: dict[str, Any], kind: type[KafkadeError], says: str) -> None:
    with pytest.raises(kind) as caught:
        access(**fields)
    assert says in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "a cause would carry the value"


EVERYTHING: dict[str, Any] = {
    "tls": {"caSecretRef": {"name": "ca"}, "clientCertSecretRef": {"name": "client"}},
    "sasl": SCRAM,
    "schemaRegistry": {**URLS, "tls": {"caSecretRef": {"name": "ca"}}, "bearerTokenSecretRef": {"name": "token"}},
}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        pytest.param({}, set(), id="none"),
        pytest.param(EVERYTHING, {"ca", "client", "user", "token"}, id="all kinds"),
        pytest.param({"sasl": OAUTH}, {"user"}, id="OAUTHBEARER"),
        pytest.param({"schemaRegistry": {**URLS, "basicAuthSecretRef": {"name": "user"}}}, {"user"}, id="basic auth"),
    ],
)
def test_secrets_of(fields: dict[str, Any], names: set[str]) -> None:
    assert secrets_of(spec(**fields)) == names


def test_no_secret_in_repr() -> None:
    shown = repr(access(**EVERYTHING))
    assert "top-secret" not in shown
    assert "alice" in shown, "whom it logs in as is no secret"


@pytest.mark.parametrize(
    ("change", "secrets", "differs"),
    [
        pytest.param({}, SECRETS, False, id="the same"),
        pytest.param({"bootstrapServers": "kafka:9093"}, SECRETS, True, id="another address"),
        pytest.param({"clientConfig": {"socket.timeout.ms": "9000"}}, SECRETS, True, id="clientConfig"),
        pytest.param({"schemaRegistry": URLS}, SECRETS, True, id="the registry"),
        pytest.param({}, {**SECRETS, "user": {**SECRETS["user"], "password": b"new"}}, True, id="a new password"),
        pytest.param({}, {**SECRETS, "user": {**SECRETS["user"], "p": b"new"}}, False, id="a key that is not used"),
        pytest.param({}, {**SECRETS, "more": {"a": b"b"}}, False, id="a Secret that is not used"),
        pytest.param({"topicDefaults": {"partitions": 9}}, SECRETS, False, id="nothing of the connection"),
        pytest.param({"brokerConfig": {"a": 1}}, SECRETS, False, id="brokerConfig"),
    ],
)
def test_fingerprint(change: dict[str, Any], secrets: dict[str, dict[str, bytes]], differs: bool) -> None:
    before = access(**EVERYTHING).fingerprint
    after = access_of(spec(**{**EVERYTHING, **change}), secrets, KEY).fingerprint
    assert (before != after) is differs
    assert len(after) == 64
