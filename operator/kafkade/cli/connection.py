"""How commands reach Kafka and a schema registry without Kubernetes: an address, and a file as Kafka's tools take it.

Secrets stand in the file only, never on the command line, where other users of the machine can read them.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from urllib.parse import urlsplit

from kafkade.api.cluster import CLIENT_CONFIG_KEYS
from kafkade.api.errors import InvalidSpec, TLSFailed
from kafkade.cli.properties import Jaas, Properties, jaas, load
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, Security, TlsFiles, ssl_context
from kafkade.clients.registry import RegistryAuth, RegistryClient
from kafkade.clients.registry_http import RegistryTransport
from kafkade.clients.registry_schemas import RegistrySchemas
from kafkade.clusters.connect import Access, RegistryAccess

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_PASSWORD_MODULES = {
    "PLAIN": "PlainLoginModule",
    "SCRAM-SHA-256": "ScramLoginModule",
    "SCRAM-SHA-512": "ScramLoginModule",
}
_OAUTH, _OAUTH_MODULE = "OAUTHBEARER", "OAuthBearerLoginModule"
_HOSTNAME_CHECK = "ssl.endpoint.identification.algorithm"
_VERIFY = "enable.ssl.certificate.verification"
_TOKEN_URL = "sasl.oauthbearer.token.endpoint.url"  # noqa: S105 -- the name of a setting
_MECHANISM = "sasl.mechanism"

_TAKEN = frozenset(
    {
        *("security.protocol", _MECHANISM, "sasl.mechanisms", "sasl.jaas.config", "sasl.username", "sasl.password"),
        *(_TOKEN_URL, "sasl.oauthbearer.method", "sasl.oauthbearer.scope"),
        *("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret"),
        *("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret"),
        *("ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password", "ssl.truststore.certificates"),
        *("ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.keystore.key"),
        *("ssl.keystore.certificate.chain", "ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location"),
        *("ssl.certificate.pem", "ssl.key.location", "ssl.key.pem", "ssl.key.password", _VERIFY),
        *("basic.auth.user.info", "schema.registry.basic.auth.user.info", "bearer.auth.token"),
        *("schema.registry.ssl.truststore.type", "schema.registry.ssl.truststore.location"),
        *("schema.registry.ssl.truststore.password",),
    }
)
"""Settings of Java's clients and of librdkafka that are understood here."""

_IGNORED = frozenset(
    {
        # the command line says where
        *("bootstrap.servers", "schema.registry.url"),
        # the classes of Java's clients, for what is done here without
        *("sasl.login.callback.handler.class", "basic.auth.credentials.source", "bearer.auth.credentials.source"),
        # of no effect on a reader without a group; the files that cloud providers hand out have them
        *("client.id", "group.id", "acks", "retries", "session.timeout.ms", "default.api.timeout.ms"),
        *("key.serializer", "value.serializer", "key.deserializer", "value.deserializer"),
        *("auto.offset.reset", "enable.auto.commit"),
    }
)


def security_from(bootstrap: str, command_config: Path | None) -> Security:
    """Where Kafka is, and who to be there as ``command_config`` says; without a file: plaintext, nobody.

    As in Kafka's tools, settings that security.protocol does not ask for have no effect.

    Raises:
        InvalidSpec: a setting is unknown, incomplete or cannot be used; names the file, the line and the key.
    """
    if command_config is None:
        return Security(bootstrap)
    settings = _load(command_config)
    protocol = (settings.get("security.protocol") or "PLAINTEXT").upper()
    if protocol not in _PROTOCOLS:
        raise settings.error("security.protocol", f"must be one of {', '.join(_PROTOCOLS)}")
    return Security(
        bootstrap,
        tls=_tls(settings) if protocol.endswith("SSL") else None,
        sasl=_sasl(settings) if protocol.startswith("SASL_") else None,
        client_config={
            key: _hostname_check(settings.text(key)) if key == _HOSTNAME_CHECK else settings.text(key)
            for key in settings
            if key in CLIENT_CONFIG_KEYS
        },
    )


def registry_access_from(url: str | None, command_config: Path | None) -> RegistryAccess | None:
    """Where a registry is and who to be there, or None without ``url``. Several URLs are parted by commas.

    Credentials are basic.auth.user.info (``user:password``) or bearer.auth.token; schema.registry.ssl.truststore.location
    names CA certificates (PEM).

    Raises:
        InvalidSpec: as ``security_from``; or the URL is none, or carries a password.
    """
    if not url:
        return None
    urls = tuple(_checked_url(part.strip()) for part in url.split(","))
    if command_config is None:
        return RegistryAccess(urls)
    settings = _load(command_config)
    auth = None
    if user_info := settings.get("basic.auth.user.info", "schema.registry.basic.auth.user.info"):
        name, colon, password = user_info.partition(":")
        if not colon:
            raise settings.error("basic.auth.user.info", "must be a user name and a password with a colon between")
        auth = RegistryAuth.basic(name, password)
    elif token := settings.get("bearer.auth.token"):
        auth = RegistryAuth.bearer(token)
    return RegistryAccess(urls, auth, _registry_tls(settings))


def registry_from(url: str | None, command_config: Path | None) -> RegistrySchemas | None:
    """The registry's schemas, or None without ``url``; see ``registry_access_from``."""
    access = registry_access_from(url, command_config)
    if access is None:
        return None
    tls = None if access.tls is None else ssl_context(access.tls)
    return RegistrySchemas(RegistryTransport(access.urls, auth=access.auth, tls=tls))


def registry_client_from(url: str, command_config: Path | None) -> RegistryClient:
    """The registry with its subjects; see ``registry_access_from``."""
    access = registry_access_from(url, command_config)
    if access is None:
        raise InvalidSpec("--registry must be a URL such as http://localhost:8081")
    return RegistryClient(access.urls, auth=access.auth, ssl=None if access.tls is None else ssl_context(access.tls))


def access_from(bootstrap: str, command_config: Path | None, registry: str | None) -> Access:
    """The whole way to a cluster and its registry.

    Raises:
        InvalidSpec: as ``security_from`` and ``registry_access_from``.
    """
    return Access(security_from(bootstrap, command_config), registry_access_from(registry, command_config), bootstrap)


def _registry_tls(settings: Properties) -> TlsFiles | None:
    ca = _store(settings, "schema.registry.ssl.truststore.location")
    if ca is None:
        return None
    files = TlsFiles(_certificates(ca))
    try:
        ssl_context(files)
    except TLSFailed as error:
        raise ca.error("names a file without a certificate that can be read") from error
    return files


def _checked_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise InvalidSpec("--registry must be a URL such as http://localhost:8081")
    if url.username or url.password:
        raise InvalidSpec(
            "--registry must carry no credentials: put basic.auth.user.info into the --command-config file"
        )
    return text


def _load(file: Path) -> Properties:
    settings = load(file)
    known = _TAKEN | _IGNORED | set(CLIENT_CONFIG_KEYS)
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(_TAKEN | set(CLIENT_CONFIG_KEYS)), 1, 0.85)
            way_out = f"did you mean {near[0]}?" if near else "take it out of a copy of the file for kafkade"
            raise settings.error(key, f"is not a setting that kafkade knows: {way_out}")
    return settings


def _hostname_check(value: str) -> str:
    """Java turns the check off with an empty value, librdkafka with ``none``."""
    return value.lower() or "none"


# SASL


def _sasl(settings: Properties) -> SaslPassword | SaslOAuth:
    mechanism = (settings.get(_MECHANISM, "sasl.mechanisms") or "GSSAPI").upper()
    login = _login(settings)
    if mechanism == _OAUTH:
        return _oauth(settings, _options(settings, login, _OAUTH_MODULE))
    if mechanism not in _PASSWORD_MODULES:
        key = "sasl.mechanisms" if "sasl.mechanisms" in settings else _MECHANISM
        known = ", ".join((*_PASSWORD_MODULES, _OAUTH))
        raise settings.error(key, f"must be one of {known} (it is {mechanism}, which kafkade does not speak)")
    options = _options(settings, login, _PASSWORD_MODULES[mechanism])
    if options.get("tokenauth", "").lower() == "true":
        raise settings.error("sasl.jaas.config", "has tokenauth: kafkade does not log in with delegation tokens")
    username = settings.get("sasl.username") or options.get("username")
    password = settings.get("sasl.password") or options.get("password")
    if not username or not password:
        key = "sasl.jaas.config" if login is not None else "sasl.username"
        raise settings.error(key, f"must give a user name and a password for {mechanism}")
    return SaslPassword(mechanism, username, password)


def _login(settings: Properties) -> Jaas | None:
    text = settings.get("sasl.jaas.config")
    if text is None:
        return None
    login = jaas(text)
    if login is None:
        raise settings.error("sasl.jaas.config", 'must be like …PlainLoginModule required username="…" password="…";')
    return login


def _options(settings: Properties, login: Jaas | None, module: str) -> dict[str, str]:
    if login is None:
        return {}
    if login.module != module:
        raise settings.error(
            "sasl.jaas.config", f"names {login.module}, but this sasl.mechanism takes {module}: correct one of the two"
        )
    return login.options


def _oauth(settings: Properties, options: dict[str, str]) -> SaslOAuth:
    """The client-credentials grant, in the words of librdkafka, of Java's JAAS options or of KIP-1139."""
    method = settings.get("sasl.oauthbearer.method") or "oidc"
    if method.lower() != "oidc":
        raise settings.error("sasl.oauthbearer.method", "must be oidc")
    url = settings.get(_TOKEN_URL)
    if url is None:
        raise settings.error(_TOKEN_URL, f"must be set for {_OAUTH}")
    prefix = "sasl.oauthbearer.client"
    client_id = settings.get(f"{prefix}.id", f"{prefix}.credentials.client.id") or options.get("clientId")
    secret = settings.get(f"{prefix}.secret", f"{prefix}.credentials.client.secret") or options.get("clientSecret")
    if not client_id or not secret:
        raise settings.error(
            f"{prefix}.id", f"and {prefix}.secret (in Java: clientId, clientSecret) must be set for {_OAUTH}"
        )
    return SaslOAuth(url, client_id, secret, settings.get("sasl.oauthbearer.scope") or options.get("scope"))


# TLS


def _tls(settings: Properties) -> TlsFiles:
    ca = _pem(settings, "ssl.ca.location", "ssl.ca.pem") or _pem(
        settings, "ssl.truststore.location", "ssl.truststore.certificates"
    )
    chain = _pem(settings, "ssl.certificate.location", "ssl.certificate.pem") or _pem(
        settings, "ssl.keystore.location", "ssl.keystore.certificate.chain"
    )
    key = _pem(settings, "ssl.key.location", "ssl.key.pem") or _pem(
        settings, "ssl.keystore.location", "ssl.keystore.key"
    )
    if (chain is None) != (key is None):
        half = chain or key
        assert half is not None  # noqa: S101 -- just one of the two is None
        raise half.error("is half of a client certificate: give both its chain and its private key")
    return TlsFiles(
        ca_pem=None if ca is None else _certificates(ca),
        cert_pem=None if chain is None else _certificates(chain),
        key_pem=None if key is None else _private_key(key),
        verify=(settings.get(_VERIFY) or "true").lower() != "false",
    )


class _Text:
    """PEM text with the setting that it came by."""

    def __init__(self, settings: Properties, key: str, text: str) -> None:
        self.settings, self.key, self.text = settings, key, text

    def error(self, problem: str) -> InvalidSpec:
        return self.settings.error(self.key, problem)


def _pem(settings: Properties, location: str, inline: str) -> _Text | None:
    if text := settings.get(inline):
        return _Text(settings, inline, text)
    return _store(settings, location)


def _store(settings: Properties, location: str) -> _Text | None:
    """The file that a setting names, which must be PEM, whatever its type is said to be."""
    path = settings.get(location)
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise settings.error(location, f"names {path}, which cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise settings.error(location, f"names {path!r}, which no file can be called") from error
    if b"-----BEGIN " not in data:
        raise settings.error(location, f"names {path}, which is not PEM: {_way_to_pem(path, location)}")
    return _Text(settings, location, data.decode("utf-8", errors="replace"))


def _way_to_pem(path: str, location: str) -> str:
    if "truststore" in location:
        return f"kafkade reads no JKS or PKCS12 stores; `keytool -list -rfc -keystore {path} > ca.pem` makes PEM of it"
    if "keystore" in location:
        return (
            f"kafkade reads no JKS or PKCS12 stores; `keytool -importkeystore -srckeystore {path} -destkeystore client.p12"
            " -deststoretype pkcs12` and `openssl pkcs12 -in client.p12 -nodes -out client.pem` make PEM of it"
        )
    return "give a file with -----BEGIN … lines"


_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def _certificates(source: _Text) -> str:
    found = [_block(name, body) for name, body in _BLOCK.findall(source.text) if name.endswith("CERTIFICATE")]
    if not found:
        raise source.error("gives no PEM certificate")
    return "".join(found)


def _private_key(source: _Text) -> str:
    for name, body in _BLOCK.findall(source.text):
        if name.endswith("PRIVATE KEY"):
            if name.startswith("ENCRYPTED") or "ENCRYPTED" in body:
                raise source.error(
                    "gives an encrypted private key: `openssl pkey -in FILE` writes it without a password"
                )
            return _block(name, body)
    raise source.error("gives no PEM private key")


def _block(name: str, body: str) -> str:
    """Line breaks anew: those of a value that goes over several lines of a properties file are gone."""
    base64 = "".join(body.split())
    lines = [base64[start : start + 64] for start in range(0, len(base64), 64)]
    return "\n".join((f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""))
