"""``python -m kafkade.devstack``: prepare the cache, build images, make the lock files anew."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from . import browser, gitops, helm, kafka, kind, kubernetes, lock, maven, parallel, registry
from .errors import DevStackError
from .images import recipes
from .node import apart as own_namespaces
from .node import node, requirements
from .process import end_in_order
from .progress import console

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
    work: list[Callable[[], object]] = [partial(_prepare_kafka, versions, everything)]
    if not no_registry:
        work.append(registry.learn if everything else registry.prepare)
    if not no_kubernetes:
        work.append(kubernetes.prepare)
    if everything:
        work += [helm.prepare, gitops.prepare]
        if browser.exists():
            work.append(browser.prepare)
    end_in_order()
    parallel.gather(*work)
    console.print("The stack is in the cache.")


_IF_POSSIBLE = typer.Option("--if-possible", help="Say what is lacking where it cannot run, and go on without.")


@app.command("prepare-node")
def prepare_node(if_possible: Annotated[bool, _IF_POSSIBLE] = False) -> None:
    """Install, download and build what a real node and its images need: as root, on Linux."""
    end_in_order()
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
def image(
    name: Annotated[str, typer.Argument(help="operator, kafka:VERSION, schema-registry or user-service.")],
) -> None:
    """Build a container image without Docker; prints where its archive is. As root, on Linux."""
    end_in_order()
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


def _prepare_kafka(versions: list[str], everything: bool) -> None:
    for version in versions:
        kafka.prepare(version, metrics=True)
        if everything:
            kafka.learn(version)


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
