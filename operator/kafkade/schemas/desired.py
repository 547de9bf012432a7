"""What a KafkaSchema wants, with the cluster's defaults under it and its references resolved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import ManagementPolicy
from kafkade.api.context import Context, Work
from kafkade.api.errors import InvalidSpec, ReferenceNotReady, TopicNotFound
from kafkade.api.kinds import CLUSTER, SCHEMA
from kafkade.api.objects import Key, Resource
from kafkade.api.schema import Compatibility, KafkaSchemaSpec, SchemaDeletionPolicy, SchemaReference
from kafkade.clients.registry_model import Reference, SchemaBody
from kafkade.schemas.subjects import needs_record_name, record_name, subject_of, topic_key, topic_name


@dataclass(frozen=True, slots=True)
class Desired:
    """A subject as declared. ``level`` None: the registry's own level is left alone."""

    subject: str
    body: SchemaBody
    level: Compatibility | None = None
    normalize: bool = False
    deletion: SchemaDeletionPolicy = SchemaDeletionPolicy.RETAIN
    observe_only: bool = False
    formerly_set: frozenset[str] = frozenset()
    """The level that kafkade set at an earlier time, and the one that it was about to set when it crashed."""

    @property
    def hash(self) -> str:
        """SHA-256 over the text and its references: status.schemaHash."""
        content = {"schema": self.body.schema, "references": [r.json() for r in self.body.references]}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


Resolved = Mapping[Key, Reference]
"""KafkaSchemas that this batch has brought up to date already: their subject and version (the name is not used)."""


async def text_of(work: Work[KafkaSchemaSpec], context: Context) -> str:
    """The schema's text, inline or from the ConfigMap.

    Raises:
        ConfigMapNotFound: it, or its key, is not there.
        InvalidSpec: neither is given (the API server refuses that).
    """
    spec = work.spec
    if spec.schema_ is not None:
        return spec.schema_
    if spec.schema_from is None:
        raise InvalidSpec("give spec.schema or spec.schemaFrom, one of the two")
    ref = spec.schema_from.config_map_key_ref
    return await context.config_map_value(work.resource.key, ref.name, ref.key)


def subject_for(work: Work[KafkaSchemaSpec], text: str | None, context: Context) -> str:
    """The subject of a resource; ``text`` is needed only where its name depends on it.

    Raises:
        TopicNotFound: the KafkaTopic that topicRef names is not there.
        InvalidSpec: neither subject nor topicRef, or a schema without a name where one is needed.
        InvalidSchema: text that is not JSON where its name is needed.
    """
    spec, topic = work.spec, None
    if spec.subject is None:
        key = topic_key(work.resource)
        if key is None:
            raise InvalidSpec("give spec.subject or spec.topicRef, one of the two")
        found = context.get(key)
        if found is None:
            raise TopicNotFound(f"spec.topicRef: {key} does not exist; create it, or give spec.subject")
        topic = topic_name(found)
    name = record_name(spec.schema_type.value, text) if text is not None and needs_record_name(spec) else None
    return subject_of(spec, topic, name)


def deletion_policy(spec: KafkaSchemaSpec, cluster: KafkaClusterSpec) -> SchemaDeletionPolicy:
    """The resource's own, else the cluster's, else Retain."""
    return spec.deletion_policy or cluster.schema_defaults.deletion_policy


def desired(
    work: Work[KafkaSchemaSpec],
    subject: str,
    text: str,
    cluster: KafkaClusterSpec,
    resolved: Resolved,
    context: Context,
) -> Desired:
    """The spec over the cluster's schemaDefaults.

    Raises:
        ReferenceNotReady: a referenced KafkaSchema is not registered yet as its spec says.
        NotAllowed: a reference to a subject that the namespace may not use: the registry would keep that one, undeletable,
            for as long as it is referenced.
    """
    spec = work.spec
    references = tuple(_resolve(work.resource, reference, resolved, context) for reference in spec.references)
    for reference in references:
        work.grant.check_subject(reference.subject, Key(CLUSTER, *_cluster(work.resource)))
    body = SchemaBody(text, spec.schema_type.value, references, _wire(spec.metadata), _wire(spec.rule_set))
    return Desired(
        subject=subject,
        body=body,
        level=spec.compatibility or cluster.schema_defaults.compatibility,
        normalize=spec.normalize,
        deletion=deletion_policy(spec, cluster),
        observe_only=spec.management_policy is ManagementPolicy.OBSERVE,
        formerly_set=levels_set(work.resource.status),
    )


def levels_set(status: Mapping[str, Any]) -> frozenset[str]:
    """Levels that are kafkade's own where a subject has one of them."""
    return frozenset(str(v) for k in ("compatibilitySet", "compatibilityAnnounced") if (v := status.get(k)))


def _wire(model: Any) -> dict[str, Any] | None:
    return None if model is None else dict(model.model_dump(by_alias=True, exclude_none=True))


def _resolve(resource: Resource, reference: SchemaReference, resolved: Resolved, context: Context) -> Reference:
    if reference.schema_ref is None:
        if reference.subject is None or reference.version is None:
            raise InvalidSpec(f"reference {reference.name}: give schemaRef, or subject and version")
        return Reference(reference.name, reference.subject, reference.version)
    key = Key(SCHEMA, resource.key.namespace, reference.schema_ref.name)
    other = context.get(key)
    if other is not None and _cluster(other) != _cluster(resource):
        raise InvalidSpec(
            f"reference {reference.name}: {key} belongs to another KafkaCluster, hence to another registry"
        )
    done = resolved.get(key)
    if done is not None:
        return Reference(reference.name, done.subject, done.version)
    if other is None:
        raise ReferenceNotReady(f"reference {reference.name}: {key} does not exist; create it")
    subject, version = other.status.get("subject"), other.status.get("version")
    if other.deleted or not is_ready(other) or not isinstance(subject, str) or not isinstance(version, int):
        state = "is being deleted" if other.deleted else "is not registered as its spec says yet"
        raise ReferenceNotReady(f"reference {reference.name}: {key} {state}")
    return Reference(reference.name, subject, version)


def _cluster(resource: Resource) -> tuple[str, str]:
    ref = resource.spec.get("clusterRef") or {}
    return str(ref.get("namespace") or resource.key.namespace), str(ref.get("name"))


def is_ready(resource: Resource) -> bool:
    """Ready=True, said of the generation that there is."""
    return any(
        c.get("type") == "Ready" and c.get("status") == "True" and c.get("observedGeneration") == resource.generation
        for c in resource.status.get("conditions") or ()
    )
