"""``kafkade plan``: what it takes. What it does is imported when it is called, so that other commands start fast."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kafkade.cli.options import CommandConfig


class PlanOutput(StrEnum):
    """Forms of a plan on stdout."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    MARKDOWN = "markdown"


Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE|FOLDER|-",
        help="Manifests: a file, a folder with all that is in it, or - for stdin. May be given several times.",
    ),
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Of manifests that name none; default: default.")
]
OverriddenBootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-server",
        "-b",
        envvar="KAFKADE_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT,…",
        help="Kafka brokers, in place of those of the KafkaCluster in the manifests (or where there is none).",
    ),
]
OverriddenRegistry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        envvar="KAFKADE_REGISTRY_URL",
        metavar="URL",
        help="Schema registry, with --bootstrap-server; its credentials go into --command-config.",
    ),
]
Form = Annotated[PlanOutput, typer.Option("--output", "-o", help="Form of the plan; markdown is for pull requests.")]


def plan(
    filename: Files = None,
    from_cluster: Annotated[
        bool,
        typer.Option(
            "--from-cluster",
            help="Read the resources of the current kubeconfig, with what the operator knows of them; with -f, as they"
            " would be once those manifests were applied.",
        ),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", envvar="KAFKADE_STATE", metavar="FILE", help="What kafkade apply knows of the resources."
        ),
    ] = None,
    assume_owned: Annotated[
        bool,
        typer.Option(
            "--assume-owned",
            help="Take topics that exist for made by kafkade, where neither a state nor the cluster says who made them.",
        ),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="With --state: what no manifest has any more would be deleted.")
    ] = False,
    namespace: Namespace = None,
    bootstrap: OverriddenBootstrap = None,
    command_config: CommandConfig = None,
    registry: OverriddenRegistry = None,
    output: Form = PlanOutput.TEXT,
) -> None:
    """Show what would be done to make Kafka and the registry as the manifests say. Nothing is changed.

    It asks the real Kafka and registry and plans by the operator's own code. Exit codes: 0 nothing to change, 2 changes,
    1 an error or something that would be refused.
    """
    from kafkade.cli.plan_command import Connecting, Desired, plan_command

    if not filename and not from_cluster:
        raise typer.BadParameter("give manifests (-f FILE, -f FOLDER, -f -) or --from-cluster", param_hint="--filename")
    if state is not None and from_cluster:
        raise typer.BadParameter("the cluster itself knows its resources: give one of the two", param_hint="--state")
    if prune and state is None:
        raise typer.BadParameter("needs --state, which knows what there was", param_hint="--prune")
    plan_command(
        Desired(tuple(filename or ()), namespace, from_cluster, state, prune, assume_owned),
        Connecting(bootstrap, command_config, registry),
        output,
    )
