"""Deleting a KafkaSchema: what its deletionPolicy makes of the subject, and when the resource is let go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kafkade.api import ANNOTATION_DELETION_PROTECTION, FINALIZER
from kafkade.api.common import ManagementPolicy, parse
from kafkade.api.conditions import condition
from kafkade.api.context import Context, Work
from kafkade.api.errors import DeletionProtected, DependencyError, KafkadeError, ReferencedBy, SpecError
from kafkade.api.kinds import SCHEMA
from kafkade.api.objects import Event, Key, Report, Resource
from kafkade.api.plan import Plan
from kafkade.api.schema import KafkaSchemaSpec, SchemaDeletionPolicy
from kafkade.clients.connection import Connection
from kafkade.clients.registry import RegistryClient, SchemaBody
from kafkade.clients.registry_model import Reference
from kafkade.schemas.act import act
from kafkade.schemas.desired import Desired, deletion_policy, desired, subject_for, text_of
from kafkade.schemas.observe import SubjectFacts
from kafkade.schemas.status import failed
from kafkade.schemas.steps import DeleteSubject

DeletionWork = Work[KafkaSchemaSpec]


async def plan_deletion(work: DeletionWork, connection: Connection, context: Context) -> Plan:
    """What ``delete`` would do, and nothing done: the subject goes, or it stays, and an Event may say why."""
    resource = work.resource
    if resource.annotations.get(ANNOTATION_DELETION_PROTECTION) == "true":
        protected = DeletionProtected(
            f'{resource.key} carries {ANNOTATION_DELETION_PROTECTION}: "true"; take the annotation off to delete it'
        )
        return Plan(error=protected)
    policy = deletion_policy(work.spec, connection.spec)
    if policy is SchemaDeletionPolicy.RETAIN or work.spec.management_policy is ManagementPolicy.OBSERVE:
        return Plan()
    try:
        subject = await _owned_subject(work, connection, context)
    except (DependencyError, SpecError) as unknown:
        return _kept(f"nothing is deleted in the registry: {unknown.message}")
    except KafkadeError as error:
        return Plan(error=error)
    if subject is None:
        return Plan()
    if connection.registry is None:
        return _kept(f"subject {subject} is kept: {connection.key} has no spec.schemaRegistry any more")
    return Plan((DeleteSubject(subject, policy is SchemaDeletionPolicy.HARD_DELETE),))


async def delete(work: DeletionWork, connection: Connection, context: Context) -> Report:
    """Delete the subject if the resource owns it and its policy says so, then let the resource go.

    Without touching the registry goes a resource with Retain, with managementPolicy Observe, without kafkade's finalizer,
    one that lost its subject to an older resource, and one that never registered anything.
    """
    resource = work.resource
    planned = await plan_deletion(work, connection, context)
    error = planned.error
    if planned.steps and connection.registry is not None:
        nothing = Desired("", SchemaBody(""))  # the step alone says what goes
        error = (await act(connection.registry, nothing, SubjectFacts(), planned)).error
    if error is None:
        return Report(resource.key, events=planned.events, release=True)
    if isinstance(error, ReferencedBy):
        error = ReferencedBy(f"{error.message}; {_referrers(resource.key, context)}")
    return failed(resource, error, context.now())


def _kept(why: str) -> Plan:
    return Plan(events=(Event("Warning", "SubjectKept", why),))


async def _owned_subject(work: DeletionWork, connection: Connection, context: Context) -> str | None:
    """The subject that this resource registered, or None.

    The finalizer is put on just before the first registration. So a resource with the finalizer that never recorded a
    version was interrupted there: the look-up tells whether its schema got registered. Unless that spec is known to have
    been refused: then whoever registered the same schema since is somebody else.

    Raises:
        DependencyError: it was interrupted there, and what its subject's name or its schema comes from is gone.
        SpecError: likewise, and its spec is no more what it was.
    """
    resource = work.resource
    if FINALIZER not in resource.finalizers:
        return None
    known = resource.status.get("subject")
    if isinstance(known, str) and resource.status.get("version") is not None:
        subject = known
    elif connection.registry is None or _was_refused(resource):
        return None
    else:
        registered = await _interrupted(work, connection, connection.registry, context, frozenset())
        if registered is None:
            return None
        subject = registered.subject
    return None if context.rival(resource, subject) is not None else subject


async def _interrupted(
    work: DeletionWork, connection: Connection, registry: RegistryClient, context: Context, passed: frozenset[Key]
) -> Reference | None:
    """Subject and version that a resource registered before it could record them; None where it did not come that far.

    What it references may be in deletion by now, and may have been interrupted in the same batch.
    """
    text = await text_of(work, context)
    subject = subject_for(work, text, context)
    resolved: dict[Key, Reference] = {}
    passed = passed | {work.resource.key}
    for reference in work.spec.references:
        if reference.schema_ref is None:
            continue
        key = Key(SCHEMA, work.resource.key.namespace, reference.schema_ref.name)
        other = context.get(key)
        if other is None or key in passed:
            continue
        known, version = other.status.get("subject"), other.status.get("version")
        if isinstance(known, str) and isinstance(version, int):
            resolved[key] = Reference("", known, version)
            continue
        same_namespace = replace(work, resource=other, spec=parse(KafkaSchemaSpec, other.spec))
        if (held := await _interrupted(same_namespace, connection, registry, context, passed)) is not None:
            resolved[key] = held
    wanted = desired(work, subject, text, connection.spec, resolved, context)
    found = await registry.lookup(subject, wanted.body, wanted.normalize)
    return None if found is None else Reference("", subject, found.version)


def _was_refused(resource: Resource) -> bool:
    """Whether the last spec came to a terminal error. The deletion itself counts metadata.generation up by one."""
    stalled = condition(resource.status, "Stalled")
    told = resource.status.get("observedGeneration", -1)
    return stalled is not None and stalled["status"] == "True" and told >= resource.generation - 1


def _referrers(key: Key, context: Context) -> str:
    names = sorted(f"{k.namespace}/{k.name}" for k in _schemas(context.dependants(key)))
    if not names:
        return "take the references out of those schemas first"
    return f"KafkaSchemas that reference it: {', '.join(names)}; delete those, or take the reference out of them"


def _schemas(keys: Iterable[Key]) -> Iterable[Key]:
    return (key for key in keys if key.kind == SCHEMA)
