"""What ``kafkade apply`` does: a plan, a question where something would be lost, and the engine over a state file."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import closing
from dataclasses import dataclass

import typer

from kafkade.api.errors import InvalidSpec
from kafkade.cli.output import errors_reported, printable
from kafkade.cli.plan import PlanOutput
from kafkade.cli.plan_command import Connecting, Desired, manifests_of, planned, quiet
from kafkade.cli.plan_report import PlanReport
from kafkade.cli.plan_text import print_report
from kafkade.cli.signals import asking_for_the_end
from kafkade.engine.connections import AccessOf
from kafkade.local.documents import Fingerprint, fingerprint
from kafkade.local.manifests import Manifests, load
from kafkade.local.running import Runner, Unfinished
from kafkade.local.state import State

log = logging.getLogger("kafkade.apply")


@dataclass(frozen=True, slots=True)
class Running:
    """How to go about it. ``interval`` and ``timeout`` in seconds."""

    yes: bool = False
    watch: bool = False
    interval: float = 2.0
    timeout: float = 300.0


def apply_command(desired: Desired, connecting: Connecting, running: Running, output: PlanOutput) -> None:
    """Show the plan, carry it out, and exit as it went."""
    quiet()
    with errors_reported():
        access = connecting.access()
        manifests = manifests_of(desired)
        assert desired.state is not None  # noqa: S101 -- the option has a default
        with closing(State(desired.state)) as state:
            connecting.stand_in(manifests, state.objects)
            # the plan is of the very state that the run begins with: nobody else writes to it
            report = asyncio.run(planned(desired, manifests, access, state.objects))
            print_report(report, output, command_line=connecting.bootstrap is not None)
            if not running.watch:
                _check(report, running)
            with asking_for_the_end() as stop:
                unfinished = asyncio.run(_run(desired, connecting, running, manifests, access, state, stop))
    _leave(unfinished, running)


def _check(report: PlanReport, running: Running) -> None:
    """Ends the command where there is nothing to do it with, or where it must not be done unasked."""
    if report.unreachable:
        typer.echo("error: nothing was done: a cluster cannot be used, see above", err=True)
        raise typer.Exit(1)
    lost = report.destructive
    if not lost or running.yes:
        return
    names = ", ".join(str(entry.key) for entry in lost)
    if not sys.stdin.isatty():
        typer.echo(f"error: nothing was done: {printable(names)} would lose records or versions for good", err=True)
        typer.echo("hint: --yes lets it be done", err=True)
        raise typer.Exit(1)
    if not typer.confirm(f"Delete for good: {printable(names)}?", err=True):
        typer.echo("nothing was done", err=True)
        raise typer.Exit(1)


async def _run(
    desired: Desired,
    connecting: Connecting,
    running: Running,
    manifests: Manifests,
    access: AccessOf,
    state: State,
    stop: list[int],
) -> list[Unfinished]:
    runner = Runner(state, access)
    runner.kube.declare(manifests, prune=desired.prune)
    async with runner:
        if not running.watch:
            return await runner.settle(running.timeout, lambda: bool(stop))
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s")
        logging.getLogger("kafkade").setLevel(logging.INFO)
        await _follow(desired, connecting, running, manifests.fingerprint, runner, state, stop)
    return []


async def _follow(
    desired: Desired,
    connecting: Connecting,
    running: Running,
    known: Fingerprint,
    runner: Runner,
    state: State,
    stop: list[int],
) -> None:
    """Take over changes of the files until a signal comes. Files that are wrong leave everything as it is.

    ``known``: of the files as they were taken over.
    """
    log.info("keeping %d resources as %s says", len(runner.kube.resources()), ", ".join(desired.files))
    while not stop:
        runner.check()
        if not await _due(running.interval, stop):
            return
        if fingerprint(desired.files) == known:
            continue
        manifests = load(desired.files, desired.namespace or "default")
        known = manifests.fingerprint
        for problem in manifests.problems:
            log.error("%s", problem)
        if manifests.problems:
            log.error("the files are wrong, so nothing is changed until they are right")
            continue
        try:
            connecting.stand_in(manifests, state.objects)
        except InvalidSpec as error:
            log.error("%s", error.message)  # noqa: TRY400 -- the message says it all
            continue
        declared = runner.kube.declare(manifests, prune=desired.prune)
        for what, keys in (("changed", declared.changed), ("deleted", declared.removed), ("left alone", declared.left)):
            for key in sorted(keys):
                log.info("%s: %s in the files", key, what)


async def _due(interval: float, stop: list[int]) -> bool:
    """Wait; False when the end was asked for meanwhile."""
    ends = asyncio.get_running_loop().time() + interval
    while asyncio.get_running_loop().time() < ends:
        if stop:
            return False
        await asyncio.sleep(min(0.1, interval))
    return True


def _leave(unfinished: list[Unfinished], running: Running) -> None:
    if running.watch:
        return
    for item in unfinished:
        typer.echo(f"error: {item.key}: {item.reason}: {printable(item.message)}", err=True)
    if unfinished:
        typer.echo(f"not as declared: {len(unfinished)}; run it again to go on", err=True)
        raise typer.Exit(1)
    typer.echo("applied", err=True)
