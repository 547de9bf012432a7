"""KafkaSchemas of the subjects that are there. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import SCHEMA
from kafkade.api.objects import Key
from kafkade.api.schema import Compatibility, KafkaSchemaSpec
from kafkade.clients.registry_model import Flavour, Registered, SubjectConfig
from kafkade.exports.model import Exported, Target
from kafkade.local.object_names import object_names
from kafkade.local.writing import Draft

_APICURIO_LIMIT = 1000
"""Subjects that Apicurio names at most unless apicurio.ccompat.max-subjects says otherwise."""


@dataclass(frozen=True, slots=True)
class Registry:
    """What holds for all subjects, and their names."""

    flavour: Flavour
    level: str | None
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a subject holds: its newest version, its own configuration, and the version's text for people."""

    latest: Registered
    config: SubjectConfig | None
    text: str


def chosen(registry: Registry, found: Exported) -> list[str]:
    """The subjects that can be exported; what cannot is noted in ``found``."""
    others = [name for name in registry.subjects if name.startswith(":")]
    if others:
        contexts = sorted({name.split(":")[1] for name in others})
        found.notes.append(
            f"{len(others)} subjects of the contexts {', '.join(contexts)} are left out: a KafkaCluster has the subjects of"
            " one context (spec.schemaRegistry.context)"
        )
    if registry.flavour == "Apicurio" and len(registry.subjects) == _APICURIO_LIMIT:
        found.failed.append(
            f"Apicurio names {_APICURIO_LIMIT} subjects at most, and there may be more: raise its"
            " apicurio.ccompat.max-subjects and export again"
        )
    return [name for name in registry.subjects if not name.startswith(":")]


def of_topics(subjects: Collection[str], chosen_topics: Collection[str], all_topics: Collection[str]) -> list[str]:
    """Subjects that the naming strategies TopicName and TopicRecordName give to these topics.

    With topics ``orders`` and ``orders-eu``, ``orders-eu-value`` is the latter's.
    """
    wanted, known = set(chosen_topics), set(all_topics)
    return [subject for subject in subjects if _topic_of(subject, known) in wanted]


def _topic_of(subject: str, topics: Collection[str]) -> str | None:
    head = subject
    while "-" in head:
        head = head.rpartition("-")[0]
        if head in topics:
            return head
    return None


def pretty(text: str, schema_type: str) -> str:
    """Avro and JSON Schema on several lines where they stand on one; text that would not come back equal is left."""
    if schema_type == "PROTOBUF" or "\n" in text:
        return text
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    forms = [
        json.dumps(parsed, separators=s, ensure_ascii=a) for s in ((",", ":"), (", ", ": ")) for a in (False, True)
    ]
    if not isinstance(parsed, dict | list) or text not in forms:
        return text
    return json.dumps(parsed, indent=2, ensure_ascii=False) + "\n"


def schema_drafts(held: Mapping[str, Held | KafkadeError | None], registry: Registry, target: Target) -> Exported:
    """A KafkaSchema for the newest version of each subject."""
    found = Exported()
    names = object_names(sorted(held))
    for subject, known in sorted(held.items()):
        if known is None:
            found.notes.append(f"subject {subject}: left out, it was deleted meanwhile")
        elif isinstance(known, KafkadeError):
            found.failed.append(f"subject {subject}: {known.message}")
        else:
            spec, notes = _spec(subject, known, held, names, registry, target)
            found.drafts.append(Draft(Key(SCHEMA, target.namespace, names[subject]), spec))
            found.notes += [f"subject {subject}: {note}" for note in notes]
    return found


def _spec(
    subject: str,
    known: Held,
    held: Mapping[str, Held | KafkadeError | None],
    names: Mapping[str, str],
    registry: Registry,
    target: Target,
) -> tuple[dict[str, Any], list[str]]:
    latest, notes = known.latest, list[str]()
    spec: dict[str, Any] = {"clusterRef": dict(target.cluster_ref), "subject": subject}
    if latest.schema_type != "AVRO":
        spec["schemaType"] = latest.schema_type
    level = _level(known.config, registry)
    if level is not None and level not in Compatibility.__members__:
        notes.append(f"spec.compatibility is left out: kafkade does not know the level {level}")
    elif level is not None:
        spec["compatibility"] = level
    if known.config is not None and known.config.others:
        notes.append(
            f"{', '.join(known.config.others)} of the subject's configuration stay as they are: no KafkaSchema says them"
        )
    if latest.references is None:
        notes.append("its references are left out: the registry does not tell them in a form that can be read")
    elif latest.references:
        spec["references"] = [_reference(r.name, r.subject, r.version, held, names) for r in latest.references]
    spec["schema"] = known.text
    for name, value in (("metadata", latest.metadata), ("ruleSet", latest.rule_set)):
        if value:
            spec |= _contract(name, value, notes)
    return spec, notes


def _level(config: SubjectConfig | None, registry: Registry) -> str | None:
    """The subject's own level. Apicurio names the registry's for a subject that has none."""
    if config is None or (registry.flavour == "Apicurio" and config.level == registry.level):
        return None
    return config.level


def _reference(
    name: str, subject: str, version: int, held: Mapping[str, Held | KafkadeError | None], names: Mapping[str, str]
) -> dict[str, Any]:
    """By the KafkaSchema where its newest version is meant, so that it is registered first; else by number."""
    other = held.get(subject)
    if isinstance(other, Held) and other.latest.version == version:
        return {"name": name, "schemaRef": {"name": names[subject]}}
    return {"name": name, "subject": subject, "version": version}


def _contract(name: str, value: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    told = _without_nulls(value)
    try:
        KafkaSchemaSpec.model_validate({"clusterRef": {"name": "x"}, "subject": "x", "schema": "x", name: told})
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False))
        notes.append(f"spec.{name} is left out: it has what kafkade does not know ({fields})")
        return {}
    secret = sorted(set(told.get("sensitive", ())) & told.get("properties", {}).keys()) if name == "metadata" else []
    if secret:
        notes.append(
            f"spec.metadata is left out: its properties {', '.join(secret)} are sensitive, and a KafkaSchema without them would"
            " register a version without them"
        )
        return {}
    return {name: told}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
