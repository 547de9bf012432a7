"""Who may use which names: Kafka's rules for topic names, a cluster's naming policy and its allowed namespaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kafkade.api.cluster import AllowedNamespace, KafkaClusterSpec, Naming
from kafkade.api.errors import InvalidSpec, NamingRefused, NotAllowed
from kafkade.api.objects import Key
from kafkade.api.patterns import pattern
from kafkade.api.topic import MAX_TOPIC_NAME

DLQ_SUFFIX = ".dlq"
INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"})
_LEGAL = re.compile(r"[a-zA-Z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a namespace may use of a cluster; None means any name."""

    topic_prefixes: tuple[str, ...] | None = None
    subject_prefixes: tuple[str, ...] | None = None
    group_prefixes: tuple[str, ...] | None = None

    def check_topic(self, name: str, cluster: Key) -> None:
        """Raises NotAllowed unless the topic name starts with a granted prefix."""
        self._check("topic", name, self.topic_prefixes, cluster)

    def check_subject(self, name: str, cluster: Key) -> None:
        """Raises NotAllowed unless the subject starts with a granted prefix."""
        self._check("subject", name, self.subject_prefixes, cluster)

    def check_group(self, name: str, cluster: Key, what: str = "consumer group") -> None:
        """Raises NotAllowed unless the consumer group, or another ``what`` of a client, starts with a granted prefix."""
        self._check(what, name, self.group_prefixes, cluster)

    @staticmethod
    def _check(what: str, name: str, prefixes: tuple[str, ...] | None, cluster: Key) -> None:
        if prefixes is not None and not name.startswith(prefixes):
            allowed = ", ".join(prefixes) or "none"
            raise NotAllowed(
                f"{what} {name}: {cluster} lets this namespace use only {what}s that start with {allowed};"
                f" rename it, or ask the cluster's owner for a prefix in spec.allowedNamespaces"
            )


def needs_labels(spec: KafkaClusterSpec) -> bool:
    """Whether allowedNamespaces has a selector, so that a namespace's labels must be read."""
    return any(entry.selector for entry in spec.allowed_namespaces.namespaces or ())


def grant_for(cluster: Key, spec: KafkaClusterSpec, namespace: str, labels: Mapping[str, str]) -> Grant:
    """What ``namespace`` (with ``labels``) may use of ``cluster``.

    Raises:
        NotAllowed: the cluster does not let that namespace in.
    """
    if namespace == cluster.namespace:
        return Grant()
    allowed = spec.allowed_namespaces
    if allowed.from_ == "All":
        return Grant(
            _prefixes(allowed.topic_prefixes), _prefixes(allowed.subject_prefixes), _prefixes(allowed.group_prefixes)
        )
    matching = [e for e in allowed.namespaces or () if _matches(e, namespace, labels)]
    if allowed.from_ == "Selected" and matching:
        return Grant(
            _union([_prefixes(e.topic_prefixes) for e in matching]),
            _union([_prefixes(e.subject_prefixes) for e in matching]),
            _union([_prefixes(e.group_prefixes) for e in matching]),
        )
    raise NotAllowed(
        f"namespace {namespace} may not use {cluster}: its spec.allowedNamespaces is"
        f" {'Same' if allowed.from_ == 'Same' else 'Selected without this namespace'};"
        f" ask the cluster's owner to add {namespace} there"
    )


def _prefixes(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _union(values: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    if any(v is None for v in values):
        return None
    return tuple(dict.fromkeys(p for v in values if v is not None for p in v))


def _matches(entry: AllowedNamespace, namespace: str, labels: Mapping[str, str]) -> bool:
    if entry.name is not None:
        return entry.name == namespace
    return entry.selector is not None and all(labels.get(k) == v for k, v in entry.selector.match_labels.items())


def check_topic_name(name: str) -> None:
    """Kafka's own rules (org.apache.kafka.common.internals.Topic): 1 to 249 of [a-zA-Z0-9._-], not . or .., not internal.

    Raises:
        NamingRefused: which rule is broken.
    """
    if len(name) > MAX_TOPIC_NAME:
        raise NamingRefused(
            f"topic name has {len(name)} characters; Kafka takes at most {MAX_TOPIC_NAME}: set a shorter spec.topicName"
        )
    if not _LEGAL.fullmatch(name):
        wrong = "".join(sorted(set(re.sub(r"[a-zA-Z0-9._-]", "", name))))
        raise NamingRefused(f"topic name {name!r}: Kafka allows only letters, digits, '.', '_' and '-'; not {wrong!r}")
    if name in (".", ".."):
        raise NamingRefused(f"topic name {name!r}: Kafka refuses the names . and ..")
    if name in INTERNAL_TOPICS:
        raise NamingRefused(f"topic name {name}: this is one of Kafka's internal topics and never managed")


def collision_key(name: str) -> str:
    """Names that differ only in '.' and '_' collide in Kafka's metric names, so brokers refuse the second one."""
    return name.replace(".", "_")


def naming_violation(naming: Naming | None, name: str) -> str | None:
    """Why ``name`` breaks the cluster's naming policy, or None. A .dlq suffix is looked at without it.

    Raises:
        InvalidSpec: the policy's own pattern is not a regular expression.
    """
    if naming is None:
        return None
    base = name.removesuffix(DLQ_SUFFIX)
    why = None
    if base in naming.denied or name in naming.denied:
        why = f"topic name {name}: the cluster's naming policy denies {base}"
    elif naming.pattern is not None:
        try:
            compiled = pattern(naming.pattern)
        except ValueError as error:
            raise InvalidSpec(
                f"spec.naming.pattern of the KafkaCluster is not a regular expression: {error}"
            ) from error
        if not compiled.fullmatch(base):
            why = f"topic name {name}: the cluster's naming policy wants {naming.pattern}"
    return why if why is None or naming.message is None else f"{why} ({naming.message})"
