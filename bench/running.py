"""The operator as a process of its own, and what it takes: CPU, memory, and what its metrics say it has done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from results import Table

from kafkade.devstack import loopback
from kafkade.devstack.ports import HOST, free_port


class Running:
    """A running operator."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.started = time.monotonic()
        self.log = log
        self._port = port

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_of(self.process.pid)

    @property
    def resident(self) -> float:
        """MiB now."""
        return self._memory("VmRSS")

    @property
    def peak(self) -> float:
        """The most resident MiB that it ever had."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024

    def looks(self, kind: str) -> int:
        """Looks at resources of a kind that found them Ready; 0 before metrics are served."""
        try:
            text = loopback.get(f"http://{HOST}:{self._port}/metrics", timeout=30).decode()
        except OSError:
            return 0
        found = re.findall(rf'^kafkade_reconciles_total{{kind="{kind}",ready="True".*}} (\S+)$', text, re.MULTILINE)
        return int(sum(map(float, found)))

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self.process.terminate()
        self.process.wait()


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def confine(pids: Iterable[int], cores: Iterable[int]) -> None:
    """Have processes, and what they start from now on, run on these cores alone."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended since
                os.sched_setaffinity(int(thread.name), cores)


def cpu_of_all() -> float:
    """CPU seconds that the machine has spent so far on whatever it was."""
    user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def idle_of_all() -> float:
    """CPU seconds that the machine has had nothing to do so far, waiting for a disk included."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


class Spending:
    """Who takes how much of the machine's CPU from now on: the parts of what is measured, others, and nobody."""

    def __init__(self, parts: Mapping[str, int]) -> None:
        """``parts``: names and process ids; others are whoever else spends."""
        self._parts = parts
        self._began = time.monotonic()
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        known = {name: cpu_of(pid) for name, pid in self._parts.items()}
        return {**known, "others": cpu_of_all() - sum(known.values()), "idle": idle_of_all()}

    def lap(self) -> tuple[dict[str, float], float]:
        """CPU seconds since the last lap by part, by ``others`` and by nobody, which is ``idle``; others' share, from 0 to 1."""
        now, took = self._now(), time.monotonic() - self._began
        spent = {name: max(0.0, value - self._before[name]) for name, value in now.items()}
        self._before, self._began = now, self._began + took
        return spent, spent["others"] / took / (os.cpu_count() or 1)


def by_whom(one: str, parts: Mapping[str, str], spent: Mapping[str, Mapping[str, float]], count: int) -> Table:
    """Where the machine's CPU went in each phase, for ``one`` of ``count``.

    ``parts``: the columns, and how the names of the parts begin that each sums up; what else was measured is in "all else".
    """
    rows = []
    for phase, taken in spent.items():
        known = [sum(s for part, s in taken.items() if part.startswith(name)) for name in parts.values()]
        rest = sum(taken.values()) - sum(known) - taken["idle"]
        rows.append((phase, *(f"{1000 * seconds / count:.2f}" for seconds in (*known, rest, taken["idle"]))))
    head = ("phase", *parts, "all else", "idle")
    return Table(f"CPU milliseconds a {one}, by who spent them", head, tuple(rows))


@contextmanager
def running(kubeconfig: Path, *options: str) -> Iterator[Running]:
    """Run the operator meanwhile."""
    port = free_port()
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        command = [sys.executable, "-m", "kafkade.cli.main", "run", "--all-namespaces"]
        process = subprocess.Popen(
            [*command, "--metrics", f"{HOST}:{port}", *options],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=log,
            stderr=log,
        )
        operator = Running(process, port, Path(log.name))
        try:
            yield operator
        finally:
            operator.stop()
