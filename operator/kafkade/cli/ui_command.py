"""What ``kafkade ui`` does: connects, serves the pages, and says where."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.cli.connection import access_from
from kafkade.cli.output import errors_reported
from kafkade.clients.kafka import KafkaAdmin
from kafkade.ui.access import TOKEN, Access, TokenFile, is_loopback, new_token
from kafkade.ui.clusters import REQUEST_TIMEOUT, Cluster
from kafkade.ui.server import serving


@dataclass(frozen=True, slots=True)
class Serve:
    """Where to serve, and for whom."""

    host: str
    port: int
    token_file: Path | None
    no_token: bool
    names: Sequence[str]

    def access(self) -> Access:
        """Who is let in.

        Raises:
            InvalidSpec: options contradict each other, or the file has no token.
        """
        if self.no_token and self.token_file is not None:
            raise InvalidSpec("give --token-file or --no-token, not both")
        if self.no_token and not is_loopback(self.host):
            raise InvalidSpec(
                f"--no-token needs a loopback --host, and {self.host} is none: who reaches it would see records"
            )
        token = None if self.no_token else new_token() if self.token_file is None else TokenFile(self.token_file)
        return Access.at(self.host, token, self.names)


def ui_command(bootstrap: str, command_config: Path | None, registry: str | None, serve: Serve, suffix: str) -> None:
    """Serve the pages until SIGINT or SIGTERM."""
    with errors_reported():
        access = serve.access()
        asyncio.run(_serve(bootstrap, command_config, registry, serve, access, suffix))


async def _serve(
    bootstrap: str, command_config: Path | None, registry: str | None, serve: Serve, access: Access, suffix: str
) -> None:
    told = _end_asked_for()
    way = access_from(bootstrap, command_config, registry)
    kafka, schemas = KafkaAdmin(way.kafka, timeout=REQUEST_TIMEOUT), way.registry_client()
    cluster = Cluster("kafka", bootstrap, kafka, schemas, lambda topic: topic.endswith(suffix) and topic != suffix)
    clusters = MappingProxyType({cluster.id: cluster})
    try:
        async with serving(lambda: clusters, access, serve.host, serve.port) as listening:
            sys.stdout.write(f"{entrance(listening.url, access.token)}\n")
            sys.stdout.flush()
            typer.echo("It only shows, and changes nothing. Ctrl-C ends it.", err=True)
            await told.wait()
    except OSError as error:
        raise InvalidSpec(f"cannot listen on {serve.host}:{serve.port}: {error.strerror or error}") from error
    finally:
        await kafka.close()
        if schemas is not None:
            await schemas.close()


def entrance(url: str, token: str | None) -> str:
    """The address that lets a browser in. A plus of base64 would be a space in it."""
    return f"{url}/" if token is None else f"{url}/?{TOKEN}={quote(token, safe='')}"


def _end_asked_for() -> asyncio.Event:
    """Set when SIGINT or SIGTERM comes."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    return told
