"""Free ports on loopback that stay ours."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

from .errors import DevStackError

HOST = "127.0.0.1"

# Below the range that the kernel takes the ports of outgoing connections from: a broker that is
# down for a moment would lose a port of that range to anybody who connects to something.
_RANGE = range(20_000, 32_000)

# One open file a port, locked as long as this process lives, so that two stacks that start at the
# same time do not choose the same port before either has bound it.
_reservations: dict[int, IO[str]] = {}


def free_port() -> int:
    """A port that nobody listens on and that no other stack on this machine will be given."""
    for _ in range(1000):
        port = random.choice(_RANGE)  # noqa: S311 - spreads load, keeps no secret
        if port not in _reservations and _reserve(port):
            return port
    raise DevStackError(
        f"No free port on {HOST} between {_RANGE.start} and {_RANGE.stop} in 1,000 tries. "
        "Stop what listens there."
    )


def release(*ports: int) -> None:
    """Give ports back."""
    for port in ports:
        if (handle := _reservations.pop(port, None)) is not None:
            handle.close()


def _reserve(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"kafkade-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    handle = (folder / str(port)).open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.bind((HOST, port))
    except OSError:
        handle.close()
        return False
    _reservations[port] = handle
    return True


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
