"""The node itself: pods run under restricted security, have volumes, and find each other by address and by name."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from kafkade import __version__
from node.conftest import RESTRICTED
from support.kubernetes import Kubectl

IMAGE = f"kafkade/kafkade:{__version__}"
NAMESPACE = "node"


def pod(name: str, command: list[str], **spec: Any) -> dict[str, Any]:
    """A pod of the operator's image, which has a Python."""
    container = {
        "name": "main",
        "image": IMAGE,
        "command": command,
        "securityContext": {**RESTRICTED, "runAsUser": 65532},
        "readinessProbe": {"httpGet": {"port": 8000}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "securityContext": {"fsGroup": 65532},
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            **spec,
        },
    }


@pytest.fixture(scope="module", autouse=True)
def server(kubectl: Kubectl) -> None:
    """A pod that serves what it wrote to a volume, and a Service before it."""
    kubectl.run("create", "namespace", NAMESPACE)
    kubectl.run("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        # not as the pod, which knows its own name without asking
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    serve = "echo here > /data/index.html && exec python -m http.server --directory /data 8000"
    kubectl.apply(claim, service, pod("server", ["sh", "-c", serve]))
    kubectl.run("-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/server", "--timeout=60s")


def ask(kubectl: Kubectl, url: str) -> str:
    """What the pod itself is answered; a Service's rules may come a moment after the pod is ready."""
    script = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=5).read().decode())"
    deadline = time.monotonic() + 20
    while True:
        done = kubectl.run("-n", NAMESPACE, "exec", "server", "--", "python", "-c", script, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.5)


def test_a_pod_is_reached_by_the_name_of_its_service(kubectl: Kubectl) -> None:
    assert ask(kubectl, "http://web") == "here"
    assert ask(kubectl, f"http://web.{NAMESPACE}.svc") == "here"


def test_a_pod_is_reached_by_its_address(kubectl: Kubectl) -> None:
    address = (kubectl.get("pod", "server", NAMESPACE) or {})["status"]["podIP"]
    assert ask(kubectl, f"http://{address}:8000") == "here"


def test_a_pod_reaches_the_api_with_its_own_token(kubectl: Kubectl) -> None:
    script = (
        "import ssl, urllib.request as r; d = '/var/run/secrets/kubernetes.io/serviceaccount/';"
        "q = r.Request('https://kubernetes.default.svc/api', headers={'Authorization': 'Bearer ' + open(d + 'token').read()});"
        "print(r.urlopen(q, context=ssl.create_default_context(cafile=d + 'ca.crt')).status)"
    )
    assert kubectl.run("-n", NAMESPACE, "exec", "server", "--", "python", "-c", script).stdout.strip() == "200"


def test_a_privileged_pod_is_refused(kubectl: Kubectl) -> None:
    privileged = pod("privileged", ["true"])
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    said = kubectl.run("apply", "-f", "-", stdin=yaml.safe_dump(privileged), check=False)
    assert 'violates PodSecurity "restricted' in said.stderr
