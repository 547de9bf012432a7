"""deploy/examples/11-user-service on the platform of the document: each section has a test that is named after it.

The brokers are those of the document's values, as the chart renders them. The service runs as a process, and has nothing of
its surroundings but what its Deployment gives it: the Secret of its binding in a folder, and its variables.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.registry import Registry
from support.chart_brokers import ChartBrokers
from support.chart_pods import Addresses
from support.document_brokers import are_there, stateful_sets
from support.kafka import KafkaView
from support.kubernetes import Kubectl
from support.letters import Seen, read
from support.mounted_secret import mount
from support.operator import OperatorProcess
from support.places import DEPLOY
from support.stack import install_operator
from support.user_service import EXAMPLE, UserService, manifests, running
from support.waiting import until

NAMESPACE = "users"
FRAME = 5
"""Bytes of the registry's wire format before a record's JSON."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Kafka, a registry, and a Kubernetes with the operator, where the example is applied and Ready."""

    kubectl: Kubectl
    brokers: ChartBrokers
    view: KafkaView
    registry: Registry
    secret: dict[str, str]
    """What the binding's Secret has."""
    bindings: Path
    """Where it is mounted."""

    def records(self, topic: str) -> list[Seen]:
        """What a topic has, for readers of committed records."""
        return read(self.view.bootstrap, topic)

    def events(self, topic: str, user: str) -> list[dict[str, Any]]:
        """A user's events in a topic, in their order."""
        found = [json.loads(one.value[FRAME:]) for one in self.records(topic) if one.value and one.value[0] == 0]
        return [event for event in found if event.get("userId") == user]


@dataclass(frozen=True, slots=True)
class Code:
    """The example's own modules, in this process, with the same binding. It does not listen here."""

    events: ModuleType
    kafka: ModuleType
    publisher: ModuleType
    topics: ModuleType

    def publish(self, *events: Any) -> None:
        """As whoever calls ``publish_event``."""

        async def all_of_them() -> None:
            async with self.kafka.service:
                await asyncio.gather(*(self.publisher.publish_event(event) for event in events))

        asyncio.run(all_of_them())


@pytest.fixture(scope="package")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartBrokers]:
    """Three brokers of 3.5, as the chart's pods would be."""
    addresses = Addresses()
    with ChartBrokers("3.5.2", stateful_sets("3.5.2"), tmp_path_factory.mktemp("brokers"), addresses) as running:
        are_there(running.bootstrap(), {0, 1, 2})
        yield running
    addresses.release()


@pytest.fixture(scope="package")
def registry() -> Iterator[Registry]:
    """One of its own: its subjects have the document's names, and so have those of other tests."""
    with Registry() as running:
        yield running


@pytest.fixture(scope="package")
def platform(
    crds_installed: ControlPlane, registry: Registry, brokers: ChartBrokers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The example, applied as its README says. The operator serves its namespace alone, and ends with these tests."""
    admin, kubeconfig = install_operator(crds_installed)
    kubectl, log = admin.at(NAMESPACE), tmp_path_factory.mktemp("operator") / "operator.log"
    known = {
        "kafka.kafka.svc:9092": brokers.bootstrap(),
        "http://apicurio.kafka.svc:8080/apis/ccompat/v7": registry.url,
    }
    text = "---\n".join(manifests().values())
    for placeholder, real in known.items():
        text = text.replace(placeholder, real)
    with OperatorProcess(kubeconfig, log, ("--namespace", NAMESPACE)):
        kubectl.run("apply", "-f", str(EXAMPLE / "01-namespace.yaml"))
        kubectl.run("apply", "-n", NAMESPACE, "-f", str(DEPLOY / "rbac" / "bindings.yaml"))
        kubectl.run("apply", "-f", "-", stdin=text)
        kubectl.run("wait", "-n", NAMESPACE, "--for=condition=Ready", "kafkade", "--all", "--timeout=60s")
        secret = kubectl.get("secrets", "user-service-binding")
        assert secret is not None
        bindings = tmp_path_factory.mktemp("bindings")
        mount(secret, bindings / "kafka")
        files = {key: (bindings / "kafka" / key).read_text() for key in secret["data"]}
        yield Platform(kubectl, brokers, KafkaView(brokers.bootstrap()), registry, files, bindings)
        kubectl.end()


@pytest.fixture(scope="package")
def service(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserService]:
    """The process of a pod of the Deployment."""
    with running(platform.bindings, tmp_path_factory.mktemp("service") / "service.log", platform.view) as found:
        yield found


@pytest.fixture(scope="package")
def code(platform: Platform) -> Iterator[Code]:
    """The modules, whose service is the binding's."""
    before = {name: os.environ.get(name) for name in ("SERVICE_BINDING_ROOT",)}
    os.environ["SERVICE_BINDING_ROOT"] = str(platform.bindings)
    sys.path.insert(0, str(EXAMPLE))
    try:
        for name in ("consumer", "streams"):
            importlib.import_module(f"user_service.{name}")
        yield Code(*(importlib.import_module(f"user_service.{n}") for n in ("events", "kafka", "publisher", "topics")))
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in [name for name in sys.modules if name.partition(".")[0] == "user_service"]:
            del sys.modules[name]
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def eventually(found: Any, wanted: Any, what: str) -> None:
    """Ask until the answer is the one that is wanted."""
    last: list[Any] = [None]

    def so() -> bool:
        last[0] = found()
        return bool(last[0] == wanted)

    until(so, lambda: f"{what}: {last[0]!r}, wanted {wanted!r}", timeout=60, pause=0.3)


def names(values: Sequence[dict[str, Any]]) -> list[str]:
    """The types of events."""
    return [str(value["type"]) for value in values]
