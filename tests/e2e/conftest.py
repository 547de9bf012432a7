"""One real stack with three brokers and the running operator, installed as the README says, for the examples and the docs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import ADMIN
from kafkade.devstack.kubernetes import ControlPlane, kubectl_environment
from kafkade.devstack.ports import HOST, free_port
from kafkade.devstack.registry import Registry
from kafkade.devstack.stack import Stack
from support.kafka import KafkaView
from support.kubernetes import Kubectl
from support.operator import OperatorProcess
from support.places import ROOT

from . import kafka_tools
from .book import Reader, blocks


@dataclass(frozen=True, slots=True)
class Shop:
    """What runs, and a reader who types in what the documentation says."""

    kubectl: Kubectl
    kafka: KafkaView
    registry_url: str
    reader: Reader
    operator: OperatorProcess


def addresses(kafka: Kafka, registry: Registry) -> dict[str, str]:
    """What the documentation's placeholders stand for: deploy/examples/README.md has the list."""
    user, password = ADMIN
    return {
        "kafka.kafka.svc:9092": kafka.bootstrap,
        "kafka.kafka.svc:9094": kafka.sasl_ssl_bootstrap,
        "kafka.kafka.svc:9095": kafka.mtls_bootstrap,
        "http://apicurio.kafka.svc:8080/apis/ccompat/v7": registry.url,
        "username: kafkade": f"username: {user}",
        "--from-literal=username=kafkade": f"--from-literal=username={user}",
        "change-me": password,
    }


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The stack and the operator. Package-wide: it is gone before the tests of tests/integration start theirs."""
    control_plane, kafka, registry = ControlPlane(), Kafka(brokers=3, security=True), Registry()
    folder, metrics = tmp_path_factory.mktemp("reader"), f"{HOST}:{free_port()}"
    with Stack(kafka=kafka, registry=registry, control_plane=control_plane):
        kubectl = Kubectl(control_plane.kubeconfig)
        reader = _reader(folder, {**addresses(kafka, registry), "localhost:9090": metrics}, kafka, kubectl)
        for block in blocks(ROOT / "README.md"):
            if block.note == "install":
                reader.bash(block)
        kubeconfig = control_plane.kubeconfig_for_service_account("kafkade-system", "kafkade")
        log, args = tmp_path_factory.mktemp("operator") / "operator.log", ("--all-namespaces", "--metrics", metrics)
        with OperatorProcess(kubeconfig, log, args) as operator:
            yield Shop(kubectl, KafkaView(kafka.bootstrap), registry.url, reader, operator)


def _reader(folder: Path, addresses: Mapping[str, str], kafka: Kafka, kubectl: Kubectl) -> Reader:
    """A folder with what a person would have there, and a PATH with kafkade, kubectl and Kafka's tools."""
    tools = folder / "bin"
    tools.mkdir()
    kafka_tools.install(tools)
    kafkade = tools / "kafkade"
    kafkade.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kafkade.cli.main "$@"\n')
    kafkade.chmod(0o755)
    (folder / "ca.pem").write_text(kafka.ca_pem)
    (folder / "client.pem").write_text(kafka.client_cert_pem)
    (folder / "client-key.pem").write_text(kafka.client_key_pem)
    (tools / "kubectl").symlink_to(kubectl.binary)
    return Reader(folder, addresses, kubectl_environment(kubectl.kubeconfig), tools)
