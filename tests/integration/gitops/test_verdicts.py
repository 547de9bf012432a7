"""What Argo CD, kstatus and Flux say of each state, by their own packages, on objects recorded from the running operator."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from kafkade.api import API_VERSION
from kafkade.api.kinds import KINDS
from kafkade.devstack import gitops
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.gitops import Verdicts
from support import records
from support.kubernetes import condition
from support.places import DEPLOY
from support.records import Name, Object

# state: Argo CD's health, kstatus, Flux's healthCheckExprs, and the kinds that it is recorded of
EVERY = tuple(KINDS)
VERDICTS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "new": ("Progressing", "InProgress", "InProgress", EVERY),
    "reconciling": ("Progressing", "InProgress", "InProgress", EVERY),
    "unreachable": ("Progressing", "InProgress", "InProgress", EVERY),
    "failed": ("Degraded", "Failed", "Failed", EVERY),
    "ready": ("Healthy", "Current", "Current", EVERY),
    "stale": ("Progressing", "InProgress", "InProgress", EVERY),
    "paused": ("Suspended", "InProgress", "InProgress", EVERY),
    "observed": ("Suspended", "InProgress", "InProgress", ("KafkaTopic",)),
    "cancelled": ("Healthy", "Current", "Current", ("KafkaDLQRedrive",)),
    "deleting": ("Progressing", "Terminating", "InProgress", EVERY),
    "blocked": ("Progressing", "Terminating", "InProgress", ("KafkaSchema",)),
}
RECORDS = [(kind, state) for state, (*_, kinds) in VERDICTS.items() for kind in kinds]


def health_scripts() -> dict[str, str]:
    """Argo CD's Lua as argocd-cm.yaml has it, by group/Kind."""
    prefix = "resource.customizations.health."
    data = yaml.safe_load((DEPLOY / "argocd" / "argocd-cm.yaml").read_text())["data"]
    # as Argo CD reads the keys: the last underscore parts group and kind
    return {
        "/".join(key.removeprefix(prefix).rsplit("_", 1)): text for key, text in data.items() if key.startswith(prefix)
    }


def health_checks() -> list[dict[str, Any]]:
    """healthCheckExprs of all Kustomizations in deploy/flux."""
    documents = yaml.safe_load_all((DEPLOY / "flux" / "resources.yaml").read_text())
    return [check for document in documents for check in document["spec"]["healthCheckExprs"]]


def ask(*objects: Object) -> list[Verdicts]:
    """What the tools say."""
    return gitops.verdicts(objects, health_scripts(), health_checks())


@pytest.fixture(scope="module")
def kept() -> dict[Name, Object]:
    """The recorded objects."""
    return records.load()


@pytest.fixture(scope="module")
def verdicts(kept: dict[Name, Object]) -> dict[Name, Verdicts]:
    """What the tools say of them."""
    return dict(zip(kept, ask(*kept.values()), strict=True))


def test_every_state_of_every_kind_is_recorded(kept: dict[Name, Object]) -> None:
    assert sorted(kept) == sorted(RECORDS)
    assert all((found["kind"], found["apiVersion"]) == (kind, API_VERSION) for (kind, _), found in kept.items())


@pytest.mark.parametrize(("kind", "state"), RECORDS, ids=[f"{kind}-{state}" for kind, state in RECORDS])
def test_verdict(verdicts: dict[Name, Verdicts], kept: dict[Name, Object], kind: str, state: str) -> None:
    said = verdicts[kind, state]
    assert (said.argo.status, said.kstatus.status, said.flux.status) == VERDICTS[state][:3]
    found = kept[kind, state]
    ready = condition(found)
    if state in ("new", "stale"):
        assert said.argo.message == "kafkade has not looked at this generation yet"
    elif state == "deleting":
        assert said.argo.message == f"Pending deletion; blocked by finalizers: {found['metadata']['finalizers'][0]}"
    elif state == "blocked":
        assert said.argo.message == f"Pending deletion; {ready['reason']}: {ready['message']}"
    else:
        assert said.argo.message == f"{ready['reason']}: {ready['message']}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_old_condition_passes(kept: dict[Name, Object], kind: str) -> None:
    """Whichever generation lags behind: the status' or that of a condition."""
    behind = []
    for state in ("ready", "failed"):
        for path in ("status", "conditions"):
            found = copy.deepcopy(kept[kind, state])
            for part in [found["status"]] if path == "status" else found["status"]["conditions"]:
                part["observedGeneration"] -= 1
            behind.append(found)
        bare = copy.deepcopy(kept[kind, state])
        del bare["status"]["conditions"]
        behind.append(bare)
    said = ask(*behind)
    assert {(v.argo.status, v.flux.status) for v in said} == {("Progressing", "InProgress")}


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_is_not_ready(kept: dict[Name, Object], kind: str) -> None:
    """However well it is in its last moments."""
    leaving = copy.deepcopy(kept[kind, "ready"])
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    (said,) = ask(leaving)
    assert (said.argo.status, said.kstatus.status, said.flux.status) == VERDICTS["deleting"][:3]


APPLICATIONS = [
    ({}, "Progressing"),
    ({"status": {}}, "Progressing"),
    ({"status": {"health": {"status": "Missing"}}}, "Missing"),
    ({"status": {"health": {"status": "Degraded", "message": "why"}}}, "Degraded"),
    ({"status": {"health": {"status": "Healthy"}}}, "Healthy"),
]


@pytest.mark.parametrize(("more", "health"), APPLICATIONS)
def test_an_application_of_applications_waits(more: dict[str, Any], health: str) -> None:
    application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}, **more}
    check = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "current": "true"}
    (said,) = gitops.verdicts([application], health_scripts(), [check])
    assert said.argo.status == health


def test_what_argo_or_flux_refuse_is_an_error(kept: dict[Name, Object]) -> None:
    found = kept["KafkaTopic", "ready"]
    with pytest.raises(DevStackError, match="Argo CD has no health script"):
        gitops.verdicts([found], {}, health_checks())
    with pytest.raises(DevStackError, match="healthCheckExprs"):
        gitops.verdicts([found], health_scripts(), [])
    with pytest.raises(DevStackError, match="duplicate custom health check"):
        gitops.verdicts([found], health_scripts(), [*health_checks(), *health_checks()])
