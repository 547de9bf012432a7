"""From what was planned and done to the one report of a KafkaSchema. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkade.api import FINALIZER
from kafkade.api.conditions import Outcome, next_status, transition_events
from kafkade.api.errors import KafkadeError, SubjectConflict
from kafkade.api.objects import Key, Report, Resource
from kafkade.api.plan import DriftFound, Plan
from kafkade.api.schema import Compatibility, SchemaDeletionPolicy
from kafkade.clients.registry_model import Registered
from kafkade.schemas.act import Acted
from kafkade.schemas.desired import Desired, levels_set
from kafkade.schemas.observe import SubjectFacts, differs
from kafkade.schemas.plan import differs_in_text, newer_version
from kafkade.schemas.steps import SetCompatibility, UnsetCompatibility

_KNOWN = (
    "id",
    "version",
    "schemaType",
    "schemaHash",
    "compatibility",
    "compatibilitySet",
    "compatibilityAnnounced",
    "mode",
    "references",
    "drift",
)


def failed(resource: Resource, error: KafkadeError, now: str, fields: Mapping[str, Any] | None = None) -> Report:
    """The report of a schema that could not be kept; what was known of it stays in status."""
    status = next_status(resource.status, resource.generation, Outcome.failed(error), now, fields)
    return Report(
        resource.key, status, transition_events(resource.status, status), retry="backoff" if error.retryable else None
    )


def conflict(subject: str, rival: Key) -> SubjectConflict:
    """What the loser of a subject is told."""
    return SubjectConflict(
        f"subject {subject} belongs to {rival}, which is older; give this resource another subject, or delete one of the two"
    )


def nothing_held() -> dict[str, None]:
    """Status fields of a loser: it must not look as if it held anything."""
    return dict.fromkeys(_KNOWN)


def report(
    resource: Resource, wanted: Desired, facts: SubjectFacts, plan: Plan, done: Acted, now: str
) -> tuple[Report, Registered | None]:
    """The whole status after the plan was carried out as far as it went, and the version that is now as declared."""
    held = done.registered or (facts.found if not differs(wanted, facts) else None)
    error = plan.error or done.error
    fields = _fields(wanted, facts, plan, done, held, resource)
    if error is not None:
        return failed(resource, error, now, fields), None
    outcome = _observed(wanted, facts, plan) if wanted.observe_only else Outcome.done(_as_declared(wanted, facts, held))
    status = next_status(resource.status, resource.generation, outcome, now, fields)
    release = FINALIZER in resource.finalizers and wanted.deletion is SchemaDeletionPolicy.RETAIN
    events = (*plan.events, *transition_events(resource.status, status))
    return Report(resource.key, status, events, release=release), held


def _fields(
    wanted: Desired, facts: SubjectFacts, plan: Plan, done: Acted, held: Registered | None, resource: Resource
) -> dict[str, Any]:
    level = done.level_set or (facts.global_level if done.level_unset else facts.level_in_force)
    fields: dict[str, Any] = {
        "subject": wanted.subject,
        "compatibility": level,
        "compatibilitySet": _level_set(wanted, facts, done, resource.status),
        "compatibilityAnnounced": _still_announced(plan, done, resource.status),
        "mode": facts.mode,
        "drift": _drift(wanted, plan, done) or _drift_before(resource),
    }
    if held is not None:
        fields |= {
            "id": held.id,
            "version": held.version,
            "schemaType": wanted.body.schema_type,
            "schemaHash": wanted.hash,
            "references": [str(r) for r in wanted.body.references] or None,
        }
    return fields


def level_to_announce(plan: Plan, old: Mapping[str, Any]) -> str | None:
    """The level that is set now and was not set by kafkade before."""
    new = next((step.new for step in plan.steps if isinstance(step, SetCompatibility)), None)
    return None if new == old.get("compatibilitySet") else new


def _still_announced(plan: Plan, done: Acted, old: Mapping[str, Any]) -> str | None:
    """A level may have been set where only the answer is missing; after a refusal it was put back."""
    in_doubt = done.error is not None and done.error.retryable and done.level_set is None
    return level_to_announce(plan, old) if in_doubt else None


def _level_set(wanted: Desired, facts: SubjectFacts, done: Acted, old: Mapping[str, Any]) -> str | None:
    """The level that kafkade itself set and that is still there. One that was there before is not its own.

    Apicurio says NONE of each subject without a level, and keeps nothing where NONE is set: who declares it has it.
    """
    if done.level_set is not None:
        return done.level_set
    declared = wanted.level is Compatibility.NONE and not wanted.observe_only
    nobodys = declared and facts.flavour == "Apicurio" and facts.level == Compatibility.NONE
    return facts.level if not done.level_unset and (nobodys or facts.level in levels_set(old)) else None


def _drift(wanted: Desired, plan: Plan, done: Acted) -> list[dict[str, Any]] | None:
    if wanted.observe_only:
        found = [d.as_status(repaired=False) for d in (*plan.drift, *_planned(plan))]
        return found or None
    repaired = {"compatibility": done.level_set is not None, "version": done.registered is not None, "latest": False}
    return [d.as_status(repaired=repaired[d.field]) for d in plan.drift] or None


def _drift_before(resource: Resource) -> list[dict[str, Any]] | None:
    """What was repaired last stays to be read until the spec changes."""
    if resource.status.get("observedGeneration") != resource.generation:
        return None
    return [d for d in resource.status.get("drift") or () if d.get("repaired")] or None


def _planned(plan: Plan) -> list[DriftFound]:
    """What Observe would change, as differences, where it is no drift already."""
    fields = {d.field for d in plan.drift}
    found = []
    for step in plan.steps:
        field = "compatibility" if isinstance(step, SetCompatibility | UnsetCompatibility) else "version"
        if field in fields:
            continue
        if isinstance(step, SetCompatibility):
            found.append(DriftFound(field, step.new, step.old or "not set"))
        elif isinstance(step, UnsetCompatibility):
            found.append(DriftFound(field, "not set", step.old))
        else:
            found.append(DriftFound(field, "the declared schema", "not registered"))
    return found


def _observed(wanted: Desired, facts: SubjectFacts, plan: Plan) -> Outcome:
    if plan.steps:
        todo = "; ".join(f"{step.verb} {step.change}" for step in plan.steps)
        message = f"subject {wanted.subject} differs; managementPolicy is Observe, so this is not done: {todo}"
        return Outcome("False", reconciling=False, stalled=False, reason="Observed", message=message)
    return Outcome.done(f"{_as_declared(wanted, facts, facts.found)}; managementPolicy is Observe", "Observed")


def _as_declared(wanted: Desired, facts: SubjectFacts, held: Registered | None) -> str:
    text = f"subject {wanted.subject} is as declared"
    if held is not None:
        text += f": version {held.version}, id {held.id}"
    newer = newer_version(wanted, facts)
    if newer is not None:
        text += (
            f"; version {newer} is newer than what is declared here: no registry makes older content the newest again,"
            f" so declare the schema of version {newer}, or delete that version"
        )
    if differs_in_text(wanted, facts):
        text += "; its stored text differs where Apicurio sees no difference (doc and the like)"
    return text
