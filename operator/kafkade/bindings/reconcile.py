"""A batch of bindings of one cluster: look, write Secrets, act in Kafka, report."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from kafkade.api.common import ManagementPolicy
from kafkade.api.conditions import Outcome, next_status, transition_events
from kafkade.api.context import Context
from kafkade.api.errors import ApiConflict, ApiNotFound, ApiUnavailable, KafkadeError, KafkaError
from kafkade.api.objects import CONFLICT_RETRY, Event, Key, Report
from kafkade.api.plan import Plan
from kafkade.bindings.access import AccessFacts, Record, acls_of
from kafkade.bindings.act import act
from kafkade.bindings.look import Look, access_facts, as_plan, is_managed, look, users_of
from kafkade.bindings.wanted import BindingWork
from kafkade.clients.connection import Connection


async def reconcile(batch: Sequence[BindingWork], connection: Connection, context: Context) -> list[Report]:
    """Keep each binding's Secret, user and ACLs; one Report a binding, whatever happens to its neighbours."""
    facts = await _facts(batch, connection)
    answers = await _all(_prepare(work, connection, facts, context) for work in batch)
    looks = {work.resource.key: found for work, found in zip(batch, answers, strict=True) if isinstance(found, Look)}
    try:
        errors: Mapping[Key, KafkadeError] = await act(connection.kafka, looks)
    except KafkaError as error:
        errors = dict.fromkeys((key for key, found in looks.items() if not found.access.empty), error)
    reports = []
    for work, answer in zip(batch, answers, strict=True):
        if isinstance(answer, Report):
            reports.append(answer)
        elif answer is not None:
            reports.append(_report(work, answer, errors.get(work.resource.key), connection, context))
    return reports


async def _all(works: Iterable[Coroutine[Any, Any, Look | Report | None]]) -> list[Look | Report | None]:
    """Side by side. An error is raised once none of them is at work any more."""
    answers = await asyncio.gather(*works, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


async def plans(batch: Sequence[BindingWork], connection: Connection, context: Context) -> dict[Key, Plan]:
    """What ``reconcile`` would do, and nothing done."""
    facts = await _facts(batch, connection)
    found: dict[Key, Plan] = {}
    for work in batch:
        try:
            looked = await _look(work, connection, facts, context, imagined=True)
            users = {} if isinstance(facts, KafkadeError) else facts.users
            found[work.resource.key] = as_plan(looked, users)
        except KafkadeError as error:
            found[work.resource.key] = Plan(error=error)
    return found


async def _facts(batch: Sequence[BindingWork], connection: Connection) -> AccessFacts | KafkadeError:
    """An error is one of the bindings that have a user, or get one."""
    try:
        return await access_facts(batch, connection)
    except KafkadeError as error:
        return error


async def _look(
    work: BindingWork,
    connection: Connection,
    facts: AccessFacts | KafkadeError,
    context: Context,
    *,
    imagined: bool = False,
) -> Look:
    if isinstance(facts, KafkadeError):
        if users_of(work, connection):
            raise facts
        facts = AccessFacts()
    return await look(work, connection, facts, context, imagined=imagined)


async def _prepare(
    work: BindingWork, connection: Connection, facts: AccessFacts | KafkadeError, context: Context
) -> Look | Report | None:
    """The look at a binding with its Secret written; the report where that is all, None where it is gone."""
    resource = work.resource
    try:
        found = await _look(work, connection, facts, context)
        if work.spec.management_policy is ManagementPolicy.OBSERVE and not resource.deleted:
            return _observed(work, found, facts, context)
        if found.intent is not None:
            # who the user is stands in the status before there is one, or a crash would leave somebody whom nobody knows
            await context.add_finalizer(resource)
            return _begun(work, found.intent, context)
        if found.writes_secret and found.wanted is not None and found.data is not None:
            await context.keep_secret(resource, found.wanted.secret, found.data)
    except ApiUnavailable:
        raise
    except ApiNotFound:
        return None  # deleted meanwhile: the watch says so
    except ApiConflict:
        return Report(resource.key, retry=CONFLICT_RETRY)
    except KafkadeError as error:
        return _failed(work, error, context)
    return found


def _begun(work: BindingWork, record: Record, context: Context) -> Report:
    outcome = Outcome.progressing("MakingUser", f"user {record.username} is being made", ready=bool(record.previous))
    fields = {"credentials": record.as_status()}
    status = next_status(work.resource.status, work.resource.generation, outcome, context.now(), fields)
    return Report(work.resource.key, status, transition_events(work.resource.status, status), retry=0.0)


def _observed(work: BindingWork, found: Look, facts: AccessFacts | KafkadeError, context: Context) -> Report:
    if found.intent is not None:
        message = f"there is no user {found.intent.username} yet"
    else:
        users = {} if isinstance(facts, KafkadeError) else facts.users
        message = "; ".join(f"{step.verb} {step.change}" for step in as_plan(found, users).steps)
    if message:
        told = f"not as declared: {message}; managementPolicy is Observe, so nothing is changed"
        outcome = Outcome("False", reconciling=False, stalled=False, reason="Observed", message=told[:1024])
    else:
        outcome = Outcome.done("as declared; managementPolicy is Observe", "Observed")
    status = next_status(work.resource.status, work.resource.generation, outcome, context.now())
    return Report(work.resource.key, status, transition_events(work.resource.status, status))


def _failed(work: BindingWork, error: KafkadeError, context: Context) -> Report:
    """What was known stays in the status, users above all."""
    resource = work.resource
    status = next_status(resource.status, resource.generation, Outcome.failed(error), context.now())
    events = transition_events(resource.status, status)
    return Report(resource.key, status, events, "backoff" if error.retryable or resource.deleted else None)


def _report(
    work: BindingWork, found: Look, error: KafkadeError | None, connection: Connection, context: Context
) -> Report:
    resource, wanted = work.resource, found.wanted
    if error is not None:
        failed = _failed(work, error, context)
        # the Secret is written already; users stay in the status as they were
        return (
            failed if wanted is None else replace(failed, status={**(failed.status or {}), **_binding(wanted.secret)})
        )
    if wanted is None:
        return Report(resource.key, release=True)
    record = found.record
    fields: dict[str, Any] = {
        **_binding(wanted.secret),
        "service": wanted.service,
        "groups": list(wanted.groups) if work.spec.consumes else None,
        "produces": [str(names) for names in wanted.produces] or None,
        "consumes": [str(names) for names in wanted.consumes] or None,
        "credentials": None if record is None else record.as_status(),
        "acls": None if record is None else len(acls_of(wanted, record.username)),
    }
    outcome = Outcome.done(_message(wanted.secret, record, connection))
    if wanted.denied is not None:
        # what is not allowed any more was taken away
        outcome = Outcome.failed(wanted.denied)
    status = next_status(resource.status, resource.generation, outcome, context.now(), fields)
    events = (*_events(found), *transition_events(resource.status, status))
    return Report(resource.key, status, events, _next_look(work, record, context), release=record is None)


def _binding(secret: str) -> dict[str, Any]:
    return {"binding": {"name": secret}}


def _message(secret: str, record: Record | None, connection: Connection) -> str:
    if record is not None:
        before = "".join(f", {p.username} works on for a while" for p in record.previous)
        return f"Secret {secret} is there, with user {record.username}{before}"
    if not is_managed(connection) and connection.kafka.security.sasl is not None:
        return f"Secret {secret} is there; the service brings its own login"
    return f"Secret {secret} is there"


def _events(found: Look) -> tuple[Event, ...]:
    return tuple(Event("Normal", "UserRemoved", f"user {name} is gone, with its ACLs") for name in found.access.retired)


def _next_look(work: BindingWork, record: Record | None, context: Context) -> float | None:
    """Seconds until the next user is to go."""
    if record is None or not record.previous:
        return None
    first = min(p.ends(work.spec.credentials.overlap) for p in record.previous)
    return max(1.0, (first - datetime.fromisoformat(context.now())).total_seconds())
