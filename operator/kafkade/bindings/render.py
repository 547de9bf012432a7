"""The data of a binding's Secret. Pure: equal input gives equal bytes. Its keys: ``api.binding``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api import binding as b
from kafkade.api.errors import InvalidSpec
from kafkade.api.objects import Key
from kafkade.bindings.access import Login
from kafkade.bindings.lines import properties, yaml
from kafkade.bindings.wanted import Names, Wanted
from kafkade.dlq.render_policy import policy_json

PRODUCER = {"acks": "all", "retries": "3", "batch.size": "16384", "linger.ms": "1", "compression.type": "snappy"}
"""The same names in librdkafka and in Java."""
CONSUMER = {"auto.offset.reset": "earliest", "session.timeout.ms": "30000", "heartbeat.interval.ms": "10000"}
"""The same names in librdkafka and in Java."""

# librdkafka sends without idempotence by default, Java with it; three attempts without it could change the order of
# records and write some twice
_IDEMPOTENT = {"enable.idempotence": "true"}

_HOSTNAME_CHECK = "ssl.endpoint.identification.algorithm"

SCHEMA_FILE = "service-binding.schema.json"
"""Name of the published schema in docs/reference."""

MAX_BYTES = 1_000_000
"""The API server takes 1 MiB of data in a Secret; the rest is for metadata."""

_NOT_LIBRDKAFKA = """\
For all clients made with librdkafka: kcat, confluent-kafka and others. Settings of producers and consumers are in
librdkafka.json. librdkafka has no max.poll.records: binding.json has it for the application."""
_JAVA = "For Kafka's Java clients 2.7 and newer (a CA as PEM: KIP-651)."
_OWN_LOGIN = """
The brokers want a login (SASL), and kafkade makes none here: add sasl.mechanism and the rest."""


@dataclass(frozen=True, slots=True, repr=False)
class Way:
    """How a service reaches the cluster and its registry, with its login."""

    cluster: Key
    bootstrap: str
    protocol: str
    mechanism: str | None = None
    ca: str | None = None
    check_hostname: bool = True
    login: Login | None = None
    registry_urls: tuple[str, ...] = ()
    registry_ca: str | None = None
    registry_login: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"Way({self.bootstrap!r}, {self.protocol}, {self.login!r})"


def render(wanted: Wanted, way: Way) -> dict[str, str]:
    """The Secret's data, by key.

    Raises:
        InvalidSpec: it would be larger than a Secret can be.
    """
    data = {
        b.KEY_TYPE: b.TYPE,
        b.KEY_PROVIDER: b.PROVIDER,
        b.KEY_BINDING: _json(binding_file(wanted, way)),
        b.KEY_BOOTSTRAP: way.bootstrap,
        b.KEY_PROTOCOL: way.protocol,
        b.KEY_QUARKUS_PROTOCOL: way.protocol,
        b.KEY_LIBRDKAFKA_JSON: _json(librdkafka_file(wanted, way)),
        b.KEY_LIBRDKAFKA: properties(_librdkafka(wanted, way), _NOT_LIBRDKAFKA + _without_login(way)),
        **_java_files(wanted, way),
    }
    if way.mechanism is not None:
        data |= {b.KEY_MECHANISM: way.mechanism, b.KEY_QUARKUS_MECHANISM: way.mechanism}
    if way.login is not None:
        data |= {
            b.KEY_USERNAME: way.login.username,
            b.KEY_QUARKUS_USER: way.login.username,
            b.KEY_PASSWORD: way.login.password,
            b.KEY_CREDENTIALS_ID: way.login.sealed,
        }
    if way.ca is not None:
        data[b.KEY_CA] = way.ca
    data |= _registry_files(way)
    if wanted.policy is not None:
        data[b.KEY_POLICY] = policy_json(wanted.policy.spec, wanted.policy.topics)
    size = sum(len(key) + len(text.encode()) for key, text in data.items())
    if size > MAX_BYTES:
        raise InvalidSpec(
            f"the Secret would have {size:,} bytes, and {MAX_BYTES:,} fit: divide the topics consumed among several bindings"
        )
    return data


def json_schema_text() -> str:
    """The text of docs/reference/service-binding.schema.json: JSON Schema (2020-12) of binding.json."""
    schema = b.BindingFile.model_json_schema(by_alias=True, mode="serialization")
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": b.SCHEMA_VERSION}
    return json.dumps(described, indent=2, sort_keys=True) + "\n"


def binding_file(wanted: Wanted, way: Way) -> b.BindingFile:
    """binding.json."""
    policy, ids = wanted.policy, wanted.transactional_id_prefix
    return b.BindingFile(
        schema_version=b.SCHEMA_VERSION,
        service=wanted.service,
        cluster=f"{way.cluster.namespace}/{way.cluster.name}",
        produces=[_file_topic(names) for names in wanted.produces],
        consumes=[_file_topic(names) for names in wanted.consumes],
        groups=list(wanted.groups),
        retry_group_prefix=wanted.retry_group_prefix,
        transactions=None if ids is None else b.FileTransactions(id_prefix=ids),
        consumer=b.FileConsumer(max_poll_records=b.MAX_POLL_RECORDS),
        registry=b.FileRegistry(urls=list(way.registry_urls), cache_capacity=b.REGISTRY_CACHE)
        if way.registry_urls
        else None,
        schemas=list(wanted.schemas),
        dlq_policy=None if policy is None else b.FilePolicy(name=policy.name, config_map=policy.config_map),
        credentials=way.login is not None,
    )


def _file_topic(names: Names) -> b.FileTopic:
    return b.FileTopic(prefix=names.name) if names.prefixed else b.FileTopic(name=names.name)


def librdkafka_file(wanted: Wanted, way: Way) -> b.LibrdkafkaFile:
    """librdkafka.json."""
    client = _librdkafka(wanted, way)
    return b.LibrdkafkaFile(
        client=client,
        producer={**client, **PRODUCER, **_IDEMPOTENT},
        consumer={**client, "group.id": wanted.groups[0], **CONSUMER},
        registry=_registry(way) or None,
    )


def _librdkafka(wanted: Wanted, way: Way) -> dict[str, str]:
    settings = {"bootstrap.servers": way.bootstrap, "client.id": wanted.service, "security.protocol": way.protocol}
    if way.mechanism is not None:
        settings["sasl.mechanism"] = way.mechanism
    if way.login is not None:
        settings |= {"sasl.username": way.login.username, "sasl.password": way.login.password}
    if way.ca is not None:
        settings["ssl.ca.pem"] = way.ca
    if not way.check_hostname:
        settings[_HOSTNAME_CHECK] = "none"
    return settings


def _registry(way: Way) -> dict[str, str]:
    if not way.registry_urls:
        return {}
    settings = {"url": ",".join(way.registry_urls), "cache.capacity": str(b.REGISTRY_CACHE)}
    if way.registry_login is not None:
        settings["basic.auth.user.info"] = ":".join(way.registry_login)
    if way.registry_ca is not None:
        settings["ssl.ca.pem"] = way.registry_ca
    return settings


def _registry_files(way: Way) -> dict[str, str]:
    if not way.registry_urls:
        return {}
    data = {b.KEY_REGISTRY_URL: ",".join(way.registry_urls)}
    if way.registry_login is not None:
        data |= {b.KEY_REGISTRY_USERNAME: way.registry_login[0], b.KEY_REGISTRY_PASSWORD: way.registry_login[1]}
    if way.registry_ca is not None:
        data[b.KEY_REGISTRY_CA] = way.registry_ca
    return data


def _java_files(wanted: Wanted, way: Way) -> dict[str, str]:
    head = _JAVA + _without_login(way)
    client = {"bootstrap.servers": way.bootstrap, "client.id": wanted.service, **_java(way)}
    registry = _java_registry(way)
    producer = {**PRODUCER, **_IDEMPOTENT}
    consumer = {"group.id": wanted.groups[0], **CONSUMER, "max.poll.records": str(b.MAX_POLL_RECORDS)}
    spring = _spring(wanted, way, registry)
    return {
        b.KEY_JAVA_CLIENT: properties(client, head),
        b.KEY_JAVA_PRODUCER: properties({**client, **producer, **registry}, head),
        b.KEY_JAVA_CONSUMER: properties({**client, **consumer, **registry}, head),
        b.KEY_SPRING: properties(dict(_flat(spring)), "For Spring Boot." + _without_login(way)),
        b.KEY_SPRING_YAML: yaml(spring, "For Spring Boot." + _without_login(way)),
    }


def _java(way: Way) -> dict[str, str]:
    settings = {"security.protocol": way.protocol}
    if way.mechanism is not None:
        settings["sasl.mechanism"] = way.mechanism
    if way.login is not None:
        settings["sasl.jaas.config"] = (
            "org.apache.kafka.common.security.scram.ScramLoginModule required"
            f' username="{way.login.username}" password="{way.login.password}";'
        )
    if way.ca is not None:
        settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": way.ca}
    if not way.check_hostname:
        settings[_HOSTNAME_CHECK] = ""
    return settings


def _java_registry(way: Way) -> dict[str, str]:
    if not way.registry_urls:
        return {}
    settings = {"schema.registry.url": ",".join(way.registry_urls), "max.schemas.per.subject": str(b.REGISTRY_CACHE)}
    if way.registry_login is not None:
        settings |= {
            "basic.auth.credentials.source": "USER_INFO",
            "basic.auth.user.info": ":".join(way.registry_login),
        }
    return settings


def _spring(wanted: Wanted, way: Way, registry: Mapping[str, str]) -> dict[str, Any]:
    kafka: dict[str, Any] = {
        "bootstrap-servers": way.bootstrap,
        "client-id": wanted.service,
        "properties": {**_java(way), **registry},
        "producer": {
            "acks": "all",
            "retries": "3",
            "batch-size": "16384",
            "compression-type": "snappy",
            "properties": {"linger.ms": "1", **_IDEMPOTENT},
        },
        "consumer": {
            "group-id": wanted.groups[0],
            "auto-offset-reset": "earliest",
            "max-poll-records": str(b.MAX_POLL_RECORDS),
            "heartbeat-interval": "10s",
            "properties": {"session.timeout.ms": "30000"},
        },
    }
    return {"spring": {"kafka": kafka}}


def _flat(tree: Mapping[str, Any], start: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        found += _flat(value, f"{start}{key}.") if isinstance(value, Mapping) else [(f"{start}{key}", value)]
    return found


def _without_login(way: Way) -> str:
    return _OWN_LOGIN if way.protocol.startswith("SASL") and way.login is None else ""


def _json(model: b.BindingFile | b.LibrdkafkaFile) -> str:
    return json.dumps(model.model_dump(mode="json", by_alias=True, exclude_none=True), indent=2) + "\n"
