"""The KafkaCluster: where Kafka and the registry are, and what holds for all topics. Secrets are named, never written. Pure."""

from __future__ import annotations

import re
from typing import Any

from kafkade.api.cluster import KafkaClusterSpec, TopicDefaults
from kafkade.api.common import parse
from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import Key
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, Security, TlsFiles
from kafkade.clusters.connect import RegistryAccess
from kafkade.clusters.observe import BrokerSettings
from kafkade.clusters.plan import PER_LISTENER
from kafkade.exports.model import Exported, Target
from kafkade.exports.topics import SAFE
from kafkade.local.writing import Draft, setting

_PORT = 9092
_CREDENTIALS = re.compile(r"^([a-zA-Z]+://)[^/?#]*@")
"""What stands before an address in a URL."""
_KEPT = (
    "deletionPolicy: Retain keeps a topic and its records when its manifest goes; take it out once kafkade is to delete",
    "them. adoptionPolicy: IfIdentical takes over what is as declared, and changes nothing else that was there before.",
)


class _Secrets:
    """Commands that make the Secrets which the spec names."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.commands: list[str] = []

    def generic(self, suffix: str, arguments: str) -> dict[str, str]:
        """A reference to a Secret with keys of the command's ``arguments``."""
        return self._named(suffix, f"generic {self._target.cluster}-{suffix} {arguments}")

    def certificate(self, suffix: str) -> dict[str, str]:
        """A reference to a Secret with a client certificate."""
        return self._named(suffix, f"tls {self._target.cluster}-{suffix} --cert=client.pem --key=client-key.pem")

    def _named(self, suffix: str, command: str) -> dict[str, str]:
        self.commands.append(f"kubectl -n {self._target.namespace} create secret {command}")
        return {"name": f"{self._target.cluster}-{suffix}"}


def cluster_draft(
    security: Security, registry: RegistryAccess | None, brokers: BrokerSettings, target: Target
) -> Exported:
    """The KafkaCluster of a connection.

    Raises:
        InvalidSpec: brokers are at an address that a KafkaCluster cannot have.
    """
    secrets, found = _Secrets(target), Exported()
    spec: dict[str, Any] = {"bootstrapServers": _addresses(security.bootstrap)}
    if security.tls is not None:
        spec["tls"] = _tls(security.tls, secrets, "")
    if security.sasl is not None:
        spec["sasl"] = _sasl(security.sasl, secrets, found)
    if security.client_config:
        spec["clientConfig"] = dict(security.client_config)
    if registry is not None:
        spec["schemaRegistry"] = _registry(registry, secrets)
    dynamic = _dynamic(brokers, found)
    if dynamic:
        spec["brokerConfig"] = dynamic
    spec["topicDefaults"] = {**_defaults(brokers), **SAFE}
    parse(KafkaClusterSpec, spec)
    comment = list(_KEPT)
    if secrets.commands:
        comment += ["", "Secrets are not exported. Make these before you apply this:"]
        comment += [f"  {command}" for command in secrets.commands]
    found.drafts.append(Draft(Key(CLUSTER, target.namespace, target.cluster), spec, comment=tuple(comment)))
    return found


def _addresses(bootstrap: str) -> str:
    parts = [part.strip() for part in bootstrap.split(",")]
    return ",".join(part if ":" in part else f"{part}:{_PORT}" for part in parts if part)


def _tls(tls: TlsFiles, secrets: _Secrets, prefix: str) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if not tls.verify:
        spec["insecureSkipVerify"] = True
    elif tls.ca_pem is not None:
        spec["caSecretRef"] = secrets.generic(f"{prefix}ca", "--from-file=ca.crt=ca.pem")
    if tls.cert_pem is not None:
        spec["clientCertSecretRef"] = secrets.certificate(f"{prefix}client")
    return spec


def _sasl(sasl: SaslPassword | SaslOAuth, secrets: _Secrets, found: Exported) -> dict[str, Any]:
    arguments = "--from-literal=username=… --from-literal=password=…"
    if isinstance(sasl, SaslPassword):
        return {"mechanism": sasl.mechanism, "credentialsSecretRef": secrets.generic("credentials", arguments)}
    url = _CREDENTIALS.sub(r"\1", sasl.token_endpoint_url)
    if url != sasl.token_endpoint_url:
        found.notes.append(
            "KafkaCluster: the credentials in spec.sasl.oauthBearer.tokenEndpointUrl are left out; kafkade sends those of"
            " clientSecretRef"
        )
    oauth: dict[str, Any] = {"tokenEndpointUrl": url}
    if sasl.scope is not None:
        oauth["scope"] = sasl.scope
    arguments = "--from-literal=username=CLIENT-ID --from-literal=password=CLIENT-SECRET"
    oauth["clientSecretRef"] = secrets.generic("oauth-client", arguments)
    return {"mechanism": sasl.mechanism, "oauthBearer": oauth}


def _registry(registry: RegistryAccess, secrets: _Secrets) -> dict[str, Any]:
    spec: dict[str, Any] = {"urls": list(registry.urls)}
    if registry.auth is not None and registry.auth.kind == "basic":
        arguments = "--from-literal=username=… --from-literal=password=…"
        spec["basicAuthSecretRef"] = secrets.generic("registry", arguments)
    elif registry.auth is not None:
        spec["bearerTokenSecretRef"] = secrets.generic("registry", "--from-literal=token=…")
    if registry.tls is not None:
        spec["tls"] = _tls(registry.tls, secrets, "registry-")
    return spec


def _dynamic(brokers: BrokerSettings, found: Exported) -> dict[str, Any]:
    config = {}
    for name, entry in sorted(brokers.defaults.items()):
        known = brokers.known.get(name)
        if entry.sensitive or entry.value is None:
            found.notes.append(f"brokerConfig {name} is left out: it holds a secret, which brokers never show")
        elif not name.startswith(PER_LISTENER) and (known is None or known.read_only):
            found.notes.append(f"brokerConfig {name} is left out: the brokers know no such setting that can be changed")
        else:
            config[name] = setting(entry.value)
    return config


def _defaults(brokers: BrokerSettings) -> dict[str, Any]:
    """What topics get that say nothing themselves: as the brokers do it."""
    defaults = TopicDefaults()
    named = {
        "partitions": ("num.partitions", defaults.partitions),
        "replicationFactor": ("default.replication.factor", defaults.replication_factor),
    }
    result = {}
    for name, (key, default) in named.items():
        entry = brokers.known.get(key)
        if entry is not None and entry.value is not None and entry.value.isdigit() and int(entry.value) != default:
            result[name] = int(entry.value)
    return result
