"""From a declared subject and the facts to the steps that bring them together, or the error that forbids it. Pure.

- Compatibility first, then register. A level that changes in the same turn is not yet the one that the registry checks by:
  then the local check is the gate. Otherwise the registry's verdict decides and the local check only explains it; where
  it cannot be asked (Apicurio, for a schema with references) registering is the question.
- Nothing differs, nothing is planned.
- A version newer than the declared one was registered by somebody else. No registry brings older content back as newest
  (the same text keeps its version), and versions are never deleted: it is reported as drift, not repaired, and Ready
  stays True, since the declared schema is registered and readable. The message names the newer version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kafkade.api.errors import IncompatibleSchema, InvalidSchema, KafkadeError, NotSupportedByCluster, RegistryReadOnly
from kafkade.api.plan import DriftFound, Plan, Step
from kafkade.clients.registry_model import Verdict
from kafkade.schemas.compatibility import violations
from kafkade.schemas.desired import Desired
from kafkade.schemas.findings import Violation
from kafkade.schemas.observe import (
    SubjectFacts,
    differs,
    known_level,
    level_changes,
    same_contract,
    target_level,
    unsets,
    unsupported,
)
from kafkade.schemas.parse import Parsed, parse
from kafkade.schemas.steps import Register, SetCompatibility, UnsetCompatibility

_SHOWN = 5
"""Violations named in one message."""


def plan(wanted: Desired, facts: SubjectFacts, status: Mapping[str, Any]) -> Plan:
    """Steps for one subject; an empty plan means: as declared."""
    drift = _drift(wanted, facts, status)
    try:
        _check_supported(wanted, facts, status)
        steps: tuple[Step, ...] = (*_level_steps(wanted, facts), *_register_steps(wanted, facts))
        if steps:
            _check_mode(wanted, facts, steps)
    except KafkadeError as error:
        return Plan(error=error, drift=drift)
    return Plan(steps, drift=drift)


def _check_supported(wanted: Desired, facts: SubjectFacts, status: Mapping[str, Any]) -> None:
    missing = unsupported(wanted, facts)
    dropped = facts.found is not None and not same_contract(wanted.body, facts.found)
    if missing is None and dropped and facts.flavour == "Unknown" and status.get("schemaHash") == wanted.hash:
        # registered once already, and what was stored came back without them
        missing = "this registry takes spec.metadata and spec.ruleSet and does not store them"
    if missing is not None:
        raise NotSupportedByCluster(f"subject {wanted.subject}: {missing}")


def _level_steps(wanted: Desired, facts: SubjectFacts) -> tuple[Step, ...]:
    if wanted.level is not None and facts.level != wanted.level.value:
        return (SetCompatibility(wanted.subject, facts.level, wanted.level.value, facts.other_settings),)
    if unsets(wanted, facts) and facts.level is not None:
        return (UnsetCompatibility(wanted.subject, facts.level, facts.other_settings),)
    return ()


def _register_steps(wanted: Desired, facts: SubjectFacts) -> tuple[Step, ...]:
    if not differs(wanted, facts):
        return ()
    if facts.source is None:
        raise InvalidSchema(f"subject {wanted.subject}: the schema's references were not read")
    new = parse(facts.source)
    if facts.invalid is not None:
        raise InvalidSchema(facts.invalid)
    if facts.latest is None:
        return (Register(wanted.subject, wanted.body, wanted.normalize),)
    if level_changes(wanted, facts):
        _gate(wanted, facts, new)
    elif facts.verdict is not None and not facts.verdict.compatible:
        raise IncompatibleSchema(_refused(wanted, facts, facts.verdict, new))
    return (Register(wanted.subject, wanted.body, wanted.normalize, facts.latest.version),)


def _check_mode(wanted: Desired, facts: SubjectFacts, steps: Sequence[Step]) -> None:
    """READONLY takes nothing; IMPORT and FORWARD take no schema without an id (Confluent, AbstractSchemaRegistry).

    Apicurio stores the mode and does not enforce it; it is respected all the same.
    """
    mode = facts.mode or "READWRITE"
    registers = any(isinstance(step, Register) for step in steps)
    if mode.startswith("READONLY") or (registers and mode != "READWRITE"):
        todo = ", ".join(step.verb for step in steps)
        raise RegistryReadOnly(
            f"subject {wanted.subject}: the registry's mode for it is {mode}, so it cannot {todo};"
            " set the mode to READWRITE in the registry"
        )


def _gate(wanted: Desired, facts: SubjectFacts, new: Parsed) -> None:
    level = target_level(wanted, facts)
    found = _local(level, new, facts)
    if found:
        raise IncompatibleSchema(
            f"subject {wanted.subject}: breaks {level}, which spec.compatibility is about to set: {_told(found)}"
            "; nothing was changed (to let the registry alone judge, change compatibility first and the schema after)"
        )


def _refused(wanted: Desired, facts: SubjectFacts, verdict: Verdict, new: Parsed) -> str:
    level = facts.level_in_force
    reasons = [_told(found)] if (found := _local(level, new, facts)) else []
    if verdict.messages:
        reasons.append(f"the registry says: {'; '.join(verdict.messages)}")
    text = "; ".join(reasons) or "the registry gives no reason"
    return (
        f"subject {wanted.subject}: not compatible under {level or 'the level in force'}: {text}; nothing was changed"
    )


def explain(wanted: Desired, facts: SubjectFacts) -> str:
    """Local reasons for a refusal that the registry gave when it was asked to register; empty when there are none."""
    if facts.source is None:
        return ""
    found = _local(target_level(wanted, facts), parse(facts.source), facts)
    return _told(found) if found else ""


def _local(level: str | None, new: Parsed, facts: SubjectFacts) -> tuple[Violation, ...]:
    known = known_level(level)
    if known is None:
        return ()
    old = []
    for version, source in facts.history:
        try:
            old.append((version, parse(source)))
        except InvalidSchema:
            continue  # what the registry took earlier by looser rules
    return violations(known, new, old)


def _told(found: Sequence[Violation]) -> str:
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(str(v) for v in found[:_SHOWN]) + more


def _drift(wanted: Desired, facts: SubjectFacts, status: Mapping[str, Any]) -> tuple[DriftFound, ...]:
    found: list[DriftFound] = []
    level = wanted.level.value if wanted.level else None
    if level is not None and status.get("compatibilitySet") == level and facts.level != level:
        found.append(DriftFound("compatibility", level, facts.level or "not set"))
    if status.get("schemaHash") == wanted.hash and differs(wanted, facts) and status.get("version") is not None:
        here = (
            "not registered" if facts.found is None else f"version {facts.found.version} with other references or rules"
        )
        found.append(DriftFound("version", str(status["version"]), here))
    newer = newer_version(wanted, facts)
    if newer is not None and facts.found is not None:
        found.append(DriftFound("latest", str(facts.found.version), str(newer)))
    return tuple(found)


def newer_version(wanted: Desired, facts: SubjectFacts) -> int | None:
    """The number of a version after the declared one, or None."""
    if facts.found is None or facts.latest is None or differs(wanted, facts):
        return None
    return facts.latest.version if facts.latest.version > facts.found.version else None


def differs_in_text(wanted: Desired, facts: SubjectFacts) -> bool:
    """Whether an Apicurio registry counts the declared Avro or JSON text equal to a stored one that says something else.

    Its look-up and its registering go by the canonical form, so that a change of doc alone makes no version (seen on 3.3.3).
    """
    if facts.flavour != "Apicurio" or facts.found is None or wanted.body.schema_type == "PROTOBUF":
        return False
    try:
        return bool(json.loads(facts.found.schema) != json.loads(wanted.body.schema))
    except ValueError:
        return False
