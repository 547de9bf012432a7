"""deploy/examples/11-user-service: what can be seen of it without a stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.places import DEPLOY

EXAMPLE = DEPLOY / "examples" / "11-user-service"


def manifest(name: str) -> list[dict[str, Any]]:
    """The resources of a file."""
    return list(yaml.safe_load_all((EXAMPLE / name).read_text()))


def types() -> list[str]:
    """The topics and types that the README gives."""
    return [word for word in (EXAMPLE / "README.md").read_text().split() if "=user_service.events:" in word]


def test_the_schemas_are_those_of_the_code() -> None:
    words = ["-m", "kafkade.cli.main", "schema", "export", *types(), "--namespace", "users"]
    done = subprocess.run([sys.executable, *words], cwd=EXAMPLE, capture_output=True, text=True)
    assert done.stdout == (EXAMPLE / "04-schemas.yaml").read_text(), "write it anew, as the README says"


def test_the_binding_has_all_that_the_code_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners, streams and publishers, by the service itself: every topic and group is in the KafkaServiceBinding."""
    (tmp_path / "kafka").mkdir()
    for name, text in {
        "type": "kafka",
        "bootstrap-servers": "127.0.0.1:1",
        "binding.json": '{"service": "user-service"}',
    }.items():
        (tmp_path / "kafka" / name).write_text(text)
    script = (
        "import json; from user_service import consumer, streams; from user_service.kafka import service as s;"
        "reads = {t for one in s.listeners for t in one.topics} | {t for one in s.streams for t in one.inputs};"
        "own = {one.regrouped for one in s.streams if one.regrouped};"
        "print(json.dumps([sorted(reads | own), sorted(own | {one.output for one in s.streams}),"
        "sorted({one.group for one in (*s.listeners, *s.streams)})]))"
    )
    monkeypatch.setenv("SERVICE_BINDING_ROOT", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], cwd=EXAMPLE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reads, writes, groups = yaml.safe_load(done.stdout)
    (binding,) = manifest("06-binding.yaml")
    spec = binding["spec"]
    assert sorted(one["topicRef"]["name"] for one in spec["consumes"]) == reads
    assert {one["topicRef"]["name"] for one in spec["produces"]} >= set(writes)
    assert sorted(spec["groups"]) == groups
    declared = {one["metadata"]["name"] for one in manifest("03-topics.yaml")}
    assert declared == {one["topicRef"]["name"] for way in ("consumes", "produces") for one in spec[way]}


def test_the_pod_has_no_more_than_it_needs() -> None:
    (deployment,) = manifest("07-deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "kafka", "mountPath": "/bindings/kafka", "readOnly": True} in container["volumeMounts"]
    assert {"name": "kafka", "secret": {"secretName": "user-service-binding"}} in pod["volumes"]
    dockerfile = (EXAMPLE / "Dockerfile").read_text()
    assert f"USER {pod['securityContext']['runAsUser']}:" in dockerfile
    assert "COPY user_service user_service" in dockerfile
