"""Brokers' error codes and librdkafka's causes: which of kafkade's errors, and what it says."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError as Foreign

from kafkade.api.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    ClusterUnreachable,
    InvalidConfig,
    InvalidSpec,
    KafkadeError,
    KafkaRequestFailed,
    NamingRefused,
    NotEnoughBrokers,
    NotSupportedByCluster,
    TLSFailed,
    TopicAlreadyExists,
    TopicDeletionDisabled,
    UnknownTopic,
)
from kafkade.clients.kafka_config import SaslPassword, Security, TlsFiles
from kafkade.clients.kafka_errors import Action, answer_error
from kafkade.clients.kafka_way import Cause, build_error, is_all_down, way_error

CREATE = Action("create", "topic", "Create")
ALTER = Action("change the settings of", "topic", "AlterConfigs")
DEFAULTS = Action("change", "cluster-wide broker settings", "AlterConfigs")

ANSWERS: list[tuple[str, Action, int, str, type[KafkadeError], str]] = [
    (
        "unknown topic",
        ALTER,
        3,
        "Broker: Unknown topic or partition",
        UnknownTopic,
        "topic orders: Unknown topic or partition",
    ),
    ("illegal name", CREATE, 17, "Topic name is invalid.", NamingRefused, "Topic name is invalid; choose another"),
    (
        "collision",
        CREATE,
        17,
        "Topic 'a.b' collides with existing topic: a_b",
        NamingRefused,
        "collides with existing topic",
    ),
    (
        "topic denied",
        CREATE,
        29,
        "Authorization failed.",
        AuthorizationFailed,
        "User:alice may not create topic orders",
    ),
    (
        "group denied",
        Action("change the settings of", "group", "AlterConfigs"),
        30,
        "Group authorization failed.",
        AuthorizationFailed,
        "grant it AlterConfigs on group orders",
    ),
    ("cluster denied", CREATE, 31, "Authorization failed.", AuthorizationFailed, "grant it Create on the cluster"),
    ("login", CREATE, 58, "no", AuthenticationFailed, "login of User:alice"),
    ("too old", CREATE, 35, "UNSUPPORTED_VERSION", NotSupportedByCluster, "too old"),
    (
        "exists",
        CREATE,
        36,
        "Topic 'orders' already exists.",
        TopicAlreadyExists,
        "topic orders: Topic 'orders' already exists",
    ),
    ("partitions", CREATE, 37, "Number of partitions was set to 0", InvalidSpec, "change spec.partitions"),
    ("replication factor", CREATE, 38, "only 1 broker(s) are registered.", NotEnoughBrokers, "only 1 broker(s)"),
    ("assignment", CREATE, 39, "broker 9 is not there", NotEnoughBrokers, "broker 9"),
    ("config", ALTER, 40, "Invalid value abc", InvalidConfig, "Invalid value abc; correct that setting"),
    (
        "static config",
        DEFAULTS,
        42,
        "Cannot update these configs dynamically",
        InvalidConfig,
        "broker settings: Cannot update",
    ),
    ("odd request", CREATE, 42, "no", KafkaRequestFailed, "topic orders: no"),
    ("policy", CREATE, 44, "Topic names must start with a team", InvalidSpec, "Topic names must start with a team"),
    ("deletion disabled", CREATE, 73, "", TopicDeletionDisabled, "delete.topic.enable=true"),
    ("unknown id", CREATE, 100, "", UnknownTopic, "its id"),
    ("quota", CREATE, 89, "The throttling quota has been exceeded.", KafkaRequestFailed, "quota has been exceeded"),
    ("code of the future", CREATE, 999, "something new", KafkaRequestFailed, "something new"),
]


@pytest.mark.parametrize(
    ("action", "code", "text", "kind", "says"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)
def test_answer(action: Action, code: int, text: str, kind: type[KafkadeError], says: str) -> None:
    name = "" if action is DEFAULTS else "orders"
    error = answer_error(action, name, code, text, "User:alice")
    assert type(error) is kind
    assert says in error.message


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        pytest.param(44, False, id="a policy stays until somebody changes something"),
        pytest.param(40, False, id="so does a wrong setting"),
        pytest.param(38, True, id="brokers come back"),
        pytest.param(89, True, id="a quota refills"),
    ],
)
def test_retryable(code: int, retryable: bool) -> None:
    assert answer_error(CREATE, "orders", code, "", "User:alice").retryable is retryable


PLAIN = Security("kafka:9092")
TLS = Security("kafka:9093", TlsFiles())
LOGIN = Security("kafka:9092", sasl=SaslPassword("PLAIN", "alice", "not-the-password"))
TRANSPORT, SSL, LOGIN_FAILED = Foreign._TRANSPORT, Foreign._SSL, Foreign._AUTHENTICATION
EARLY = "kafka:9092/bootstrap: Disconnected: connection closed by peer: receive 0 (after 4ms in state APIVERSION_QUERY)"
LATER = "kafka:9092/1: Disconnected: connection closed by peer: receive 0 (after 4ms in state UP)"

CAUSES: list[tuple[str, Security, Cause | None, type[KafkadeError], str]] = [
    ("nothing heard", PLAIN, None, ClusterUnreachable, "no broker at kafka:9092 answered within 3 s"),
    (
        "refused",
        PLAIN,
        Cause(TRANSPORT, "Connection refused"),
        ClusterUnreachable,
        "can be reached: Connection refused",
    ),
    ("no such host", PLAIN, Cause(Foreign._RESOLVE, "Name unknown"), ClusterUnreachable, "does not resolve"),
    (
        "wrong password",
        LOGIN,
        Cause(LOGIN_FAILED, "Authentication failed"),
        AuthenticationFailed,
        "login of User:alice",
    ),
    (
        "mechanism",
        LOGIN,
        Cause(LOGIN_FAILED, "Unsupported SASL mechanism"),
        AuthenticationFailed,
        "spec.sasl.mechanism",
    ),
    (
        "cut off in the middle of the login",
        LOGIN,
        Cause(LOGIN_FAILED, "SASL SCRAM-SHA-512 mechanism handshake failed: Local: Broker transport failure: broker's"),
        ClusterUnreachable,
        "can be reached",
    ),
    ("no SASL there", LOGIN, Cause(LOGIN_FAILED, "not valid in current SASL state"), AuthenticationFailed, "login of"),
    (
        "no token",
        LOGIN,
        Cause(LOGIN_FAILED, "Failed to acquire SASL OAUTHBEARER token: 401"),
        AuthenticationFailed,
        "spec.sasl.oauthBearer",
    ),
    ("wrong CA", TLS, Cause(SSL, "certificate verify failed"), TLSFailed, "not signed by the CA in tls.caSecretRef"),
    ("other TLS trouble", TLS, Cause(SSL, "no shared cipher"), TLSFailed, "handshake failed"),
    ("client certificate", TLS, Cause(TRANSPORT, "alert certificate required"), TLSFailed, "clientCertSecretRef"),
    (
        "TLS to plaintext",
        TLS,
        Cause(TRANSPORT, "connecting to a PLAINTEXT broker listener?"),
        TLSFailed,
        "take spec.tls away",
    ),
    ("plaintext to TLS", PLAIN, Cause(TRANSPORT, EARLY), TLSFailed, "set spec.tls"),
    ("closed before the login", LOGIN, Cause(TRANSPORT, EARLY), TLSFailed, "set spec.tls"),
    ("closed early over TLS", TLS, Cause(TRANSPORT, EARLY), ClusterUnreachable, "closed by peer"),
    ("no login on a SASL port", PLAIN, Cause(TRANSPORT, LATER), AuthenticationFailed, "set spec.sasl"),
    ("closed later, logged in", LOGIN, Cause(TRANSPORT, LATER), ClusterUnreachable, "closed by peer"),
    (
        "one broker down",
        PLAIN,
        Cause(-185, "Failed while waiting for broker: Local: Timed out"),
        KafkaRequestFailed,
        "not up",
    ),
]


@pytest.mark.parametrize(("security", "cause", "kind", "says"), [c[1:] for c in CAUSES], ids=[c[0] for c in CAUSES])
def test_way(security: Security, cause: Cause | None, kind: type[KafkadeError], says: str) -> None:
    error = way_error(cause, security, 3.2)
    assert type(error) is kind
    assert says in error.message
    assert "not-the-password" not in error.message


@pytest.mark.parametrize(
    "text",
    [
        "Connection refused",
        "Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
        "kafka:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
        "sasl_ssl://kafka:9092/bootstrap: Connect to ipv6#[::1]:9092 failed: Connection refused"
        " (after 12ms in state CONNECT, 3 identical error(s) suppressed)",
    ],
)
def test_the_same_trouble_has_the_same_words(text: str) -> None:
    error = way_error(Cause(TRANSPORT, text), PLAIN, 3.2)
    assert error.message == "no broker at kafka:9092 can be reached: Connection refused"


@pytest.mark.parametrize(
    ("cause", "fatal"),
    [
        pytest.param(Cause(LOGIN_FAILED, "Authentication failed"), True, id="wrong password"),
        pytest.param(Cause(SSL, "certificate verify failed"), True, id="wrong CA"),
        pytest.param(Cause(TRANSPORT, "Connection refused"), False, id="a broker restarts"),
        pytest.param(Cause(TRANSPORT, LATER), False, id="an idle connection is closed"),
        pytest.param(Cause(TRANSPORT, EARLY), False, id="a broker shuts down"),
    ],
)
def test_only_what_time_cannot_heal_is_fatal(cause: Cause, fatal: bool) -> None:
    assert cause.fatal is fatal
    assert cause.rank == (2 if fatal else 1)


def test_all_down_is_a_state() -> None:
    assert is_all_down(Foreign._ALL_BROKERS_DOWN)
    assert not is_all_down(TRANSPORT)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("failed to read certificate #0 from ssl.ca.pem: not in PEM format?", TLSFailed, id="CA"),
        pytest.param("ssl.key.pem failed: key values mismatch", TLSFailed, id="key"),
        pytest.param('Invalid value for configuration property "socket.timeout.ms"', InvalidSpec, id="clientConfig"),
    ],
)
def test_settings_that_librdkafka_refuses(text: str, kind: type[KafkadeError]) -> None:
    error = build_error(Foreign(Foreign._INVALID_ARG, text))
    assert type(error) is kind
    assert text in error.message
