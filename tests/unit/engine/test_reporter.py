"""Whose outage is told: the KafkaCluster's, and of its resources only those that wait for something."""

from __future__ import annotations

from typing import Any

import pytest

from kafkade.api.conditions import Outcome, next_status
from kafkade.api.errors import ClusterUnreachable, InvalidConfig, KafkadeError
from kafkade.api.objects import Report, Resource
from kafkade.engine.reporter import _outage_of_neighbour

NOW = "2026-01-01T12:00:00Z"
DOWN = ClusterUnreachable("no broker answers")
WAS_READY = Outcome.done("as declared")
WAS_DOWN = Outcome.failed(DOWN)


def resource(kind: str, before: Outcome, seen: int, generation: int, deleted: str | None = None) -> Resource:
    meta: dict[str, Any] = {
        "namespace": "shop",
        "name": "a",
        "uid": "u",
        "resourceVersion": "1",
        "generation": generation,
    }
    status = next_status({}, seen, before, NOW)
    return Resource.from_body(kind, {"metadata": {**meta, "deletionTimestamp": deleted}, "spec": {}, "status": status})


SILENT = [
    ("as declared before", "KafkaTopic", WAS_READY, 1, 1, 1, None, DOWN, True),
    ("its spec changed since the look", "KafkaTopic", WAS_READY, 1, 2, 1, None, DOWN, True),
    ("deleted since the look", "KafkaTopic", WAS_READY, 1, 2, 1, NOW, DOWN, True),
    ("a new spec waits", "KafkaTopic", WAS_READY, 1, 2, 2, None, DOWN, False),
    ("a deletion waits", "KafkaTopic", WAS_READY, 1, 2, 2, NOW, DOWN, False),
    ("never was as declared", "KafkaTopic", WAS_DOWN, 1, 1, 1, None, DOWN, False),
    ("trouble of its own", "KafkaTopic", WAS_READY, 1, 1, 1, None, InvalidConfig("x"), False),
    ("the cluster itself", "KafkaCluster", WAS_READY, 1, 1, 1, None, DOWN, False),
]


@pytest.mark.parametrize(
    ("kind", "before", "seen", "generation", "looked_at", "deleted", "error", "silent"),
    [s[1:] for s in SILENT],
    ids=[s[0] for s in SILENT],
)
def test_who_says_nothing_of_an_outage(
    kind: str,
    before: Outcome,
    seen: int,
    generation: int,
    looked_at: int,
    deleted: str | None,
    error: KafkadeError,
    silent: bool,
) -> None:
    known = resource(kind, before, seen, generation, deleted)
    told = next_status(known.status, looked_at, Outcome.failed(error), NOW)
    assert _outage_of_neighbour(Report(known.key, told), known) is silent
