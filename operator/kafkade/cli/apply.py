"""``kafkade apply``: what it takes. What it does is imported when it is called, so that other commands start fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kafkade.cli.options import CommandConfig
from kafkade.cli.plan import Files, Form, Namespace, OverriddenBootstrap, OverriddenRegistry, PlanOutput


def apply(
    filename: Files = None,
    state: Annotated[
        Path,
        typer.Option(
            "--state",
            envvar="KAFKADE_STATE",
            metavar="FILE",
            help="What is known of the resources from one run to the next; made when it is not there. Keep it.",
        ),
    ] = Path("kafkade.state"),
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete what earlier manifests had and these have not, by its deletionPolicy."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before records or versions are lost for good.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            "-w",
            help="Stay: keep Kafka as the manifests say, follow them when they change, until SIGTERM or Ctrl-C.",
        ),
    ] = False,
    interval: Annotated[float, typer.Option(min=0.2, help="With --watch: seconds between looks at the files.")] = 2.0,
    timeout: Annotated[
        float,
        typer.Option(min=1.0, help="Seconds until a run ends although something is not done, such as moving replicas."),
    ] = 300.0,
    namespace: Namespace = None,
    bootstrap: OverriddenBootstrap = None,
    command_config: CommandConfig = None,
    registry: OverriddenRegistry = None,
    output: Form = PlanOutput.TEXT,
) -> None:
    """Make Kafka and the registry as the manifests say, without Kubernetes; first the plan is shown.

    It is the operator that runs here, over the manifests and a state file. Stopped at any moment it is finished by the next
    run. Exit codes: 0 all is as declared, 1 something is not.
    """
    from kafkade.cli.apply_command import Running, apply_command
    from kafkade.cli.plan_command import Connecting, Desired

    if not filename:
        raise typer.BadParameter("give manifests: -f FILE, -f FOLDER or -f -", param_hint="--filename")
    if watch and "-" in filename:
        raise typer.BadParameter("stdin cannot be followed: give files or folders", param_hint="--watch")
    if watch and prune and not yes:
        raise typer.BadParameter("nobody is there to be asked: needs --yes with --prune", param_hint="--watch")
    apply_command(
        Desired(tuple(filename), namespace, state=state, prune=prune),
        Connecting(bootstrap, command_config, registry),
        Running(yes, watch, interval, timeout),
        output,
    )
