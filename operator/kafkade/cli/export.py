"""``kafkade export``: what it takes. What it does is imported when it is called, so that other commands start fast."""

from __future__ import annotations

from typing import Annotated

import typer

from kafkade.cli.options import Bootstrap, CommandConfig, Force, Manifest, ManifestOutput, Out


def export(
    bootstrap: Bootstrap,
    command_config: CommandConfig = None,
    topics: Annotated[
        list[str] | None,
        typer.Option(
            "--topics",
            "-t",
            metavar="PATTERN",
            help="Only these topics: names with * and ?, or a regular expression between slashes: '/shop-.+/'. May be given"
            " several times.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Not these topics, by such patterns. May be given several times."),
    ] = None,
    internal: Annotated[
        bool,
        typer.Option(
            "--internal",
            help="Also topics of a registry, of a Kafka distribution and of Kafka Streams, which are left out by default."
            " Kafka's own (__consumer_offsets) always are.",
        ),
    ] = False,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the resources.")] = "default",
    cluster_name: Annotated[str, typer.Option(metavar="NAME", help="Name of the KafkaCluster.")] = "main",
    with_cluster: Annotated[
        bool,
        typer.Option(
            "--cluster/--no-cluster", help="Write the KafkaCluster too; not where there is one of that name already."
        ),
    ] = True,
    out: Out = None,
    force: Force = False,
    output: ManifestOutput = Manifest.YAML,
) -> None:
    """Write manifests of what a Kafka has, to be kept by kafkade from then on. Kafka is not changed.

    Each topic becomes a KafkaTopic with the settings that are its own; those that come from the brokers are left to them.
    `kafkade plan` with these manifests finds nothing to change, and applying them adopts what there is as it is.
    Secrets are not exported: the KafkaCluster names Secrets, and says how to make them. What cannot be said in a manifest
    is named on stderr. Exit codes: 0 all was exported, 1 an error, or something could not be read.

    To begin: kafkade export --bootstrap-server kafka:9092 --out manifests, then kafkade plan -f manifests
    """
    from kafkade.cli.export_command import Export, export_command

    export_command(
        Export(
            bootstrap,
            command_config,
            tuple(topics or ()),
            tuple(exclude or ()),
            internal,
            namespace,
            cluster_name,
            with_cluster,
        ),
        out,
        force,
        output,
    )
