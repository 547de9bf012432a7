"""``kafkade plan`` and the operator come to the same steps and the same refusals from the same resources.

The operator's engine runs here, on a real Kubernetes API, Kafka and registry; a recorder between its planners and what
carries plans out notes each plan and hands it on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import kafkade.clusters.reconcile
import kafkade.schemas.reconcile
import kafkade.topics.reconcile
from kafkade.api.conditions import condition
from kafkade.api.plan import Plan, Step
from kafkade.cli.main import app
from kafkade.clients.kube import KubeClient
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.registry import Registry
from kafkade.engine.engine import Engine, Scope
from kafkade.handlers.login import login_as_command
from support.kafka import KafkaView
from support.kubernetes import Kubectl, manifest
from support.stack import install_crds

Steps = list[str]


@dataclass(frozen=True, slots=True)
class Parts:
    kafka: Kafka
    registry: Registry
    kubectl: Kubectl


@pytest.fixture(scope="module")
def parts(plain: Kafka, registry: Registry) -> Iterator[Parts]:
    """A Kubernetes API of its own with the CRDs and no operator, a broker and a registry."""
    with ControlPlane() as plane:
        install_crds(plane)
        kubectl = Kubectl(plane.kubeconfig)
        kubectl.run("create", "namespace", "shop")
        yield Parts(plain, registry, kubectl)


ADDRESS = {"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "street", "type": "string"}]}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "long"}, {"name": "to", "type": "shop.Address"}],
}


def resources(parts: Parts, **changed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A shop's resources. ``changed``: spec fields by name of the resource, with _ for -."""
    specs: dict[tuple[str, str], dict[str, Any]] = {
        ("KafkaCluster", "main"): {
            "bootstrapServers": parts.kafka.bootstrap,
            "schemaRegistry": {"urls": [parts.registry.url]},
            "topicDefaults": {"replicationFactor": 1, "config": {"retention.ms": 1000}},
            "schemaDefaults": {"compatibility": "BACKWARD"},
            "brokerConfig": {"log.cleaner.threads": 2},
            "naming": {"denied": ["secret"]},
        },
        ("KafkaTopic", "new"): {"partitions": 2, "config": {"cleanup.policy": "compact"}},
        ("KafkaTopic", "found"): {"partitions": 3},
        ("KafkaTopic", "foreign"): {"partitions": 3},
        ("KafkaTopic", "wide"): {"replicationFactor": 3},
        ("KafkaTopic", "bad-name"): {"topicName": "secret"},
        ("KafkaTopic", "taken"): {"topicName": "new"},
        ("KafkaSchema", "address"): {"subject": "address", "schema": json.dumps(ADDRESS)},
        ("KafkaSchema", "order"): {
            "topicRef": {"name": "new"},
            "schema": json.dumps(ORDER),
            "references": [{"name": "shop.Address", "schemaRef": {"name": "address"}}],
        },
        ("KafkaSchema", "alone"): {"subject": "alone", "schema": json.dumps({**ADDRESS, "name": "Alone"})},
        ("KafkaDLQPolicy", "letters"): {"topics": ["new"]},
        ("KafkaSchema", "broken"): {"subject": "broken", "schema": '{"type": "record"}'},
    }
    found = []
    for (kind, name), spec in specs.items():
        ref = {} if kind == "KafkaCluster" else {"clusterRef": {"name": "main"}}
        found.append(manifest(kind, name, {**ref, **spec, **changed.get(name.replace("-", "_"), {})}))
    return found


def planned(*args: str, kubeconfig: Path | None = None) -> tuple[dict[str, Steps], dict[str, str]]:
    """What ``kafkade plan`` says: steps and reasons by resource."""
    environment = {} if kubeconfig is None else {"KUBECONFIG": str(kubeconfig)}
    done = CliRunner().invoke(app, ["plan", *args, "-o", "json"], env=environment)
    assert done.stdout, done.output
    entries = json.loads(done.stdout)["resources"]
    steps = {e["name"]: [f"{s['verb']}: {s['change']}" for s in e["steps"]] for e in entries if "steps" in e}
    return steps, {e["name"]: e["reason"] for e in entries if "reason" in e}


def _told(steps: Sequence[Step]) -> Steps:
    return [f"{step.verb}: {step.change}" for step in steps]


class Recorder:
    """What the operator carries out, by the topic or subject that it is for; the first plan of each counts."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.steps: dict[str, Steps] = {}
        topics, schemas, clusters = kafkade.topics.reconcile, kafkade.schemas.reconcile, kafkade.clusters.reconcile
        act_topics, act_schemas, act_clusters = topics.act, schemas.act, clusters.act

        async def on_topics(kafka: Any, plans: Mapping[str, Plan], brokers: Any) -> Any:
            for name, plan in plans.items():
                self._note(name, plan.steps)
            return await act_topics(kafka, plans, brokers)

        async def on_schemas(client: Any, wanted: Any, facts: Any, plan: Plan) -> Any:
            self._note(wanted.subject, plan.steps)
            return await act_schemas(client, wanted, facts, plan)

        async def on_clusters(kafka: Any, steps: Sequence[Step]) -> None:
            self._note("main", steps)
            await act_clusters(kafka, steps)

        patch.setattr(topics, "act", on_topics)
        patch.setattr(schemas, "act", on_schemas)
        patch.setattr(clusters, "act", on_clusters)

    def _note(self, name: str, steps: Sequence[Step]) -> None:
        if steps:
            self.steps.setdefault({"new-value": "order"}.get(name, name), _told(steps))


Found = tuple[dict[str, Steps], dict[str, str]]
"""Steps by topic or subject, and reasons by resource."""


async def operate(parts: Parts, patch: pytest.MonkeyPatch, expected: Found) -> Found:
    """Run the engine until every resource is settled: steps that it carried out, and reasons in statuses.

    ``expected`` is waited for, and then whether more comes.
    """
    patch.setenv("KUBECONFIG", str(parts.kubectl.kubeconfig))
    with patch.context() as recording:
        recorder = Recorder(recording)
        kube = KubeClient()
        await login_as_command(kube)
        engine = Engine(kube, Scope(frozenset({"shop"})))
        await engine.start()
        try:
            await _settled(engine)
            # a policy follows what its source came to: at its next look, here without waiting for it
            engine.wake([r.key for r in engine.store])
            for _ in range(300):
                if (recorder.steps, _reasons(engine)) == expected:
                    break
                await asyncio.sleep(0.2)
            await asyncio.sleep(1.0)
            await _settled(engine)
        finally:
            await engine.stop()
    return recorder.steps, _reasons(engine)


def _reasons(engine: Engine) -> dict[str, str]:
    return {
        r.key.name: str(ready["reason"])
        for r in engine.store
        if (ready := condition(r.status, "Ready")) is not None and ready["status"] == "False"
    }


async def _settled(engine: Engine) -> None:
    deadline = time.monotonic() + 60
    while True:
        waiting = [
            r.key
            for r in engine.store
            if r.status.get("observedGeneration") != r.generation
            or (condition(r.status, "Ready") or {}).get("reason") == "ReferenceNotReady"
        ]
        if not waiting:
            return
        assert time.monotonic() < deadline, waiting
        await asyncio.sleep(0.2)


async def test_a_plan_from_files_is_what_the_operator_does_and_so_is_one_from_the_cluster_after_drift(
    parts: Parts, view: KafkaView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.create("found", 3, retention_ms="1000")
    view.create("foreign", 2)
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump_all(resources(parts)))
    steps, reasons = await asyncio.to_thread(planned, "-f", str(file))
    assert steps.keys() == {"main", "new", "found", "address", "order", "alone", "new.dlq"}
    assert reasons == {
        "foreign": "AdoptionRefused",
        "wide": "NotEnoughBrokers",
        "bad-name": "NamingRefused",
        "taken": "TopicConflict",
        "broken": "InvalidSchema",
    }
    assert steps["order"][-1].endswith("(references address:1)")

    # the operator goes by age: the one that is to hold the topic is made first
    parts.kubectl.apply(*(r for r in resources(parts) if r["metadata"]["name"] != "taken"))
    await asyncio.sleep(1.1)
    parts.kubectl.apply(*resources(parts))
    assert await operate(parts, monkeypatch, (steps, reasons)) == (steps, reasons)

    kubeconfig = parts.kubectl.kubeconfig
    steps, same = await asyncio.to_thread(planned, "--from-cluster", kubeconfig=kubeconfig)
    assert (steps, same) == ({}, reasons), "all is done"

    view.set_config("new", "retention.ms", "7")
    view.delete("found")
    more = {"name": "zip", "type": "int"}
    changed = resources(
        parts,
        new={"partitions": 4, "config": {}},
        main={"brokerConfig": {}},
        address={"schema": json.dumps({**ADDRESS, "fields": [*ADDRESS["fields"], {**more, "default": 0}]})},
        alone={"schema": json.dumps({**ADDRESS, "name": "Alone", "fields": [*ADDRESS["fields"], more]})},
        order={"compatibility": "FULL"},
    )
    file.write_text(yaml.safe_dump_all(changed))
    before = await asyncio.to_thread(planned, "-f", str(file), "--from-cluster", kubeconfig=kubeconfig)
    parts.kubectl.apply(*changed)
    live = await asyncio.to_thread(planned, "--from-cluster", kubeconfig=kubeconfig)
    assert before == live, "a plan of files over the cluster is that of the cluster once they are applied"
    assert await operate(parts, monkeypatch, live) == live
    assert live[0]["new"] == [
        "set: cleanup.policy: compact -> default, retention.ms: 7 -> 1000",
        "add partitions: partitions: 2 -> 4",
    ]
    assert live[0].keys() == {"main", "new", "found", "address", "order", "new.dlq"}
    assert live[0]["order"][-1].endswith("(references address:2)")
    assert live[1]["alone"] == "IncompatibleSchema"
