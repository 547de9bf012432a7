"""Why no broker could be talked to: what librdkafka says of the way, as kafkade's errors with the way out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError as ForeignError

from kafkade.api.errors import (
    AuthenticationFailed,
    ClusterUnreachable,
    InvalidSpec,
    KafkadeError,
    KafkaRequestFailed,
    TLSFailed,
)
from kafkade.clients.kafka_config import Security

Make = Callable[[str], KafkadeError]

MARGIN = 2.0
"""Seconds beyond a request's own timeout after which librdkafka is taken never to answer it."""

CLOSED_BY_PEER = "closed by peer"
_CUT_OFF = ("Local: Broker transport failure", "Local: Timed out")
"""librdkafka's code says that a login failed, and its text that the connection ended in the middle of it."""
_OIDC_FAILED = "Failed to acquire SASL OAUTHBEARER token"


_VOLATILE = re.compile(
    r" \(after \d+ms in state [A-Z_]+(, \d+ identical error\(s\) suppressed)?\)"
    r"|^(?:\w+://)?[^ ]+?/\w+: |Connect to ipv[46]#\S+ failed: "
)
"""What differs from try to try: how long it took, how often it was said, and which broker happened to be asked."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What librdkafka said of the way to a broker. Of two, the one with the higher ``rank`` explains more."""

    code: int
    text: str

    @property
    def said(self) -> str:
        """``text`` without what differs from try to try."""
        return _VOLATILE.sub("", self.text)

    @property
    def rank(self) -> int:
        """2: names what to change; 1: only that a broker was not reached."""
        return 2 if self.fatal else 1

    @property
    def fatal(self) -> bool:
        """Whether trying again with the same settings is bound to fail (if no other broker answers)."""
        return isinstance(_known(self), AuthenticationFailed | TLSFailed)

    @property
    def concerns_all(self) -> bool:
        """Whether it keeps librdkafka from even trying a broker, so that none is ever reported down."""
        return _OIDC_FAILED in self.text


def way_error(cause: Cause | None, security: Security, seconds: float) -> KafkadeError:
    """The error to raise for ``cause``. ``seconds``: the time that brokers are given, as configured.

    The same trouble gives the same words each time: a status is written only when they change.
    """
    at = security.bootstrap
    if cause is None:
        return ClusterUnreachable(f"no broker at {at} answered within {seconds:.0f} s")
    known = _known(cause, security.principal) or _hung_up(cause, security)
    if known is not None:
        return known
    if cause.code == ForeignError._RESOLVE:
        return ClusterUnreachable(
            f"a host name of {at} does not resolve: check spec.bootstrapServers and DNS (librdkafka: {cause.said})"
        )
    return ClusterUnreachable(f"no broker at {at} can be reached: {cause.said}")


def _known(cause: Cause, principal: str = "the principal") -> KafkadeError | None:
    """The error for a cause that speaks for itself."""
    for fragment, make, message in _CAUSES:
        if fragment in cause.text:
            # the rest of the text differs by the moment at which librdkafka notices; the provider's answer is worth it
            return make(f"{message} (librdkafka: {cause.said})" if cause.concerns_all else message)
    refused = cause.code in (ForeignError._AUTHENTICATION, ForeignError.SASL_AUTHENTICATION_FAILED)
    if refused and not any(fragment in cause.text for fragment in _CUT_OFF):
        return AuthenticationFailed(
            f"the brokers refused the login of {principal}: check the Secret that spec.sasl names, and spec.sasl.mechanism"
            f" (librdkafka: {cause.said})"
        )
    if cause.code == ForeignError._SSL:
        return TLSFailed(
            f"the TLS handshake failed: check spec.tls and the brokers' certificates (librdkafka: {cause.said})"
        )
    return None


def _hung_up(cause: Cause, security: Security) -> KafkadeError | None:
    """A broker closes the connection without a word on a client that speaks plaintext to TLS, or does not log in."""
    if CLOSED_BY_PEER not in cause.text:
        return None
    if security.tls is None and "in state APIVERSION_QUERY" in cause.text:
        return TLSFailed(
            "the brokers closed the connection at the first request, as a TLS port does to a client without TLS:"
            f" set spec.tls, or name a plaintext port in spec.bootstrapServers (librdkafka: {cause.said})"
        )
    if security.sasl is None and "in state UP" in cause.text:
        return AuthenticationFailed(
            "the brokers closed the connection, as they do to a client that does not log in:"
            f" set spec.sasl (librdkafka: {cause.said})"
        )
    return None


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
        "certificate verify failed",
        TLSFailed,
        "the broker's certificate is not signed by the CA in tls.caSecretRef, has expired, or is not for this host name",
    ),
    (
        "certificate required",
        TLSFailed,
        "the brokers want a client certificate that a CA of theirs signed: set spec.tls.clientCertSecretRef, or check who"
        " signed the one in it",
    ),
    (
        "certificate unknown",
        TLSFailed,
        "the brokers do not accept the client certificate: check which CA signed the one in spec.tls.clientCertSecretRef",
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
        "Request not valid in current SASL state",
        AuthenticationFailed,
        "the brokers take no login on this port: take spec.sasl away, or name a SASL port in spec.bootstrapServers",
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
        _OIDC_FAILED,
        AuthenticationFailed,
        "no token from the identity provider: check spec.sasl.oauthBearer",
    ),
)
"""Fragments of librdkafka's texts (src/rdkafka_broker.c, rdkafka_ssl.c, rdkafka_sasl*.c) and what they mean for a spec."""


def is_all_down(code: int) -> bool:
    """Whether librdkafka says that all known brokers are down, which is a state and not a cause."""
    return bool(code == ForeignError._ALL_BROKERS_DOWN)


def build_error(error: ForeignError) -> KafkadeError:
    """librdkafka refused the settings before any connection was made."""
    text = error.str()
    if ".pem" in text or "ssl." in text or "certificate" in text:
        return TLSFailed(f"the certificates of spec.tls cannot be used: {text}")
    return InvalidSpec(f"spec.clientConfig: {text}")
