"""From what a registry holds to specs of KafkaSchemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kafkade.api.errors import AuthorizationFailed
from kafkade.api.schema import KafkaSchemaSpec
from kafkade.clients.registry_model import Flavour, Reference, Registered, SubjectConfig
from kafkade.exports.model import Exported, Target
from kafkade.exports.schemas import Held, Registry, chosen, of_topics, pretty, schema_drafts

TARGET = Target("shop", "main")
AVRO = '{"type":"record","name":"A","fields":[]}'


def registry(*subjects: str, flavour: Flavour = "Confluent", level: str | None = "BACKWARD") -> Registry:
    return Registry(flavour, level, subjects)


def held(config: SubjectConfig | None = None, **more: Any) -> Held:
    latest = Registered(**{"version": 2, "id": 1, "schema": AVRO, **more})
    return Held(latest, config, latest.schema)


def spec_of(found: Held, flavour: Flavour = "Confluent") -> tuple[dict[str, Any], list[str]]:
    exported = schema_drafts({"a-value": found}, registry(flavour=flavour), TARGET)
    (draft,) = exported.drafts
    KafkaSchemaSpec.model_validate(draft.spec)
    return dict(draft.spec), exported.notes


@pytest.mark.parametrize(
    ("flavour", "config", "level", "reason"),
    [
        ("Confluent", None, None, "it has none of its own"),
        ("Confluent", SubjectConfig("BACKWARD"), "BACKWARD", "its own, though the registry's is the same"),
        ("Apicurio", SubjectConfig("BACKWARD"), None, "it may be the registry's"),
        ("Apicurio", SubjectConfig("FULL"), "FULL", "it is not the registry's"),
        ("Confluent", SubjectConfig(None, ("normalize",)), None, "others than a level"),
    ],
)
def test_a_level_is_the_subjects_own(
    flavour: Flavour, config: SubjectConfig | None, level: str | None, reason: str
) -> None:
    assert spec_of(held(config), flavour)[0].get("compatibility") == level, reason


def test_what_no_spec_says_is_noted() -> None:
    assert (
        "normalize, alias of the subject's configuration"
        in spec_of(held(SubjectConfig("FULL", ("normalize", "alias"))))[1][0]
    )
    assert "does not know the level SOME_DAY" in spec_of(held(SubjectConfig("SOME_DAY")))[1][0]
    spec, notes = spec_of(held(references=None))
    assert "references" not in spec
    assert "its references are left out" in notes[0]


def test_metadata_and_rules_come_along_as_far_as_they_are_known() -> None:
    rule = {"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": "true", "onSuccess": None}
    spec, notes = spec_of(
        held(metadata={"properties": {"owner": "shop"}, "tags": None}, rule_set={"domainRules": [rule]})
    )
    assert spec["metadata"] == {"properties": {"owner": "shop"}}
    assert spec["ruleSet"]["domainRules"][0]["expr"] == "true"
    assert not notes
    spec, notes = spec_of(held(rule_set={"domainRules": [{**rule, "kind": "NEW"}]}))
    assert "ruleSet" not in spec
    assert "spec.ruleSet is left out: it has what kafkade does not know" in notes[0]


def test_sensitive_properties_are_not_written() -> None:
    metadata = {"properties": {"owner": "shop", "key": "hunter2"}, "sensitive": ["key", "absent"]}
    spec, notes = spec_of(held(metadata=metadata))
    assert "metadata" not in spec
    assert "hunter2" not in json.dumps(spec) + notes[0]
    assert "spec.metadata is left out: its properties key are sensitive" in notes[0]
    assert "metadata" in spec_of(held(metadata={**metadata, "sensitive": ["absent"]}))[0]


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (held(schema_type="OPENAPI"), "spec.schemaType of the KafkaSchema: Input should be"),
        (held(schema=""), "spec.schema"),
    ],
)
def test_what_would_be_refused_is_a_failure_and_no_resource(found: Held, fault: str) -> None:
    exported = schema_drafts({"a-value": found, "b-value": held()}, registry(), TARGET).checked()
    assert [draft.key.name for draft in exported.drafts] == ["b-value"]
    assert len(exported.failed) == 1
    assert exported.failed[0].startswith("KafkaSchema shop/a-value: ")
    assert fault in exported.failed[0]


def test_a_reference_names_the_schema_where_its_newest_version_is_meant() -> None:
    references = (Reference("A", "A-Subject", 2), Reference("B", "A-Subject", 1), Reference("C", "elsewhere", 3))
    found = schema_drafts(
        {"a-value": held(references=references), "A-Subject": held()}, registry("a-value", "A-Subject"), TARGET
    )
    spec = next(d.spec for d in found.drafts if d.key.name == "a-value")
    assert spec["references"] == [
        {"name": "A", "schemaRef": {"name": "a-subject"}},
        {"name": "B", "subject": "A-Subject", "version": 1},
        {"name": "C", "subject": "elsewhere", "version": 3},
    ]


def test_what_could_not_be_read_is_a_failure() -> None:
    found = schema_drafts({"a": AuthorizationFailed("no"), "b": None}, registry(), TARGET)
    assert (found.failed, found.drafts) == (["subject a: no"], [])
    assert found.notes == ["subject b: left out, it was deleted meanwhile"]


def test_other_contexts_and_a_registry_that_cuts_off_are_said() -> None:
    found = Exported()
    assert chosen(registry(":.eu:a", "b"), found) == ["b"]
    assert "of the contexts .eu are left out" in found.notes[0]
    chosen(registry(*(f"s{n}" for n in range(1000)), flavour="Apicurio"), found)
    assert "apicurio.ccompat.max-subjects" in found.failed[0]


def test_a_subject_belongs_to_the_topic_with_the_longest_name() -> None:
    subjects = ["orders-value", "orders-eu-value", "orders-com.acme.Order", "other", "or-key"]
    assert of_topics(subjects, ["orders"], ["orders", "orders-eu"]) == ["orders-value", "orders-com.acme.Order"]


@pytest.mark.parametrize(
    ("text", "kind", "changes", "reason"),
    [
        (AVRO, "AVRO", True, "compact, as Confluent holds it"),
        (json.dumps({"a": [1, 2]}), "JSON", True, "as Python writes it"),
        ('{\n"a": 1}', "JSON", False, "somebody's own form"),
        ('{"a":1.00}', "JSON", False, "a number that would be written otherwise"),
        ('{"a":1,"a":2}', "JSON", False, "a key twice"),
        ('"string"', "AVRO", False, "one word"),
        ("not json", "JSON", False, "what cannot be read"),
        ('message A {"a": 1}', "PROTOBUF", False, "no JSON"),
    ],
)
def test_text_on_one_line_is_broken_up_if_nothing_is_lost(text: str, kind: str, changes: bool, reason: str) -> None:
    found = pretty(text, kind)
    assert (found != text) is changes, reason
    if changes:
        assert json.loads(found) == json.loads(text)
