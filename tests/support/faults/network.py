"""The thread that proxies run in, listeners that can be closed for a moment, and how a connection is reset."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from kafkade.devstack.ports import HOST, free_port, release

T = TypeVar("T")

REFUSED = 1.5
"""Seconds at most that nobody listens."""
DELAY = 2.0
"""Seconds at most that a request waits: less than what a Lease's duration is longer than its deadline."""
PIECE = 0.05
"""Seconds between the pieces of a reply that drips."""


class Network:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="faults", daemon=True)

    def __enter__(self) -> Network:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the loop do this, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def call(self, work: Callable[[], None]) -> None:
        """The same with a function that does not wait for anything."""

        async def called() -> None:
            work()

        self.run(called())


class Listener:
    """A port of ours at which connections are taken, or refused for a while. Used in the network's loop.

    ``protocol`` makes what serves a connection, ``cut`` ends those that there are. It is no asyncio.Server, which forgets
    a connection, open, that comes in as it is closed: https://github.com/python/cpython/issues/109564
    """

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol], cut: Callable[[], None]) -> None:
        self.port = free_port()
        self._protocol = protocol
        self._cut = cut
        self._socket: socket.socket | None = None
        self._taking: set[asyncio.Task[None]] = set()
        self._again: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Take connections."""
        if self._socket is None:
            self._socket = socket.create_server((HOST, self.port), backlog=100)
            self._socket.setblocking(False)
            asyncio.get_running_loop().add_reader(self._socket, self._take, self._socket)

    def _take(self, listening: socket.socket) -> None:
        try:
            taken, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        taken.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._serve(taken, listening))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _serve(self, taken: socket.socket, listening: socket.socket) -> None:
        if self._socket is not listening:  # shut since
            _end_by_rst(taken)
            taken.close()
            return
        await asyncio.get_running_loop().connect_accepted_socket(self._protocol, taken)

    def shut(self) -> None:
        """Refuse connections, and cut those that there are."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._cut()

    def refuse_for(self, seconds: float) -> None:
        """Refuse connections for a while."""
        self.shut()
        if self._again is None or self._again.done():
            self._again = asyncio.get_running_loop().create_task(self._reopen(seconds))

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.open()

    def end(self) -> None:
        """Give the port back."""
        if self._again is not None:
            self._again.cancel()
        self.shut()
        release(self.port)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection as a peer that knows nothing of it does: by RST."""
    if transport is None or transport.is_closing():
        return
    with contextlib.suppress(OSError):
        _end_by_rst(transport.get_extra_info("socket"))
    transport.abort()  # type: ignore[attr-defined]


def _end_by_rst(ours: socket.socket) -> None:
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def owner(transport: Any, pids: dict[int, str]) -> str:
    """Which of these processes has the other end of a connection to us; empty: none of them, or it is gone.

    Both addresses count: one port of theirs can have connections to several of others.
    """
    ours, theirs = (transport.get_extra_info(name) for name in ("sockname", "peername"))
    if not (pids and ours and theirs):
        return ""
    wanted = [_hex(theirs[1]), _hex(ours[1])]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1:3] == wanted:
            socket_ = f"socket:[{columns[9]}]"
            return next((name for pid, name in pids.items() if _has(pid, socket_)), "")
    return ""


def _hex(port: int) -> str:
    return f"{int.from_bytes(socket.inet_aton(HOST), 'little'):08X}:{port:04X}"


def _has(pid: int, wanted: str) -> bool:
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(link.readlink()) == wanted:
                    return True
    except OSError:
        pass
    return False
