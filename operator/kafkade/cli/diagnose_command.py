"""What ``kafkade diagnose`` does: look, check, and say what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.cli.diagnose_text import report
from kafkade.cli.options import Output
from kafkade.cli.output import ProgressLine, errors_reported, print_data
from kafkade.cli.plan_command import quiet
from kafkade.cli.session import Session
from kafkade.diagnose import (
    cluster,
    consumer,
    observe_cluster,
    observe_consumer,
    observe_producer,
    observe_topic,
    producer,
    topic,
)
from kafkade.diagnose.client_metrics import ClientMetrics, read
from kafkade.diagnose.finding import Diagnosis, Severity

T = TypeVar("T")

_TICK = 0.1
"""Seconds between two looks whether it is done."""

PROBLEMS = 2
"""Exit code where there is a problem."""


def consumer_command(
    bootstrap: str,
    command_config: Path | None,
    group: str,
    sample: float,
    limits: consumer.Limits,
    letters: Sequence[str],
    suffix: str,
    output: Output,
) -> None:
    """Diagnose a group."""
    quiet()
    with errors_reported(), Session(bootstrap, command_config) as session:
        with Waiting(f"watching group {group}", sample) as waiting:
            facts = session.run(
                observe_consumer.observe(
                    session.kafka, group, window=sample, suffix=suffix, letters=letters, progress=waiting.passed
                )
            )
        found = consumer.diagnose(facts, limits)
    finish(found, output)


def producer_command(
    bootstrap: str,
    command_config: Path | None,
    name: str,
    sample: float,
    records: int,
    client_metrics: Path | None,
    limits: producer.Limits,
    output: Output,
) -> None:
    """Diagnose what is written to a topic."""
    quiet()
    with errors_reported():
        client = None if client_metrics is None else _client_metrics(client_metrics)
        with Session(bootstrap, command_config) as session:
            reader = session.reader
            with Waiting(f"watching topic {name}", sample) as waiting:
                facts = session.run(
                    observe_producer.observe(
                        session.kafka,
                        reader,
                        name,
                        records=records,
                        window=sample,
                        client=client,
                        progress=waiting.passed,
                    )
                )
            found = producer.diagnose(facts, limits)
    finish(found, output)


def _client_metrics(file: Path) -> ClientMetrics:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidSpec(f"--client-metrics {file} cannot be read: {reason}") from error
    return read(text, str(file))


def topic_command(
    bootstrap: str, command_config: Path | None, name: str, max_lag_seconds: float, output: Output
) -> None:
    """Diagnose a topic."""
    quiet()
    with errors_reported(), Session(bootstrap, command_config) as session:
        facts = session.run(told(observe_topic.observe(session.kafka, name), f"looking at topic {name}"))
        found = topic.diagnose(facts, max_lag_seconds)
    finish(found, output)


def cluster_command(bootstrap: str, command_config: Path | None, output: Output) -> None:
    """Diagnose a cluster."""
    quiet()
    with errors_reported(), Session(bootstrap, command_config) as session:
        facts = session.run(told(observe_cluster.observe(session.kafka), "looking at the cluster"))
        found = cluster.diagnose(facts)
    finish(found, output)


def finish(found: Diagnosis, output: Output) -> None:
    """Print a diagnosis; exit as it is."""
    print_data(found.data(), output, lambda: report(found))
    raise typer.Exit(PROBLEMS if found.worst is Severity.PROBLEM else 0)


async def told(work: Coroutine[Any, Any, T], doing: str) -> T:
    """The result of ``work``, with a line on stderr while it takes long."""
    line, task = ProgressLine(), asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_TICK))[0]:
            if line.due:
                line.tell(doing)
        return task.result()
    finally:
        task.cancel()
        line.end()


class Waiting:
    """A bar on stderr while a sample is taken."""

    def __init__(self, doing: str, seconds: float) -> None:
        self._doing, self._seconds = doing, seconds
        self._line = ProgressLine(bar=True)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.end()

    def passed(self, seconds: float) -> None:
        """So many seconds are over."""
        if self._line.due:
            text = f"{self._doing}: {seconds:.0f} of {self._seconds:.0f} s"
            self._line.tell(text, round(seconds * 10), round(self._seconds * 10))
