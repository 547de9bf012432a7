"""What `kafkade ui` refuses before anything begins."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kafkade.cli.main import app


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--no-token", "--host", "10.0.0.1"], "needs a loopback --host"),
        (["--token-file", "/nowhere/token"], "cannot be read"),
        (["--no-token", "--token-file", "/nowhere/token"], "not both"),
        (["--registry", "localhost:8081"], "--registry must be a URL"),
        (["--command-config", "/nowhere/client.properties"], "/nowhere/client.properties"),
    ],
)
def test_what_cannot_be_served_is_said(options: list[str], text: str) -> None:
    done = CliRunner().invoke(app, ["ui", "-b", "127.0.0.1:1", "--port", "0", *options])
    assert done.exit_code == 1
    assert text in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_it_is_told_to(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "kafkade.cli.main", "ui", "-b", "127.0.0.1:1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "/?token=" in process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = CliRunner().invoke(app, ["ui", "-b", "127.0.0.1:1", "--port", str(port)])
    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.output
