"""What GitOps tools meet: the recorded objects are as the operator makes them, it writes where it may, and then nothing more."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.operator.conftest import World
from integration.operator.gitops_scenes import HELD, NAMESPACE, Scenes
from kafkade.api import GROUP, VERSION
from kafkade.api.kinds import KINDS
from kafkade.devstack.kubernetes import kubectl_environment
from support import records
from support.gitops import of_argo_cd
from support.kubernetes import current
from support.metrics import value
from support.records import Object, shape
from support.waiting import until

OPERATOR = "kafkade"
"""The operator's name in managedFields."""

QUIET = 8
"""Seconds without an event; the resync interval is three."""


@pytest.fixture(scope="module")
def scenes(world: World) -> Iterator[Scenes]:
    """Every state of every kind, in a namespace that is gone afterwards."""
    made = Scenes(world)
    made.ready()
    made.failed()
    made.reconciling()
    made.held()
    made.without_operator()
    made.blocked()
    yield made
    for kind in KINDS:
        for found in made.kubectl.list(kind):
            if found["spec"].get("paused"):
                made.patch(kind, found["metadata"]["name"], {"spec": {"paused": False}})
    made.kubectl.end()
    made.world.view.clear("gitops-")


def test_the_records_are_as_the_operator_makes_them(scenes: Scenes) -> None:
    """Written anew with KAFKADE_RECORD=1 in the environment."""
    if os.environ.get("KAFKADE_RECORD") == "1":
        records.write(scenes.records)
    kept = records.load()
    assert {name: shape(found) for name, found in scenes.records.items()} == {
        name: shape(found) for name, found in kept.items()
    }


def managed(found: Object) -> dict[str, set[str]]:
    """What the operator has written of an object, by subresource: the fields, down to the second level."""
    written: dict[str, set[str]] = {}
    for entry in found["metadata"]["managedFields"]:
        if entry["manager"] == OPERATOR:
            fields = written.setdefault(entry.get("subresource", ""), set())
            for first, below in entry["fieldsV1"].items():
                fields |= {f"{first}/{second}" for second in below} if first == "f:metadata" else {first}
    return written


@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_owns_status_and_finalizers_alone(scenes: Scenes, kind: str) -> None:
    raw = scenes.kubectl.run("-n", NAMESPACE, "get", kind.lower(), "-o", "json", "--show-managed-fields").stdout
    written: dict[str, set[str]] = {}
    for found in json.loads(raw)["items"]:
        if "ownerReferences" not in found["metadata"]:  # the specs of KafkaTopics that a policy made are its own
            for where, fields in managed(found).items():
                written.setdefault(where, set()).update(fields)
    assert written["status"] == {"f:status"}
    assert written.get("", set()) <= {"f:metadata/f:finalizers"}


def test_what_a_policy_makes_does_not_look_like_argos(scenes: Scenes) -> None:
    """Argo CD would take it for something that is in Git no more, and prune it."""
    policy = scenes.kubectl.get("KafkaDLQPolicy", "orders")
    assert policy is not None
    assert policy["metadata"]["annotations"].keys() >= {"argocd.argoproj.io/tracking-id"}
    topic = scenes.kubectl.get("KafkaTopic", "gitops-orders.dlq")
    config_map = scenes.kubectl.get("configmap", policy["status"]["configMap"])
    for child in (topic, config_map):
        assert child is not None
        assert child["metadata"]["ownerReferences"][0]["uid"] == policy["metadata"]["uid"]
        assert "annotations" not in child["metadata"]
        assert "app.kubernetes.io/instance" not in child["metadata"]["labels"]


def test_nothing_is_made_for_a_policy_in_deletion(scenes: Scenes) -> None:
    """A deletion in the foreground waits for what belongs to the policy; made again, it would wait for ever."""
    scenes.apply("KafkaTopic", "gitops-kept", {"clusterRef": {"name": "main"}})
    spec: dict[str, Any] = {"clusterRef": {"name": "main"}, "topics": ["gitops-kept"]}
    scenes.apply("KafkaDLQPolicy", "kept", spec, finalizers=[HELD])
    scenes.kubectl.wait_ready("KafkaDLQPolicy", "kept")
    scenes.kubectl.delete("KafkaDLQPolicy", "kept", wait=False)
    kept = {"namespace": NAMESPACE, "policy": "kept"}
    # of one that goes dead letters are not counted any more
    until(lambda: value(scenes.world.metrics, "kafkade_dlq_policy_counted", **kept) == 0, "its deletion is seen")
    scenes.kubectl.delete("KafkaTopic", "gitops-kept.dlq")
    time.sleep(5)
    assert scenes.kubectl.get("KafkaTopic", "gitops-kept.dlq") is None
    scenes.patch("KafkaDLQPolicy", "kept", {"metadata": {"finalizers": None}})
    until(lambda: scenes.kubectl.get("KafkaDLQPolicy", "kept") is None, "the policy is gone")
    scenes.kubectl.delete("KafkaTopic", "gitops-kept")


def test_in_a_steady_state_no_watch_sees_anything(scenes: Scenes) -> None:
    """Every event has Argo CD look at its Application anew: of resources that are well, that fail and that wait."""
    for kind, name in (("KafkaTopic", "gitops-payments"), ("KafkaTopic", "gitops-new")):
        scenes.kubectl.wait_for(kind, name, lambda o: current(o) and "reassignment" not in o["status"], "settled")
    scenes.kubectl.run("-n", NAMESPACE, "delete", "kafkadlqredrives", "running", "away", "--ignore-not-found")
    health = {**scenes.world.view.counts(), "offlinePartitions": 0, "underReplicatedPartitions": 0}
    for name in ("main", "gitops-new"):
        scenes.kubectl.wait_for("KafkaCluster", name, lambda o: health.items() <= o["status"].items(), "counted")
    time.sleep(5)
    watches = [watch(scenes, plural) for plural in (kind.plural for kind in KINDS.values())]
    seen = [line for process in watches for line in process.communicate(timeout=QUIET + 20)[0].splitlines()]
    assert [process.returncode for process in watches] == [0] * len(KINDS)
    assert seen == []


def test_what_deploy_gitops_declares_becomes_ready(world: World, tmp_path: Path) -> None:
    """Applied in the order of Argo CD's waves, then taken away in the opposite one."""
    kubectl = world.kubectl.at("gitops-shop")
    waves: dict[str, list[Object]] = {}
    for found in of_argo_cd(kubectl, tmp_path):
        waves.setdefault(found["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"], []).append(found)
    text = json.dumps([waves[wave] for wave in sorted(waves)])
    text = text.replace("kafka.kafka.svc:9092", world.kafka.bootstrap)
    ordered = json.loads(text.replace("http://apicurio.kafka.svc:8080/apis/ccompat/v7", world.registry.url))
    for wave in ordered:
        kubectl.apply(*wave)
        for found in wave:
            if found["kind"] in KINDS:
                kubectl.wait_ready(found["kind"], found["metadata"]["name"])
    assert world.view.partitions("user-events") == 6
    assert world.view.partitions("user-events.dlq") == 6
    for wave in reversed(ordered):
        for found in wave:
            kubectl.delete(found["kind"], found["metadata"]["name"])
    until(lambda: "user-events" not in world.view.known(), "no broker has it any more")
    assert world.view.exists("user-events.dlq"), "a policy that goes leaves its dead letters"
    world.view.delete("user-events.dlq", "order-events.dlq")


def watch(scenes: Scenes, plural: str) -> subprocess.Popen[str]:
    """A watch of a kind from now on, which ends after a while."""
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/{plural}"
    listed = json.loads(scenes.kubectl.run("get", "--raw", path).stdout)
    query = f"?watch=true&timeoutSeconds={QUIET}&resourceVersion={listed['metadata']['resourceVersion']}"
    return subprocess.Popen(
        [str(scenes.kubectl.binary), "get", "--raw", path + query],
        env=os.environ | kubectl_environment(scenes.kubectl.kubeconfig),
        stdout=subprocess.PIPE,
        text=True,
    )
