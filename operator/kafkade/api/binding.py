"""KafkaServiceBinding: what a service gets to meet Kafka with, as a Secret in the layout of the Service Binding specification.

The resource is a *Provisioned Service* of that specification (https://servicebinding.io): ``status.binding.name`` is the name
of a Secret in its namespace. Mounted, each key is a file under ``$SERVICE_BINDING_ROOT/<binding>/``.

=============================== =========================================================================================
key                             what is in it
=============================== =========================================================================================
``type``                        ``kafka``, always
``provider``                    ``kafkade``, always
``binding.json``                the whole binding without secrets, for programs: :class:`BindingFile`, always
``bootstrap-servers``           ``host:port,host:port``, always
``security-protocol``           ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``, always
``sasl-mechanism``              with SASL: ``SCRAM-SHA-512`` and others
``username``, ``password``      where kafkade makes the credentials
``credentials-id``              beside them: changes whenever the password does; says nothing of it
``ca.crt``                      where the cluster has a CA of its own: PEM
``schema-registry-url``         where the cluster has a registry: ``https://a,https://b``
``schema-registry-username``,   where the KafkaCluster gives services credentials for the registry
``schema-registry-password``
``schema-registry-ca.crt``      where the registry has a CA of its own: PEM
``policy.json``                 with dlqPolicyRef: the policy, of the topics consumed (docs/reference/dlq-policy.schema.json)
``librdkafka.json``             settings for librdkafka (confluent-kafka): :class:`LibrdkafkaFile`, always
``librdkafka.properties``       what all clients of librdkafka need to connect, as lines; always
``client.properties``           Java: what every client needs to connect (``--command-config`` of Kafka's tools); always
``producer.properties``         Java: a producer, connection included; always
``consumer.properties``         Java: a consumer, connection included; always
``application.yaml``            Spring Boot, always
``application.properties``      the same for Spring Boot, as properties; always
``securityProtocol``,           what Quarkus' Kafka client looks for beside ``bootstrap-servers`` and ``password``
``saslMechanism``, ``user``
=============================== =========================================================================================

``ssl.*`` settings in the files hold the CA itself (PEM), so that none depends on where the Secret is mounted. A key whose
column says "where" or "with" is missing otherwise. Values are UTF-8 text without a line break at the end for single values.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from kafkade.api.common import (
    Bool,
    ClusterRef,
    Condition,
    DnsName,
    Duration,
    Int,
    Managed,
    Model,
    cel,
    rules,
)
from kafkade.api.schema import SchemaRef, TopicRef
from kafkade.api.topic import MAX_TOPIC_NAME

TYPE: Final = "kafka"
PROVIDER: Final = "kafkade"
SCHEMA_VERSION: Final = "kafkade.io/service-binding/v1"

KEY_TYPE: Final = "type"
KEY_PROVIDER: Final = "provider"
KEY_BINDING: Final = "binding.json"
KEY_BOOTSTRAP: Final = "bootstrap-servers"
KEY_PROTOCOL: Final = "security-protocol"
KEY_MECHANISM: Final = "sasl-mechanism"
KEY_USERNAME: Final = "username"
KEY_PASSWORD: Final = "password"  # noqa: S105 -- a key's name
KEY_CREDENTIALS_ID: Final = "credentials-id"
KEY_CA: Final = "ca.crt"
KEY_REGISTRY_URL: Final = "schema-registry-url"
KEY_REGISTRY_USERNAME: Final = "schema-registry-username"
KEY_REGISTRY_PASSWORD: Final = "schema-registry-password"  # noqa: S105 -- a key's name
KEY_REGISTRY_CA: Final = "schema-registry-ca.crt"
KEY_POLICY: Final = "policy.json"
KEY_LIBRDKAFKA_JSON: Final = "librdkafka.json"
KEY_LIBRDKAFKA: Final = "librdkafka.properties"
KEY_JAVA_CLIENT: Final = "client.properties"
KEY_JAVA_PRODUCER: Final = "producer.properties"
KEY_JAVA_CONSUMER: Final = "consumer.properties"
KEY_SPRING_YAML: Final = "application.yaml"
KEY_SPRING: Final = "application.properties"
KEY_QUARKUS_PROTOCOL: Final = "securityProtocol"
KEY_QUARKUS_MECHANISM: Final = "saslMechanism"
KEY_QUARKUS_USER: Final = "user"

MAX_POLL_RECORDS: Final = 500
"""max.poll.records. librdkafka has no such setting: records come one by one, or as many as ``consume(num_messages)`` says.
It is in ``binding.json`` as ``consumer.maxPollRecords``, for the application to hand over."""
REGISTRY_CACHE: Final = 100
"""How many schemas a client keeps: ``cache.capacity`` of confluent-kafka's, ``max.schemas.per.subject`` of Java's."""
REGISTRY_TIMEOUT: Final = 10.0
"""Seconds that the registry has for an answer: ``timeout`` of confluent-kafka's client, which then asks again, three times."""

Name = Annotated[str, Field(min_length=1, max_length=255)]


class FileTopic(Model):
    """A topic, or all topics whose names start with a prefix."""

    name: str | None = Field(default=None, description="Name of the topic; absent where a prefix is given.")
    prefix: str | None = Field(default=None, description="What names start with; absent where a name is given.")


class FileSchema(Model):
    """A subject that the service uses."""

    subject: str = Field(description="Subject in the registry.")
    schema_type: Literal["AVRO", "JSON", "PROTOBUF"] | None = Field(default=None, description="Where it is known.")


class FileConsumer(Model):
    """What a consumer is to do besides the settings of its client."""

    max_poll_records: Int = Field(description="Records handed over at a time, at most.")


class FileRegistry(Model):
    """The schema registry."""

    urls: list[str] = Field(description="Base URLs, tried in order.")
    cache_capacity: Int = Field(description="Schemas that a client keeps.")


class FilePolicy(Model):
    """The KafkaDLQPolicy of the topics consumed; policy.json of the same Secret has it whole."""

    name: str = Field(description="Name of the KafkaDLQPolicy.")
    config_map: str = Field(description="The policy's own ConfigMap, in the same namespace.")


class FileTransactions(Model):
    """What transactional ids must start with."""

    id_prefix: str = Field(description="transactional.id: this and something that is the instance's own.")


class BindingFile(Model):
    """binding.json: the whole binding without secrets."""

    schema_version: Literal["kafkade.io/service-binding/v1"] = Field(description="Changes when a reader must change.")
    service: str = Field(description="spec.serviceName.")
    cluster: str = Field(description="Namespace and name of the KafkaCluster: kafka/main.")
    produces: list[FileTopic] = Field(description="Topics that the service may write to.")
    consumes: list[FileTopic] = Field(description="Topics that the service may read.")
    groups: list[Name] = Field(
        description="Consumer groups; the first is that of librdkafka.json and the others' files."
    )
    retry_group_prefix: str | None = Field(
        default=None,
        description="What groups that read retry topics are named by, the service's first group among them; absent where"
        " there are no retry topics.",
    )
    transactions: FileTransactions | None = Field(default=None, description="Absent: the service has no transactions.")
    consumer: FileConsumer = Field(description="What a consumer is to do besides its client's settings.")
    registry: FileRegistry | None = Field(default=None, description="Absent: the cluster has none.")
    schemas: list[FileSchema] = Field(description="Subjects that the service uses.")
    dlq_policy: FilePolicy | None = Field(default=None, description="Absent: no dlqPolicyRef.")
    credentials: Bool = Field(
        description="Whether username and password are in the Secret. false with a SASL security-protocol: the service must"
        " bring its own."
    )


class LibrdkafkaFile(Model):
    """librdkafka.json: each object is the whole configuration of a client, and all values are strings."""

    client: dict[str, str] = Field(description="What every client needs to connect: AdminClient(client).")
    producer: dict[str, str] = Field(description="Producer(producer): acks=all, retries=3 and so on.")
    consumer: dict[str, str] = Field(description="Consumer(consumer): group.id, auto.offset.reset and so on.")
    registry: dict[str, str] | None = Field(
        default=None,
        description="SchemaRegistryClient(registry): url, cache.capacity (give it as an integer), basic.auth.user.info,"
        " ssl.ca.pem (write it to a file for ssl.ca.location). Absent: the cluster has none.",
    )


MAX_NAME = 200
"""Characters of a KafkaServiceBinding's name and of a service's: what is named by them still is a name then."""
SECRET_SUFFIX = "-binding"  # noqa: S105 -- part of a name
GROUP_SUFFIX = "-group"

_TOPIC = r"^[a-zA-Z0-9._-]+$"
_CLIENT_ID = r"^[a-zA-Z0-9._:-]+$"
"""Names of groups and transactional ids: among them no ``*``, which in an ACL would be all of them."""

TopicName = Annotated[str, Field(min_length=1, max_length=MAX_TOPIC_NAME, pattern=_TOPIC)]
ClientName = Annotated[str, Field(min_length=1, max_length=255, pattern=_CLIENT_ID)]


class BoundTopic(Model):
    """A topic, by its KafkaTopic or its name, or all topics whose names start with a prefix."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "(has(self.topicRef) ? 1 : 0) + (has(self.topic) ? 1 : 0) + (has(self.prefix) ? 1 : 0) == 1",
                "give topicRef, topic or prefix, one of the three",
            )
        )
    )
    topic_ref: TopicRef | None = Field(default=None, description="A KafkaTopic of this namespace and cluster.")
    topic: TopicName | None = Field(default=None, description="Name of a topic.")
    prefix: TopicName | None = Field(default=None, description="What names of topics start with.")


class BoundSchema(Model):
    """A subject that the service uses, by its KafkaSchema or its name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("has(self.schemaRef) != has(self.subject)", "give schemaRef or subject, one of the two")
        )
    )
    schema_ref: SchemaRef | None = Field(default=None, description="A KafkaSchema of this namespace and cluster.")
    subject: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, description="Subject in the registry."
    )


class PolicyRef(Model):
    """A KafkaDLQPolicy in the same namespace."""

    name: DnsName = Field(description="Name of the KafkaDLQPolicy.")


class Credentials(Model):
    """The service's user in Kafka, where the KafkaCluster's spec.serviceBindings has credentials Managed."""

    generation: Int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description="A greater number makes another user with another password; default 1; can only grow.",
    )
    overlap: Duration = Field(
        default="24h",
        description="How long the user before works on beside the new one, for pods that have not restarted yet; default 24h."
        " 0s takes it away at once.",
    )


class KafkaServiceBindingSpec(Managed):
    """What a service needs of a KafkaCluster. The result is a Secret that it mounts."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "has(self.produces) || has(self.consumes)",
                "say which topics the service uses: give produces or consumes",
            ),
            cel(
                "!has(self.transactionalIdPrefix) || has(self.produces)",
                "transactionalIdPrefix belongs to a service that produces",
            ),
            cel(
                "self.clusterRef == oldSelf.clusterRef",
                "clusterRef is immutable: delete the resource and create it anew",
            ),
            cel(
                "has(self.secretName) == has(oldSelf.secretName) && (!has(self.secretName) || self.secretName == oldSelf.secretName)",
                "secretName is immutable: pods mount the Secret by it",
            ),
            cel(
                "(has(self.credentials) && has(self.credentials.generation) ? self.credentials.generation : 1) >="
                " (has(oldSelf.credentials) && has(oldSelf.credentials.generation) ? oldSelf.credentials.generation : 1)",
                "credentials.generation can only grow: the users before are gone or on their way out",
            ),
        )
    )
    cluster_ref: ClusterRef = Field(description="The KafkaCluster; immutable.")
    service_name: (
        Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$")]
        | None
    ) = Field(default=None, description="Name of the service; client.id of its clients; default metadata.name.")
    produces: Annotated[list[BoundTopic], Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Topics that the service writes to."
    )
    consumes: Annotated[list[BoundTopic], Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Topics that the service reads."
    )
    groups: Annotated[list[ClientName], Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="Its consumer groups, the usual one first; default <service>-group."
    )
    transactional_id_prefix: ClientName | None = Field(
        default=None, description="What its transactional ids start with; absent: it has no transactions."
    )
    schemas: Annotated[list[BoundSchema], Field(max_length=256)] = Field(
        default_factory=list, description="Subjects that it uses."
    )
    dlq_policy_ref: PolicyRef | None = Field(
        default=None,
        description="The KafkaDLQPolicy of topics that it consumes: adds policy.json, and the rights on dead-letter and retry"
        " topics.",
    )
    secret_name: DnsName | None = Field(
        default=None, description="Name of the Secret, which must not exist yet; default <name>-binding; immutable."
    )
    credentials: Credentials = Field(default_factory=Credentials, description="The service's user in Kafka.")


class BindingReference(Model):
    """The Secret, as a Provisioned Service of the Service Binding specification names it."""

    name: str = Field(description="Name of the Secret.")


class PreviousUser(Model):
    """A user of an earlier spec.credentials.generation that still works."""

    username: str = Field(description="Name of the user.")
    replaced: str = Field(
        description="When another one took its place; it goes spec.credentials.overlap after that.",
        json_schema_extra={"format": "date-time"},
    )


class CredentialsStatus(Model):
    """Users that kafkade made in Kafka, or is about to make."""

    username: str = Field(description="<namespace>.<name>.<generation>.")
    mechanism: str = Field(description="SCRAM-SHA-256 or SCRAM-SHA-512.")
    id: str | None = Field(
        default=None,
        description="Of the password that Kafka has: part of the Secret's credentials-id, drawn at random.",
    )
    previous: list[PreviousUser] | None = Field(default=None, description="Users before that still work.")


class KafkaServiceBindingStatus(Model):
    """What kafkade last saw and made for the service."""

    observed_generation: Int = Field(default=-1, description="metadata.generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready, Reconciling, Stalled.")
    binding: BindingReference | None = Field(default=None, description="The Secret to mount.")
    service: str | None = Field(default=None, description="Name of the service.")
    groups: list[str] | None = Field(default=None, description="Its consumer groups.")
    produces: list[str] | None = Field(default=None, description="Topics that it writes to; a prefix ends with *.")
    consumes: list[str] | None = Field(default=None, description="Topics that it reads; a prefix ends with *.")
    credentials: CredentialsStatus | None = Field(default=None, description="Absent: kafkade made no user.")
    acls: Int | None = Field(default=None, description="Number of ACLs that each of its users has.")
