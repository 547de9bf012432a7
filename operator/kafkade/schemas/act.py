"""Executes the plan of one subject. Killed between any two calls, the next look-up finds what was done and goes on from there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kafkade.api.errors import (
    IncompatibleSchema,
    KafkadeError,
    NotSupportedByCluster,
    RegistryNotFound,
    RegistryRequestFailed,
)
from kafkade.api.plan import Plan
from kafkade.clients.registry import Registered, RegistryClient
from kafkade.clients.registry_errors import SUBJECT_NOT_FOUND, SUBJECT_SOFT_DELETED
from kafkade.schemas.desired import Desired
from kafkade.schemas.observe import SubjectFacts, same_contract
from kafkade.schemas.steps import DeleteSubject, Register, SetCompatibility, UnsetCompatibility


@dataclass(slots=True)
class Acted:
    """What became of one subject's plan."""

    error: KafkadeError | None = None
    registered: Registered | None = None
    """The version as registering told it, or as it was looked up after that."""
    level_set: str | None = None
    level_unset: bool = False
    deleted: bool = False


async def act(client: RegistryClient, wanted: Desired, facts: SubjectFacts, plan: Plan) -> Acted:
    """Execute the steps in order; what was done before an error is told with it.

    A level set for a schema that the registry then refuses is put back: a refused change leaves the registry as it was.
    """
    done = Acted()
    steps = list(plan.steps)
    try:
        while steps:
            step = steps.pop(0)
            match step:
                case SetCompatibility():
                    if await _set_level(client, step, done, later=bool(steps)):
                        steps.append(step)  # a registry without config for a subject that is not there yet
                case UnsetCompatibility():
                    await _take_level(client, step.subject, keep_others=step.keep_others)
                    done.level_unset = True
                case Register():
                    await _register(client, step, wanted, facts, done)
                case DeleteSubject():
                    await _delete(client, step)
                    done.deleted = True
    except KafkadeError as error:
        done.error = error
        if isinstance(error, IncompatibleSchema):
            await _put_back(client, plan, facts, done)
    return done


async def _set_level(client: RegistryClient, step: SetCompatibility, done: Acted, *, later: bool) -> bool:
    """Set a level; True when it must wait until the subject is registered."""
    try:
        await client.set_level(step.subject, step.new)
    except RegistryNotFound:
        if later:
            return True
        raise
    done.level_set = step.new
    return False


async def _take_level(client: RegistryClient, subject: str, *, keep_others: bool) -> None:
    """Without its own level the subject goes by the registry's; a DELETE would take its other settings along."""
    if keep_others:
        await client.set_level(subject, None)
    else:
        await client.delete_config(subject)


async def _put_back(client: RegistryClient, plan: Plan, facts: SubjectFacts, done: Acted) -> None:
    for step in plan.steps:
        try:
            if isinstance(step, SetCompatibility) and done.level_set is not None:
                inherited = facts.flavour == "Apicurio" and step.old == facts.global_level
                if step.old is None or inherited:
                    await _take_level(client, step.subject, keep_others=step.keep_others)
                else:
                    await client.set_level(step.subject, step.old)
                done.level_set = None
            elif isinstance(step, UnsetCompatibility) and done.level_unset:
                await client.set_level(step.subject, step.old)
                done.level_unset = False
        except KafkadeError as error:
            why = done.error.message if done.error else ""
            done.error = type(error)(f"{why}; putting the compatibility level back failed: {error.message}")


async def _register(client: RegistryClient, step: Register, wanted: Desired, facts: SubjectFacts, done: Acted) -> None:
    receipt = await client.register(step.subject, step.body, step.normalize)
    body = step.body
    if body.metadata is None and body.rule_set is None:
        # all that a look-up would tell; whether metadata and rules were stored, only what is stored says
        version = receipt.version
        if version is None and facts.flavour == "Apicurio":
            # which reads no schema for it, and so takes half of the look-up's CPU (3.3.3)
            version = await client.version_of_id(step.subject, receipt.id)
        if version is not None:
            done.registered = Registered(version, receipt.id, body.schema, body.schema_type, body.references)
            return
    found = await client.lookup(step.subject, body, step.normalize)
    if found is None:
        raise RegistryRequestFailed(
            f"subject {step.subject}: registered with id {receipt.id}, and the look-up does not find it yet"
        )
    done.registered = replace(found, references=body.references)
    if not same_contract(wanted.body, found):
        latest = await client.latest(step.subject)
        if latest is None or latest.version != found.version or not same_contract(wanted.body, latest):
            raise NotSupportedByCluster(
                f"subject {step.subject}: registered as version {found.version}, but this registry did not store"
                " spec.metadata or spec.ruleSet: take them out of the spec"
            )


async def _delete(client: RegistryClient, step: DeleteSubject) -> None:
    """Soft, then for good. What is gone already is no error; a subject registered anew in between is (40405)."""
    gone = (SUBJECT_NOT_FOUND, SUBJECT_SOFT_DELETED)
    try:
        await client.delete_subject(step.subject, permanent=False)
    except RegistryNotFound as error:
        if error.code not in gone:
            raise
    if step.permanent:
        try:
            await client.delete_subject(step.subject, permanent=True)
        except RegistryNotFound as error:
            if error.code not in gone:
                raise
