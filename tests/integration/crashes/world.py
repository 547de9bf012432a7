"""The real things that crashes happen between: an API server, two brokers, a registry, and operators that start at once."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kafkade.api import API_VERSION, GROUP, VERSION
from kafkade.api.kinds import KINDS
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kubernetes import ControlPlane
from kafkade.devstack.parallel import gather
from kafkade.devstack.registry import Registry
from support.api import Api
from support.kafka import KafkaView
from support.places import DEPLOY
from support.stack import install_crds, install_operator
from support.warm_operator import WarmOperators

Object = dict[str, Any]

COMMON = "common"
"""Namespace of the KafkaCluster that most scenarios share."""

VERSION_OF_KAFKA = "4.4.0"
SHARE = {f"share.coordinator.state.topic.{key}": "1" for key in ("replication.factor", "min.isr", "num.partitions")}


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is running but operators."""

    control_plane: ControlPlane
    kafka: Kafka
    view: KafkaView
    registry: Registry
    warm: WarmOperators
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def api(self, namespace: str) -> Iterator[Api]:
        """Requests of an administrator."""
        with closing(Api(self.control_plane.kubeconfig, namespace)) as api:
            yield api

    def place(self) -> str:
        """A new namespace. Its name is what topics and subjects of it begin with."""
        with self._lock:
            name = f"c{next(self._numbers):04d}x"
        with self.api(name) as api:
            made = api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            assert made.status == 201, made.message
        return name

    def default_settings(self, **changes: str | None) -> Mapping[str, str | None]:
        """The dynamic settings of all brokers, after some of them were changed by hand."""

        async def ask() -> Mapping[str, str | None]:
            admin = KafkaAdmin(Security(self.kafka.bootstrap))
            try:
                await admin.alter_default_broker_configs(changes)
                return {key: entry.value for key, entry in (await admin.default_broker_configs()).items()}
            finally:
                await admin.close()

        return asyncio.run(ask())

    def cluster_spec(self, **more: Any) -> Object:
        """Of a KafkaCluster for these brokers and this registry."""
        return {
            "bootstrapServers": self.kafka.bootstrap,
            "schemaRegistry": {"urls": [self.registry.url]},
            "topicDefaults": {"partitions": 1, "replicationFactor": 1},
            "reassignment": {"throttleBytesPerSecond": 50_000_000},
            "allowedNamespaces": {"from": "All"},
            **more,
        }


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start all of it; it ends with the block."""
    kafka = Kafka(VERSION_OF_KAFKA, brokers=2, config=SHARE, security=True, authorizer=True)
    control_plane, registry = ControlPlane(), Registry()
    starts: tuple[Callable[[], object], ...] = (control_plane.__enter__, kafka.__enter__, registry.__enter__)
    try:
        gather(*starts)
        install_crds(control_plane)
        kubectl, kubeconfig = install_operator(control_plane)
        kubectl.apply(*_everywhere("bindings.yaml"))
        with WarmOperators(kubeconfig, folder) as warm:
            made = World(control_plane, kafka, KafkaView(kafka.bootstrap), registry, warm)
            with made.api(COMMON) as api:
                api.call("POST", "/api/v1/namespaces", {"metadata": {"name": COMMON}})
                apply(api, resource("KafkaCluster", "main", COMMON, made.cluster_spec()))
            yield made
    finally:
        gather(*(lambda part=part: part.__exit__(None, None, None) for part in (control_plane, kafka, registry)))


def _everywhere(name: str) -> list[Object]:
    """What deploy/rbac has for one namespace after the other, for all of them at once."""
    made = [yaml.safe_load(text) for text in (DEPLOY / "rbac" / name).read_text().split("\n---\n")]
    for each in made:
        each["kind"] = f"Cluster{each['kind']}"
        if "roleRef" in each:
            each["roleRef"]["kind"] = "ClusterRole"
    return made


def resource(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> Object:
    """A resource of kafkade; unless it says otherwise, of the KafkaCluster that all share."""
    spec = dict(spec) if kind == "KafkaCluster" else {"clusterRef": {"name": "main", "namespace": COMMON}, **spec}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def path_of(kind: str, namespace: str, name: str | None = None) -> str:
    """Of a resource, or of all of a kind."""
    if kind in ("ConfigMap", "Secret"):
        collection = f"/api/v1/namespaces/{namespace}/{kind.lower()}s"
    else:
        collection = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{KINDS[kind].plural}"
    return f"{collection}/{name}" if name else collection


def apply(api: Api, found: Object) -> None:
    """Server-side apply, as a user's kubectl does."""
    meta = found["metadata"]
    path = path_of(found["kind"], meta["namespace"], meta["name"])
    answer = api.patient("PATCH", path, found, "application/apply-patch+yaml", fieldManager="user", force="true")
    assert answer.status in (200, 201), f"{found}: {answer.message}"


def delete(api: Api, kind: str, name: str) -> None:
    """Ask for a deletion, and do not wait for it."""
    answer = api.call("DELETE", path_of(kind, api.namespace, name), {"propagationPolicy": "Background"})
    assert answer.status in (200, 202), f"{kind} {name}: {answer.message}"
