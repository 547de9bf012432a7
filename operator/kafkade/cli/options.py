"""Options that several commands have. It imports nothing heavy: every command of kafkade loads it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """Forms of data on stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="Form of the output; json and yaml have all of it.")
]
Bootstrap = Annotated[
    str,
    typer.Option(
        "--bootstrap-server",
        "-b",
        envvar="KAFKADE_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT,…",
        help="Kafka brokers to start from.",
    ),
]
CommandConfig = Annotated[
    Path | None,
    typer.Option(
        "--command-config",
        envvar="KAFKADE_COMMAND_CONFIG",
        metavar="FILE",
        help="Properties file with TLS and SASL settings, as kafka-topics.sh takes it.",
    ),
]
RegistryUrl = Annotated[
    str | None,
    typer.Option(
        "--registry",
        envvar="KAFKADE_REGISTRY_URL",
        metavar="URL",
        help="Schema registry to decode records with; its credentials go into --command-config (basic.auth.user.info).",
    ),
]
Topic = Annotated[str, typer.Argument(help="The dead-letter topic.")]


class Manifest(StrEnum):
    """Forms of manifests on stdout."""

    YAML = "yaml"
    JSON = "json"


ManifestOutput = Annotated[
    Manifest,
    typer.Option("--output", "-o", help="Form of the manifests on stdout: a stream of YAML, or a List as JSON."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-d",
        metavar="FOLDER",
        help="Write a file for each resource: topics/orders.yaml; default: all of it to stdout.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="With --out: overwrite files that say something else; else nothing is written.")
]
