"""What a KafkaServiceBinding means: which topics, groups, subjects and dead letters, by the resources that it names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from kafkade.api.binding import (
    GROUP_SUFFIX,
    SECRET_SUFFIX,
    BoundTopic,
    FileSchema,
    KafkaServiceBindingSpec,
)
from kafkade.api.common import parse
from kafkade.api.context import Context, Work
from kafkade.api.dlq import KafkaDLQPolicySpec
from kafkade.api.errors import (
    BindingConflict,
    InvalidSpec,
    KafkadeError,
    NamingRefused,
    NotAllowed,
    PolicyNotReady,
    ReferenceNotReady,
    TopicNotFound,
)
from kafkade.api.kinds import CLUSTER, DLQ_POLICY, SCHEMA, SERVICE_BINDING, TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.api.policy import INTERNAL_TOPICS, Grant, check_topic_name
from kafkade.dlq.model import SourceTopics
from kafkade.dlq.mounted import name_of
from kafkade.dlq.naming import source_topics

BindingWork = Work[KafkaServiceBindingSpec]

RESERVED = "kafkade-"
"""What kafkade's own groups and transactional ids start with."""

RETRY_GROUPS = "-retry"
"""After a group's name: what groups are named by that read its retry topics. Spring's are <group>-retry-0 and so on."""

_REFUSED = frozenset({"PolicyConflict", "NotAllowed", "DeadLetterLoop", "NamingRefused"})
"""Reasons of a policy's topic that is not the policy's: its dead-letter topic may be somebody else's."""


@dataclass(frozen=True, slots=True, order=True)
class Names:
    """A topic's name, or with ``prefixed`` all names that start with it."""

    name: str
    prefixed: bool = False

    def has(self, topic: str) -> bool:
        """Whether a topic is among them."""
        return topic.startswith(self.name) if self.prefixed else topic == self.name

    def __str__(self) -> str:
        return f"{self.name}*" if self.prefixed else self.name


@dataclass(frozen=True, slots=True)
class Policy:
    """The KafkaDLQPolicy, with those of its source topics that the service consumes."""

    name: str
    config_map: str
    spec: KafkaDLQPolicySpec
    topics: tuple[SourceTopics, ...]

    @property
    def retries(self) -> bool:
        """Whether there are retry topics."""
        return any(entry.retry_topics for entry in self.topics)


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that a binding asks for, by name."""

    service: str
    secret: str
    groups: tuple[str, ...]
    allowed_groups: tuple[str, ...]
    """Those that the namespace may use."""
    produces: tuple[Names, ...]
    consumes: tuple[Names, ...]
    transactional_id_prefix: str | None
    schemas: tuple[FileSchema, ...]
    policy: Policy | None
    denied: NotAllowed | None = None
    """The first of those names that the namespace may not use. None of them is in the other fields."""

    @property
    def retry_group_prefix(self) -> str | None:
        """What groups that read retry topics are named by; None where there are no retry topics."""
        if self.policy is None or not self.policy.retries or self.groups[0] not in self.allowed_groups:
            return None
        return f"{self.groups[0]}{RETRY_GROUPS}"


def secret_name(resource: Resource, spec: KafkaServiceBindingSpec) -> str:
    """The Secret of a binding."""
    return spec.secret_name or f"{resource.key.name}{SECRET_SUFFIX}"


def groups_of(resource: Resource, spec: KafkaServiceBindingSpec) -> tuple[str, ...]:
    """The consumer groups of a binding that consumes; a service that does not has the name of one all the same."""
    service = spec.service_name or resource.key.name
    return tuple(dict.fromkeys(spec.groups or [f"{service}{GROUP_SUFFIX}"]))


def references_of(resource: Resource) -> tuple[Key, ...]:
    """The resources that a binding names, as far as its spec can be read: a look at them is a reason for one at it."""
    try:
        spec = parse(KafkaServiceBindingSpec, resource.spec)
    except KafkadeError:
        return ()
    namespace = resource.key.namespace
    topics = [*(spec.produces or ()), *(spec.consumes or ())]
    found = [Key(TOPIC, namespace, t.topic_ref.name) for t in topics if t.topic_ref is not None]
    found += [Key(SCHEMA, namespace, s.schema_ref.name) for s in spec.schemas if s.schema_ref is not None]
    if spec.dlq_policy_ref is not None:
        found.append(Key(DLQ_POLICY, namespace, spec.dlq_policy_ref.name))
    return tuple(found)


def wanted(work: BindingWork, cluster: Key, context: Context, *, lenient: bool = False) -> Wanted:
    """What the binding asks for, as far as its namespace may have it.

    ``lenient``: what nobody has looked at yet is left out, as in a plan of all at once.

    Raises:
        NamingRefused: an internal topic, a prefix that has one, or no name of a topic.
        TopicNotFound, ReferenceNotReady, PolicyNotReady: a resource that it names is not there, or was not looked at yet.
        InvalidSpec: one of them belongs to another cluster.
        BindingConflict: an older binding of another namespace has a group or transactional id of it.
    """
    resource, spec = work.resource, work.spec
    groups = groups_of(resource, spec)
    _check_rivals(work, groups, cluster, context)
    may = _Grants(work.grant, cluster)
    _check_reserved(groups if spec.consumes else (), spec.transactional_id_prefix)
    ids = spec.transactional_id_prefix
    consumes = _topics(spec.consumes or (), "spec.consumes", work, may, context)
    found = Wanted(
        service=spec.service_name or resource.key.name,
        secret=secret_name(resource, spec),
        groups=groups,
        allowed_groups=tuple(group for group in groups if spec.consumes and may.group(group)),
        produces=_topics(spec.produces or (), "spec.produces", work, may, context),
        consumes=consumes,
        transactional_id_prefix=ids if ids is not None and may.group(ids, "transactional id") else None,
        schemas=_schemas(work, may, context, lenient=lenient),
        policy=_policy(work, consumes, may, context, lenient=lenient),
    )
    return replace(found, denied=may.denied)


def _check_reserved(groups: Iterable[str], ids: str | None) -> None:
    """kafkade's own groups are the ledgers of dead letters, and its transactional ids those of redrives."""
    for group in groups:
        if group.startswith(RESERVED):
            raise NamingRefused(
                f"spec.groups: {group} starts with {RESERVED}, as kafkade's own groups do; choose another name"
            )
    if ids is not None and (ids.startswith(RESERVED) or RESERVED.startswith(ids)):
        raise NamingRefused(
            f"spec.transactionalIdPrefix: {ids} has kafkade's own transactional ids ({RESERVED}*) too; choose another one"
        )


@dataclass(slots=True)
class _Grants:
    """What the namespace may use; ``denied``: the first refusal."""

    grant: Grant
    cluster: Key
    denied: NotAllowed | None = None

    def topic(self, name: str) -> bool:
        """Whether a topic, or all that start so."""
        return self._may(lambda: self.grant.check_topic(name, self.cluster))

    def subject(self, name: str) -> bool:
        """Whether a subject."""
        return self._may(lambda: self.grant.check_subject(name, self.cluster))

    def group(self, name: str, what: str = "consumer group") -> bool:
        """Whether a consumer group, or another name of a client."""
        return self._may(lambda: self.grant.check_group(name, self.cluster, what))

    def _may(self, check: Callable[[], None]) -> bool:
        try:
            check()
        except NotAllowed as error:
            self.denied = self.denied or error
            return False
        return True


def _check_rivals(work: BindingWork, groups: Sequence[str], cluster: Key, context: Context) -> None:
    """Bindings of one namespace may share groups; between namespaces the older one has them."""
    mine = work.resource
    for other in context.members(cluster, SERVICE_BINDING):
        older = (other.created, other.key.namespace) < (mine.created, mine.key.namespace)
        if other.key.namespace == mine.key.namespace or not older or context.grant(other) is None:
            continue
        try:
            theirs = parse(KafkaServiceBindingSpec, other.spec)
        except InvalidSpec:
            continue
        shared = set(groups) & set(groups_of(other, theirs)) if work.spec.consumes and theirs.consumes else set()
        if shared:
            raise BindingConflict(
                f"consumer group {min(shared)} is {other.key}'s, which is older: give spec.groups other names"
            )
        ids, others = work.spec.transactional_id_prefix, theirs.transactional_id_prefix
        if ids is not None and others is not None and (ids.startswith(others) or others.startswith(ids)):
            raise BindingConflict(
                f"transactional ids {ids}* and those of {other.key}, which is older, ({others}*) have some in common: choose"
                " another spec.transactionalIdPrefix"
            )


def _topics(
    entries: Iterable[BoundTopic], field: str, work: BindingWork, may: _Grants, context: Context
) -> tuple[Names, ...]:
    found: set[Names] = set()
    for index, entry in enumerate(entries):
        where = f"{field}[{index}]"
        if entry.prefix is not None:
            check_prefix(entry.prefix, where)
            if may.topic(entry.prefix):
                found.add(Names(entry.prefix, prefixed=True))
            continue
        name = entry.topic if entry.topic_ref is None else _of_resource(entry, where, work, may.cluster, context)
        if name is None:
            raise InvalidSpec(f"{where}: give topicRef, topic or prefix, one of the three")
        check_topic_name(name)
        if may.topic(name):
            found.add(Names(name))
    return tuple(sorted(found))


def check_prefix(prefix: str, where: str) -> None:
    """Raises NamingRefused where Kafka's internal topics start so. ``where``: the entry of the spec, for the message."""
    internal = next((name for name in sorted(INTERNAL_TOPICS) if name.startswith(prefix)), None)
    if internal is not None or prefix.startswith("__"):
        raise NamingRefused(
            f"{where}: the prefix {prefix} has Kafka's internal topics too ({internal or prefix}); give a longer one"
        )


def _of_resource(entry: BoundTopic, where: str, work: BindingWork, cluster: Key, context: Context) -> str:
    assert entry.topic_ref is not None  # noqa: S101 -- the caller saw it
    key = Key(TOPIC, work.resource.key.namespace, entry.topic_ref.name)
    topic = context.get(key)
    if topic is None:
        raise TopicNotFound(f"{where}: {key} does not exist; create it, or name the topic by topic")
    _check_cluster(topic, cluster, where)
    return str(topic.spec.get("topicName") or key.name)


def _check_cluster(resource: Resource, cluster: Key, where: str) -> None:
    ref = resource.spec.get("clusterRef") or {}
    theirs = Key(CLUSTER, ref.get("namespace") or resource.key.namespace, str(ref.get("name")))
    if theirs != cluster:
        raise InvalidSpec(f"{where}: {resource.key} belongs to {theirs}, and the binding to {cluster}")


def _schemas(work: BindingWork, may: _Grants, context: Context, *, lenient: bool) -> tuple[FileSchema, ...]:
    found = []
    for index, entry in enumerate(work.spec.schemas):
        if entry.schema_ref is None:
            if may.subject(entry.subject or ""):
                found.append(FileSchema(subject=entry.subject or ""))
            continue
        where = f"spec.schemas[{index}]"
        key = Key(SCHEMA, work.resource.key.namespace, entry.schema_ref.name)
        schema = context.get(key)
        subject = schema.status.get("subject") if schema is not None else None
        if schema is not None and not subject and lenient:
            continue
        if schema is None or not subject:
            why = "does not exist" if schema is None else "is not registered yet"
            raise ReferenceNotReady(f"{where}: {key} {why}")
        _check_cluster(schema, may.cluster, where)
        found.append(FileSchema(subject=str(subject), schema_type=schema.spec.get("schemaType")))
    return tuple(sorted(found, key=lambda schema: schema.subject))


def _policy(
    work: BindingWork, consumes: Sequence[Names], may: _Grants, context: Context, *, lenient: bool
) -> Policy | None:
    reference = work.spec.dlq_policy_ref
    if reference is None:
        return None
    key = Key(DLQ_POLICY, work.resource.key.namespace, reference.name)
    policy = context.get(key)
    if policy is None or policy.deleted:
        raise PolicyNotReady(f"spec.dlqPolicyRef: {key} does not exist; create it, or take the reference out")
    _check_cluster(policy, may.cluster, "spec.dlqPolicyRef")
    if "matched" not in policy.status and not lenient:
        raise PolicyNotReady(f"spec.dlqPolicyRef: {key} is not looked at yet")
    spec = parse(KafkaDLQPolicySpec, policy.spec)
    # the names are made anew of the spec: a status is only believed for which topics the policy has
    topics = [
        source_topics(entry["topic"], spec)
        for entry in policy.status.get("topics") or ()
        if entry.get("reason") not in _REFUSED and any(names.has(entry["topic"]) for names in consumes)
    ]
    for entry in topics:
        for name in (entry.dead_letter_topic, *entry.retry_topics):
            check_topic_name(name)
    topics = [t for t in topics if all(map(may.topic, (t.dead_letter_topic, *t.retry_topics)))]
    return Policy(key.name, name_of(policy, spec), spec, tuple(sorted(topics, key=lambda entry: entry.topic)))
