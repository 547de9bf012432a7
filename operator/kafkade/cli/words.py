"""Errors in the words of the command line: clients speak of a KafkaCluster's spec, which a command does not have."""

from __future__ import annotations

import re

from kafkade.api.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    ClusterUnreachable,
    KafkadeError,
    RegistryAuthenticationFailed,
    RegistryUnreachable,
    TLSFailed,
    UnknownTopic,
)

_WORDS = {
    "the Secret that spec.sasl names, and spec.sasl.mechanism": "user name, password and sasl.mechanism",
    "the Secret in spec.tls.clientCertSecretRef": "the one of ssl.keystore.location",
    "the CA in tls.caSecretRef": "the CA in ssl.truststore.location",
    "take spec.tls away": "take SSL out of security.protocol",
    "take spec.sasl away": "take SASL out of security.protocol",
    "set spec.tls.clientCertSecretRef": "set ssl.keystore.location",
    "set spec.tls": "set security.protocol to SSL or SASL_SSL",
    "set spec.sasl": "set security.protocol to SASL_PLAINTEXT or SASL_SSL",
    "spec.tls.clientCertSecretRef": "ssl.keystore.location",
    "spec.tls.caSecretRef": "ssl.truststore.location",
    "spec.sasl.mechanism": "sasl.mechanism",
    "spec.sasl.oauthBearer": "the settings sasl.oauthbearer.*",
    "spec.bootstrapServers": "--bootstrap-server",
    "spec.clientConfig": "--command-config",
    "spec.tls": "the settings ssl.*",
    "spec.sasl": "the settings sasl.*",
}
_SPEC = re.compile("|".join(re.escape(words) for words in sorted(_WORDS, key=len, reverse=True)))

_HINTS: tuple[tuple[type[KafkadeError], str], ...] = (
    (
        ClusterUnreachable,
        "--bootstrap-server HOST:PORT names the brokers; TLS and SASL settings go into --command-config FILE",
    ),
    (TLSFailed, "TLS settings (security.protocol, ssl.*) go into the file of --command-config"),
    (AuthenticationFailed, "SASL settings (security.protocol, sasl.*) go into the file of --command-config"),
    (
        AuthorizationFailed,
        "kafka-acls.sh --add --allow-principal … grants rights; reading dead letters takes Read and Describe",
    ),
    (UnknownTopic, "kafkade dlq ls lists the dead-letter topics, kafka-topics.sh --list all"),
    (RegistryUnreachable, "--registry URL names the registry; for Apicurio with its path /apis/ccompat/v7"),
    (RegistryAuthenticationFailed, "basic.auth.user.info or bearer.auth.token goes into the file of --command-config"),
)


def cli_words(message: str) -> str:
    """``message`` with options and settings in place of a spec's fields."""
    return _SPEC.sub(lambda match: _WORDS[match[0]], message)


def hint_for(error: KafkadeError) -> str | None:
    """What to do next, where the message does not say it already."""
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
