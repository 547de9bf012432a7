"""Runs a command in namespaces of its own: network, mounts, processes.

What it starts and mounts in there, down to containers and their networks, is invisible outside and ends with it,
however it ends. Only cgroups have to be removed by hand.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from .. import workdir
from . import cgroups, requirements
from .init import FORWARDED, leave_it

_FIRST = "import sys; from kafkade.devstack.node import init; sys.exit(init.be_first(sys.argv[1:]))"

# should we be killed, unshare is too, and with it what it started
_BOUND = ("setpriv", "--pdeathsig", "KILL")


def run(command: Sequence[str]) -> int:
    """Run the command to its end; its exit status. Ctrl-C is the command's business: it gets it too."""
    requirements.check_rights()
    with cgroups.own() as cgroup:
        process = subprocess.Popen(
            [*_BOUND, *requirements.UNSHARE, sys.executable, "-c", _FIRST, *command],
            env=os.environ | {cgroups.VARIABLE: cgroup},
        )

        def forward(number: int, frame: FrameType | None) -> None:
            # unshare itself hears no signal while it waits
            for child in _children(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, number)

        before = {number: signal.signal(number, forward) for number in FORWARDED}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, leave_it)
        try:
            return process.wait()
        finally:
            # of use only if waiting was ended by an error
            process.kill()
            process.wait()
            for number, handler in before.items():
                signal.signal(number, handler)
            # what was killed in there could not remove its own
            workdir.sweep()


def is_apart() -> bool:
    """Whether this process runs in there."""
    return cgroups.VARIABLE in os.environ


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
