"""Brings resources of each kind into each state that a GitOps tool can meet, and reads them as they are then."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from integration.operator.conftest import World
from kafkade.api.kinds import KINDS
from kafkade.devstack.ports import HOST, free_port
from support.kubernetes import condition, current, manifest
from support.letters import letter, write
from support.places import DEPLOY
from support.records import Name, Object
from support.waiting import until

NAMESPACE = "gitops"
HELD = "example.org/held"
"""A finalizer of somebody else."""

ARGO = {
    "labels": {"app.kubernetes.io/instance": "kafka-resources"},
    "annotations": {"argocd.argoproj.io/tracking-id": "kafka-resources:kafkade.io/KafkaDLQPolicy:gitops/orders"},
}
"""What Argo CD puts on what it applies."""

MAIN = {"clusterRef": {"name": "main"}}
AWAY = {"clusterRef": {"name": "away"}}
TEXT = '{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}'


class Scenes:
    """Resources in a namespace of their own. ``records``: what was read, by kind and state."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kubectl = world.kubectl.at(NAMESPACE)
        self.records: dict[Name, Object] = {}

    # --- means ---------------------------------------------------------------------------------

    def apply(self, kind: str, name: str, spec: Mapping[str, Any], **meta: Any) -> None:
        """Apply one."""
        self.kubectl.apply(manifest(kind, name, spec, NAMESPACE, **meta))

    def keep(self, kind: str, state: str, name: str, holds: Callable[[Object], bool] = lambda _: True) -> None:
        """Read one when ``holds`` does, and keep it as a record."""
        found = self.kubectl.wait_for(kind, name, holds, state, timeout=60)
        self.records[kind, state] = found

    def keep_reason(self, kind: str, state: str, name: str, reason: str) -> None:
        """Keep one when its Ready condition has a reason."""
        self.keep(kind, state, name, lambda o: current(o) and condition(o)["reason"] == reason)

    def letters(self, topic: str, count: int) -> None:
        """A dead-letter topic made by hand, with letters in it."""
        self.world.view.create(topic, 1)
        write(self.world.kafka.bootstrap, topic, (letter(number, "gitops-orders") for number in range(count)))

    # --- scenes --------------------------------------------------------------------------------

    def ready(self) -> None:
        """All as declared."""
        self.kubectl.run("create", "namespace", NAMESPACE)
        self.kubectl.run("apply", "--server-side", "-n", NAMESPACE, "-f", str(DEPLOY / "rbac" / "bindings.yaml"))
        self.apply("KafkaCluster", "main", self.main_cluster())
        self.keep("KafkaCluster", "ready", "main", lambda o: _is_ready(o) and _is_described(o))
        for name in ("gitops-orders", "gitops-payments", "gitops-leaving"):
            self.apply("KafkaTopic", name, {**MAIN, "replicationFactor": 1})
            self.kubectl.wait_ready("KafkaTopic", name)
        self.keep("KafkaTopic", "ready", "gitops-orders", _is_ready)
        self.apply("KafkaSchema", "order", {**MAIN, "subject": "gitops-order", "schema": TEXT})
        self.keep("KafkaSchema", "ready", "order", _is_ready)
        self.apply("KafkaDLQPolicy", "orders", {**MAIN, "topics": ["gitops-orders"]}, **ARGO)
        self.keep("KafkaDLQPolicy", "ready", "orders", lambda o: _is_ready(o) and "depth" in o["status"])
        self.apply("KafkaServiceBinding", "orders", {**MAIN, "consumes": [{"topicRef": {"name": "gitops-orders"}}]})
        self.keep("KafkaServiceBinding", "ready", "orders", _is_ready)
        self.letters("gitops-done.dlq", 5)
        self.redrive("done", "gitops-done.dlq", destination={"topic": "gitops-orders"})
        self.keep("KafkaDLQRedrive", "ready", "done", lambda o: _is_ready(o) and not o["metadata"].get("finalizers"))

    def main_cluster(self) -> dict[str, Any]:
        """Its spec. The throttle lets a reassignment be seen."""
        return {
            "bootstrapServers": self.world.kafka.bootstrap,
            "schemaRegistry": {"urls": [self.world.registry.url]},
            "topicDefaults": {"partitions": 1, "replicationFactor": 3},
            "reassignment": {"throttleBytesPerSecond": 50_000},
            "resyncInterval": "2s",
        }

    def redrive(self, name: str, topic: str, **spec: Any) -> None:
        """Apply a redrive of a topic."""
        self.apply("KafkaDLQRedrive", name, {"clusterRef": {"name": "main"}, "source": {"topic": topic}, **spec})

    def failed(self) -> None:
        """What only a change can help; and what waits for a Kafka that is not there."""
        static = {**self.main_cluster(), "brokerConfig": {"log.dirs": "/elsewhere"}}
        self.apply("KafkaCluster", "static", static)
        self.apply("KafkaTopic", "misspelt", {**MAIN, "config": {"retention.sm": 1}})
        self.apply("KafkaSchema", "broken", {**MAIN, "subject": "gitops-broken", "schema": '{"type": "rekord"}'})
        self.apply("KafkaDLQPolicy", "too-late", {**MAIN, "topics": ["gitops-orders"], "suffix": ".dead"})
        self.apply("KafkaCluster", "away", {"bootstrapServers": f"{HOST}:{free_port()}", "resyncInterval": "2s"})
        self.apply("KafkaTopic", "away", AWAY)
        self.apply("KafkaSchema", "away", {**AWAY, "subject": "gitops-away", "schema": TEXT})
        self.apply("KafkaDLQPolicy", "away", {**AWAY, "topics": ["gitops-away"]})
        self.apply("KafkaDLQRedrive", "away", {**AWAY, "source": {"topic": "gitops-away.dlq"}})
        self.apply("KafkaServiceBinding", "away", {**AWAY, "produces": [{"topic": "gitops-away"}]})
        # every topic with that prefix would be one of Kafka's own, too
        self.apply("KafkaServiceBinding", "too-much", {**MAIN, "consumes": [{"prefix": "__"}]})
        self.keep_reason("KafkaServiceBinding", "failed", "too-much", "NamingRefused")
        self.keep(
            "KafkaCluster",
            "failed",
            "static",
            lambda o: current(o) and condition(o)["reason"] == "StaticBrokerConfig" and _is_described(o),
        )
        self.keep_reason("KafkaTopic", "failed", "misspelt", "InvalidConfig")
        self.keep_reason("KafkaSchema", "failed", "broken", "InvalidSchema")
        self.keep_reason("KafkaDLQPolicy", "failed", "too-late", "PolicyConflict")
        for kind in KINDS:
            self.keep_reason(kind, "unreachable", "away", "ClusterUnreachable")

    def reconciling(self) -> None:
        """At work, or waiting for another resource."""
        tls = {**self.main_cluster(), "tls": {"caSecretRef": {"name": "not-there"}}}
        self.apply("KafkaCluster", "no-secret", tls)
        reference = [{"name": "Broken", "schemaRef": {"name": "broken"}}]
        self.apply(
            "KafkaSchema", "refers", {**MAIN, "subject": "gitops-refers", "schema": TEXT, "references": reference}
        )
        # its KafkaTopic waits for brokers that there are not
        template = {"replicationFactor": 9}
        self.apply("KafkaDLQPolicy", "waits", {**MAIN, "topics": ["gitops-payments"], "deadLetterTopics": template})
        missing = {**MAIN, "consumes": [{"topic": "gitops-orders"}], "dlqPolicyRef": {"name": "not-there"}}
        self.apply("KafkaServiceBinding", "waits", missing)
        self.letters("gitops-running.dlq", 500)
        self.redrive("running", "gitops-running.dlq", rateLimit=1, destination={"topic": "gitops-orders"})
        self.letters("gitops-ends.dlq", 500)
        self.redrive("ends", "gitops-ends.dlq", rateLimit=1, destination={"topic": "gitops-orders"})
        heavy = (letter(number, "gitops-payments", size=10_000) for number in range(40))
        write(self.world.kafka.bootstrap, "gitops-payments", heavy)
        self.apply("KafkaTopic", "gitops-payments", {**MAIN, "replicationFactor": 3})
        self.keep_reason("KafkaTopic", "reconciling", "gitops-payments", "Reassigning")
        self.keep_reason("KafkaCluster", "reconciling", "no-secret", "SecretNotFound")
        self.keep_reason("KafkaSchema", "reconciling", "refers", "ReferenceNotReady")
        self.keep_reason("KafkaDLQPolicy", "reconciling", "waits", "NotEnoughBrokers")
        self.keep_reason("KafkaServiceBinding", "reconciling", "waits", "PolicyNotReady")
        self.keep("KafkaDLQRedrive", "reconciling", "running", _has_moved)
        self.kubectl.wait_for("KafkaDLQRedrive", "ends", _has_moved, "at work")

    def held(self) -> None:
        """Nobody is to work on them, or no more."""
        for kind, spec in self.specs("gitops-paused").items():
            self.apply(kind, "gitops-paused", {**spec, "paused": True})
            self.keep_reason(kind, "paused", "gitops-paused", "Paused")
        self.apply("KafkaTopic", "gitops-watched", {**MAIN, "managementPolicy": "Observe"})
        self.keep_reason("KafkaTopic", "observed", "gitops-watched", "Observed")
        self.redrive("stopped", "gitops-stopped.dlq", cancel=True)
        self.keep_reason("KafkaDLQRedrive", "cancelled", "stopped", "Cancelled")

    def specs(self, name: str) -> dict[str, dict[str, Any]]:
        """A plain one of each kind."""
        return {
            "KafkaCluster": self.main_cluster(),
            "KafkaTopic": MAIN,
            "KafkaSchema": {**MAIN, "subject": name, "schema": TEXT},
            "KafkaDLQPolicy": {**MAIN, "topics": [f"{name}-events"]},
            "KafkaDLQRedrive": {**MAIN, "source": {"topic": f"{name}.dlq"}},
            "KafkaServiceBinding": {**MAIN, "produces": [{"topic": f"{name}-events"}]},
        }

    def without_operator(self) -> None:
        """What is applied, changed and deleted while nobody looks."""
        self.apply(
            "KafkaSchema",
            "leaves",
            {**MAIN, "subject": "gitops-leaves", "schema": TEXT, "deletionPolicy": "SoftDelete"},
        )
        self.kubectl.wait_ready("KafkaSchema", "leaves")
        self.world.operator.stop()
        for kind, spec in self.specs("gitops-new").items():
            self.apply(kind, "gitops-new", spec)
            self.keep(kind, "new", "gitops-new")
        changes: dict[Name, dict[str, Any]] = {
            ("KafkaCluster", "main"): {"resyncInterval": "3s"},
            ("KafkaTopic", "gitops-orders"): {"partitions": 2},
            ("KafkaSchema", "order"): {"compatibility": "FULL"},
            ("KafkaDLQPolicy", "orders"): {"alert": {"depth": 100}},
            ("KafkaServiceBinding", "orders"): {"serviceName": "orders-of-all"},
            ("KafkaDLQRedrive", "done"): {"ttlSecondsAfterFinished": 86400},
        }
        for (kind, name), change in changes.items():
            self.patch(kind, name, {"spec": change})
            self.keep(kind, "stale", name)
        # a policy without share groups has nothing to take back, so it is somebody else who holds it
        self.patch("KafkaDLQPolicy", "too-late", {"metadata": {"finalizers": [HELD]}})
        self.patch("KafkaServiceBinding", "too-much", {"metadata": {"finalizers": [HELD]}})
        leaving = {
            "KafkaCluster": "static",
            "KafkaTopic": "gitops-leaving",
            "KafkaSchema": "leaves",
            "KafkaDLQPolicy": "too-late",
            "KafkaDLQRedrive": "ends",
            "KafkaServiceBinding": "too-much",
        }
        for kind, name in leaving.items():
            self.kubectl.delete(kind, name, wait=False)
            self.keep(kind, "deleting", name, lambda o: "deletionTimestamp" in o["metadata"])
        self.patch("KafkaDLQPolicy", "too-late", {"metadata": {"finalizers": None}})
        self.patch("KafkaServiceBinding", "too-much", {"metadata": {"finalizers": None}})
        self.world.view.delete("gitops-running.dlq")
        self.world.view.create("gitops-running.dlq", 1)
        self.world.operator.start()
        self.keep("KafkaDLQRedrive", "failed", "running", _has_failed)

    def blocked(self) -> None:
        """A deletion that waits, and says for what."""
        gone = {**MAIN, "deletionPolicy": "HardDelete"}
        self.apply("KafkaSchema", "base", {**gone, "subject": "gitops-base", "schema": TEXT})
        self.kubectl.wait_ready("KafkaSchema", "base")
        reference = [{"name": "Order", "schemaRef": {"name": "base"}}]
        using = {**gone, "subject": "gitops-using", "schema": '["null", "Order"]', "references": reference}
        self.apply("KafkaSchema", "using", using)
        self.kubectl.wait_ready("KafkaSchema", "using")
        self.kubectl.delete("KafkaSchema", "base", wait=False)
        self.keep_reason("KafkaSchema", "blocked", "base", "ReferencedBy")
        self.kubectl.delete("KafkaSchema", "using")
        until(lambda: self.kubectl.get("KafkaSchema", "base") is None, "the schema is gone")

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        """Merge a change."""
        self.kubectl.run("-n", NAMESPACE, "patch", kind.lower(), name, "--type=merge", "-p", json.dumps(change))


def _is_ready(found: Object) -> bool:
    return condition(found)["status"] == "True" and current(found)


def _is_described(found: Object) -> bool:
    """With what the cluster can do, which stays open where the brokers do not answer that question at once."""
    return "metadataVersion" in found["status"]


def _has_moved(found: Object) -> bool:
    return bool((found["status"].get("counts") or {}).get("moved")) and condition(found)["reason"] == "Redriving"


def _has_failed(found: Object) -> bool:
    """With its group cleaned up, after which the finalizer goes."""
    return found["status"].get("phase") == "Failed" and current(found) and not found["metadata"].get("finalizers")
