"""``python -m kafkade.devstack``: prepare the cache, run the stack, make the lock files anew."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from . import browser, gitops, helm, kafka, kind, kubernetes, lock, maven, parallel, registry
from .errors import DevStackError
from .images import recipes
from .kafka import Kafka
from .kind import Cluster
from .node import apart as own_namespaces
from .node import node, requirements
from .progress import console
from .registry import Registry
from .stack import Stack

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def prepare(
    kafka_version: Annotated[
        list[str] | None, typer.Option("--kafka", help="A Kafka version; may be repeated.")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All Kafka versions that there are locks for, the tools of the chart and of GitOps, a browser.",
        ),
    ] = False,
    no_registry: Annotated[bool, typer.Option("--no-registry")] = False,
    no_kubernetes: Annotated[bool, typer.Option("--no-kubernetes")] = False,
) -> None:
    """Download and build what the stack needs, so that later starts take seconds."""
    chosen = kafka_version or [kafka.DEFAULT_VERSION]
    versions = maven.locked_versions("kafka") if everything else chosen
    # side by side: downloads wait for the network while the compiler works
    work: list[Callable[[], object]] = [partial(_prepare_kafka, versions)]
    if not no_registry:
        work.append(registry.prepare)
    if not no_kubernetes:
        work.append(kubernetes.prepare)
    if everything:
        work += [helm.prepare, gitops.prepare]
        if browser.exists():
            work.append(browser.prepare)
    _end_in_order()
    parallel.gather(*work)
    console.print("The stack is in the cache.")


@app.command()
def up(
    kafka_version: Annotated[str, typer.Option(help="The brokers' version.")] = (kafka.DEFAULT_VERSION),
    brokers: Annotated[int, typer.Option(min=1, max=5)] = 1,
    security: Annotated[bool, typer.Option("--security", help="Listeners with TLS and SASL too.")] = False,
    no_registry: Annotated[bool, typer.Option("--no-registry")] = False,
    no_kubernetes: Annotated[bool, typer.Option("--no-kubernetes")] = False,
) -> None:
    """Run Kafka, a schema registry and a Kubernetes API until Ctrl-C."""
    _end_in_order()
    stack = Stack(
        kafka=Kafka(kafka_version, brokers, security=security),
        registry=None if no_registry else Registry(),
        control_plane=None if no_kubernetes else kind.choose_cluster(),
    )
    try:
        with stack:
            _show(stack)
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopped; nothing but the cache is left.")


_IF_POSSIBLE = typer.Option("--if-possible", help="Say what is lacking where it cannot run, and go on without.")


@app.command("prepare-node")
def prepare_node(if_possible: Annotated[bool, _IF_POSSIBLE] = False) -> None:
    """Install, download and build what a real node and its images need: as root, on Linux."""
    _end_in_order()
    if kind.takes_docker():
        console.print("Docker answers: a kind cluster takes the place of the node.")
        return
    if if_possible and (lacking := requirements.missing_rights()):
        console.print(f"A real node cannot run here: {', '.join(lacking)} is lacking.")
        return
    requirements.install()
    parallel.gather(node.prepare, *(partial(recipes.prepare, name) for name in recipes.NAMES))
    console.print("The node and its images are in the cache.")


@app.command(context_settings={"ignore_unknown_options": True})
def apart(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    if_possible: Annotated[bool, _IF_POSSIBLE] = False,
) -> None:
    """Run a command where a real node can be started: in namespaces of its own, unless Docker answers."""
    if kind.takes_docker() or (if_possible and requirements.missing_rights()):
        raise typer.Exit(subprocess.run(command).returncode)
    raise typer.Exit(own_namespaces.run(command))


@app.command()
def image(name: Annotated[str, typer.Argument(help="operator, kafka:VERSION or schema-registry.")]) -> None:
    """Build a container image without Docker; prints where its archive is. As root, on Linux."""
    _end_in_order()
    requirements.install()
    recipe = recipes.by_name(name)
    for context, folder in recipe.contexts.items():
        console.print(f"{context}: {folder}")
    sys.stdout.write(f"{recipes.make(recipe)}\n")


@app.command("lock")
def write_locks() -> None:
    """Make the lock files of the jars anew, from the versions that lock.py names."""
    for file in lock.write_all():
        console.print(f"wrote {file}")


def _prepare_kafka(versions: list[str]) -> None:
    for version in versions:
        kafka.prepare(version, metrics=True)


def _show(stack: Stack) -> None:
    table = Table("part", "address", box=None, header_style="bold")
    for part, address in _addresses(stack):
        table.add_row(part, address)
    out = Console(soft_wrap=True, highlight=False)
    out.print(table)
    if stack.control_plane is not None:
        out.print(f"\nexport KUBECONFIG={stack.control_plane.kubeconfig}")
    console.print("Ctrl-C stops it.")


def _addresses(stack: Stack) -> list[tuple[str, str]]:
    rows = []
    if (brokers := stack.kafka) is not None:
        rows.append((f"Kafka {brokers.version}", brokers.bootstrap))
        if brokers.security:
            rows += [
                ("  TLS", brokers.ssl_bootstrap),
                ("  TLS with client certificate", brokers.mtls_bootstrap),
                ("  SASL", brokers.sasl_plaintext_bootstrap),
                ("  SASL over TLS", brokers.sasl_ssl_bootstrap),
                ("  certificates", str(brokers.certificates)),
            ]
    if stack.registry is not None:
        rows.append((f"Apicurio registry {registry.VERSION}", stack.registry.url))
    if stack.control_plane is not None:
        rows.append(("Kubernetes", _server(stack.control_plane)))
    return rows


def _server(cluster: Cluster) -> str:
    path = "jsonpath={.clusters[0].cluster.server}"
    return cluster.kubectl("config", "view", "--minify", "-o", path)


def _end_in_order() -> None:
    """Have the signals that end a process end this one as Ctrl-C does: the parts are stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command; an error of the stack is a message, not a traceback."""
    try:
        app()
    except DevStackError as error:
        console.print("[red]error:[/]", end=" ")
        console.print(str(error), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
