"""KafkaCluster: where a Kafka is, who may use it, what holds for all its topics."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kafkade.api.common import (
    Bool,
    Condition,
    DnsName,
    Drift,
    Duration,
    Int,
    Managed,
    Model,
    Settings,
    cel,
    rules,
)
from kafkade.api.patterns import pattern
from kafkade.api.schema import Compatibility, SchemaDeletionPolicy
from kafkade.api.topic import AdoptionPolicy, DeletionPolicy

CLIENT_CONFIG_KEYS = (
    "api.version.request.timeout.ms",
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "connections.max.idle.ms",
    "metadata.max.age.ms",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.kerberos.service.name",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.timeout.ms",
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.sigalgs.list",
)
"""librdkafka settings that spec.clientConfig may carry; credentials, files, plugins and scripts are not among them."""


BOOTSTRAP = r"^[^\s,:]+:[0-9]{1,5}(,[^\s,:]+:[0-9]{1,5})*$"
"""host:port,host:port."""


class SaslMechanism(StrEnum):
    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
    OAUTHBEARER = "OAUTHBEARER"


class CaSecretRef(Model):
    """The CA certificates that servers are checked against."""

    name: DnsName = Field(description="Name of the Secret, in the cluster's namespace.")
    key: str = Field(
        default="ca.crt", min_length=1, max_length=253, description="Key with the PEM bundle; default ca.crt."
    )


class ClientCertSecretRef(Model):
    """A client certificate, as a kubernetes.io/tls Secret has it."""

    name: DnsName = Field(description="Name of the Secret, in the cluster's namespace.")
    cert_key: str = Field(
        default="tls.crt",
        min_length=1,
        max_length=253,
        description="Key with the PEM certificate chain; default tls.crt.",
    )
    key_key: str = Field(
        default="tls.key", min_length=1, max_length=253, description="Key with the PEM private key; default tls.key."
    )


class Tls(Model):
    """TLS to the brokers or the registry. An empty object means TLS with the system's CAs."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!(has(self.insecureSkipVerify) && self.insecureSkipVerify && has(self.caSecretRef))",
                "insecureSkipVerify: true turns caSecretRef off; give one of the two",
            )
        )
    )
    ca_secret_ref: CaSecretRef | None = Field(default=None, description="CA bundle; by default the system's.")
    client_cert_secret_ref: ClientCertSecretRef | None = Field(
        default=None, description="Client certificate for mutual TLS."
    )
    insecure_skip_verify: Bool = Field(
        default=False,
        description="true accepts any certificate. Never in production: passwords then go to whoever answers.",
    )


class CredentialsSecretRef(Model):
    """A user name and a password in a Secret."""

    name: DnsName = Field(description="Name of the Secret, in the cluster's namespace.")
    username_key: str = Field(
        default="username", min_length=1, max_length=253, description="Key with the user name; default username."
    )
    password_key: str = Field(
        default="password", min_length=1, max_length=253, description="Key with the password; default password."
    )


class OAuthBearer(Model):
    """OAUTHBEARER by the OpenID Connect client-credentials grant (KIP-768)."""

    token_endpoint_url: str = Field(
        pattern=r"^https?://", max_length=2048, description="The identity provider's token endpoint."
    )
    scope: str | None = Field(default=None, max_length=1024, description="Scope to ask for.")
    client_secret_ref: CredentialsSecretRef = Field(
        description="Client id (usernameKey) and client secret (passwordKey)."
    )


class Sasl(Model):
    """SASL to the brokers."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "self.mechanism == 'OAUTHBEARER' ? has(self.oauthBearer) && !has(self.credentialsSecretRef)"
                " : has(self.credentialsSecretRef) && !has(self.oauthBearer)",
                "OAUTHBEARER takes oauthBearer; PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 take credentialsSecretRef",
            )
        )
    )
    mechanism: SaslMechanism = Field(description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.")
    credentials_secret_ref: CredentialsSecretRef | None = Field(default=None, description="User name and password.")
    oauth_bearer: OAuthBearer | None = Field(default=None, description="Where tokens come from.")


class BearerSecretRef(Model):
    """A bearer token in a Secret."""

    name: DnsName = Field(description="Name of the Secret, in the cluster's namespace.")
    key: str = Field(default="token", min_length=1, max_length=253, description="Key with the token; default token.")


RegistryUrl = Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=2048)]


class SchemaRegistry(Model):
    """The schema registry of this cluster: any that speaks Confluent's REST API (Confluent, Apicurio, Karapace)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!(has(self.basicAuthSecretRef) && has(self.bearerTokenSecretRef))",
                "give basicAuthSecretRef or bearerTokenSecretRef, not both",
            )
        )
    )
    urls: Annotated[list[RegistryUrl], Field(min_length=1, max_length=16)] = Field(
        description="Base URLs, tried in order; for Apicurio with its path /apis/ccompat/v7. No credentials in them."
    )
    basic_auth_secret_ref: CredentialsSecretRef | None = Field(default=None, description="HTTP basic auth.")
    bearer_token_secret_ref: BearerSecretRef | None = Field(default=None, description="HTTP bearer token.")
    tls: Tls | None = Field(default=None, description="TLS to the registry.")
    context: str | None = Field(
        default=None,
        pattern=r"^\.[A-Za-z0-9_.-]+$",
        max_length=256,
        description="Schema context, with its leading dot (Confluent).",
    )


class TopicDefaults(Model):
    """What a KafkaTopic of this cluster gets where its own spec is silent."""

    partitions: Int = Field(default=3, ge=1, le=100_000, description="Default 3.")
    replication_factor: Int = Field(default=3, ge=1, le=32_767, description="Default 3.")
    config: Settings = Field(
        default_factory=dict,
        description="Topic settings; a topic's own spec.config wins key by key.",
    )
    deletion_policy: DeletionPolicy = Field(default=DeletionPolicy.DELETE, description="Default Delete.")
    adoption_policy: AdoptionPolicy = Field(default=AdoptionPolicy.IF_IDENTICAL, description="Default IfIdentical.")


class SchemaDefaults(Model):
    """What a KafkaSchema of this cluster gets where its own spec is silent."""

    compatibility: Compatibility | None = Field(
        default=None, description="Default: the registry's own level is left alone."
    )
    deletion_policy: SchemaDeletionPolicy = Field(default=SchemaDeletionPolicy.RETAIN, description="Default Retain.")


def _regular_expression(text: str | None) -> str | None:
    try:
        pattern(text or "")
    except ValueError as error:
        raise PydanticCustomError("pattern", "not a regular expression: {why}", {"why": str(error)}) from error
    return text


class Naming(Model):
    """Rules for topic names beyond Kafka's own. A name's .dlq suffix is looked at without the suffix."""

    pattern: Annotated[str | None, AfterValidator(_regular_expression)] = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Regular expression (RE2) that a whole name must match.",
    )
    denied: list[Annotated[str, Field(min_length=1, max_length=249)]] = Field(
        default_factory=list, max_length=256, description="Names that are refused."
    )
    message: str | None = Field(
        default=None, max_length=1024, description="What people are told when a name is refused."
    )
    mode: Literal["Enforce", "Warn"] = Field(
        default="Enforce", description="Enforce (default) refuses; Warn posts an Event and goes on."
    )


class LabelSelector(Model):
    """matchLabels of a Kubernetes label selector."""

    match_labels: Annotated[dict[str, str], Field(min_length=1, max_length=16)] = Field(
        description="Labels that a namespace must have."
    )


Prefixes = Annotated[list[Annotated[str, Field(min_length=1, max_length=249)]], Field(max_length=64)]


class AllowedNamespace(Model):
    """One namespace, or those with certain labels, and the names that they may use."""

    model_config = ConfigDict(
        json_schema_extra=rules(cel("has(self.name) != has(self.selector)", "give name or selector, one of the two"))
    )
    name: DnsName | None = Field(default=None, description="Name of a namespace.")
    selector: LabelSelector | None = Field(default=None, description="Namespaces with these labels.")
    topic_prefixes: Prefixes | None = Field(
        default=None, description="Topic names must start with one of these; absent: any name."
    )
    subject_prefixes: Prefixes | None = Field(
        default=None, description="Subjects must start with one of these; absent: any."
    )
    group_prefixes: Prefixes | None = Field(
        default=None,
        description="Consumer groups and transactional ids of KafkaServiceBindings must start with one of these; absent: any.",
    )


class AllowedNamespaces(Model):
    """Which other namespaces may name this cluster in their clusterRef. Its own namespace always may, with any name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "self.from == 'Selected' ? has(self.namespaces) && size(self.namespaces) > 0 : !has(self.namespaces)",
                "from: Selected takes a list of namespaces; from: Same and from: All take none",
            ),
            cel(
                "self.from == 'All' || (!has(self.topicPrefixes) && !has(self.subjectPrefixes) && !has(self.groupPrefixes))",
                "topicPrefixes, subjectPrefixes and groupPrefixes belong to from: All, or to each entry of namespaces",
            ),
        )
    )
    from_: Literal["Same", "All", "Selected"] = Field(alias="from", description="Same (default), All or Selected.")
    namespaces: Annotated[list[AllowedNamespace], Field(max_length=256)] | None = Field(
        default=None, description="With Selected: which, and what they may use."
    )
    topic_prefixes: Prefixes | None = Field(
        default=None, description="With All: topic names of other namespaces must start with one of these."
    )
    subject_prefixes: Prefixes | None = Field(
        default=None, description="With All: subjects of other namespaces must start with one of these."
    )
    group_prefixes: Prefixes | None = Field(
        default=None,
        description="With All: consumer groups and transactional ids of other namespaces' KafkaServiceBindings must start with"
        " one of these.",
    )


class Reassignment(Model):
    """How partition reassignments (a changed replicationFactor) are carried out."""

    throttle_bytes_per_second: Int | None = Field(
        default=None,
        ge=1,
        description="Replication throttle per broker while partitions move (KIP-73); absent: no throttle.",
    )


class RolledStatefulSet(Model):
    """A StatefulSet whose pods run brokers or controllers, with ``updateStrategy.type: OnDelete``."""

    name: DnsName = Field(description="Name of the StatefulSet, in the cluster's namespace.")
    first_node_id: Int = Field(
        default=0,
        ge=0,
        le=2_000_000_000,
        description="node.id of the pod with ordinal 0; the others follow. Default 0.",
    )


class Rolling(Model):
    """Whose pods kafkade deletes, one at a time, so that they come back as their StatefulSet's newest revision."""

    stateful_sets: Annotated[
        list[RolledStatefulSet],
        Field(
            min_length=1,
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = Field(
        description="Rolled in this order; controllers that are no brokers come after the brokers, the active one last."
    )


GroupPattern = Annotated[str, Field(min_length=1, max_length=255)]
TopicPattern = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[a-zA-Z0-9._*?-]+$")]


class ClusterMetrics(Model):
    """Which consumer groups and topics Prometheus is told of. An empty object: all, within maxSeries."""

    groups: Annotated[list[GroupPattern], Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Names of groups, or patterns with * and ?; default all."
    )
    topics: Annotated[list[TopicPattern], Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Names of topics, or patterns with * and ?; default all but internal ones."
    )
    interval: Duration = Field(
        default="30s", description="How often they are read from Kafka, at least 5s; default 30s. Scrapes read nothing."
    )
    max_series: Int = Field(
        default=1000,
        ge=1,
        le=50_000,
        description="Pairs of group and topic, and likewise topics, that have series of their own, and groups that are read"
        " at all; the lag of other pairs is told together. Default 1000.",
    )


class BindingCredentials(StrEnum):
    """Whether KafkaServiceBindings get a Kafka user of their own."""

    NONE = "None"
    MANAGED = "Managed"


class ServiceBindings(Model):
    """What KafkaServiceBindings of this cluster get besides the way to it. The cluster's own credentials never are among it."""

    credentials: BindingCredentials = Field(
        default=BindingCredentials.NONE,
        description="Managed: each binding gets a SCRAM user and just the ACLs that its topics need; the brokers must have an"
        " authorizer, and the cluster's own user Alter and Describe on the cluster. None (default): services bring their own.",
    )
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="With Managed: how these users log in; default SCRAM-SHA-512."
    )
    bootstrap_servers: str | None = Field(
        default=None,
        min_length=3,
        max_length=4096,
        pattern=BOOTSTRAP,
        description="host:port,host:port that services use: a listener that takes spec.serviceBindings.mechanism, where that of"
        " spec.bootstrapServers does not; default spec.bootstrapServers.",
    )
    registry_credentials_secret_ref: CredentialsSecretRef | None = Field(
        default=None, description="User name and password for the registry that every binding gets (HTTP basic auth)."
    )


_CLIENT_KEYS_CEL = ", ".join(f"'{key}'" for key in CLIENT_CONFIG_KEYS)


class KafkaClusterSpec(Managed):
    """A Kafka cluster that exists already: where it is and what holds for its topics."""

    bootstrap_servers: str = Field(
        min_length=3,
        max_length=4096,
        pattern=BOOTSTRAP,
        description="host:port,host:port of some brokers.",
    )
    tls: Tls | None = Field(default=None, description="TLS to the brokers; absent: plaintext.")
    sasl: Sasl | None = Field(default=None, description="SASL to the brokers; absent: none.")
    client_config: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=32)] = Field(
        default_factory=dict,
        description="Further librdkafka settings, from an allow-list.",
        json_schema_extra=rules(
            cel(
                f"self.all(k, k in [{_CLIENT_KEYS_CEL}])",
                "clientConfig takes only connection settings of librdkafka; security settings go into tls and sasl",
            )
        ),
    )
    schema_registry: SchemaRegistry | None = Field(default=None, description="The schema registry of this cluster.")
    broker_config: Settings = Field(
        default_factory=dict,
        description="Cluster-wide dynamic broker settings (KIP-226), kept as declared; settings that need a restart are refused.",
    )
    topic_defaults: TopicDefaults = Field(default_factory=TopicDefaults, description="Defaults for topics.")
    schema_defaults: SchemaDefaults = Field(default_factory=SchemaDefaults, description="Defaults for schemas.")
    naming: Naming | None = Field(default=None, description="Naming policy for topics.")
    allowed_namespaces: AllowedNamespaces = Field(
        default_factory=lambda: AllowedNamespaces(from_="Same"),
        description="Which other namespaces may use this cluster; default Same.",
    )
    reassignment: Reassignment = Field(default_factory=Reassignment, description="How partitions are moved.")
    rolling: Rolling | None = Field(
        default=None,
        description="Broker pods to be rolled while every partition stays at or above min.insync.replicas and the"
        " controllers keep their majority; absent: kafkade deletes no pod.",
    )
    metrics: ClusterMetrics | None = Field(
        default=None,
        description="Metrics of consumers' lag and of topics, where the operator serves any; absent: neither is read.",
    )
    service_bindings: ServiceBindings = Field(
        default_factory=ServiceBindings, description="What KafkaServiceBindings get; by default no credentials."
    )
    resync_interval: Duration = Field(
        default="2m", description="How often everything is compared with Kafka and the registry; default 2m."
    )
    finalizer_release_after: Duration = Field(
        default="24h",
        description="A resource in deletion is let go, its topic or subject kept, after the cluster was away for so long; default 24h.",
    )


class Broker(Model):
    """One broker of the cluster."""

    id: Int = Field(description="node.id.")
    host: str = Field(description="Advertised host.")
    port: Int = Field(description="Advertised port.")
    rack: str | None = Field(default=None, description="broker.rack.")


class RegistryStatus(Model):
    """What is known of the schema registry."""

    flavour: Literal["Confluent", "Apicurio", "Karapace", "Unknown"] = Field(description="Which software answers.")
    reachable: Bool = Field(description="Whether it answered at the last check.")
    message: str | None = Field(default=None, description="Why not, when it did not.")


class RolledStatefulSetStatus(Model):
    """How far a StatefulSet is."""

    name: str = Field(description="Name of the StatefulSet.")
    update_revision: str = Field(description="Its newest revision.")
    updated: Int = Field(description="Number of pods that are of that revision and Ready.")
    replicas: Int = Field(description="Number of pods that it is to have.")


class RollingStatus(Model):
    """A roll that is not over yet."""

    stateful_sets: list[RolledStatefulSetStatus] = Field(description="How far each StatefulSet is.")
    pod: str | None = Field(default=None, description="The pod that was deleted and is not Ready again yet.")
    message: str = Field(description="What is going on, or what it waits for.")


class KafkaClusterStatus(Model):
    """What kafkade last saw of the cluster."""

    observed_generation: Int = Field(default=-1, description="metadata.generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready, Reconciling, Stalled.")
    cluster_id: str | None = Field(default=None, description="Kafka's cluster id.")
    controller: Int | None = Field(default=None, description="Id of the active controller.")
    brokers: list[Broker] | None = Field(default=None, description="Brokers, by id.")
    metadata_version: str | None = Field(
        default=None, description="Finalized metadata.version feature level, for example 4.1-IV1 or a number."
    )
    topics: Int | None = Field(default=None, description="Number of topics, internal ones included.")
    partitions: Int | None = Field(default=None, description="Number of partitions.")
    under_replicated_partitions: Int | None = Field(
        default=None, description="Partitions with fewer in-sync replicas than replicas."
    )
    offline_partitions: Int | None = Field(default=None, description="Partitions without a leader.")
    broker_config: dict[str, str] | None = Field(default=None, description="Dynamic broker settings that kafkade set.")
    broker_config_announced: dict[str, str] | None = Field(
        default=None,
        description="Settings that kafkade is about to set: written down before, so that a crash leaves none in doubt.",
    )
    drift: list[Drift] | None = Field(default=None, description="Differences last found in broker settings.")
    rolling: RollingStatus | None = Field(
        default=None, description="There while pods of spec.rolling are not of the newest revision."
    )
    registry: RegistryStatus | None = Field(default=None, description="The schema registry.")
    unsupported: list[str] | None = Field(
        default=None, description="What this cluster cannot do, for example KIP-1191 share-group dead-letter queues."
    )
