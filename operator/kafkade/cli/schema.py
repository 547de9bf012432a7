"""``kafkade schema``: what it takes. What it does is imported when it is called, so that other commands start fast."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kafkade.cli.options import CommandConfig, Force, Manifest, ManifestOutput, Out

app = typer.Typer(help="KafkaSchemas of the event types of an application's code.", no_args_is_help=True)


class Form(StrEnum):
    """Types of schemas that event types can be written in."""

    JSON = "json"
    AVRO = "avro"
    PROTOBUF = "protobuf"


@app.callback()
def group() -> None:
    """KafkaSchemas of the event types of an application's code."""


@app.command()
def export(
    types: Annotated[
        list[str],
        typer.Argument(
            metavar="TOPIC=MODULE:TYPE",
            help="A topic and the type of its events: user-events=mypackage.events:UserEvent. May be given several times.",
        ),
    ],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the resources.")] = "default",
    cluster_name: Annotated[
        str, typer.Option("--cluster-name", metavar="NAME", help="Name of the KafkaCluster that they name.")
    ] = "main",
    schema_type: Annotated[
        Form,
        typer.Option(
            "--schema-type", help="Write the types as JSON Schema or as Avro; protobuf: of classes made by protoc."
        ),
    ] = Form.JSON,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write nothing, and end with 1 where the KafkaSchemas in this folder do not say what the code says.",
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            envvar="KAFKADE_REGISTRY_URL",
            metavar="URL",
            help="With --check: the newest versions in this registry must say so too; its credentials go into --command-config.",
        ),
    ] = None,
    command_config: CommandConfig = None,
    out: Out = None,
    force: Force = False,
    output: ManifestOutput = Manifest.YAML,
) -> None:
    """Make KafkaSchemas of event types: JSON Schema or Avro of what pydantic knows, Protobuf of classes made by protoc.

    The modules are imported, from the current folder too. With --check in CI, code and manifests agree, and the operator keeps
    the registry as the manifests say; with --registry, that is looked at too.
    """
    from kafkade.cli.schema_command import export_command

    export_command(types, schema_type, namespace, cluster_name, check, registry, command_config, out, force, output)
