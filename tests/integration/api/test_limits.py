"""Every limit of every field against the real API server: just kept, and just broken."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.common import parse
from kafkade.api.crd import structural
from kafkade.api.errors import InvalidSpec
from kafkade.api.kinds import KINDS

from integration.api.client import Api
from integration.api.examples import EXAMPLES, MINIMAL
from integration.api.limits import Limit, declared, fields, limits

SCHEMAS: dict[str, dict[str, Any]] = {name: structural(kind.spec) for name, kind in KINDS.items()}
LIMITS = [limit for kind, schema in SCHEMAS.items() for limit in limits(kind, schema)]
VALID = [(kind, spec) for kind in KINDS for spec in [MINIMAL[kind], *EXAMPLES[kind]]]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_examples_use_every_field(kind: str) -> None:
    used = {name for spec in EXAMPLES[kind] for name, _, _, _ in fields(SCHEMAS[kind], spec)}
    assert set(declared(SCHEMAS[kind])) - used == set()


@pytest.mark.parametrize(("kind", "spec"), VALID)
def test_examples_are_let_in_and_come_back_as_they_were(api: Api, kind: str, spec: dict[str, Any]) -> None:
    """No default, nothing pruned: what GitOps tools compare must be what was applied."""
    with api.stored(kind, spec) as stored:
        assert stored["spec"] == spec
    parse(KINDS[kind].spec, spec)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.id)
def test_limit(api: Api, limit: Limit) -> None:
    if limit.kept is not None:
        answer = api.create(limit.kind, limit.kept, dry_run=True)
        assert answer.status == 201, answer.message
        parse(KINDS[limit.kind].spec, limit.kept)

    answer = api.create(limit.kind, limit.broken, dry_run=True)

    assert answer.status == 422, "the API server let it in"
    assert [cause for cause in answer.causes if cause.field == limit.cause and limit.message in cause.message], answer.causes
    with pytest.raises(InvalidSpec):
        parse(KINDS[limit.kind].spec, limit.broken)
