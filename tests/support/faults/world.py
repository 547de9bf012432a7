"""A Kubernetes API, Kafka and a registry behind fault proxies, two operators that share a Lease, and their keeper."""

from __future__ import annotations

import json
import os
import signal
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.registry import Registry
from support.faults.http import HttpProxy, Passed
from support.faults.kafka import KafkaProxy
from support.faults.network import Network
from support.faults.schedule import Schedule
from support.kafka import KafkaView
from support.kubernetes import Kubectl, manifest
from support.operator import OperatorProcess
from support.places import ROOT
from support.stack import install_crds, install_operator, secret

HOME = "kafkade-system"
NAMES = ("kafkade", "second")
"""Replicas, each with a ServiceAccount of its name."""
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases"
USER = "operator"
"""The SCRAM user that operators log in to Kafka with."""


@dataclass(slots=True)
class World:
    """All that is running. What tests do themselves goes past the proxies."""

    control_plane: ControlPlane
    kubectl: Kubectl
    kafka: Kafka
    registry: Registry
    network: Network
    schedule: Schedule
    kube_proxy: HttpProxy
    registry_proxy: HttpProxy
    kafka_proxy: KafkaProxy
    operators: dict[str, Replica]
    clocks: Path
    secrets: list[str] = field(default_factory=list)
    """Every password that there ever was."""
    password: str = ""
    """The one that Kafka knows the operators' user by."""
    ends: list[str] = field(default_factory=list)
    """How operators ended by themselves."""
    offsets: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @property
    def view(self) -> KafkaView:
        """A new client: one that saw the broker go remembers it for a while."""
        return KafkaView(self.kafka.bootstrap)

    @property
    def registry_path(self) -> str:
        """Where the operator finds the registry, through the proxy."""
        return self.registry_proxy.url + "/apis/ccompat/v7"

    # --- operators -----------------------------------------------------------------------------

    def tend(self) -> None:
        """Start what has ended, as a kubelet does."""
        for name, process in self.operators.items():
            if not process.running:
                if process.started:
                    self.ends.append(f"{name}: {process.exit_code(1)}")
                process.start(until="")

    def kill(self, name: str) -> None:
        """SIGKILL one of the operators, and start it anew."""
        if self.operators[name].running:
            self.operators[name].kill()
        self.tend()

    @contextmanager
    def suspended(self, name: str) -> Iterator[None]:
        """SIGSTOP one of the operators meanwhile."""
        process = self.operators[name]
        if not process.running:
            yield
            return
        process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.signal(signal.SIGCONT)

    def leader(self) -> str:
        """Who wrote the Lease last; empty: nobody did."""
        takes = [p for p in list(self.kube_proxy.passed) if p.path.startswith(LEASE) and p.status < 300]
        return takes[-1].who if takes else ""

    def jump(self, wall: float = 0.0, machine: float = 0.0) -> None:
        """Move the operators' wall clock, and the clock that goes on while a machine sleeps; forwards only that one."""
        assert machine >= 0.0
        self.offsets = [self.offsets[0] + wall, self.offsets[1] + machine]
        new = self.clocks.with_suffix(".new")
        new.write_text("{} {}".format(*self.offsets))
        new.replace(self.clocks)

    # --- secrets -------------------------------------------------------------------------------

    def new_password(self) -> str:
        """Give the operators' user another password, known to Kafka and not yet to the operators."""
        password = f"hush-{os.urandom(9).hex()}"
        self.secrets.append(password)
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(USER, info, password.encode(), os.urandom(16))
        view = self.view  # a client that nobody holds is gone before its answer
        view.admin.alter_user_scram_credentials([change])[USER].result(20)
        self.password = password
        return password

    def tell(self, namespace: str, password: str) -> None:
        """Put the password into the Secret that the namespace's KafkaCluster names."""
        self.kubectl.apply(secret("login", namespace, username=USER, password=password))

    def cluster(self, namespace: str) -> dict[str, Any]:
        """A KafkaCluster ``main`` that goes through the proxies."""
        spec = {
            "bootstrapServers": self.kafka_proxy.bootstrap,
            "sasl": {"mechanism": "SCRAM-SHA-512", "credentialsSecretRef": {"name": "login"}},
            "schemaRegistry": {"urls": [self.registry_path], "basicAuthSecretRef": {"name": "registry"}},
            # dead letters stay when their policy goes: the next one may want more partitions than they have got by then
            "topicDefaults": {"partitions": 1, "replicationFactor": 1, "adoptionPolicy": "Always"},
            "schemaDefaults": {"compatibility": "BACKWARD", "deletionPolicy": "HardDelete"},
            "resyncInterval": "2s",
        }
        return manifest("KafkaCluster", "main", spec, namespace)

    def open_namespace(self, name: str) -> Kubectl:
        """A namespace with a KafkaCluster and its Secrets."""
        self.kubectl.run("create", "namespace", name)
        password = f"hush-{os.urandom(9).hex()}"
        self.secrets += [password, b64encode(f"registry:{password}".encode()).decode()]
        kubectl = self.kubectl.at(name)
        kubectl.apply(
            secret("registry", name, username="registry", password=password),
            secret("login", name, username=USER, password=self.password),
            self.cluster(name),
        )
        return kubectl

    # --- what was written ----------------------------------------------------------------------

    def api_writes(self, since: float = 0.0) -> list[Passed]:
        """The operators' writes to the API server, the Lease's left out."""
        return [p for p in list(self.kube_proxy.passed) if p.sent >= since and not p.path.startswith(LEASE)]

    def registry_writes(self, since: float = 0.0) -> list[Passed]:
        """The operators' writes to the registry: a POST of a schema that asks for its version or for compatibility is none."""
        return [
            p
            for p in list(self.registry_proxy.passed)
            if p.sent >= since
            and (p.method != "POST" or p.path.endswith("/versions"))
            and "/compatibility/" not in p.path
        ]

    def all_writes(self, since: float) -> list[str]:
        """What the operators asked to change since a moment, in all three systems; the Lease left out."""
        return [
            *(f"{p.method} {p.path} {p.status} {p.body[:300]!r}" for p in self.api_writes(since)),
            *(f"registry {p.method} {p.path}" for p in self.registry_writes(since)),
            *(f"Kafka {w.name}" for w in list(self.kafka_proxy.written) if w.at >= since),
        ]

    def rivals(self) -> list[str]:
        """Writes of an operator after another one has taken the Lease: there must be none."""
        writes = [(p.asked, p.who, f"{p.method} {p.path}") for p in self.api_writes()]
        writes += [(p.asked, p.who, f"registry {p.method} {p.path}") for p in self.registry_writes()]
        writes += [(w.at, w.who, f"Kafka {w.name}") for w in list(self.kafka_proxy.written)]
        takes = sorted(
            (p.answered, p.who)
            for p in list(self.kube_proxy.passed)
            if p.path.startswith(LEASE) and p.status < 300 and p.who
        )
        moments = [taken for taken, _ in takes]
        found = []
        for at, who, what in sorted(writes):
            before = bisect_right(moments, at)
            if who and before and (holder := takes[before - 1][1]) != who:
                found.append(f"{what} by {who} while {holder} held the Lease")
        return found

    def forget_writes(self) -> None:
        """What was judged by now is not judged again; who took the Lease last is still known."""
        count = len(self.kube_proxy.passed)
        takes = [p for p in self.kube_proxy.passed[:count] if p.path.startswith(LEASE) and p.status < 300]
        self.kube_proxy.passed[:count] = takes[-1:]
        for kept in (self.registry_proxy.passed, self.kafka_proxy.written):
            del kept[: len(kept)]

    def leaks(self, namespaces: Sequence[str]) -> list[str]:
        """Where a Secret's value is told: logs, Events, resources."""
        texts = {f"log of {name}": o.log.read_text(errors="replace") for name, o in self.operators.items()}
        for namespace in namespaces:
            kubectl = self.kubectl.at(namespace)
            for kind in ("events", "KafkaCluster", "KafkaTopic", "KafkaSchema", "KafkaDLQPolicy", "KafkaDLQRedrive"):
                texts[f"{kind} of {namespace}"] = json.dumps(list(kubectl.list(kind)))
        return [where for where, text in texts.items() if any(value in text for value in self.secrets)]


class Replica(OperatorProcess):
    """An operator that is started again when it has ended, without waiting for what it says."""

    @property
    def started(self) -> bool:
        """Whether it was, and nobody has taken note of its end."""
        return self._process is not None


def through(kubeconfig: Path, proxy: HttpProxy) -> Path:
    """The same credentials, with the proxy for a server."""
    found = yaml.safe_load(kubeconfig.read_text())
    for each in found["clusters"]:
        each["cluster"] = {"server": proxy.url}
    behind = kubeconfig.with_suffix(".proxied")
    behind.touch(mode=0o600)
    behind.write_text(yaml.safe_dump(found))
    return behind


@contextmanager
def running(folder: Path) -> Iterator[World]:
    """All of it. Logs are in ``folder``."""
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        schedule = Schedule()
        operators: dict[str, Replica] = {}

        def pids() -> dict[int, str]:
            return {pid: name for name, process in operators.items() if (pid := process.running_pid) is not None}

        control_plane = stack.enter_context(ControlPlane(audit=True))
        kafka_proxy = stack.enter_context(KafkaProxy(network, schedule, pids=pids))
        kafka = stack.enter_context(Kafka(security=True, advertised={"SASL_PLAINTEXT": kafka_proxy.port}))
        kafka_proxy.upstream = int(kafka.sasl_plaintext_bootstrap.rpartition(":")[2])
        registry = stack.enter_context(Registry())
        kube_proxy = stack.enter_context(
            HttpProxy(
                network, schedule, "kube", control_plane.url, ca_pem=control_plane.ca_pem, watches=True, pids=pids
            )
        )
        base = registry.url.removesuffix("/apis/ccompat/v7")
        registry_proxy = stack.enter_context(HttpProxy(network, schedule, "registry", base, pids=pids))
        install_crds(control_plane)
        kubectl, _ = install_operator(control_plane)
        second = NAMES[1]
        account = f"--serviceaccount={HOME}:{second}"
        kubectl.run("-n", HOME, "create", "serviceaccount", second)
        kubectl.run("create", "clusterrolebinding", second, "--clusterrole=kafkade", account)
        kubectl.run("-n", HOME, "create", "rolebinding", second, "--role=kafkade-lease", account)
        clocks = folder / "clocks"
        path = os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]))
        for name in NAMES:
            operators[name] = Replica(
                through(control_plane.kubeconfig_for_service_account(HOME, name), kube_proxy),
                folder / f"{name}.log",
                ("--all-namespaces", "--lease", f"{HOME}/kafkade"),
                module="support.faults.shim",
                PYTHONPATH=path,
                KAFKADE_TEST_CLOCKS=str(clocks),
            )
        world = World(
            control_plane,
            kubectl,
            kafka,
            registry,
            network,
            schedule,
            kube_proxy,
            registry_proxy,
            kafka_proxy,
            operators,
            clocks,
        )
        world.jump()
        world.new_password()
        for process in operators.values():
            stack.callback(process.stop)
            process.start(until="")
        yield world
