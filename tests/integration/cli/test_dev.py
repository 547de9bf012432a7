"""``kafkade dev``: a Kafka and a registry in one command, for a person and for another command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from kafkade.devstack.ports import accepts, claim, free_port, release
from support.waiting import until

KAFKADE = [sys.executable, "-m", "kafkade.cli.main"]


def brokers_in(folder: Path) -> list[str]:
    """The processes that run a broker with its data below the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_text()
        except OSError:
            continue  # it ended since the listing
        if "kafka.Kafka" in command and str(folder) in command:
            found.append(file.parent.name)
    return found


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """``kafkade dev up``, and what it printed as JSON once it ran."""
    with subprocess.Popen(
        [*KAFKADE, "dev", "up", *options, "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not said.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, f"it ended: {process.communicate()}"
                said += line
            yield process, json.loads(said)
        finally:
            process.kill()


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KAFKADE, "dev", *words], capture_output=True, text=True, timeout=120, env=os.environ | {"TMPDIR": str(folder)}
    )


def free_port_number() -> int:
    port = free_port()
    release(port)
    return port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_runs_where_it_says_and_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port_number()
    with started(tmp_path, "--no-registry", "--port", str(port)) as (process, found):
        assert found == {"kafka": {"version": "4.1.1", "bootstrapServers": f"127.0.0.1:{port}"}}
        assert list(AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"}).list_topics(timeout=10).brokers) == [1]
        assert brokers_in(tmp_path)
        process.send_signal(number)
        said, told = process.communicate(timeout=30)
    assert (process.returncode, said) == (0 if number == signal.SIGINT else 128 + number, "")
    assert "Traceback" not in told
    assert not brokers_in(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_command_finds_kafka_and_registry_in_its_environment(tmp_path: Path) -> None:
    """Of the version that was asked for; and the exit code is the command's."""
    script = """
import os, sys, urllib.request
from confluent_kafka.admin import AdminClient
print(len(AdminClient({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}).list_topics(timeout=10).brokers))
for _ in range(4):  # an Apicurio leaves a request unanswered now and then
    try:
        print(urllib.request.urlopen(os.environ["SCHEMA_REGISTRY_URL"] + "/subjects", timeout=5).read().decode())
        break
    except OSError:
        continue
assert os.environ["KAFKADE_BOOTSTRAP_SERVERS"] == os.environ["KAFKA_BOOTSTRAP_SERVERS"]
assert os.environ["KAFKADE_REGISTRY_URL"] == os.environ["SCHEMA_REGISTRY_URL"]
sys.exit(7)
"""
    done = run(tmp_path, "run", "--brokers", "2", "--", sys.executable, "-c", script)
    assert (done.returncode, done.stdout.splitlines()) == (7, ["2", "[]"]), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_it_starts_ends_it_in_order(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    words = [*KAFKADE, "dev", "up", "--no-registry", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        until(lambda: list(tmp_path.iterdir()), "nothing is started")
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert "Stopped" in told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    port = claim(free_port_number())
    try:
        done = run(tmp_path, "up", "--no-registry", "--port", str(port))
    finally:
        release(port)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: Port {port} of 127.0.0.1 is taken. Stop what listens there, or give another port.\n"
    )
    assert not accepts(port)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("up", "--kafka-version", "9.9.9"), "error: --kafka-version 9.9.9: kafkade can start 3.5.2, "),
        (("run", "--no-registry", "--", "/no/such/program"), "error: /no/such/program cannot be run: No such file"),
    ],
)
def test_what_cannot_be_run_is_told(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
