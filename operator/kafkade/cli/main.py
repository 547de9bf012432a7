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
from kafkade.cli import dev, diagnose, dlq, imports, schema
from kafkade.cli.apply import apply
from kafkade.cli.export import export
from kafkade.cli.logs import Level, LogFormat, set_up
from kafkade.cli.plan import plan
from kafkade.cli.ui import ui as ui_command
from kafkade.cli.validate import validate

app = typer.Typer(
    name="kafkade",
    help="Kafka, declared: keep Kafka clusters, topics and schemas as their Kubernetes resources say.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(dlq.app, name="dlq")
app.command()(validate)
app.add_typer(dev.app, name="dev")
app.add_typer(diagnose.app, name="diagnose")
app.add_typer(imports.app, name="import")
app.add_typer(schema.app, name="schema")
app.command()(plan)
app.command()(apply)
app.command()(export)
app.command("ui")(ui_command)
err = Console(stderr=True)
log = logging.getLogger("kafkade")


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
    tracing: Annotated[
        bool | None,
        typer.Option(
            envvar="KAFKADE_TRACING",
            help="Send traces over OTLP with HTTP, where OTEL_EXPORTER_OTLP_ENDPOINT says; by default, if that is set.",
        ),
    ] = None,
    ui: Annotated[
        str | None,
        typer.Option(
            envvar="KAFKADE_UI",
            metavar="HOST:PORT",
            help="Serve read-only web pages here: 0.0.0.0:8081; needs --ui-token-file.",
        ),
    ] = None,
    ui_token_file: Annotated[
        Path | None,
        typer.Option(envvar="KAFKADE_UI_TOKEN_FILE", metavar="FILE", help="The token that the web pages want."),
    ] = None,
    ui_allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that browsers may call the web pages by; may be repeated."),
    ] = None,
    allowed_network: Annotated[
        list[str] | None,
        typer.Option(
            envvar="KAFKADE_ALLOWED_NETWORKS",
            metavar="CIDR",
            help="Connect to brokers and registries in these networks only: 10.0.0.0/8; may be repeated. By default to all but"
            " link-local addresses and those of clouds' metadata.",
        ),
    ] = None,
    log_level: Annotated[
        Level,
        typer.Option(
            envvar="KAFKADE_LOG_LEVEL",
            case_sensitive=False,
            help="DEBUG, INFO, WARNING or ERROR: log this and what is graver.",
        ),
    ] = Level.INFO,
    log_format: Annotated[
        LogFormat,
        typer.Option(envvar="KAFKADE_LOG_FORMAT", help="text: lines for people; json: one JSON object a line."),
    ] = LogFormat.TEXT,
) -> None:
    """Run the operator until SIGTERM, with the pod's ServiceAccount or the current kubeconfig."""
    from kafkade.api.lease import LeaseName
    from kafkade.clients.reach import REACH
    from kafkade.handlers.liveness import LivenessRefused
    from kafkade.handlers.metrics import MetricsRefused
    from kafkade.handlers.operator import Options
    from kafkade.handlers.operator import run as run_operator
    from kafkade.handlers.tracing import TracingRefused
    from kafkade.handlers.ui import Pages, UiRefused

    set_up(log_level, log_format)

    def refuse(problem: str, hint: str = "") -> typer.Exit:
        if log_format is LogFormat.JSON:
            log.critical("%s", "; ".join(filter(None, (problem, hint))))
        else:
            err.print("[bold red]error:[/]", Text(problem), soft_wrap=True)
            if hint:
                err.print("hint:", Text(hint), soft_wrap=True)
        return typer.Exit(2)

    if bool(namespace) == all_namespaces:
        raise refuse(
            "give --namespace (once or more) or --all-namespaces, one of the two",
            "kafkade run --all-namespaces needs the ClusterRole of deploy/rbac/cluster-wide.yaml",
        )
    try:
        lease_name = LeaseName.parse(lease) if lease else None
    except ValueError as error:
        raise refuse(f"--lease {error}") from None
    if allowed_network:
        try:
            REACH.allow_only(allowed_network)
        except ValueError as error:
            raise refuse(f"--allowed-network: {error}", "a network is 10.0.0.0/8, fd00::/8 or one address") from None
    try:
        pages = Pages.parse(ui, ui_token_file, tuple(ui_allowed_host or ())) if ui else None
        run_operator(Options(frozenset(namespace or ()), selector, liveness, metrics, lease_name, tracing, pages))
    except (MetricsRefused, LivenessRefused, TracingRefused, UiRefused) as error:
        raise refuse(str(error)) from None


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
