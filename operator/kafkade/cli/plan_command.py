"""What ``kafkade plan`` does: manifests, what is known of them, a preview, and how it is told."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.api.objects import Key, Resource
from kafkade.cli.connection import access_from
from kafkade.cli.output import errors_reported, warn
from kafkade.cli.plan import PlanOutput
from kafkade.cli.plan_report import PlanReport, made_of
from kafkade.cli.plan_text import print_report
from kafkade.clusters.connect import access_of
from kafkade.engine.connections import AccessOf
from kafkade.engine.parts import now
from kafkade.engine.store import Belongs, cluster_of
from kafkade.local.kube import Body, Declared, LocalKube, Memory
from kafkade.local.manifests import Manifest, Manifests, load
from kafkade.local.preview import Preview
from kafkade.local.state import read


@dataclass(frozen=True, slots=True)
class Desired:
    """Where what is wanted comes from, and what is known of it."""

    files: tuple[str, ...]
    namespace: str | None = None
    from_cluster: bool = False
    state: Path | None = None
    prune: bool = False
    assume_owned: bool = False


@dataclass(frozen=True, slots=True)
class Connecting:
    """Options that stand for the connection of a KafkaCluster."""

    bootstrap: str | None = None
    command_config: Path | None = None
    registry: str | None = None

    def access(self) -> AccessOf:
        """How to reach a cluster.

        Raises:
            InvalidSpec: the options cannot be used, or need --bootstrap-server.
        """
        if self.bootstrap is None:
            if self.command_config is not None or self.registry is not None:
                option = "--registry" if self.command_config is None else "--command-config"
                raise InvalidSpec(f"{option} needs --bootstrap-server: without it the KafkaCluster says where Kafka is")
            return access_of
        access = access_from(self.bootstrap, self.command_config, self.registry)
        return lambda spec, secrets, key: access

    def stand_in(self, manifests: Manifests, known: Mapping[Key, Body]) -> None:
        """Make manifests such that they can be used without Kubernetes.

        The options stand for one KafkaCluster: the one in the manifests, or one that they name and do not have.
        ``known``: the objects of the state. What belongs to another cluster would be looked for, and with --prune
        deleted, by its name at this address.

        Raises:
            InvalidSpec: there are several.
        """
        _without_pods(manifests)
        if self.bootstrap is None:
            return
        named = _clusters(manifests.resources.values())
        if len(named) > 1:
            raise InvalidSpec(
                f"--bootstrap-server stands for one KafkaCluster, and the manifests name several: {_names(named)}"
            )
        several = named | _clusters(Resource.from_body(key.kind, body) for key, body in known.items())
        if len(several) > 1:
            raise InvalidSpec(
                f"--bootstrap-server stands for one KafkaCluster, and with what --state knows there are several:"
                f" {_names(several)}; give each a state of its own, or leave --bootstrap-server out"
            )
        for key in named - manifests.resources.keys():
            spec = {"bootstrapServers": self.bootstrap, "allowedNamespaces": {"from": "All"}}
            manifests.resources[key] = Manifest(key, spec)


def _clusters(resources: Iterable[Belongs]) -> set[Key]:
    return {key for resource in resources if (key := cluster_of(resource)) is not None}


def _names(keys: Iterable[Key]) -> str:
    return ", ".join(sorted(f"{key.namespace}/{key.name}" for key in keys))


def _without_pods(manifests: Manifests) -> None:
    for key, manifest in manifests.resources.items():
        if "rolling" in manifest.spec:
            warn(f"{key}: spec.rolling needs Kubernetes, where the pods are, and means nothing here")
            spec = {name: value for name, value in manifest.spec.items() if name != "rolling"}
            manifests.resources[key] = replace(manifest, spec=spec)


@contextmanager
def _everything_kept() -> Iterator[None]:
    """Nearly all that is made lives until the end, and looking for garbage in it again and again takes half of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def plan_command(desired: Desired, connecting: Connecting, output: PlanOutput) -> None:
    """Print the plan; exit as it is."""
    quiet()
    with errors_reported(), _everything_kept():
        access = connecting.access()
        manifests = manifests_of(desired)
        known = read(desired.state) if desired.state is not None else {}
        if not desired.from_cluster:
            connecting.stand_in(manifests, known)
        report = asyncio.run(planned(desired, manifests, access, known))
    print_report(report, output, command_line=connecting.bootstrap is not None)
    raise typer.Exit(report.exit_code)


def quiet() -> None:
    """The engine's log is for who runs it; a command tells what there is to say itself."""
    logging.getLogger("kafkade").setLevel(logging.ERROR)


def manifests_of(desired: Desired) -> Manifests:
    """Read the manifests; ends the command where one is wrong."""
    manifests = load(desired.files, desired.namespace or "default")
    if manifests.problems:
        for problem in manifests.problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1)
    if manifests.runs:
        names = ", ".join(str(manifest.key) for manifest in manifests.runs)
        warn(f"left out: {names}; a redrive is one run and not kept: kafkade dlq redrive does it without Kubernetes")
    if manifests.others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(manifests.others.items()))
        typer.echo(f"not kafkade's, left out: {kinds}", err=True)
    return manifests


async def planned(desired: Desired, manifests: Manifests, access: AccessOf, known: Mapping[Key, Body]) -> PlanReport:
    """The plan for manifests. ``known``: the objects of the state.

    Raises:
        KubernetesError: the live resources cannot be read.
    """
    if desired.from_cluster:
        kube, declared = await _live(desired, manifests)
    else:
        kube = LocalKube(Memory(known), now)
        declared = kube.declare(manifests, prune=desired.prune)
    found = await Preview(kube, access, own=desired.assume_owned).run(kube.resources())
    if desired.from_cluster and desired.files:
        found = [f for f in found if (f.resource.owner or f.resource).key in manifests.resources]
    places = {key: manifest.place for key, manifest in manifests.resources.items() if manifest.place is not None}
    return made_of(found, places, declared.left)


async def _live(desired: Desired, manifests: Manifests) -> tuple[LocalKube, Declared]:
    """The resources of the cluster, with manifests laid over them."""
    from kafkade.local.snapshot import cluster_snapshot  # brings Kopf, which takes its time

    kube = await cluster_snapshot(desired.namespace, now)
    if not desired.files:
        return kube, Declared(frozenset(), frozenset(), frozenset())
    return kube, replace(kube.declare(manifests, prune=False, hide=False), left=frozenset())
