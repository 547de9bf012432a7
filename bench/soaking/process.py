"""How large a process is, by Linux' own account, sampled beside the load."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

MIB = 1024.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at one moment."""

    at: float
    """Seconds since the sampling began."""
    memory: float
    """Resident, MiB."""
    handles: int
    """Open file descriptors: sockets, files, pipes."""
    threads: int


def sample(pid: int, at: float) -> Sample:
    """Look once.

    Raises:
        OSError: there is no such process any more.
    """
    place = Path("/proc") / str(pid)
    fields = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    return Sample(
        at, int(fields["VmRSS"].split()[0]) / MIB, sum(1 for _ in (place / "fd").iterdir()), int(fields["Threads"])
    )


class Sampler:
    """A thread that looks every ``pause`` seconds, until it is stopped or the process ends."""

    def __init__(self, pid: int, pause: float) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._pause = pause
        self._began = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self.samples.append(sample(self._pid, time.monotonic() - self._began))
            except (OSError, KeyError):  # it ended, or is about to: a dead process has no VmRSS
                return
            if self._end.wait(self._pause):
                return
