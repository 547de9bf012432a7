"""The first process in namespaces of its own (``apart.py``): when it ends, all others in there do."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from types import FrameType

FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def leave_it(number: int, frame: FrameType | None) -> None:
    """Do nothing about Ctrl-C: the terminal sends it to the command as well."""


def be_first(command: Sequence[str]) -> int:
    """Be the first process in there: start the command, hand on signals, bury what is orphaned."""
    process = subprocess.Popen(command)
    for number in FORWARDED:
        signal.signal(number, lambda number, _: process.send_signal(number))
    signal.signal(signal.SIGINT, leave_it)
    while True:
        pid, status = os.wait()
        if pid == process.pid:
            code = os.waitstatus_to_exitcode(status)
            process.returncode = code
            return 128 - code if code < 0 else code
