"""From a KafkaCluster's spec and its Secrets to what the clients need. Pure: no connection is made in here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from kafkade.api.cluster import (
    CLIENT_CONFIG_KEYS,
    CredentialsSecretRef,
    KafkaClusterSpec,
    Sasl,
    SaslMechanism,
    SchemaRegistry,
    Tls,
)
from kafkade.api.errors import InvalidSpec, SecretNotFound
from kafkade.api.objects import Key
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, Security, TlsFiles, ssl_context
from kafkade.clients.reach import REACH
from kafkade.clients.registry import RegistryAuth, RegistryClient

Secrets = Mapping[str, Mapping[str, bytes]]
"""Secret name -> key -> decoded value."""

_CONNECTION_FIELDS = {"bootstrap_servers", "tls", "sasl", "client_config", "schema_registry", "service_bindings"}


@dataclass(frozen=True, slots=True, repr=False)
class RegistryAccess:
    """Where a schema registry is and how to talk to it."""

    urls: tuple[str, ...]
    auth: RegistryAuth | None = None
    tls: TlsFiles | None = None
    context: str | None = None

    def __repr__(self) -> str:
        return f"RegistryAccess({', '.join(self.urls)})"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one Kafka cluster. ``fingerprint`` changes with anything that a connection depends on."""

    kafka: Security
    registry: RegistryAccess | None
    fingerprint: str
    service_registry: tuple[str, str] | None = dataclasses.field(default=None, repr=False)
    """User name and password that services get for the registry."""

    def registry_client(self) -> RegistryClient | None:
        """A client for the registry, or None where the spec names none.

        Raises:
            TLSFailed: a Secret of spec.schemaRegistry.tls does not hold certificates.
        """
        if self.registry is None:
            return None
        tls = self.registry.tls
        context = None if tls is None else ssl_context(tls, field="spec.schemaRegistry.tls")
        return RegistryClient(self.registry.urls, auth=self.registry.auth, ssl=context, context=self.registry.context)


def secrets_of(spec: KafkaClusterSpec) -> frozenset[str]:
    """Names of the Secrets that the spec's connection part refers to, all in the cluster's namespace."""
    return frozenset(_references(spec))


def _references(spec: KafkaClusterSpec) -> Iterator[str]:
    yield from _tls_references(spec.tls)
    if spec.sasl is not None:
        if spec.sasl.credentials_secret_ref is not None:
            yield spec.sasl.credentials_secret_ref.name
        if spec.sasl.oauth_bearer is not None:
            yield spec.sasl.oauth_bearer.client_secret_ref.name
    registry = spec.schema_registry
    if registry is not None:
        yield from _tls_references(registry.tls)
        if registry.basic_auth_secret_ref is not None:
            yield registry.basic_auth_secret_ref.name
        if registry.bearer_token_secret_ref is not None:
            yield registry.bearer_token_secret_ref.name
    if spec.service_bindings.registry_credentials_secret_ref is not None:
        yield spec.service_bindings.registry_credentials_secret_ref.name


def _tls_references(tls: Tls | None) -> Iterator[str]:
    if tls is not None and tls.ca_secret_ref is not None:
        yield tls.ca_secret_ref.name
    if tls is not None and tls.client_cert_secret_ref is not None:
        yield tls.client_cert_secret_ref.name


def access_of(spec: KafkaClusterSpec, secrets: Secrets, cluster: Key) -> Access:
    """Fill the spec's references in from ``secrets``; ``cluster`` is for messages.

    Raises:
        SecretNotFound: names the Secret, the key and the field that refers to it.
        InvalidSpec: fields that contradict each other, where no API server checked them.
        NotAllowed: an address that the operator must not connect to.
    """
    vault = _Vault(secrets, cluster.namespace)
    unknown = sorted(set(spec.client_config) - set(CLIENT_CONFIG_KEYS))
    if unknown:
        raise InvalidSpec(
            f"spec.clientConfig: {', '.join(unknown)} is not among the connection settings of librdkafka that it takes;"
            " security settings go into spec.tls and spec.sasl"
        )
    kafka = Security(
        bootstrap=spec.bootstrap_servers,
        tls=_tls(spec.tls, vault, "spec.tls"),
        sasl=_sasl(spec.sasl, vault),
        client_config=dict(spec.client_config),
    )
    _check_reach(spec)
    registry = _registry(spec.schema_registry, vault)
    for_services = spec.service_bindings.registry_credentials_secret_ref
    given = (
        None
        if for_services is None
        else vault.credentials(for_services, "spec.serviceBindings.registryCredentialsSecretRef")
    )
    return Access(kafka, registry, _fingerprint(spec, vault), given)


def _check_reach(spec: KafkaClusterSpec) -> None:
    """Refuse addresses that the operator must not connect to. A registry's names are judged again when they are resolved;
    those of brokers and of a token endpoint cannot be, since librdkafka resolves them itself."""
    for place in spec.bootstrap_servers.split(","):
        REACH.check("spec.bootstrapServers", place.rpartition(":")[0])
    if spec.sasl is not None and spec.sasl.oauth_bearer is not None:
        REACH.check("spec.sasl.oauthBearer.tokenEndpointUrl", _host(spec.sasl.oauth_bearer.token_endpoint_url))
    for url in () if spec.schema_registry is None else spec.schema_registry.urls:
        REACH.check("spec.schemaRegistry.urls", _host(url))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that hold no address: nobody will connect to it
        return ""


class _Vault:
    """The Secrets of a namespace, and which of their values were taken."""

    def __init__(self, secrets: Secrets, namespace: str) -> None:
        self._secrets = secrets
        self._namespace = namespace
        self.taken: dict[tuple[str, str], bytes] = {}

    def text(self, name: str, key: str, field: str) -> str:
        """A value as text.

        Raises:
            SecretNotFound: no such Secret or key, or no text in it. An empty CA would mean the system's to librdkafka.
        """
        where = f"Secret {self._namespace}/{name}, which {field} names,"
        secret = self._secrets.get(name)
        if secret is None:
            raise SecretNotFound(f"{where} does not exist: create it with the key {key}")
        if key not in secret:
            has = ", ".join(sorted(secret)) or "no keys at all"
            raise SecretNotFound(f"{where} has no key {key}; it has {has}")
        if not secret[key].strip():
            raise SecretNotFound(f"{where} has nothing under the key {key}: fill it in")
        self.taken[name, key] = secret[key]
        try:
            return secret[key].decode()
        except UnicodeDecodeError:
            # the cause is left out, as it would carry the value
            raise SecretNotFound(f"{where} holds no UTF-8 text under {key}") from None

    def credentials(self, ref: CredentialsSecretRef, field: str) -> tuple[str, str]:
        """User name and password."""
        return self.text(ref.name, ref.username_key, field), self.text(ref.name, ref.password_key, field)


def _tls(tls: Tls | None, vault: _Vault, field: str) -> TlsFiles | None:
    if tls is None:
        return None
    ca, client = tls.ca_secret_ref, tls.client_cert_secret_ref
    if tls.insecure_skip_verify and ca is not None:
        raise InvalidSpec(f"{field}: insecureSkipVerify: true turns caSecretRef off; give one of the two")
    return TlsFiles(
        ca_pem=vault.text(ca.name, ca.key, f"{field}.caSecretRef") if ca else None,
        cert_pem=vault.text(client.name, client.cert_key, f"{field}.clientCertSecretRef") if client else None,
        key_pem=vault.text(client.name, client.key_key, f"{field}.clientCertSecretRef") if client else None,
        verify=not tls.insecure_skip_verify,
    )


def _sasl(sasl: Sasl | None, vault: _Vault) -> SaslPassword | SaslOAuth | None:
    if sasl is None:
        return None
    if sasl.mechanism is SaslMechanism.OAUTHBEARER:
        oauth = sasl.oauth_bearer
        if oauth is None:
            raise InvalidSpec("spec.sasl: OAUTHBEARER takes oauthBearer")
        client_id, client_secret = vault.credentials(oauth.client_secret_ref, "spec.sasl.oauthBearer.clientSecretRef")
        return SaslOAuth(oauth.token_endpoint_url, client_id, client_secret, oauth.scope)
    if sasl.credentials_secret_ref is None:
        raise InvalidSpec(f"spec.sasl: {sasl.mechanism} takes credentialsSecretRef")
    username, password = vault.credentials(sasl.credentials_secret_ref, "spec.sasl.credentialsSecretRef")
    return SaslPassword(sasl.mechanism.value, username, password)


def _registry(registry: SchemaRegistry | None, vault: _Vault) -> RegistryAccess | None:
    if registry is None:
        return None
    basic, bearer = registry.basic_auth_secret_ref, registry.bearer_token_secret_ref
    if basic is not None and bearer is not None:
        raise InvalidSpec("spec.schemaRegistry: give basicAuthSecretRef or bearerTokenSecretRef, not both")
    auth = None
    if basic is not None:
        auth = RegistryAuth.basic(*vault.credentials(basic, "spec.schemaRegistry.basicAuthSecretRef"))
    if bearer is not None:
        # a line break at its end, as editors leave one, cannot be part of a header
        token = vault.text(bearer.name, bearer.key, "spec.schemaRegistry.bearerTokenSecretRef").strip()
        auth = RegistryAuth.bearer(token)
    return RegistryAccess(
        urls=tuple(registry.urls),
        auth=auth,
        tls=_tls(registry.tls, vault, "spec.schemaRegistry.tls"),
        context=registry.context,
    )


def _fingerprint(spec: KafkaClusterSpec, vault: _Vault) -> str:
    digest = hashlib.sha256()
    connection = spec.model_dump(mode="json", include=_CONNECTION_FIELDS)
    digest.update(json.dumps(connection, sort_keys=True).encode())
    for (name, key), value in sorted(vault.taken.items()):
        digest.update(f"\0{name}/{key}\0".encode())
        digest.update(hashlib.sha256(value).digest())
    return digest.hexdigest()
