"""What the demo plays on: a Kubernetes API, a Kafka of three brokers, a registry, and the operator, all real."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks import eventually
from kubectl import Kubectl
from outside import KafkaOutside, RegistryOutside
from screen import Screen

from kafkade.devstack import golang, parallel
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kind import Cluster, choose_cluster
from kafkade.devstack.kubernetes import established
from kafkade.devstack.process import Process
from kafkade.devstack.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "deploy" / "examples"
KAFKA_VERSION = "4.1.1"
BROKERS = 3
NAMESPACE = "shop"
OPERATOR_NAMESPACE = "kafkade-system"
_OPERATOR_START_TIMEOUT = 60.0

KAFKA_IN_EXAMPLES = "kafka.kafka.svc:9092"
REGISTRY_IN_EXAMPLES = "http://apicurio.kafka.svc:8080/apis/ccompat/v7"


@dataclass(frozen=True)
class Stage:
    """Everything that runs, and the screen to tell it on."""

    screen: Screen
    cluster: Cluster
    kafka: KafkaOutside
    registry: RegistryOutside
    kubectl: Kubectl
    operator: Process

    def example(self, name: str, file: str = "*.yaml") -> str:
        """The YAML of an example, with the addresses of what runs here: the one thing that is not as in the file."""
        texts = [path.read_text() for path in sorted((EXAMPLES / name).glob(file))]
        if not texts:
            raise FileNotFoundError(f"no {file} in {EXAMPLES / name}")
        text = "---\n".join(texts)
        return text.replace(KAFKA_IN_EXAMPLES, self.kafka.bootstrap).replace(REGISTRY_IN_EXAMPLES, self.registry.url)


@contextmanager
def stage(screen: Screen) -> Iterator[Stage]:
    """Start everything, and stop everything at the end, however that comes.

    Raises:
        kafkade.devstack.errors.DevStackError: a part could not be had or did not start.
    """
    cluster, kafka, registry = choose_cluster(), Kafka(KAFKA_VERSION, brokers=BROKERS), Registry()
    with ExitStack() as parts:
        for part in (cluster, kafka, registry):
            parts.callback(part.stop)
        what = f"a Kubernetes API, Kafka {KAFKA_VERSION} with {BROKERS} brokers and an Apicurio registry"
        _timed(screen, what, lambda: parallel.gather(cluster.start, kafka.start, registry.start))
        kubectl = Kubectl(golang.binaries(golang.KUBERNETES) / "kubectl", cluster.kubeconfig)
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="kafkade-demo-")))
        _timed(screen, "kafkade: CRDs, rights and admission policy", partial(_install, kubectl))
        operator = _operator(kubectl, folder)
        parts.callback(operator.stop)
        _timed(screen, "kafkade: the operator", partial(_start, operator))
        yield Stage(screen, cluster, KafkaOutside(kafka.bootstrap), RegistryOutside(registry.url), kubectl, operator)


def _timed(screen: Screen, what: str, start: Callable[[], object]) -> None:
    began = time.monotonic()
    start()
    screen.part(what, time.monotonic() - began)


def _install(kubectl: Kubectl) -> None:
    """As the README says it."""
    kubectl("apply", "--server-side", "-f", ROOT / "crds")
    kubectl("apply", "-f", ROOT / "deploy" / "rbac" / "cluster-wide.yaml", "-f", ROOT / "deploy" / "admission")
    eventually(lambda: _established(kubectl), "the definitions are served")


def _established(kubectl: Kubectl) -> bool:
    items = json.loads(kubectl("get", "crd", "-l", "app.kubernetes.io/part-of=kafkade", "-o", "json"))["items"]
    return bool(items) and established(items)


def _operator(kubectl: Kubectl, folder: Path) -> Process:
    """``kafkade run`` as a process of its own, with nothing but the rights of its ServiceAccount."""
    kubeconfig = folder / "operator.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(_service_account(kubectl)))
    command = [sys.executable, "-m", "kafkade.cli.main", "run", "--all-namespaces"]
    environment = {"KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1"}
    return Process("the operator", command, folder / "operator.log", environment=environment)


def _service_account(kubectl: Kubectl) -> dict[str, object]:
    """The administrator's kubeconfig with a token of the operator's ServiceAccount in the administrator's place."""
    config: dict[str, object] = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    token = kubectl("-n", OPERATOR_NAMESPACE, "create", "token", "kafkade", "--duration=24h")
    clusters = json.loads(json.dumps(config["clusters"]))
    context = {"cluster": clusters[0]["name"], "user": "kafkade"}
    return config | {
        "users": [{"name": "kafkade", "user": {"token": token}}],
        "contexts": [{"name": "kafkade", "context": context}],
        "current-context": "kafkade",
    }


def _start(operator: Process) -> None:
    operator.start()
    operator.wait_until(lambda: operator.said("started:"), _OPERATOR_START_TIMEOUT)
