"""Who may use a cluster, with which names, and which resources an operator sees at all."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.operator.conftest import World
from kafkade.devstack.helm import Helm
from kafkade.devstack.kubernetes import ControlPlane
from support.kubernetes import Kubectl, condition, manifest
from support.operator import OperatorProcess
from support.places import CHART
from support.snapshot import of_registry
from support.stack import install_crds, secret
from support.waiting import until

REF = {"name": "shared", "namespace": "infra"}


@pytest.fixture(scope="module")
def teams(world: World) -> Iterator[Kubectl]:
    """A cluster in namespace infra that lets in ``team-a`` by name and whoever is labelled ``tier: gold``."""
    kubectl = world.kubectl
    for name in ("infra", "team-a", "team-gold", "team-c"):
        kubectl.run("create", "namespace", name)
    kubectl.run("label", "namespace", "team-gold", "tier=gold")
    allowed = {
        "from": "Selected",
        "namespaces": [
            {"name": "team-a", "topicPrefixes": ["a-"], "subjectPrefixes": ["a-"]},
            {"selector": {"matchLabels": {"tier": "gold"}}, "topicPrefixes": ["gold-"]},
        ],
    }
    spec = {
        "bootstrapServers": world.kafka.bootstrap,
        "schemaRegistry": {"urls": [world.registry.url]},
        "topicDefaults": {"partitions": 1, "replicationFactor": 1},
        "allowedNamespaces": allowed,
        "resyncInterval": "2s",
    }
    kubectl.apply(manifest("KafkaCluster", "shared", spec, "infra"))
    kubectl.wait_ready("KafkaCluster", "shared", "infra")
    yield kubectl
    for name in ("team-a", "team-gold", "team-c", "infra"):
        kubectl.at(name).end()


CASES = [
    ("team-a", "a-orders", "Reconciled", ""),
    ("team-a", "b-orders", "NotAllowed", "start with a-"),
    ("team-gold", "gold-orders", "Reconciled", ""),
    ("team-gold", "a-orders2", "NotAllowed", "start with gold-"),
    ("team-c", "c-orders", "NotAllowed", "namespace team-c may not use KafkaCluster infra/shared"),
    ("infra", "whatever-it-likes", "Reconciled", ""),
]


@pytest.mark.parametrize(("namespace", "name", "reason", "text"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_names_and_namespaces(teams: Kubectl, world: World, namespace: str, name: str, reason: str, text: str) -> None:
    teams.apply(manifest("KafkaTopic", name, {"clusterRef": REF}, namespace))
    found = teams.wait_reason("KafkaTopic", name, reason, namespace)
    assert text in condition(found)["message"]
    assert world.view.exists(name) is (reason == "Reconciled")


def test_a_topic_of_another_namespace_can_neither_be_taken_nor_deleted(teams: Kubectl, world: World) -> None:
    teams.apply(manifest("KafkaTopic", "mine", {"clusterRef": REF, "topicName": "a-shared"}, "infra"))
    teams.wait_ready("KafkaTopic", "mine", "infra")
    thief = {"clusterRef": REF, "topicName": "a-shared", "adoptionPolicy": "Always", "config": {"retention.ms": 1}}
    teams.apply(manifest("KafkaTopic", "thief", thief, "team-a"))
    found = teams.wait_reason("KafkaTopic", "thief", "TopicConflict", "team-a")
    assert "infra/mine" in condition(found)["message"]
    assert world.view.config("a-shared") == {}
    teams.delete("KafkaTopic", "thief", "team-a")
    assert world.view.exists("a-shared")


def test_an_older_claim_of_a_namespace_that_is_not_let_in_holds_nothing(teams: Kubectl, world: World) -> None:
    teams.apply(manifest("KafkaTopic", "squatter", {"clusterRef": REF, "topicName": "gold-claims"}, "team-c"))
    teams.wait_reason("KafkaTopic", "squatter", "NotAllowed", "team-c")
    teams.apply(manifest("KafkaTopic", "claims", {"clusterRef": REF, "topicName": "gold-claims"}, "team-gold"))
    teams.wait_ready("KafkaTopic", "claims", "team-gold")
    assert world.view.exists("gold-claims")


def test_a_grant_taken_back_deletes_nothing(teams: Kubectl, world: World) -> None:
    teams.apply(manifest("KafkaTopic", "gold-late", {"clusterRef": REF}, "team-gold"))
    teams.wait_ready("KafkaTopic", "gold-late", "team-gold")
    cluster = teams.get("KafkaCluster", "shared", "infra")
    assert cluster is not None
    closed = {**cluster["spec"], "allowedNamespaces": {"from": "Same"}}
    teams.apply(manifest("KafkaCluster", "shared", closed, "infra"))
    try:
        teams.wait_reason("KafkaTopic", "gold-late", "NotAllowed", "team-gold")
        teams.delete("KafkaTopic", "gold-late", "team-gold")
        assert world.view.exists("gold-late")
        assert any(e["reason"] == "Kept" for e in teams.events("gold-late", "team-gold"))
    finally:
        teams.apply(manifest("KafkaCluster", "shared", cluster["spec"], "infra"))
        # whoever is refused next is to be refused by it
        teams.wait_ready("KafkaCluster", "shared", "infra")
        world.view.delete("gold-late")


def test_a_schema_pins_no_subject_of_others(teams: Kubectl, world: World) -> None:
    """A registry does not let its owner delete a subject that is referenced; kafkade would reference it in anybody's name."""

    def record(name: str, **fields: str) -> str:
        made = [{"name": field, "type": kind} for field, kind in fields.items()]
        return json.dumps({"type": "record", "name": name, "namespace": "tenancy", "fields": made})

    money = {"clusterRef": {"name": "shared"}, "subject": "finance-money", "schema": record("Money", n="int")}
    teams.apply(manifest("KafkaSchema", "money", {**money, "deletionPolicy": "HardDelete"}, "infra"))
    teams.wait_ready("KafkaSchema", "money", "infra")
    pinning = {
        "clusterRef": REF,
        "subject": "a-price",
        "schema": record("Price", money="tenancy.Money"),
        "references": [{"name": "tenancy.Money", "subject": "finance-money", "version": 1}],
        "deletionPolicy": "HardDelete",
    }
    teams.apply(manifest("KafkaSchema", "price", pinning, "team-a"))
    found = teams.wait_reason("KafkaSchema", "price", "NotAllowed", "team-a")
    assert "subject finance-money" in condition(found)["message"]
    teams.apply(manifest("KafkaSchema", "thief", {**pinning, "subject": "finance-money"}, "team-a"))
    teams.wait_reason("KafkaSchema", "thief", "NotAllowed", "team-a")
    teams.delete("KafkaSchema", "thief", "team-a")
    subjects = of_registry(world.registry.url)
    assert len(subjects["subject finance-money"]["versions"]) == 1
    assert "subject a-price" not in subjects
    teams.delete("KafkaSchema", "money", "infra")
    assert "subject finance-money" not in of_registry(world.registry.url), "its owner can delete it"


TREASURE = "corr3ct-h0rse-battery"


def test_a_secret_of_another_namespace_is_out_of_reach(teams: Kubectl, world: World) -> None:
    """Neither read nor sent to a broker, and nothing of one that is in reach shows."""
    teams.apply(secret("treasure", "infra", username="admin", password=TREASURE, ca_crt=TREASURE))
    teams.apply(secret("ours", "team-c", username="someone", ca_crt=TREASURE))
    sasl = {"mechanism": "PLAIN", "credentialsSecretRef": {"name": "treasure"}}
    cases: dict[str, tuple[dict[str, object], str, str]] = {
        "foreign": ({"sasl": sasl}, "SecretNotFound", "Secret team-c/treasure"),
        "traversal": (
            {"tls": {"caSecretRef": {"name": "ours", "key": "../infra/treasure"}}},
            "SecretNotFound",
            "no key",
        ),
        "no-pem": ({"tls": {"caSecretRef": {"name": "ours"}}}, "TLSFailed", "spec.tls"),
    }
    for name, (fields, reason, text) in cases.items():
        spec = {"bootstrapServers": world.kafka.bootstrap, **fields}
        teams.apply(manifest("KafkaCluster", name, spec, "team-c"))
        found = teams.wait_reason("KafkaCluster", name, reason, "team-c")
        assert text in condition(found)["message"], condition(found)
    namespaced = {**sasl, "credentialsSecretRef": {"name": "treasure", "namespace": "infra"}}
    spec = {"bootstrapServers": world.kafka.bootstrap, "sasl": namespaced}
    assert "namespace" in teams.apply_refused(manifest("KafkaCluster", "other", spec, "team-c"))
    told = [world.operator.log.read_text(errors="replace")]
    told += [json.dumps(teams.list(kind, "team-c")) for kind in ("events", "kafkaclusters")]
    with urllib.request.urlopen(f"http://{world.metrics}/metrics", timeout=5) as answer:
        told.append(answer.read().decode())
    assert not any(TREASURE in text for text in told)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ControlPlane]:
    """An API server of its own, since two operators must not share resources."""
    with ControlPlane() as control_plane:
        install_crds(control_plane)
        yield control_plane


@contextmanager
def installed(control_plane: ControlPlane, home: Path, value: str) -> Iterator[Path]:
    """The chart with a value, and its account's kubeconfig; uninstalled afterwards, since the next one has its name."""
    helm = Helm(home, control_plane.kubeconfig)
    release = ("kafkade", "--namespace", "kafkade-system")
    helm.run("install", *release, "--create-namespace", CHART, "--set", "crds.create=false", "--set", value)
    try:
        yield control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
    finally:
        helm.run("uninstall", *release)


@pytest.mark.parametrize("mode", ["one namespace", "label selector"])
def test_an_operator_sees_only_its_own(
    elsewhere: ControlPlane, world: World, tmp_path: Path, fresh: Callable[[], str], mode: str
) -> None:
    kubectl = Kubectl(elsewhere.kubeconfig)
    inside, outside = (f"{mode.split()[0]}-{side}" for side in ("in", "out"))
    for namespace in (inside, outside):
        kubectl.run("create", "namespace", namespace)
    labels = {"labels": {"shard": "blue"}}
    if mode == "one namespace":
        value, args = f"operator.watch.namespaces={{{inside}}}", ["--namespace", inside]
    else:
        value, args = "operator.watch.selector=shard=blue", ["--all-namespaces", "--selector", "shard=blue"]
    spec = {"bootstrapServers": world.kafka.bootstrap, "topicDefaults": {"partitions": 1, "replicationFactor": 1}}
    seen, unseen = fresh(), fresh()
    with (
        installed(elsewhere, tmp_path / "helm", value) as kubeconfig,
        OperatorProcess(kubeconfig, tmp_path / "operator.log", args),
    ):
        for namespace, name, meta in ((outside, unseen, {}), (inside, seen, labels)):
            kubectl.apply(manifest("KafkaCluster", "main", spec, namespace, **meta))
            kubectl.apply(manifest("KafkaTopic", name, {"clusterRef": {"name": "main"}}, namespace, **meta))
        kubectl.wait_ready("KafkaTopic", seen, inside)
        kubectl.run("-n", inside, "patch", "kafkatopic", seen, "--type=merge", "-p", '{"spec":{"partitions":2}}')
        kubectl.wait_for("KafkaTopic", seen, lambda o: o["status"].get("partitions") == 2, "grown", inside)
        untouched = kubectl.get("KafkaTopic", unseen, outside)
        assert untouched is not None
        assert untouched["status"] == {"observedGeneration": -1}
        assert not world.view.exists(unseen)
        kubectl.delete("KafkaTopic", seen, inside)
        until(lambda: not world.view.exists(seen), "the topic is gone")
