"""kafka-consumer-groups.sh, as Kafka has it: its class, run in Java beside the jars of a broker."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from integration.dlq.java_tools import jars, java
from kafkade.devstack import maven

VERSION = "4.1.1"
_CLASS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@dataclass(frozen=True)
class Row:
    """A line of ``--describe``; a figure is None where the tool prints a dash."""

    committed: int | None
    end: int | None
    lag: int | None
    member: str | None


def describe(bootstrap: str, group: str) -> dict[tuple[str, int], Row]:
    """What the tool says of a group, by topic and partition."""
    libraries = [*jars(f"tools-{VERSION}"), *maven.fetch("kafka", VERSION)]
    command = java(_CLASS, libraries, "--bootstrap-server", bootstrap, "--describe", "--group", group)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "500"})
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        (topic, int(partition)): Row(_figure(committed), _figure(end), _figure(lag), _text(member))
        for _, topic, partition, committed, end, lag, member, *_ in _rows(done.stdout)
    }


def _rows(printed: str) -> list[list[str]]:
    lines = [line.split() for line in printed.splitlines() if line.strip()]
    titles = next((n for n, line in enumerate(lines) if line[0] == "GROUP"), None)
    assert titles is not None, printed
    assert lines[titles][:7] == [
        "GROUP",
        "TOPIC",
        "PARTITION",
        "CURRENT-OFFSET",
        "LOG-END-OFFSET",
        "LAG",
        "CONSUMER-ID",
    ]
    return lines[titles + 1 :]


def _figure(cell: str) -> int | None:
    return None if cell == "-" else int(cell)


def _text(cell: str) -> str | None:
    return None if cell == "-" else cell
