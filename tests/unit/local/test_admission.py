"""Without an API server: the tables whose verdicts tests/integration/api has from a real one."""

from __future__ import annotations

from typing import Any

import pytest

from integration.api.examples import EXAMPLES, MINIMAL, Spec
from integration.api.offline import problems
from integration.api.test_rules import CHANGED, CREATED, METADATA, SHAPES, TAKEN, TWICE, Case, Change
from kafkade.api.kinds import KINDS
from kafkade.local.admission import forbidden_changes, refusals


@pytest.mark.parametrize("case", CREATED, ids=lambda case: case.id)
def test_what_may_be_created(case: Case) -> None:
    found = problems(case.kind, case.spec, case.name)
    if case.refused is None:
        assert found == []
    else:
        assert len(found) == 1
        assert case.refused in found[0] or case.refused == TWICE


@pytest.mark.parametrize("change", CHANGED, ids=lambda change: change.id)
def test_what_may_be_changed(change: Change) -> None:
    found = [refusal.message for refusal in forbidden_changes(change.kind, "case", change.old, change.new)]
    assert bool(found) is (change.refused is not None)
    assert change.refused is None or any(change.refused in message for message in found)


@pytest.mark.parametrize(("kind", "fields", "what"), SHAPES)
def test_shapes_that_are_refused(kind: str, fields: Spec, what: str) -> None:
    assert len(problems(kind, MINIMAL[kind] | fields)) == 1, what


@pytest.mark.parametrize(("kind", "fields", "what"), TAKEN)
def test_shapes_that_are_taken(kind: str, fields: Spec, what: str) -> None:
    assert problems(kind, MINIMAL[kind] | fields) == [], what


@pytest.mark.parametrize(("what", "metadata"), METADATA)
def test_metadata_that_is_refused(what: str, metadata: dict[str, Any]) -> None:
    assert len(problems("KafkaTopic", MINIMAL["KafkaTopic"], **metadata)) == 1, what


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_specs_that_use_every_field_break_no_rule(kind: str) -> None:
    for spec in EXAMPLES[kind]:
        assert problems(kind, spec) == []
        assert forbidden_changes(kind, "case", spec, spec) == []


def test_a_rule_says_where_it_was_broken() -> None:
    references = [{"name": "a", "subject": "a", "version": 1}, {"name": "b"}]
    found = refusals("KafkaSchema", "case", MINIMAL["KafkaSchema"] | {"references": references})
    assert [str(refusal) for refusal in found] == [
        "spec.references[1]: a reference takes schemaRef, or subject and version"
    ]
