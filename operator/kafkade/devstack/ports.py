"""Free ports on loopback that stay ours."""

from __future__ import annotations

import fcntl
import functools
import os
import random
import socket
import threading

from . import cache
from .errors import DevStackError

HOST = "127.0.0.1"

# Below the range that the kernel takes the ports of outgoing connections from: a broker that is
# down for a moment would lose a port of that range to anybody who connects to something.
_RANGE = range(20_000, 32_000)

_ours: set[int] = set()
# a stack's parts start side by side, and the kernel's locks tell processes apart, not threads
_lock = threading.Lock()


def free_port() -> int:
    """A port that nobody listens on and that no other stack on this machine will be given."""
    for _ in range(1000):
        port = random.choice(_RANGE)  # noqa: S311 - spreads load, keeps no secret
        if _take(port):
            return port
    raise DevStackError(
        f"No free port on {HOST} between {_RANGE.start} and {_RANGE.stop} in 1,000 tries. Stop what listens there."
    )


def claim(port: int) -> int:
    """This very port, as ours.

    Raises:
        DevStackError: somebody listens on it, or another stack of this machine has it.
    """
    if not _take(port):
        raise DevStackError(f"Port {port} of {HOST} is taken. Stop what listens there, or give another port.")
    return port


def release(*ports: int) -> None:
    """Give ports back."""
    with _lock:
        for port in _ours.intersection(ports):
            _ours.remove(port)
            fcntl.lockf(_reservations(), fcntl.LOCK_UN, 1, port)


@functools.cache
def _reservations() -> int:
    """A file whose byte number N is locked by the process that has port N, until it ends.

    Two stacks that start at the same time so never choose the same port before either has bound it.
    """
    file = cache.root() / "ports.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)


def _take(port: int) -> bool:
    with _lock:
        if port in _ours or not _reserve(port):
            return False
        _ours.add(port)
        return True


def _reserve(port: int) -> bool:
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    with socket.socket() as probe:
        # as the brokers do: connections that have just ended keep a port for a minute, and nobody listens there
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            fcntl.lockf(_reservations(), fcntl.LOCK_UN, 1, port)
            return False
    return True


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
