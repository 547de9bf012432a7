"""``kafkade ui``. Only what the command takes stands here; what it does is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kafkade.cli.options import Bootstrap, CommandConfig, RegistryUrl


def ui(
    bootstrap: Bootstrap,
    registry: RegistryUrl = None,
    command_config: CommandConfig = None,
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen on this port; 0: any that is free.")] = 8080,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", metavar="FILE", help="Take the token from this file; default: a new one each time."
        ),
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Let in who can reach it without a token; only on loopback.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="A name that browsers may call it by; may be repeated."),
    ] = None,
    suffix: Annotated[str, typer.Option(help="What the names of dead-letter topics end in.")] = ".dlq",
) -> None:
    """Show a cluster in a browser: topics, schemas, groups, dead letters. Nothing is ever changed."""
    from kafkade.cli.ui_command import Serve, ui_command

    ui_command(bootstrap, command_config, registry, Serve(host, port, token_file, no_token, allowed_host or []), suffix)
