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
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            envvar="KAFKADE_REGISTRY_URL",
            metavar="URL",
            help="Schema registry whose subjects are exported too; its credentials go into --command-config.",
        ),
    ] = None,
    subjects: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Only these subjects, by such patterns; default: those of the topics, and what they reference, where"
            " --topics or --exclude is given, else all.",
        ),
    ] = None,
    dead_letters: Annotated[
        bool,
        typer.Option(
            "--dead-letters/--no-dead-letters",
            help="Guess KafkaDLQPolicies from the names of topics: orders.dlq beside orders, orders.retry.1.",
        ),
    ] = True,
    dlq_suffix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SUFFIX",
            help="What names of dead-letter topics end in; may be given several times; default: .dlq -dlq _dlq -dlt .dlt _dlt, and"
            " these in upper case.",
        ),
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
    """Write manifests of what a Kafka and a registry have, to be kept by kafkade from then on. Neither is changed.

    Each topic becomes a KafkaTopic with the settings that are its own; those that come from the brokers are left to them.
    Each subject becomes a KafkaSchema with its newest version, references, and the level that is its own.
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
            registry,
            tuple(subjects or ()),
            dead_letters,
            tuple(dlq_suffix or ()),
            internal,
            namespace,
            cluster_name,
            with_cluster,
        ),
        out,
        force,
        output,
    )
