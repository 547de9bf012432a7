"""Values for every field of every kind, made from the schemas themselves, against the rules that `kafkade validate` has."""

from __future__ import annotations

import pytest

from kafkade.api.kinds import KINDS
from kafkade.api.objects import Key
from kafkade.local.admission import faults
from support.transitions.fields import Field, fields_of
from support.transitions.specs import choices, filled, having
from support.transitions.values import invalid

FIELDS = [field for kind in KINDS for field in fields_of(kind)]


def faults_of(field: Field, value: object) -> list[str]:
    spec = filled(
        having(field, value), me="me", bootstrap="kafka:9092", registry="http://registry:8081", namespace="shop"
    )
    return faults(Key(field.kind, "shop", "me"), spec)


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_a_field_has_a_value_that_is_taken(field: Field) -> None:
    """A new field whose values its schema does not tell needs an entry in support/transitions/values.py."""
    found = [faults_of(field, value) for value in choices(field)]
    assert [] in found, found


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_values_that_the_schema_does_not_allow_are_refused(field: Field) -> None:
    for value in invalid(field):
        assert faults_of(field, value), value
