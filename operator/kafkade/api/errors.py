"""The one error tree. Each class's ``reason`` becomes the condition reason; ``retryable`` says whether time can heal it.

::

    KafkadeError
    ├── SpecError                   terminal: only a change of a resource (or of Kafka, by hand) helps
    │   ├── InvalidSpec             InvalidConfig  InvalidSchema  StaticBrokerConfig
    │   ├── NamingRefused           NotAllowed  NotEnoughBrokers (retryable: brokers come back)
    │   ├── TopicConflict           SubjectConflict
    │   ├── AdoptionRefused         PartitionShrinkRefused  TopicDeletionDisabled  DeletionProtected
    │   ├── IncompatibleSchema      ReferenceCycle
    │   ├── DeadLetterLoop          PolicyConflict  TooFewPartitions  ConfigMapConflict
    │   ├── SecretConflict          UserConflict  BindingConflict  NeedsKubernetes
    │   ├── RollingBlocked          RollingStopped
    │   └── NotSupportedByCluster
    ├── DependencyError             retryable: something that another resource must bring
    │   ├── ClusterNotFound         ClusterNotReady  SecretNotFound  ConfigMapNotFound
    │   ├── ReferenceNotReady       ReferencedBy  TopicNotFound  PolicyNotReady
    │   └── StatefulSetNotFound
    ├── KafkaError                  what a broker or the way to it answered
    │   ├── ClusterUnreachable      AuthenticationFailed  AuthorizationFailed  TLSFailed
    │   ├── TopicAlreadyExists      UnknownTopic  TopicRecreated
    │   ├── LedgerUnreadable        ProgressUnreadable  LedgerFull  MetadataTooLarge
    │   ├── Aborted                 Fenced
    │   └── KafkaRequestFailed
    ├── RegistryError               what a schema registry or the way to it answered
    │   ├── RegistryUnreachable     RegistryAuthenticationFailed  RegistryReadOnly
    │   ├── RegistryNotFound
    │   └── RegistryRequestFailed
    └── KubernetesError             what the API server answered
        ├── ApiUnavailable          ApiConflict  ApiForbidden  ApiNotFound  ApiGone  ApiInvalid
        └── RollingForbidden        SecretsForbidden  NotLeader
"""

from __future__ import annotations

from typing import ClassVar


class KafkadeError(Exception):
    """Base of every error of kafkade. The message says what was wrong, where, and what to do."""

    reason: ClassVar[str] = "InternalError"
    retryable: ClassVar[bool] = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SpecError(KafkadeError):
    """What was declared cannot be done; repeating it does not help."""

    reason = "InvalidSpec"
    retryable = False


class InvalidSpec(SpecError):
    """The spec does not fit its type, or two of its fields contradict each other."""


class InvalidConfig(SpecError):
    """A topic or broker setting is unknown, removed, or has a value out of its range."""

    reason = "InvalidConfig"


class StaticBrokerConfig(SpecError):
    """A broker setting that only a restart of the broker changes (KIP-226: read-only)."""

    reason = "StaticBrokerConfig"


class NamingRefused(SpecError):
    """The topic's name breaks Kafka's rules or the cluster's naming policy."""

    reason = "NamingRefused"


class NotAllowed(SpecError):
    """The KafkaCluster does not let this namespace use this name, or this cluster at all."""

    reason = "NotAllowed"


class NotEnoughBrokers(SpecError):
    """More replicas are asked for than there are brokers."""

    reason = "NotEnoughBrokers"
    retryable = True


class TopicConflict(SpecError):
    """An older KafkaTopic holds this topic of this Kafka cluster."""

    reason = "TopicConflict"


class SubjectConflict(SpecError):
    """An older KafkaSchema holds this subject of this registry."""

    reason = "SubjectConflict"


class AdoptionRefused(SpecError):
    """The topic or subject exists already and the adoption policy does not let kafkade take it."""

    reason = "AdoptionRefused"


class PartitionShrinkRefused(SpecError):
    """Kafka cannot take partitions away from a topic."""

    reason = "PartitionShrinkRefused"


class TopicDeletionDisabled(SpecError):
    """The brokers run with delete.topic.enable=false."""

    reason = "TopicDeletionDisabled"
    retryable = True


class DeletionProtected(SpecError):
    """The resource carries kafkade.io/deletion-protection: "true"."""

    reason = "DeletionProtected"


class InvalidSchema(SpecError):
    """The schema text does not parse as its type."""

    reason = "InvalidSchema"

    def __init__(self, message: str, at: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.at = at
        """Line and column in the text, where they are known."""


class IncompatibleSchema(SpecError):
    """The schema breaks the subject's compatibility level."""

    reason = "IncompatibleSchema"


class ReferenceCycle(SpecError):
    """KafkaSchemas reference each other in a circle."""

    reason = "ReferenceCycle"


class DeadLetterLoop(SpecError):
    """A dead-letter or retry topic is asked to have a dead-letter topic of its own."""

    reason = "DeadLetterLoop"


class PolicyConflict(SpecError):
    """An older KafkaDLQPolicy is for this topic or share group."""

    reason = "PolicyConflict"


class TooFewPartitions(SpecError):
    """A dead-letter topic that a KafkaTopic declares has fewer partitions than its source."""

    reason = "TooFewPartitions"


class ConfigMapConflict(SpecError):
    """There is a ConfigMap of this name already, and kafkade did not make it."""

    reason = "ConfigMapConflict"


class SecretConflict(SpecError):
    """There is a Secret of this name already, and kafkade did not make it."""

    reason = "SecretConflict"


class UserConflict(SpecError):
    """Kafka has a SCRAM user or ACLs of the name that a KafkaServiceBinding's user would have, and kafkade did not make them."""

    reason = "UserConflict"


class BindingConflict(SpecError):
    """An older KafkaServiceBinding of another namespace has this consumer group or these transactional ids."""

    reason = "BindingConflict"


class NeedsKubernetes(SpecError):
    """The resource needs an operator in Kubernetes: without it there is no place that is fit to keep passwords."""

    reason = "NeedsKubernetes"


class RollingBlocked(SpecError):
    """Broker pods are outdated, and none may ever be deleted as things are: a topic or the controllers could not spare it,
    or the StatefulSet rolls its pods itself."""

    reason = "RollingBlocked"


class RollingStopped(SpecError):
    """A broker pod of the newest revision does not become Ready, so no other one is deleted."""

    reason = "RollingStopped"


class NotSupportedByCluster(SpecError):
    """This Kafka or this registry does not know the feature."""

    reason = "NotSupportedByCluster"


class DependencyError(KafkadeError):
    """Something that another resource must bring is not there yet."""

    reason = "DependencyNotReady"


class ClusterNotFound(DependencyError):
    """The KafkaCluster that clusterRef names does not exist."""

    reason = "ClusterNotFound"


class ClusterNotReady(DependencyError):
    """The KafkaCluster exists and kafkade has no working connection to it yet."""

    reason = "ClusterNotReady"


class SecretNotFound(DependencyError):
    """A referenced Secret, or a key in it, does not exist."""

    reason = "SecretNotFound"


class ConfigMapNotFound(DependencyError):
    """A referenced ConfigMap, or a key in it, does not exist."""

    reason = "ConfigMapNotFound"


class ReferenceNotReady(DependencyError):
    """A schema that this one references is not registered yet."""

    reason = "ReferenceNotReady"


class ReferencedBy(DependencyError):
    """Other schemas still reference this one, so it cannot be deleted."""

    reason = "ReferencedBy"


class TopicNotFound(DependencyError):
    """The KafkaTopic that topicRef names does not exist."""

    reason = "TopicNotFound"


class PolicyNotReady(DependencyError):
    """The KafkaDLQPolicy that a redrive's source names does not exist, or nobody has looked at it yet."""

    reason = "PolicyNotReady"


class StatefulSetNotFound(DependencyError):
    """A StatefulSet that a KafkaCluster's spec.rolling names does not exist."""

    reason = "StatefulSetNotFound"


class KafkaError(KafkadeError):
    """An answer of a broker, or the lack of one."""

    reason = "KafkaRequestFailed"


class ClusterUnreachable(KafkaError):
    """No broker answered in time."""

    reason = "ClusterUnreachable"


class AuthenticationFailed(KafkaError):
    """The brokers refused the credentials or the client certificate."""

    reason = "AuthenticationFailed"


class AuthorizationFailed(KafkaError):
    """The principal lacks a right; the message names the operation and the resource."""

    reason = "AuthorizationFailed"


class TLSFailed(KafkaError):
    """The TLS handshake failed: wrong CA, wrong host name, or a plaintext port."""

    reason = "TLSFailed"


class TopicAlreadyExists(KafkaError):
    """CreateTopics met a topic that was not there when the plan was made."""

    reason = "TopicAlreadyExists"


class UnknownTopic(KafkaError):
    """The broker does not know the topic (any more)."""

    reason = "UnknownTopic"


class LedgerUnreadable(KafkaError):
    """The metadata of an offset in a dead-letter topic's ledger is not kafkade's, or a newer kafkade wrote it."""

    reason = "LedgerUnreadable"
    retryable = False


class ProgressUnreadable(KafkaError):
    """The metadata of an offset in a redrive's group is not kafkade's, or a newer kafkade wrote it."""

    reason = "ProgressUnreadable"
    retryable = False


class TopicRecreated(KafkaError):
    """The dead-letter topic was deleted and made again while a redrive of it ran. Nothing more is moved."""

    reason = "TopicRecreated"
    retryable = False


class LedgerFull(KafkaError):
    """What was put back lies in more separate ranges than can be written down. Nothing is lost, and no more is moved."""

    reason = "LedgerFull"
    retryable = False


class Fenced(KafkaError):
    """Another client with the same transactional id has taken over."""

    reason = "Fenced"
    retryable = False


class Aborted(KafkaError):
    """The transaction was aborted, and nothing of it counts. It can be done again from the committed positions.

    ``code``: the protocol's error code, or librdkafka's own below 0.
    """

    reason = "TransactionAborted"

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class MetadataTooLarge(KafkaError):
    """The brokers' offset.metadata.max.bytes is smaller than the metadata of an offset."""

    reason = "OffsetMetadataTooLarge"
    retryable = False


class KafkaRequestFailed(KafkaError):
    """Any other error answer of a broker."""


class RegistryError(KafkadeError):
    """An answer of a schema registry, or the lack of one."""

    reason = "RegistryRequestFailed"


class RegistryUnreachable(RegistryError):
    """The registry did not answer in time, or answered 5xx."""

    reason = "RegistryUnreachable"


class RegistryAuthenticationFailed(RegistryError):
    """The registry answered 401 or 403."""

    reason = "RegistryAuthenticationFailed"


class RegistryReadOnly(RegistryError):
    """The registry or the subject is in a mode that takes no writes."""

    reason = "RegistryReadOnly"


class RegistryNotFound(RegistryError):
    """404: no such subject, version, schema or config. ``code`` is the registry's error_code (40401, …)."""

    reason = "RegistryNotFound"

    def __init__(self, message: str, code: int = 404) -> None:
        super().__init__(message)
        self.code = code


class RegistryRequestFailed(RegistryError):
    """Any other error answer. ``status`` is the HTTP status, ``code`` the registry's error_code."""

    def __init__(self, message: str, status: int = 0, code: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class KubernetesError(KafkadeError):
    """An answer of the Kubernetes API server, or the lack of one."""

    reason = "KubernetesRequestFailed"


class ApiUnavailable(KubernetesError):
    """The API server did not answer, or answered 429 or 5xx."""


class ApiConflict(KubernetesError):
    """409: the object changed in between."""


class ApiForbidden(KubernetesError):
    """401 or 403: the ServiceAccount lacks a right."""

    reason = "KubernetesForbidden"


class ApiNotFound(KubernetesError):
    """404: the object is gone."""


class ApiGone(KubernetesError):
    """410: the resourceVersion of a watch is too old."""


class ApiInvalid(KubernetesError):
    """400 or 422: the API server refused the body."""


class RollingForbidden(KubernetesError):
    """The ServiceAccount lacks a right that spec.rolling of a KafkaCluster takes; the message has the rule to add."""

    reason = "RollingForbidden"


class SecretsForbidden(KubernetesError):
    """The ServiceAccount lacks the right to write Secrets that KafkaServiceBindings take; the message has the rule to add."""

    reason = "SecretsForbidden"


class NotLeader(KubernetesError):
    """This operator does not hold its Lease: another one may act, so this one writes nothing."""

    reason = "NotLeader"
