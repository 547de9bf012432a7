"""How to reach a Kafka cluster and as whom, and the same in the words of librdkafka and of kafka-python.

Certificates and keys stay in memory. Nothing in here shows a secret in ``repr``.
"""

from __future__ import annotations

import dataclasses
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkade.api.errors import TLSFailed

CLIENT_ID = "kafkade"
_HOSTNAME_CHECK = "ssl.endpoint.identification.algorithm"
_LOG_INFO = 6
"""librdkafka's log_level (syslog): a connection that a broker closes shows in its log only, at this level."""


@dataclass(frozen=True, slots=True, repr=False)
class TlsFiles:
    """TLS material as PEM text. ``ca_pem`` None means the system's CAs; ``verify`` False accepts any certificate."""

    ca_pem: str | None = None
    cert_pem: str | None = None
    key_pem: str | None = None
    verify: bool = True

    def __repr__(self) -> str:
        ca = "own CA" if self.ca_pem else "system CAs"
        return f"TlsFiles({ca}, client certificate: {self.cert_pem is not None}, verify={self.verify})"


@dataclass(frozen=True, slots=True, repr=False)
class SaslPassword:
    """``mechanism`` PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 with a user name and password."""

    mechanism: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"SaslPassword({self.mechanism}, {self.username!r})"


@dataclass(frozen=True, slots=True, repr=False)
class SaslOAuth:
    """OAUTHBEARER by the OpenID Connect client-credentials grant (KIP-768)."""

    token_endpoint_url: str
    client_id: str
    client_secret: str
    scope: str | None = None

    @property
    def mechanism(self) -> str:
        """The SASL mechanism's name."""
        return "OAUTHBEARER"

    def __repr__(self) -> str:
        return f"SaslOAuth({self.token_endpoint_url!r}, {self.client_id!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Security:
    """Where a Kafka cluster is and how to talk to it. ``client_config``: further librdkafka settings, already allowed."""

    bootstrap: str
    tls: TlsFiles | None = None
    sasl: SaslPassword | SaslOAuth | None = None
    client_config: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Security({self.bootstrap!r}, {self.protocol}, tls={self.tls!r}, sasl={self.sasl!r})"

    @property
    def protocol(self) -> str:
        """Kafka's security.protocol."""
        if self.sasl is None:
            return "PLAINTEXT" if self.tls is None else "SSL"
        return "SASL_PLAINTEXT" if self.tls is None else "SASL_SSL"

    @property
    def principal(self) -> str:
        """Who brokers see, for messages: ``User:alice`` where that is known."""
        match self.sasl:
            case SaslPassword(username=name):
                return f"User:{name}"
            case SaslOAuth(client_id=name):
                return f"the OAuth client {name}"
            case _ if self.tls is not None and self.tls.cert_pem is not None:
                return "the client certificate's principal"
            case _:
                return "User:ANONYMOUS"


def librdkafka_config(security: Security, timeout: float) -> dict[str, Any]:
    """The settings of a confluent_kafka client; ``timeout`` is the longest that a request may take, in seconds."""
    milliseconds = int(timeout * 1000)
    config: dict[str, Any] = {
        "bootstrap.servers": security.bootstrap,
        "client.id": CLIENT_ID,
        "security.protocol": security.protocol,
        "log_level": _LOG_INFO,
        "socket.timeout.ms": max(milliseconds, 1000),
        "socket.connection.setup.timeout.ms": min(max(milliseconds // 3, 1000), 10_000),
        "reconnect.backoff.max.ms": 1000,
        **security.client_config,
    }
    if security.tls is not None:
        config |= _tls_settings(security.tls)
    match security.sasl:
        case SaslPassword(mechanism, username, password):
            config |= {"sasl.mechanism": mechanism, "sasl.username": username, "sasl.password": password}
        case SaslOAuth() as oauth:
            config |= {
                "sasl.mechanism": oauth.mechanism,
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.client.id": oauth.client_id,
                "sasl.oauthbearer.client.secret": oauth.client_secret,
                "sasl.oauthbearer.token.endpoint.url": oauth.token_endpoint_url,
            }
            if oauth.scope is not None:
                config["sasl.oauthbearer.scope"] = oauth.scope
        case None:
            pass
    return config


def _tls_settings(tls: TlsFiles) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if not tls.verify:
        settings |= {"enable.ssl.certificate.verification": False, _HOSTNAME_CHECK: "none"}
    elif tls.ca_pem is not None:
        settings["ssl.ca.pem"] = tls.ca_pem
    if tls.cert_pem is not None and tls.key_pem is not None:
        settings |= {"ssl.certificate.pem": tls.cert_pem, "ssl.key.pem": tls.key_pem}
    return settings


def python_config(security: Security, timeout: float) -> dict[str, Any]:
    """Keyword arguments of a kafka-python client, OAUTHBEARER's token provider left out; ``timeout`` in seconds.

    Raises:
        TLSFailed: a certificate or key is not PEM, or they do not belong together.
    """
    milliseconds = int(timeout * 1000)
    kwargs: dict[str, Any] = {
        "bootstrap_servers": security.bootstrap.split(","),
        "client_id": CLIENT_ID,
        "security_protocol": security.protocol,
        "request_timeout_ms": milliseconds,
        "bootstrap_timeout_ms": milliseconds,
        "reconnect_backoff_max_ms": 1000,
    }
    if security.tls is not None:
        check_hostname = security.client_config.get(_HOSTNAME_CHECK, "https") != "none"
        kwargs["ssl_context"] = ssl_context(security.tls, check_hostname=check_hostname)
    if security.sasl is not None:
        kwargs["sasl_mechanism"] = security.sasl.mechanism
    if isinstance(security.sasl, SaslPassword):
        kwargs |= {"sasl_plain_username": security.sasl.username, "sasl_plain_password": security.sasl.password}
    return kwargs


def ssl_context(tls: TlsFiles, *, check_hostname: bool = True, field: str = "spec.tls") -> ssl.SSLContext:
    """An SSLContext for a client, from PEM text. Reads the system's CAs from disk where no own CA is given.

    Raises:
        TLSFailed: names the part of ``field`` whose Secret does not hold what it should.
    """
    context = ssl.create_default_context() if tls.ca_pem is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_hostname and tls.verify
    if not tls.verify:
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_pem is not None:
        try:
            context.load_verify_locations(cadata=tls.ca_pem)
        except (ssl.SSLError, ValueError) as error:
            raise TLSFailed(
                f"the Secret of {field}.caSecretRef holds no PEM certificate that can be read; put the CA's certificate there"
            ) from error
    if tls.cert_pem is not None and tls.key_pem is not None:
        with _as_file(f"{tls.cert_pem}\n{tls.key_pem}") as path:
            try:
                # an encrypted key then fails instead of asking on the terminal
                context.load_cert_chain(path, password="")
            except (ssl.SSLError, ValueError) as error:
                raise TLSFailed(
                    f"the Secret of {field}.clientCertSecretRef holds no PEM certificate with the unencrypted private"
                    " key that belongs to it"
                ) from error
    return context


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """``text`` as a path for as long as OpenSSL reads it: in memory where the system has memfd, else a private file."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("kafkade", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "w", closefd=False) as file:
                file.write(text)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        path = Path(file.name)
        file.write(text)
    try:
        yield str(path)
    finally:
        path.unlink()
