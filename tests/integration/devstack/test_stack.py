"""The registry, all parts together, and the command that a person runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafkade.devstack import DevStackError, Kafka, Registry, Stack


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def call(registry: Registry, path: str, body: object = None) -> Any:
    request = urllib.request.Request(
        registry.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


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


def test_a_schema_is_registered_and_survives_a_restart(registry: Registry) -> None:
    assert call(registry, "/subjects/kept-value/versions", {"schema": '"string"'})["id"] > 0
    url = registry.url
    registry.restart()
    assert registry.url == url
    assert call(registry, "/subjects") == ["kept-value"]


def test_schemas_can_be_deleted(registry: Registry) -> None:
    call(registry, "/subjects/short-value/versions", {"schema": '"string"'})
    for path in ("/subjects/short-value", "/subjects/short-value?permanent=true"):
        request = urllib.request.Request(registry.url + path, method="DELETE")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.load(response) == [1]
    assert "short-value" not in call(registry, "/subjects?deleted=true")


def test_schemas_can_be_kept_in_kafka() -> None:
    with Kafka() as kafka, Registry(kafka_sql=kafka.bootstrap) as registry:
        call(registry, "/subjects/in-kafka/versions", {"schema": '"string"'})
        pid = registry.pid
        registry.restart()
        assert call(registry, "/subjects") == ["in-kafka"]
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


def test_when_a_part_fails_the_others_stop() -> None:
    registry = Registry()
    stack = Stack(kafka=Kafka(config={"log.dirs": "/proc/no/such/folder"}), registry=registry)
    with pytest.raises(DevStackError, match="cannot be formatted"):
        stack.start()
    with pytest.raises(DevStackError, match="not running"):
        _ = registry.url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kafkade.devstack", "up", "--no-registry", "--no-kubernetes"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        killer = threading.Timer(60, process.kill)
        killer.start()
        said = ""
        while "Kafka 4.1.1" not in said:
            line = process.stdout.readline()
            assert line, "it ended"
            said += line
        assert brokers_in(tmp_path)
        process.send_signal(number)
        process.communicate(timeout=30)
        killer.cancel()
    assert not brokers_in(tmp_path)
    assert list(tmp_path.iterdir()) == []
