"""A batch of KafkaSchemas of one registry: in the order of their references observe, plan, act, report.

Each is told of as soon as it has come to its end: statuses are written while the registry works on what comes after them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kafkade.api import FINALIZER
from kafkade.api.context import Context, Work
from kafkade.api.errors import (
    ApiConflict,
    ApiNotFound,
    IncompatibleSchema,
    InvalidSchema,
    InvalidSpec,
    KafkadeError,
    ReferenceNotReady,
)
from kafkade.api.kinds import SCHEMA
from kafkade.api.objects import CONFLICT_RETRY, Key, Report, Tell
from kafkade.api.plan import Plan
from kafkade.api.schema import KafkaSchemaSpec, SchemaDeletionPolicy
from kafkade.clients.connection import Connection
from kafkade.clients.registry import Reference, Registered
from kafkade.schemas.act import Acted, act
from kafkade.schemas.deletion import delete, plan_deletion
from kafkade.schemas.desired import Desired, desired, subject_for, text_of
from kafkade.schemas.graph import cycle_error, ring, waves
from kafkade.schemas.observe import RegistryView, SubjectFacts
from kafkade.schemas.plan import explain, plan
from kafkade.schemas.recent import UpToDate, recent_of
from kafkade.schemas.status import conflict, failed, level_to_announce, nothing_held, report
from kafkade.schemas.steps import Register
from kafkade.schemas.subjects import schema_keys

SchemaWork = Work[KafkaSchemaSpec]


@dataclass(slots=True)
class _Batch:
    """One run: its works by key, and what it has brought up to date so far."""

    works: dict[Key, SchemaWork]
    connection: Connection
    context: Context
    tell: Tell
    resolved: dict[Key, Reference] = field(default_factory=dict)
    """What is up to date by the work of this batch, or of the one before it."""
    plans: dict[Key, Plan] | None = None
    """Where plans are wanted and nothing is to be done: what is found goes here."""

    def refuse(self, work: SchemaWork, error: KafkadeError, fields: Mapping[str, Any] | None = None) -> Report:
        """The report of a resource that could not be kept."""
        if self.plans is not None:
            self.plans[work.resource.key] = Plan(error=error)
        return failed(work.resource, error, self.context.now(), fields)

    def references(self, key: Key) -> Iterable[Key]:
        """The KafkaSchemas that one names, in the batch or known otherwise."""
        work = self.works.get(key)
        resource = work.resource if work is not None else self.context.get(key)
        return schema_keys(resource) if resource is not None else ()


async def reconcile(batch: Sequence[SchemaWork], connection: Connection, context: Context, tell: Tell) -> None:
    """Bring each subject to its spec, and tell one Report a resource, whatever happens to its neighbours."""
    dying = {w.resource.key: w for w in batch if w.resource.deleted}
    alive = {w.resource.key: w for w in batch if not w.resource.deleted}
    await _delete(_Batch(dying, connection, context, tell))
    await _keep(_Batch(alive, connection, context, tell))


async def plans(batch: Sequence[SchemaWork], connection: Connection, context: Context) -> dict[Key, Plan]:
    """What ``reconcile`` would do, and nothing done.

    A schema that is to be registered counts as registered for others, and one that is only observed as what it is.
    """
    found: dict[Key, Plan] = {}
    for work in batch:
        if work.resource.deleted:
            found[work.resource.key] = await plan_deletion(work, connection, context)
    alive = {w.resource.key: w for w in batch if not w.resource.deleted}
    await _keep(_Batch(alive, connection, context, lambda _: None, plans=found))
    return found


async def _delete(batch: _Batch) -> None:
    """Referrers go before what they reference, which the registry would keep for them."""
    rings = {key for key in batch.works if ring(key, batch.references)}
    order = [*reversed(waves([k for k in batch.works if k not in rings], batch.references)), tuple(rings)]
    for wave in order:
        batch.tell(await asyncio.gather(*(delete(batch.works[k], batch.connection, batch.context) for k in wave)))


async def _keep(batch: _Batch) -> None:
    works = batch.works
    if not works:
        return
    client = batch.connection.registry
    if client is None:
        missing = InvalidSpec(f"{batch.connection.key} has no spec.schemaRegistry: give it one, or another clusterRef")
        batch.tell([batch.refuse(work, missing) for work in works.values()])
        return
    new = sum(not _registered_before(work) for work in works.values())
    try:
        view = await RegistryView.open(client, dry=batch.plans is not None, new=new)
    except KafkadeError as error:
        batch.tell([batch.refuse(work, error) for work in works.values()])
        return
    rings = {key: way for key in works if (way := ring(key, batch.references))}
    batch.tell([batch.refuse(works[key], cycle_error(way)) for key, way in rings.items()])
    order = [key for wave in waves([key for key in works if key not in rings], batch.references) for key in wave]
    if batch.plans is not None:
        await _in_order(order, view, batch)
        return
    for key, held in recent_of(client).take_last().items():
        if key not in works and held.is_of(batch.context.get(key)):
            batch.resolved[key] = held.reference
    await _in_order(order, view, batch)
    brought = [(works[key].resource, reference) for key, reference in batch.resolved.items() if key in works]
    recent_of(client).last = {r.key: UpToDate(r.uid, r.generation, reference) for r, reference in brought}


async def _in_order(order: Sequence[Key], view: RegistryView, batch: _Batch) -> None:
    """Each resource begins when what it references in the batch has come to its end, and is told of at its own.

    ``order``: what is referenced comes first.
    """
    begun: dict[Key, asyncio.Task[None]] = {}

    async def keep(key: Key, referenced: Sequence[asyncio.Task[None]]) -> None:
        if referenced:
            await asyncio.wait(referenced)
        answer, held = await _one(batch.works[key], view, batch)
        if held is not None:
            batch.resolved[key] = held
        if answer is not None:
            batch.tell([answer])

    for key in order:
        begun[key] = asyncio.create_task(keep(key, [begun[r] for r in batch.references(key) if r in begun]))
    try:
        await asyncio.gather(*begun.values())
    finally:
        # where one ended by a defect nothing of the batch may go on, since it is worked on again
        for task in begun.values():
            task.cancel()
        await asyncio.gather(*begun.values(), return_exceptions=True)


async def _one(work: SchemaWork, view: RegistryView, batch: _Batch) -> tuple[Report | None, Reference | None]:
    """The report of one resource (None when it is gone), and what others may reference of it now."""
    resource, context = work.resource, batch.context
    subject: str | None = None
    try:
        text = await text_of(work, context)
        subject = subject_for(work, text, context)
        work.grant.check_subject(subject, batch.connection.key)
        rival = context.rival(resource, subject)
        if rival is not None:
            return batch.refuse(work, conflict(subject, rival), {"subject": subject, **nothing_held()}), None
        wanted = desired(work, subject, text, batch.connection.spec, batch.resolved, context)
        if batch.plans is not None:
            batch.plans[resource.key], held = await _foresee(work, wanted, view)
            return None, held
        return await _bring(work, wanted, view, batch)
    except ApiNotFound:
        return None, None  # deleted meanwhile: the watch says so
    except ApiConflict:
        return Report(resource.key, retry=CONFLICT_RETRY), None
    except KafkadeError as error:
        return batch.refuse(work, error, {"subject": subject} if subject else None), None


async def _bring(
    work: SchemaWork, wanted: Desired, view: RegistryView, batch: _Batch
) -> tuple[Report | None, Reference | None]:
    resource, context = work.resource, batch.context
    facts = await view.observe(wanted, known=_registered_before(work))
    if isinstance(facts, KafkadeError):
        return failed(resource, facts, context.now(), {"subject": wanted.subject}), None
    planned = plan(wanted, facts, resource.status)
    if planned.error is not None and view.remembers:
        # what is remembered of a subject may be from before it was deleted and made anew
        view.forget()
        facts = await view.observe(wanted)
        if isinstance(facts, KafkadeError):
            return failed(resource, facts, context.now(), {"subject": wanted.subject}), None
        planned = plan(wanted, facts, resource.status)
    done = Acted()
    if planned.error is None and not wanted.observe_only:
        await _finalizer(work, wanted, context)
        if (level := level_to_announce(planned, resource.status)) is not None:
            await context.announce(resource, {"compatibilityAnnounced": level})
        done = await act(view.client, wanted, facts, planned)
        if isinstance(done.error, IncompatibleSchema):
            done.error = await _explained(done.error, wanted, facts, view)
        elif done.error is not None and view.remembers:
            done.error = await _seen_anew(done.error, wanted, view, resource.status)
    if done.registered is not None:
        view.know(wanted, done.registered)
    answer, held = report(resource, wanted, facts, planned, done, context.now())
    if held is None:
        return answer, None
    return _with_wakes(work, answer, held, batch), Reference("", wanted.subject, held.version)


def _registered_before(work: SchemaWork) -> bool:
    return work.resource.status.get("version") is not None


async def _foresee(work: SchemaWork, wanted: Desired, view: RegistryView) -> tuple[Plan, Reference | None]:
    """The plan for one subject, and the version that others could reference once it is carried out."""
    facts = await view.observe(wanted, known=_registered_before(work))
    if isinstance(facts, KafkadeError):
        return Plan(error=facts), None
    planned = plan(wanted, facts, work.resource.status)
    if planned.error is not None:
        return planned, None
    register = next((step for step in planned.steps if isinstance(step, Register)), None)
    if register is not None and not wanted.observe_only:
        version = (register.after or 0) + 1
        view.expect(wanted, version)
    elif register is None and facts.found is not None:
        version = facts.found.version
    else:
        return planned, None  # only observed: nobody registers it
    return planned, Reference("", wanted.subject, version)


async def _explained(
    error: IncompatibleSchema, wanted: Desired, facts: SubjectFacts, view: RegistryView
) -> IncompatibleSchema:
    """A refusal of the registry with the local check's reasons, where it has any."""
    try:
        reasons = explain(wanted, await view.with_history(wanted, facts))
    except KafkadeError:
        return error  # the registry's own words must do
    return IncompatibleSchema(f"{error.message}; {reasons}") if reasons else error


async def _seen_anew(
    error: KafkadeError, wanted: Desired, view: RegistryView, status: Mapping[str, Any]
) -> KafkadeError:
    """What a new look says of a refusal, after one that went by what is remembered: what is referenced may be gone."""
    view.forget()
    facts = await view.observe(wanted)
    found = facts if isinstance(facts, KafkadeError) else plan(wanted, facts, status).error
    return found if isinstance(found, ReferenceNotReady | InvalidSchema) else error


async def _finalizer(work: SchemaWork, wanted: Desired, context: Context) -> None:
    """Before anything is registered: what deletes a subject must not miss the deletion of the resource."""
    if wanted.deletion is not SchemaDeletionPolicy.RETAIN and FINALIZER not in work.resource.finalizers:
        await context.add_finalizer(work.resource)


def _with_wakes(work: SchemaWork, answer: Report, held: Registered, batch: _Batch) -> Report:
    """Wake who references this schema when what they reference became another version; the batch itself needs no waking.

    Also when this resource was not Ready before: its referrers wait with ReferenceNotReady.
    """
    key, before = work.resource.key, work.resource.status
    same = (before.get("version"), before.get("id")) == (held.version, held.id)
    waited = any(c.get("type") == "Ready" and c.get("status") != "True" for c in before.get("conditions") or ())
    if same and not waited and before.get("observedGeneration") == work.resource.generation:
        return answer
    others = frozenset(k for k in batch.context.dependants(key) if k.kind == SCHEMA and key not in _later(k, batch))
    return replace(answer, wakes=others)


def _later(dependant: Key, batch: _Batch) -> Iterable[Key]:
    """What a member of this batch references: it is reconciled in a later wave anyway."""
    return batch.references(dependant) if dependant in batch.works else ()
