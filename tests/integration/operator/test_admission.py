"""A finalizer by the API server itself: on which topics, and whose these are then, also when the operator is killed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kafkade.api import ADMISSION_FINALIZER, ANNOTATION_TAKING, FINALIZER
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import MUTATING_POLICIES, MUTATING_POLICY, ControlPlane
from support.admission import STABLE, rendered
from support.audit import writes
from support.kafka import KafkaView
from support.kubernetes import Kubectl, condition, manifest, ready
from support.operator import OperatorProcess
from support.stack import Stack, install_crds, install_operator
from support.waiting import until

NAMESPACE = "shop"
LEARNS = 120
"""Seconds after which an API server is taken to know a kind's schema for its policies: it asks for those once a minute, and has
503 for KafkaTopics until then."""

SPEC = {"clusterRef": {"name": "main"}, "partitions": 1, "replicationFactor": 1}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server with the policy in force, and an operator with the chart's rights and nothing more."""
    home = tmp_path_factory.mktemp("admission")
    with ControlPlane(audit=True, api_server_flags=MUTATING_POLICIES) as control_plane:
        install_crds(control_plane)
        kubectl, kubeconfig = install_operator(control_plane)
        kubectl.apply(*rendered(home))
        kubectl.run("create", "namespace", NAMESPACE)
        until(lambda: in_force(kubectl), "the policy is in force", timeout=LEARNS)
        with OperatorProcess(kubeconfig, home / "operator.log") as operator:
            yield Stack(control_plane, kubectl, operator)


@pytest.fixture(scope="module")
def view(stack: Stack) -> Iterator[KafkaView]:
    """One broker, and KafkaCluster main for it."""
    with Kafka() as kafka:
        spec = {"bootstrapServers": kafka.bootstrap, "topicDefaults": {"replicationFactor": 1}, "resyncInterval": "2s"}
        stack.kubectl.apply(manifest("KafkaCluster", "main", spec))
        stack.kubectl.wait_ready("KafkaCluster", "main")
        yield KafkaView(kafka.bootstrap)
        stack.kubectl.end()


def in_force(kubectl: Kubectl) -> bool:
    """Whether the API server puts the finalizer on new topics by now."""
    try:
        return finalizers(dry(kubectl, "probe")) == [ADMISSION_FINALIZER]
    except AssertionError as refused:
        if "There can be a delay between when CustomResourceDefinitions are created" in str(refused):
            return False
        raise


def dry(kubectl: Kubectl, name: str, namespace: str = NAMESPACE, **more: Any) -> dict[str, Any]:
    """A KafkaTopic as the API server would store it."""
    meta = more.pop("meta", {})
    body = json.dumps(manifest("KafkaTopic", name, {**SPEC, **more}, namespace, **meta))
    done = kubectl.run("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=body)
    return dict(json.loads(done.stdout))


def finalizers(obj: dict[str, Any] | None) -> list[str]:
    """Of an object; none of one that is not there."""
    return [] if obj is None else list(obj["metadata"].get("finalizers", []))


def marks(stack: Stack) -> str | None:
    """The annotation of the KafkaCluster."""
    found = stack.kubectl.get("KafkaCluster", "main")
    assert found is not None
    return found["metadata"].get("annotations", {}).get(ANNOTATION_TAKING)


@pytest.mark.parametrize(
    ("spec", "before", "expected"),
    [
        pytest.param({}, [], [ADMISSION_FINALIZER], id="plain"),
        pytest.param(
            {"deletionPolicy": "Delete"}, ["other.io/x"], ["other.io/x", ADMISSION_FINALIZER], id="beside others"
        ),
        pytest.param({}, [ADMISSION_FINALIZER], [ADMISSION_FINALIZER], id="there already"),
        pytest.param({}, [FINALIZER], [ADMISSION_FINALIZER], id="a copy with kafkade's own"),
        pytest.param({"deletionPolicy": "Retain"}, [], [], id="Retain"),
        pytest.param({"managementPolicy": "Observe"}, [], [], id="Observe"),
        pytest.param({"paused": True}, [], [], id="paused"),
        pytest.param({"paused": True}, [FINALIZER, "other.io/x"], ["other.io/x"], id="paused, a copy"),
    ],
)
def test_which_topics_get_it(stack: Stack, spec: dict[str, Any], before: list[str], expected: list[str]) -> None:
    meta = {"finalizers": before} if before else {}
    assert finalizers(dry(stack.kubectl, "tried", meta=meta, **spec)) == expected


def test_the_chart_has_it_where_the_api_server_does(tmp_path: Path) -> None:
    assert rendered(tmp_path, served=()) == []
    assert {o["apiVersion"] for o in rendered(tmp_path)} == {"admissionregistration.k8s.io/v1beta1"}
    assert {o["apiVersion"] for o in rendered(tmp_path, served=(MUTATING_POLICY, STABLE))} == {
        "admissionregistration.k8s.io/v1"
    }
    for off in ("operator.admission.finalizer=false", "operator.watch.selector=a=b", "operator.enabled=false"):
        assert rendered(tmp_path, "--set", off.replace("=b", "\\=b")) == [], off
    policy, _ = rendered(tmp_path, "--set", "operator.watch.namespaces={shop,pay}")
    (expression,) = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert expression == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop", "pay"]}


def test_only_in_the_namespaces_that_are_watched(stack: Stack, tmp_path: Path) -> None:
    """Elsewhere nobody would take it off."""
    stack.kubectl.run("create", "namespace", "elsewhere")
    stack.kubectl.apply(*rendered(tmp_path, "--set", f"operator.watch.namespaces={{{NAMESPACE}}}"))
    until(lambda: finalizers(dry(stack.kubectl, "n", "elsewhere")) == [], "not in another namespace")
    assert finalizers(dry(stack.kubectl, "n")) == [ADMISSION_FINALIZER]
    stack.kubectl.run("delete", "mutatingadmissionpolicies", "kafkade-finalizer")
    stack.kubectl.apply(*rendered(tmp_path))
    until(lambda: finalizers(dry(stack.kubectl, "n", "elsewhere")) == [ADMISSION_FINALIZER], "everywhere again")


def test_one_announcement_for_all_and_a_status_each(stack: Stack, view: KafkaView) -> None:
    names = [f"many-{n}" for n in range(30)]
    stack.operator.kill()
    stack.kubectl.apply(*(manifest("KafkaTopic", n, SPEC) for n in names))
    before = len(writes(stack.control_plane))
    stack.operator.start()  # which lists all of them at once
    for name in names:
        found = stack.kubectl.wait_ready("KafkaTopic", name)
        assert finalizers(found) == [ADMISSION_FINALIZER]
        assert "topicAnnounced" not in found["status"]
    until(lambda: marks(stack) is None, "the marks are taken away")

    def written() -> list[tuple[str, str, str]]:
        return [(e.verb, e.resource, e.subresource) for e in writes(stack.control_plane)][before:]

    cluster = ("patch", "kafkaclusters", "")
    # one before anything is made, and one that takes the marks away, which the audit log has after its effect
    until(lambda: written().count(cluster) >= 2, "both are in the audit log")
    # twice, should they come in two batches
    assert written().count(cluster) <= 4
    statuses = written().count(("patch", "kafkatopics", "status"))
    # should the first of them come alone, they are announced each in its status
    assert len(names) <= statuses <= len(names) + 4
    assert ("patch", "kafkatopics", "") not in written()
    stack.kubectl.run("-n", NAMESPACE, "delete", "kafkatopics", *names, "--timeout=60s")
    until(lambda: not set(view.topics()) & set(names), "they are deleted with their resources")


def test_deleted_before_the_operator_saw_it(stack: Stack, view: KafkaView) -> None:
    """Nothing was done for it, so nothing is deleted, and it goes."""
    view.create("by-hand")
    stack.operator.kill()
    try:
        stack.kubectl.apply(manifest("KafkaTopic", "by-hand", SPEC))
        stack.kubectl.delete("KafkaTopic", "by-hand", wait=False)
        assert finalizers(stack.kubectl.get("KafkaTopic", "by-hand")) == [ADMISSION_FINALIZER]
    finally:
        stack.operator.start()
    until(lambda: stack.kubectl.get("KafkaTopic", "by-hand") is None, "it is let go")
    assert "by-hand" in view.topics()


def test_a_topic_of_somebody_else_stays_so(stack: Stack, view: KafkaView) -> None:
    view.create("theirs")
    stack.kubectl.apply(manifest("KafkaTopic", "theirs", {**SPEC, "partitions": 7}))
    stack.kubectl.wait_reason("KafkaTopic", "theirs", "AdoptionRefused")
    stack.kubectl.delete("KafkaTopic", "theirs")
    assert view.partitions("theirs") == 3


@pytest.mark.timeout(400)
def test_killed_at_random_points_each_topic_is_its_makers(stack: Stack, view: KafkaView) -> None:
    """With Never, what the operator made and did not know any more would be refused, and what others made never taken."""
    chance = random.Random()
    theirs = {f"storm-{n}" for n in range(0, 120, 10)}
    for name in theirs:
        view.create(name)
    ids = {name: view.topic_id(name) for name in theirs}
    names = [f"storm-{n}" for n in range(120)]
    for start in range(0, 120, 60):
        spec = {**SPEC, "adoptionPolicy": "Never"}
        stack.kubectl.apply(*(manifest("KafkaTopic", n, spec) for n in names[start : start + 60]))
        for _ in range(2):
            made = len(view.topics())
            # as soon as there are more topics: after CreateTopics, before the statuses, as often as not
            with suppress(AssertionError):
                until(lambda made=made: len(view.topics()) > made, "topics are made", timeout=chance.uniform(0.3, 3))
            stack.operator.kill()
            stack.operator.start()
    until(lambda: settled(stack, names, theirs) == [], lambda: str(settled(stack, names, theirs)[:5]), timeout=90)
    for name in names:
        found = stack.kubectl.get("KafkaTopic", name) if name in theirs else None
        assert found is None or "topicId" not in found["status"]
    stack.kubectl.run("-n", NAMESPACE, "delete", "kafkatopics", *names, "--timeout=90s")
    assert {name: view.topic_id(name) for name in theirs} == ids
    # the broker hears of the last deletions a moment after the controller
    until(lambda: {n for n in view.topics() if n.startswith("storm-")} <= theirs, "the others are deleted")
    assert {n for n in view.topics() if n.startswith("storm-")} == theirs


def settled(stack: Stack, names: list[str], theirs: set[str]) -> list[tuple[str, str]]:
    """Names and reasons of those that are not as they shall be in the end."""
    found = {o["metadata"]["name"]: o for o in stack.kubectl.list("KafkaTopic")}
    wrong = []
    for name in names:
        reason = condition(found[name])["reason"] if name in found else "absent"
        if (name in theirs and reason != "AdoptionRefused") or (name not in theirs and ready(found[name]) != "True"):
            wrong.append((name, reason))
    return wrong
