"""One real stack and one running operator for the tests of its behaviour."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.ports import HOST, free_port
from kafkade.devstack.registry import Registry
from support.kafka import KafkaView
from support.kubernetes import Kubectl, manifest
from support.operator import OperatorProcess
from support.stack import install_operator

MAIN_VERSION = "4.1.1"
OTHER_VERSIONS = ("3.5.2", "3.9.1", "4.4.0")


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is running. ``factor`` is the replication factor that the cluster's defaults ask for."""

    control_plane: ControlPlane
    kubectl: Kubectl
    kafka: Kafka
    view: KafkaView
    registry: Registry
    operator: OperatorProcess
    metrics: str
    """Host and port of the operator's metrics."""
    factor: int


@dataclass(frozen=True, slots=True)
class Base:
    """What the worlds of all Kafka versions share."""

    control_plane: ControlPlane
    kubectl: Kubectl
    registry: Registry
    operator: OperatorProcess
    metrics: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The whole suite on one Kafka version, tests marked ``core`` on all of them."""
    if "world" in metafunc.fixturenames:
        core = metafunc.definition.get_closest_marker("core") is not None
        versions = (MAIN_VERSION, *OTHER_VERSIONS) if core else (MAIN_VERSION,)
        metafunc.parametrize("world", versions, indirect=True, scope="package")


@pytest.fixture(scope="package")
def base(crds_installed: ControlPlane, apicurio: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    """An API server with an audit log, a registry, and the operator with the rights of the chart."""
    kubectl, kubeconfig = install_operator(crds_installed)
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    metrics = f"{HOST}:{free_port()}"
    args = ("--all-namespaces", "--metrics", metrics)
    with OperatorProcess(kubeconfig, log, args) as operator:
        yield Base(crds_installed, kubectl, apicurio, operator, metrics)


@pytest.fixture(scope="package")
def world(base: Base, request: pytest.FixtureRequest) -> Iterator[World]:
    """A Kafka of one version (three brokers for the main one) and a KafkaCluster ``main`` in a namespace for it."""
    version = request.param
    factor = 3 if version == MAIN_VERSION else 1
    namespace = "shop" if version == MAIN_VERSION else f"shop-{version.replace('.', '-')}"
    kubectl = base.kubectl.at(namespace)
    with Kafka(version, brokers=factor, metrics=factor == 3) as kafka:
        kubectl.run("create", "namespace", namespace)
        spec = {
            "bootstrapServers": kafka.bootstrap,
            "schemaRegistry": {"urls": [base.registry.url]},
            "topicDefaults": {"partitions": 3, "replicationFactor": factor},
            "resyncInterval": "2s",
        }
        kubectl.apply(manifest("KafkaCluster", "main", spec, namespace))
        kubectl.wait_ready("KafkaCluster", "main")
        view = KafkaView(kafka.bootstrap)
        yield World(base.control_plane, kubectl, kafka, view, base.registry, base.operator, base.metrics, factor)
        kubectl.end()


@pytest.fixture(scope="package")
def fresh() -> Callable[[], str]:
    """Names that no other test uses."""
    counter = itertools.count(1)
    return lambda: f"t{next(counter)}-events"


@pytest.fixture
def topic(world: World, fresh: Callable[[], str]) -> Callable[..., str]:
    """Apply a KafkaTopic and return its name."""

    def make(name: str | None = None, **spec: Any) -> str:
        name = name or fresh()
        world.kubectl.apply(
            manifest("KafkaTopic", name, {"clusterRef": {"name": "main"}, **spec}, world.kubectl.namespace)
        )
        return name

    return make
