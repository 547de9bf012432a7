"""Kafka's error codes, and what librdkafka says of the way to a broker, as kafkade's errors.

Codes are the protocol's (https://kafka.apache.org/protocol#protocol_error_codes), which both client libraries carry;
negative ones are librdkafka's own and speak of the whole request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError as ForeignError

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
from kafkade.clients.kafka_config import Security

Make = Callable[[str], KafkadeError]

_BY_CODE: dict[int, tuple[Make, str]] = {
    3: (UnknownTopic, "the brokers do not know it"),
    17: (NamingRefused, "choose another spec.topicName"),
    35: (NotSupportedByCluster, "the brokers are too old for this request"),
    36: (TopicAlreadyExists, ""),
    37: (InvalidSpec, "change spec.partitions"),
    38: (NotEnoughBrokers, "lower the replication factor or bring more brokers up"),
    39: (NotEnoughBrokers, "a broker of the replica assignment is not there"),
    40: (InvalidConfig, "correct that setting"),
    44: (InvalidSpec, "the brokers' policy refuses it: change the spec, or the policy on the brokers"),
    73: (TopicDeletionDisabled, "set delete.topic.enable=true on the brokers, or spec.deletionPolicy to Retain"),
    100: (UnknownTopic, "the brokers do not know its id"),
}
"""Code -> error class and the way out, which is appended to the broker's own text."""

_DENIED = frozenset({29, 31})
"""TOPIC_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED."""

_LOGIN = frozenset({33, 34, 58})
"""UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE, SASL_AUTHENTICATION_FAILED."""

_ALL_DOWN = ForeignError._ALL_BROKERS_DOWN
_INVALID_REQUEST = 42


@dataclass(frozen=True, slots=True)
class Action:
    """What was asked of a broker: for messages. ``acl``: the operation that the principal must be granted."""

    verb: str
    kind: str
    acl: str

    def of(self, name: str) -> str:
        """``topic orders``; the cluster has no name."""
        return f"{self.kind} {name}".rstrip()


def answer_error(action: Action, name: str, code: int, text: str, principal: str) -> KafkadeError:
    """A broker's error answer for one resource. ``text`` is the broker's own message."""
    target, text = action.of(name), text.strip().removeprefix("Broker: ").rstrip(".")
    if code in _DENIED:
        where = f"{action.kind} {name}" if code == 29 else "the cluster"
        return AuthorizationFailed(
            f"{target}: {principal} may not {action.verb} it: grant it {action.acl} on {where} (Kafka ACLs)"
        )
    if code in _LOGIN:
        return AuthenticationFailed(f"the brokers refused the login of {principal}: {text}")
    if code == _INVALID_REQUEST and action.kind == "broker settings":
        return InvalidConfig(f"{target}: {text}")
    make, hint = _BY_CODE.get(code, (KafkaRequestFailed, ""))
    detail = f"{text}; {hint}" if hint and text and text.lower() != hint else text or hint
    return make(f"{target}: {detail}")


@dataclass(frozen=True, slots=True)
class Cause:
    """What librdkafka said of the way to a broker. Of two, the one with the higher ``rank`` explains more."""

    code: int
    text: str

    @property
    def rank(self) -> int:
        """2: names what to change; 1: only that a broker was not reached."""
        return 2 if self.fatal else 1

    @property
    def fatal(self) -> bool:
        """Whether trying again with the same settings is bound to fail (if no other broker answers)."""
        return isinstance(way_error(self, None, 0), AuthenticationFailed | TLSFailed)


def way_error(cause: Cause | None, security: Security | None, seconds: float) -> KafkadeError:
    """Why no broker could be talked to. ``seconds``: how long was waited."""
    bootstrap = security.bootstrap if security else "the brokers"
    if cause is None:
        return ClusterUnreachable(f"no broker at {bootstrap} answered within {seconds:.0f} s")
    for pattern, make, message in _CAUSES:
        if pattern in cause.text:
            return make(f"{message} (librdkafka: {cause.text})")
    if cause.code in (ForeignError._AUTHENTICATION, ForeignError.SASL_AUTHENTICATION_FAILED):
        who = security.principal if security else "the principal"
        return AuthenticationFailed(
            f"the brokers refused the login of {who}: check the Secret that spec.sasl names, and spec.sasl.mechanism"
            f" (librdkafka: {cause.text})"
        )
    if cause.code == ForeignError._SSL:
        return TLSFailed(f"the TLS handshake failed: check spec.tls and the brokers' certificates (librdkafka: {cause.text})")
    if cause.code == ForeignError._RESOLVE:
        return ClusterUnreachable(f"a host name of {bootstrap} does not resolve: check spec.bootstrapServers and DNS ({cause.text})")
    return ClusterUnreachable(f"no broker at {bootstrap} can be reached: {cause.text}")


_CAUSES: tuple[tuple[str, Make, str], ...] = (
    (
        "connecting to a PLAINTEXT broker listener",
        TLSFailed,
        "the brokers answer without TLS on this port: take spec.tls away, or name a TLS port in spec.bootstrapServers",
    ),
    (
        "wrong version number",
        TLSFailed,
        "the brokers answer without TLS on this port: take spec.tls away, or name a TLS port in spec.bootstrapServers",
    ),
    (
        "connecting to a SSL listener",
        TLSFailed,
        "the connection was closed at once, as a TLS port does to a client without TLS: set spec.tls, or name a plaintext port in"
        " spec.bootstrapServers",
    ),
    (
        "might require SASL authentication",
        AuthenticationFailed,
        "the brokers closed the connection as they do to a client that does not log in: set spec.sasl",
    ),
    (
        "certificate verify failed",
        TLSFailed,
        "the broker's certificate is not signed by the CA in tls.caSecretRef, has expired, or is not for this host name",
    ),
    (
        "certificate required",
        TLSFailed,
        "the brokers want a client certificate: set spec.tls.clientCertSecretRef",
    ),
    (
        "bad certificate",
        TLSFailed,
        "the brokers refused the client certificate: check the Secret in spec.tls.clientCertSecretRef",
    ),
    (
        "unknown ca",
        TLSFailed,
        "the brokers do not trust the CA that signed the client certificate of spec.tls.clientCertSecretRef",
    ),
    (
        "Unsupported SASL mechanism",
        AuthenticationFailed,
        "the brokers do not offer this SASL mechanism: change spec.sasl.mechanism",
    ),
    (
        "Failed while waiting for broker",
        KafkaRequestFailed,
        "the one broker that can answer this is not up",
    ),
    (
        "Failed to acquire SASL OAUTHBEARER token",
        AuthenticationFailed,
        "no token from the identity provider: check spec.sasl.oauthBearer",
    ),
)
"""Fragments of librdkafka's texts (src/rdkafka_broker.c, rdkafka_ssl.c, rdkafka_sasl*.c) and what they mean for a spec."""


def is_all_down(code: int) -> bool:
    """Whether librdkafka says that all known brokers are down, which is a state and not a cause."""
    return bool(code == _ALL_DOWN)


def build_error(error: ForeignError) -> KafkadeError:
    """librdkafka refused the settings before any connection was made."""
    text = error.str()
    if ".pem" in text or "ssl." in text or "certificate" in text:
        return TLSFailed(f"the certificates of spec.tls cannot be used: {text}")
    return InvalidSpec(f"spec.clientConfig: {text}")
