"""``kafkade dev``: what its commands take. What they do is imported when one is called, so that others start fast."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated

import typer

from kafkade.cli.options import Output, OutputOption

app = typer.Typer(
    help="A real Kafka and schema registry on this machine, without Docker: for a laptop, and for tests.",
    no_args_is_help=True,
)

KafkaVersion = Annotated[
    str | None,
    typer.Option("--kafka-version", metavar="VERSION", help="The brokers' version; default: the newest 4.1."),
]
Brokers = Annotated[int, typer.Option(min=1, max=5, help="How many brokers.")]
Secured = Annotated[bool, typer.Option("--security", help="Listeners with TLS and SASL too.")]
NoRegistry = Annotated[bool, typer.Option("--no-registry", help="Kafka only.")]
Kubernetes = Annotated[
    bool,
    typer.Option(
        "--kubernetes",
        help="A Kubernetes API too, to try the operator with; built once, which takes some minutes. A kind cluster where"
        " Docker answers.",
    ),
]
_PORT = "Port of the first broker; the others follow. 0: any that is free."
_REGISTRY_PORT = "Port of the registry. 0: any that is free."


@app.command()
def up(
    kafka_version: KafkaVersion = None,
    brokers: Brokers = 1,
    port: Annotated[int, typer.Option(min=0, max=65531, help=_PORT)] = 9092,
    registry_port: Annotated[int, typer.Option(min=0, max=65535, help=_REGISTRY_PORT)] = 8081,
    security: Secured = False,
    no_registry: NoRegistry = False,
    kubernetes: Kubernetes = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run Kafka and a schema registry until Ctrl-C, and print where they are.

    They listen on this machine only, and nothing of them is kept. The first time they are downloaded. Needs the extra dev:
    pip install 'kafkade[dev]'.
    """
    dev = _command()
    wanted = dev.Wanted(kafka_version, brokers, port, registry_port, security, not no_registry, kubernetes)
    dev.up_command(wanted, output)


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    kafka_version: KafkaVersion = None,
    brokers: Brokers = 1,
    port: Annotated[int, typer.Option(min=0, max=65531, help=_PORT)] = 0,
    registry_port: Annotated[int, typer.Option(min=0, max=65535, help=_REGISTRY_PORT)] = 0,
    security: Secured = False,
    no_registry: NoRegistry = False,
    kubernetes: Kubernetes = False,
) -> None:
    """Run a command with a Kafka and a schema registry of its own; exit as it does.

    Their addresses are in its environment: KAFKA_BOOTSTRAP_SERVERS and SCHEMA_REGISTRY_URL, KAFKADE_BOOTSTRAP_SERVERS and
    KAFKADE_REGISTRY_URL, which kafkade's own commands take, and with --kubernetes KUBECONFIG.

    To begin: kafkade dev run -- pytest
    """
    dev = _command()
    wanted = dev.Wanted(kafka_version, brokers, port, registry_port, security, not no_registry, kubernetes)
    dev.run_command(wanted, command)


def _command() -> ModuleType:
    try:
        from kafkade.cli import dev_command
    except ModuleNotFoundError as error:
        typer.echo(f"error: {error.name} is not installed\nhint: pip install 'kafkade[dev]'", err=True)
        raise typer.Exit(1) from error
    return dev_command
