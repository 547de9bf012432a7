"""Runs a redrive in a thread, and meanwhile shows how far it is and listens for signals."""

from __future__ import annotations

import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import typer

from kafkade.api.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    InvalidSpec,
    KafkadeError,
    TLSFailed,
    UnknownTopic,
)
from kafkade.api.redrive import KafkaDLQRedriveSpec, Phase
from kafkade.cli.options import Output
from kafkade.cli.output import ProgressLine, errors_reported, fail, print_data, warn
from kafkade.cli.redrive_options import job_of
from kafkade.cli.redrive_result import result_data, result_table
from kafkade.cli.session import Session
from kafkade.cli.signals import asking_for_the_end
from kafkade.clients.kafka_config import Security
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.progress import Progress
from kafkade.dlq.redrive.run import redrive

NOT_ALL = 3
"""Exit code of a run that is done, with records that failed or are lost."""

PATIENCE = 120.0
"""Seconds without progress after which errors that may pass are not tried again."""

_DELAYS = (1.0, 10.0)
"""Seconds before the second attempt, and the most that doubling makes of them."""

_LOOK = 0.1
_FINAL = (AuthenticationFailed, AuthorizationFailed, TLSFailed, UnknownTopic)
"""What an operator waits for somebody to mend, and a person at a terminal wants to know at once."""


def redrive_command(
    bootstrap: str, command_config: Path | None, spec: KafkaDLQRedriveSpec, run_id: str | None, output: Output
) -> None:
    """Carry out the redrive, print what came of it, and end with the exit code that says so."""
    if spec.dry_run and run_id is not None:
        raise typer.BadParameter("a dry run is not kept, and begins anew each time", param_hint="--id")
    job = job_of(spec, run_id or uuid.uuid4().hex[:16])
    with errors_reported():
        security = _look_ahead(bootstrap, command_config, job)
    if not spec.dry_run and run_id is None:
        typer.echo(f"redrive {job.uid} of {job.topic}: if it is broken off, --id {job.uid} goes on with it", err=True)
    end = _run(security, job)
    if end.progress.partitions:
        print_data(
            result_data(job, end.phase, end.progress), output, lambda: result_table(job, end.phase, end.progress)
        )
    _leave(job, end)


def _look_ahead(bootstrap: str, command_config: Path | None, job: Job) -> Security:
    """Where Kafka is; after a look at whether there is what the options name, as nothing has begun yet.

    Raises:
        UnknownTopic, InvalidSpec: a topic or a partition does not exist.
        KafkadeError: Kafka cannot be reached.
    """
    with Session(bootstrap, command_config) as session:
        topics = session.topics()
        if job.topic not in topics:
            raise UnknownTopic(f"topic {job.topic} does not exist, or may not be described")
        count = topics[job.topic]
        asked = job.filter.partitions.union(item.partition for item in job.filter.offsets)
        if wrong := sorted(partition for partition in asked if partition >= count):
            raise UnknownTopic(f"topic {job.topic} has {count} partitions, and no partition {wrong[0]}")
        for option, topic in (("--to", job.destination), ("--quarantine-topic", job.guard and job.guard.quarantine)):
            if topic is not None and topic not in topics:
                raise InvalidSpec(
                    f"{option}: topic {topic} does not exist, or may not be described; a redrive makes no topics"
                )
        return session.security


@dataclass(frozen=True, slots=True)
class _End:
    """How a run ended. ``signal``: the one that stopped it."""

    phase: Phase
    progress: Progress
    error: KafkadeError | None = None
    signal: int | None = None


def _run(security: Security, job: Job) -> _End:
    control = Control(job.rate_limit)
    line = ProgressLine(bar=True)
    size: int | None = None
    with asking_for_the_end() as signals, ThreadPoolExecutor(1) as pool:
        try:
            work = pool.submit(_persist, security, job, control)
            while not wait([work], _LOOK).done:
                if signals and not control.cancelled:
                    control.cancel()
                    line.end()
                    typer.echo("stopping after the running transaction; Ctrl-C again ends at once", err=True)
                progress = control.snapshot()
                if progress.partitions and size is None:
                    size = progress.counts.read + _left(job, progress)
                if line.due and size is not None and not control.cancelled:
                    _tell(line, progress, size - _left(job, progress), size)
        finally:
            # whatever happens here: the pool waits for its thread
            control.cancel()
            line.end()
    stopped = signals[0] if signals else None
    error = work.exception()
    if error is None:
        done = stopped is None or _is_done(job, work.result())
        return _End(Phase.COMPLETED if done else Phase.CANCELLED, work.result(), signal=None if done else stopped)
    if not isinstance(error, KafkadeError):
        raise error
    if stopped is not None and _may_pass(error):
        return _End(Phase.CANCELLED, control.snapshot(), error, stopped)
    return _End(Phase.FAILED, control.snapshot(), error)


def _persist(security: Security, job: Job, control: Control) -> Progress:
    """Redrive, and after errors that may pass again, for as long as there is progress now and then."""
    told, delay, counted, since = "", _DELAYS[0], -1, time.monotonic()
    while True:
        try:
            return redrive(security, job, control, _allowed)
        except KafkadeError as error:
            progress = control.snapshot()
            if progress.counts.read != counted:
                told, delay, counted, since = "", _DELAYS[0], progress.counts.read, time.monotonic()
            if control.cancelled or not _may_pass(error) or time.monotonic() - since > PATIENCE:
                raise
            if error.reason != told:
                told = error.reason
                warn(f"{error.message}; it is tried again, for {PATIENCE:.0f} s")
            control.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter is no secret
            if control.cancelled:
                raise
            delay = min(_DELAYS[1], delay * 2)


def _may_pass(error: KafkadeError) -> bool:
    return error.retryable and not isinstance(error, _FINAL)


def _allowed(topic: str) -> bool:
    """Kafka's own topics are never written to, whatever headers say; for others the rights of the user count."""
    return not topic.startswith("__")


def _left(job: Job, progress: Progress) -> int:
    """Offsets that are still to be looked at, at most."""
    return sum(
        end - first
        for place in progress.partitions
        for first, end in job.filter.windows(place.partition, place.next, place.end)
    )


def _is_done(job: Job, progress: Progress) -> bool:
    """Whether nothing was left to do when the signal came."""
    return progress.counts.moved == job.max_records or all(place.next >= place.end for place in progress.partitions)


def _tell(line: ProgressLine, progress: Progress, done: int, of: int) -> None:
    counts = progress.counts
    text = f"looked at {done} of at most {of}: {counts.moved} put back, {counts.skipped} left as asked"
    trouble = {"quarantined": counts.quarantined, "failed": counts.failed, "lost": counts.lost}
    line.tell(", ".join((text, *(f"{number} {name}" for name, number in trouble.items() if number))), done, of)


def _leave(job: Job, end: _End) -> None:
    if end.phase is Phase.FAILED:
        _failed(job, end)
    if end.phase is Phase.CANCELLED:
        if end.error is not None:
            warn(f"it is not known whether the last transaction counts: {end.error.message}")
        if not job.dry_run:
            typer.echo(f"stopped; the same command with --id {job.uid} goes on", err=True)
        raise typer.Exit(128 + (end.signal or 0))
    if end.progress.counts.failed or end.progress.counts.lost:
        raise typer.Exit(NOT_ALL)


def _failed(job: Job, end: _End) -> NoReturn:
    assert end.error is not None  # noqa: S101 -- a run only fails with one
    if end.progress.partitions and not job.dry_run:
        fail(end.error, f"the same command with --id {job.uid} goes on where this one is")
    fail(end.error)
