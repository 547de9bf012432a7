"""The service's binding: files as the Service Binding specification lays them out (https://servicebinding.io), read once.

``librdkafka.json`` and ``binding.json``, which kafkade writes, say everything. Without them the specification's single values do,
so that bindings of other provisioners serve too: ``bootstrap-servers``, ``security-protocol``, ``sasl-mechanism``, ``username``,
``password``, ``ca.crt``, ``schema-registry-url``; clients then have the settings of ``PRODUCER`` and ``CONSUMER``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafkade.api.binding import (
    KEY_BINDING,
    KEY_BOOTSTRAP,
    KEY_CA,
    KEY_LIBRDKAFKA_JSON,
    KEY_MECHANISM,
    KEY_PASSWORD,
    KEY_POLICY,
    KEY_PROTOCOL,
    KEY_REGISTRY_CA,
    KEY_REGISTRY_PASSWORD,
    KEY_REGISTRY_URL,
    KEY_REGISTRY_USERNAME,
    KEY_TYPE,
    KEY_USERNAME,
    MAX_POLL_RECORDS,
    REGISTRY_CACHE,
    REGISTRY_TIMEOUT,
    TYPE,
)
from kafkade.clients.kafka_config import SaslPassword, Security, TlsFiles
from kafkade.service.errors import BindingError

ROOT_VARIABLE = "SERVICE_BINDING_ROOT"
POLICY_VARIABLE = "KAFKADE_DLQ_POLICY"

PRODUCER: Mapping[str, str] = {
    "acks": "all",
    "retries": "3",
    "batch.size": "16384",
    "linger.ms": "1",
    "compression.type": "snappy",
}
CONSUMER: Mapping[str, str] = {
    "auto.offset.reset": "earliest",
    "session.timeout.ms": "30000",
    "heartbeat.interval.ms": "10000",
}
_HOSTNAME_CHECK = "ssl.endpoint.identification.algorithm"


@dataclass(frozen=True, slots=True, repr=False)
class Binding:
    """What a service is given. ``client``, ``producer``, ``consumer``: settings of librdkafka, each the whole of a client."""

    name: str
    service: str
    client: Mapping[str, str]
    producer: Mapping[str, str]
    consumer: Mapping[str, str]
    security: Security
    group: str
    transaction_prefix: str
    max_poll_records: int = MAX_POLL_RECORDS
    registry: Mapping[str, Any] | None = None
    policy: Path | None = None
    topics: tuple[str, ...] = field(default=())
    """Topics that it may write to, as far as they are named and not given by a prefix."""

    def __repr__(self) -> str:
        return f"Binding({self.name!r}, service={self.service!r}, {self.security!r})"


def find(name: str | None = None, root: Path | None = None) -> Path:
    """The folder of a binding: the one called ``name``, or the only one of type kafka.

    Raises:
        BindingError: there is none, or there are several.
    """
    if root is None:
        variable = os.environ.get(ROOT_VARIABLE)
        if not variable:
            raise BindingError(
                f"{ROOT_VARIABLE} is not set: mount the Secret of the KafkaServiceBinding at {ROOT_VARIABLE}/<name>"
            )
        root = Path(variable)
    if not root.is_dir():
        raise BindingError(
            f"{root} ({ROOT_VARIABLE}) is no folder: mount the Secret of the KafkaServiceBinding below it"
        )
    if name is not None:
        if not (root / name).is_dir():
            raise BindingError(f"there is no binding {name} in {root}; there are: {_listed(root) or 'none'}")
        return root / name
    found = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and _value(folder, KEY_TYPE) == TYPE]
    if not found:
        raise BindingError(f"no binding of type {TYPE} is in {root}; there are: {_listed(root) or 'none'}")
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise BindingError(f"several bindings of type {TYPE} are in {root} ({names}): say which by from_binding(name)")
    return found[0]


def load(folder: Path, policy: Path | None = None) -> Binding:
    """Read a binding. ``policy``: where policy.json is, if not in the binding or where KAFKADE_DLQ_POLICY says.

    Raises:
        BindingError: a file is missing or wrong; names it.
    """
    about = _json(folder, KEY_BINDING)
    settings = _json(folder, KEY_LIBRDKAFKA_JSON)
    security = _security(folder, settings.get("client") or {})
    service = str(about.get("service") or folder.name)
    client = settings.get("client") or _client(security)
    groups = about.get("groups") or []
    group = str(groups[0]) if groups else f"{service}-group"
    own_policy = folder / KEY_POLICY
    if policy is None and POLICY_VARIABLE in os.environ:
        policy = Path(os.environ[POLICY_VARIABLE])
    return Binding(
        name=folder.name,
        service=service,
        client=client,
        producer=settings.get("producer") or {**client, **PRODUCER},
        consumer=settings.get("consumer") or {**client, **CONSUMER, "group.id": group},
        security=security,
        group=group,
        transaction_prefix=str((about.get("transactions") or {}).get("idPrefix") or f"{service}-"),
        max_poll_records=int((about.get("consumer") or {}).get("maxPollRecords") or MAX_POLL_RECORDS),
        registry=_registry(folder, settings.get("registry")),
        policy=policy if policy is not None else own_policy if own_policy.exists() else None,
        topics=tuple(topic["name"] for topic in about.get("produces") or () if topic.get("name")),
    )


def _listed(root: Path) -> str:
    return ", ".join(f"{f.name} ({_value(f, KEY_TYPE) or 'no type'})" for f in sorted(root.iterdir()) if f.is_dir())


def _value(folder: Path, key: str) -> str | None:
    try:
        return (folder / key).read_text().strip() or None
    except OSError:
        return None


def _json(folder: Path, key: str) -> dict[str, Any]:
    """A file's object; empty where there is no such file."""
    file = folder / key
    try:
        found = json.loads(file.read_text()) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise BindingError(f"{file} cannot be read as JSON: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise BindingError(f"{file} must be a JSON object")
    return found


def _security(folder: Path, client: Mapping[str, str]) -> Security:
    bootstrap = _value(folder, KEY_BOOTSTRAP)
    if bootstrap is None:
        raise BindingError(f"{folder}/bootstrap-servers is missing or empty: it says where the brokers are")
    protocol = (_value(folder, KEY_PROTOCOL) or "PLAINTEXT").upper()
    if protocol not in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        raise BindingError(f"{folder}/security-protocol must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
    sasl = None
    if protocol.startswith("SASL_"):
        username, password = _value(folder, KEY_USERNAME), _value(folder, KEY_PASSWORD)
        if username is not None and password is not None:
            sasl = SaslPassword(_value(folder, KEY_MECHANISM) or "SCRAM-SHA-512", username, password)
        elif not (folder / KEY_LIBRDKAFKA_JSON).exists():
            raise BindingError(f"{folder}: security-protocol is {protocol}, and username or password is missing")
    tls = TlsFiles(_value(folder, KEY_CA)) if protocol.endswith("SSL") else None
    own = {_HOSTNAME_CHECK: client[_HOSTNAME_CHECK]} if _HOSTNAME_CHECK in client else {}
    return Security(bootstrap, tls, sasl, own)


def _client(security: Security) -> dict[str, str]:
    settings = {"bootstrap.servers": security.bootstrap, "security.protocol": security.protocol}
    if security.tls is not None and security.tls.ca_pem is not None:
        settings["ssl.ca.pem"] = security.tls.ca_pem
    if isinstance(security.sasl, SaslPassword):
        settings |= {
            "sasl.mechanism": security.sasl.mechanism,
            "sasl.username": security.sasl.username,
            "sasl.password": security.sasl.password,
        }
    return settings


def _registry(folder: Path, given: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Settings of confluent_kafka's SchemaRegistryClient, but for a CA: that is ``ssl.ca.pem``, its text."""
    settings: dict[str, Any] = dict(given or {})
    if not settings:
        url = _value(folder, KEY_REGISTRY_URL)
        if url is None:
            return None
        settings["url"] = url
        username, password = _value(folder, KEY_REGISTRY_USERNAME), _value(folder, KEY_REGISTRY_PASSWORD)
        if username is not None and password is not None:
            settings["basic.auth.user.info"] = f"{username}:{password}"
        if (ca := _value(folder, KEY_REGISTRY_CA)) is not None:
            settings["ssl.ca.pem"] = ca
    settings["cache.capacity"] = int(settings.get("cache.capacity") or REGISTRY_CACHE)
    settings["timeout"] = float(settings.get("timeout") or REGISTRY_TIMEOUT)  # without one it waits without end
    return settings
