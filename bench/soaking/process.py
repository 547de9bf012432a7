"""How large a process is, and what it holds, by Linux' own account, sampled beside the load."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024.0

THREAD = "thread "
"""What kinds of threads begin with, in place of kinds of handles."""

_SOCKET = re.compile(r"socket:\[(\d+)\]")
_LISTENS, _ESTABLISHED = "0A", "01"
_STATES = {"02": "SYN_SENT", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "08": "CLOSE_WAIT", "09": "LAST_ACK"}
"""Of connections that are no more, or not yet, as the kernel's tables have them: a half-closed one that stays is a leak."""


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
    anonymous: float = 0.0
    """MiB of the resident memory that are no file's: what was allocated, without code that is mapped."""
    held: Mapping[str, int] = field(default_factory=dict)
    """How many handles and threads there are of each kind; the kinds of handles add up to ``handles``."""


def sample(pid: int, at: float, ports: Mapping[int, str] | None = None) -> Sample:
    """Look once. ``ports``: who listens at which port, so that a socket is told by the one that it leads to.

    Raises:
        OSError: there is no such process any more.
    """
    place = Path("/proc") / str(pid)
    fields = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    handles, threads = _handles(place, ports or {}), _threads(place)
    return Sample(
        at,
        int(fields["VmRSS"].split()[0]) / MIB,
        handles.total(),
        int(fields["Threads"]),
        int(fields["RssAnon"].split()[0]) / MIB,
        {**handles, **threads},
    )


def _handles(place: Path, ports: Mapping[int, str]) -> Counter[str]:
    """Handles by what they are."""
    targets = []
    for link in (place / "fd").iterdir():
        try:
            targets.append(str(link.readlink()))
        except FileNotFoundError:  # closed just now
            continue
    sockets = _sockets(place, ports)
    return Counter(_kind(target, sockets) for target in targets)


def _kind(target: str, sockets: Mapping[str, str]) -> str:
    found = _SOCKET.fullmatch(target)
    if found is not None:
        return sockets.get(found[1], "socket that leads nowhere")
    if target.startswith("/"):
        return f"file {target}"
    return target.removeprefix("anon_inode:").strip("[]").partition(":")[0]


def _sockets(place: Path, ports: Mapping[int, str]) -> dict[str, str]:
    """What the sockets are of the network that the process is in, by inode."""
    found: dict[str, str] = {}
    for table in ("tcp", "tcp6"):
        for line in (place / "net" / table).read_text().splitlines()[1:]:
            _, local, remote, state, *_, inode = line.split()[:10]
            found[inode] = _tcp(_port(local), _port(remote), state, ports)
    for line in (place / "net" / "unix").read_text().splitlines()[1:]:
        found[line.split()[6]] = "socket of a pair"
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _tcp(local: int, remote: int, state: str, ports: Mapping[int, str]) -> str:
    if state == _LISTENS:
        return f"socket that listens as {ports.get(local, 'somebody')}"
    way = f"from {ports[local]}" if local in ports else f"to {ports.get(remote, 'somebody')}"
    return f"socket {way}" if state == _ESTABLISHED else f"socket {way}, {_STATES.get(state, 'state ' + state)}"


def _threads(place: Path) -> Counter[str]:
    """Threads by the names that they gave themselves; librdkafka's do."""
    found: Counter[str] = Counter()
    for task in (place / "task").iterdir():
        try:
            found[f"{THREAD}{(task / 'comm').read_text().strip()}"] += 1
        except (FileNotFoundError, ProcessLookupError):  # it ended just now
            continue
    return found


class Sampler:
    """A thread that looks every ``pause`` seconds, until it is stopped or the process ends. ``ports``: as of ``sample``."""

    def __init__(self, pid: int, pause: float, ports: Mapping[int, str] | None = None) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._pause = pause
        self._ports = ports
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
                self.samples.append(sample(self._pid, time.monotonic() - self._began, self._ports))
            except (OSError, KeyError):  # it ended, or is about to: a dead process has no VmRSS
                return
            if self._end.wait(self._pause):
                return
