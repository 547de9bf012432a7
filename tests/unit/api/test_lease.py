"""A Lease as an object of the API, and its name as an option."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkade.api.lease import Lease, LeaseName

NAME = LeaseName("kafkade-system", "kafkade")
BODY: dict[str, Any] = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {
        "name": "kafkade",
        "namespace": "kafkade-system",
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "uid": "u1",
        "resourceVersion": "7",
    },
    "spec": {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:01:00.000000Z",
        "leaseTransitions": 3,
        "preferredHolder": "somebody's",
    },
}
NOW = "2026-01-01T00:02:00.000000Z"


def test_what_is_read_is_what_is_written() -> None:
    lease = Lease.from_body(BODY)
    assert lease.body() == BODY
    assert lease == Lease(
        NAME, "a", 15, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:01:00.000000Z", 3, uid="u1", version="7"
    )


def test_one_without_a_spec_is_held_by_nobody() -> None:
    assert Lease.from_body({"metadata": BODY["metadata"]}) == Lease(NAME, uid="u1", version="7")


def test_a_renewal_keeps_when_it_was_acquired() -> None:
    lease = Lease.from_body(BODY)
    assert lease.held_by("a", 15, NOW) == replace(lease, renewed=NOW)


def test_another_holder_is_a_transition() -> None:
    lease = Lease.from_body(BODY)
    taken = lease.held_by("b", 15, NOW)
    assert taken == replace(lease, holder="b", acquired=NOW, renewed=NOW, transitions=4)
    assert taken.body()["metadata"]["labels"] == BODY["metadata"]["labels"], "what is not kafkade's stays"
    assert taken.body()["spec"]["preferredHolder"] == "somebody's"


def test_a_new_one_has_no_version_and_no_transition() -> None:
    new = Lease(NAME).held_by("a", 15, NOW)
    assert new.transitions == 0
    assert new.body()["metadata"] == {"name": "kafkade", "namespace": "kafkade-system"}


def test_released() -> None:
    released = Lease.from_body(BODY).released(NOW).body()
    assert (released["spec"]["holderIdentity"], released["spec"]["leaseDurationSeconds"]) == ("", 1)
    assert released["metadata"]["resourceVersion"] == "7"


@pytest.mark.parametrize("text", ["kafkade-system/kafkade", "a/b", "team-1/kafkade.example"])
def test_names(text: str) -> None:
    assert str(LeaseName.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "kafkade", "a/", "/b", "a/b/c", "A/b", "a.b/c", "a/b_", "a b/c", "a/-b", "a/" + "b" * 254]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a namespace and the name of a Lease"):
        LeaseName.parse(text)
