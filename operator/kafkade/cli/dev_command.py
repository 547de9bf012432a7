"""Starts the development stack, and says where it is: to a person, a program, or the environment of a command."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from kafkade.cli.options import Output
from kafkade.cli.output import add_row, new_table, print_data, printable
from kafkade.devstack import kafka, kind, maven, registry
from kafkade.devstack.errors import DevStackError
from kafkade.devstack.kafka import Kafka
from kafkade.devstack.process import end_in_order
from kafkade.devstack.registry import Registry
from kafkade.devstack.stack import Stack

_INTERRUPTED = 128 + signal.SIGINT
"""What a shell has for what Ctrl-C ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run. Ports: 0 for any that is free."""

    version: str | None
    brokers: int
    port: int
    registry_port: int
    security: bool
    registry: bool
    kubernetes: bool


def up_command(wanted: Wanted, output: Output) -> None:
    """Run it until a signal comes."""
    with _running(wanted) as stack:
        print_data(described(stack), output, lambda: _table(stack))
        if output is Output.TABLE:
            typer.echo("")
            for name, value in environment(stack).items():
                typer.echo(f"export {name}={value}")
            typer.echo("\nCtrl-C stops it.", err=True)
        with suppress(KeyboardInterrupt):  # this is how it is ended
            threading.Event().wait()
    typer.echo("Stopped; nothing but the cache is left.", err=True)


def run_command(wanted: Wanted, command: Sequence[str]) -> None:
    """Run a command beside it, and exit as that does."""
    with _running(wanted) as stack:
        code = _run(command, environment(stack))
    raise typer.Exit(code)


def described(stack: Stack) -> dict[str, Any]:
    """What runs, and where."""
    found: dict[str, Any] = {}
    if (brokers := stack.kafka) is not None:
        found["kafka"] = {"version": brokers.version, "bootstrapServers": brokers.bootstrap}
        if brokers.security:
            found["kafka"] |= {
                "tls": brokers.ssl_bootstrap,
                "tlsWithClientCertificate": brokers.mtls_bootstrap,
                "sasl": brokers.sasl_plaintext_bootstrap,
                "saslOverTls": brokers.sasl_ssl_bootstrap,
                "certificates": str(brokers.certificates),
            }
    if stack.registry is not None:
        found["registry"] = {"kind": "Apicurio", "version": registry.VERSION, "url": stack.registry.url}
    if stack.control_plane is not None:
        found["kubernetes"] = {"kubeconfig": str(stack.control_plane.kubeconfig)}
    return found


def environment(stack: Stack) -> dict[str, str]:
    """The variables that tell a program where it is."""
    found: dict[str, str] = {}
    if stack.kafka is not None:
        found |= dict.fromkeys(("KAFKA_BOOTSTRAP_SERVERS", "KAFKADE_BOOTSTRAP_SERVERS"), stack.kafka.bootstrap)
    if stack.registry is not None:
        found |= dict.fromkeys(("SCHEMA_REGISTRY_URL", "KAFKADE_REGISTRY_URL"), stack.registry.url)
    if stack.control_plane is not None:
        found["KUBECONFIG"] = str(stack.control_plane.kubeconfig)
    return found


@contextmanager
def _running(wanted: Wanted) -> Iterator[Stack]:
    version = wanted.version or kafka.DEFAULT_VERSION
    known = maven.locked_versions("kafka")
    if version not in known:
        _end(f"--kafka-version {version}: kafkade can start {', '.join(known)}")
    end_in_order()
    try:
        with Stack(
            kafka=Kafka(version, wanted.brokers, security=wanted.security, port=wanted.port or None),
            registry=Registry(port=wanted.registry_port or None) if wanted.registry else None,
            control_plane=kind.choose_cluster() if wanted.kubernetes else None,
        ) as stack:
            yield stack
    except DevStackError as error:
        _end(str(error))
    except KeyboardInterrupt:
        typer.echo("Stopped; nothing but the cache is left.", err=True)
        raise typer.Exit(_INTERRUPTED) from None


def _run(command: Sequence[str], variables: dict[str, str]) -> int:
    """The command's exit code, as a shell has it. Ctrl-C goes to the command too, and it ends as it likes."""
    try:
        process = subprocess.Popen(command, env=os.environ | variables)
    except OSError as error:
        _end(f"{command[0]} cannot be run: {error.strerror}")
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait()
    except SystemExit:
        process.terminate()
        process.wait()
        raise
    return code if code >= 0 else 128 - code


def _end(message: str) -> NoReturn:
    lines = message.splitlines()
    typer.echo("\n".join(printable(line) for line in (f"error: {lines[0]}", *lines[1:])), err=True)
    raise typer.Exit(1)


def _table(stack: Stack) -> Any:
    table = new_table("PART", "ADDRESS")
    for part, address in _rows(described(stack)):
        add_row(table, part, address)
    return table


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "kafka" in found:
        brokers = found["kafka"]
        yield f"Kafka {brokers['version']}", brokers["bootstrapServers"]
        names = {
            "tls": "TLS",
            "tlsWithClientCertificate": "TLS with client certificate",
            "sasl": "SASL",
            "saslOverTls": "SASL over TLS",
            "certificates": "certificates",
        }
        yield from ((f"  {text}", brokers[name]) for name, text in names.items() if name in brokers)
    if "registry" in found:
        yield f"{found['registry']['kind']} registry {found['registry']['version']}", found["registry"]["url"]
    if "kubernetes" in found:
        yield "Kubernetes", found["kubernetes"]["kubeconfig"]
