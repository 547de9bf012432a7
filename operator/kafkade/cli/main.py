"""The ``kafkade`` command."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from kafkade import __version__
from kafkade.cli import dlq
from kafkade.cli.apply import apply
from kafkade.cli.plan import plan

app = typer.Typer(
    name="kafkade",
    help="Kafka, declared: keep Kafka clusters, topics and schemas as their Kubernetes resources say.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(dlq.app, name="dlq")
app.command()(plan)
app.command()(apply)
err = Console(stderr=True)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"{__version__}\n")


@app.command()
def run(
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            envvar="KAFKADE_NAMESPACES",
            help="Serve only this namespace; may be given several times.",
        ),
    ] = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", envvar="KAFKADE_ALL_NAMESPACES", help="Serve every namespace.")
    ] = False,
    selector: Annotated[
        str | None,
        typer.Option("--selector", "-l", envvar="KAFKADE_SELECTOR", help="See only resources with these labels."),
    ] = None,
    liveness: Annotated[
        str | None,
        typer.Option(
            envvar="KAFKADE_LIVENESS", help="Serve the liveness probe here, for example http://0.0.0.0:8080/healthz."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            envvar="KAFKADE_METRICS", help="Serve metrics for Prometheus at this host and port: 0.0.0.0:9090."
        ),
    ] = None,
    lease: Annotated[
        str | None,
        typer.Option(
            envvar="KAFKADE_LEASE",
            metavar="NAMESPACE/NAME",
            help="Act only while this Lease is held: of several operators with the same one, one acts and the others wait.",
        ),
    ] = None,
    log_level: Annotated[str, typer.Option(envvar="KAFKADE_LOG_LEVEL", help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run the operator until SIGTERM, with the pod's ServiceAccount or the current kubeconfig."""
    from kafkade.api.lease import LeaseName
    from kafkade.handlers.liveness import LivenessRefused
    from kafkade.handlers.metrics import MetricsRefused
    from kafkade.handlers.operator import Options
    from kafkade.handlers.operator import run as run_operator

    if bool(namespace) == all_namespaces:
        err.print("[bold red]error:[/] give --namespace (once or more) or --all-namespaces, one of the two")
        err.print("hint: kafkade run --all-namespaces needs the ClusterRole of deploy/rbac/cluster-wide.yaml")
        raise typer.Exit(2)
    try:
        lease_name = LeaseName.parse(lease) if lease else None
    except ValueError as error:
        err.print("[bold red]error:[/]", Text(f"--lease {error}"), soft_wrap=True)
        raise typer.Exit(2) from None
    logging.basicConfig(
        level=log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        force=True,
    )
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLevelName(log_level.upper())))
    try:
        run_operator(Options(frozenset(namespace or ()), selector, liveness, metrics, lease_name))
    except (MetricsRefused, LivenessRefused) as error:
        err.print("[bold red]error:[/]", Text(str(error)), soft_wrap=True)
        raise typer.Exit(2) from None


@app.command()
def crds(
    directory: Annotated[Path, typer.Argument(help="Folder to write to.")] = Path("crds"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 with a diff when a file is stale.")
    ] = False,
) -> None:
    """Write the CustomResourceDefinitions, generated from kafkade's types."""
    from kafkade.cli.crds import crds_command

    crds_command(directory, check)


if __name__ == "__main__":
    app()
