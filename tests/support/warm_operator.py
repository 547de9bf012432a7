"""Operators that start in no time: forks of a process that has loaded everything and begun nothing.

Each is the operator that ``kafkade run`` is, in a process of its own, and ends by SIGKILL, whatever for. What it shares with
the process that it comes from are modules in memory.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from support.await_points import AwaitPoints, Point
from support.places import ROOT

QUIET = 0.3
"""Seconds without work after which an operator counts as settled."""

_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Order:
    """How one operator is to run. ``namespaces`` empty: all.

    ``crash``: where it ends. ``stays``: it goes on when nothing is left to do, and is told to end.
    """

    namespaces: tuple[str, ...] = ()
    crash: Point | None = None
    stays: bool = False
    limit: float = 120.0
    """Seconds until it is ended as it is."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How it came to its end, and, where it settled, all points that it came by in their order."""

    end: str
    """``crashed``, ``settled``, ``late``, or how it failed."""
    points: tuple[Point, ...]
    log: Path

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class WarmOperators:
    """Starts operators with a kubeconfig. ``async with`` is not needed: it is used from threads, any number at once."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._folder = folder
        self._answers: dict[int, queue.Queue[int]] = {}
        self._number = 0
        self._lock = threading.Lock()
        path = os.pathsep.join((str(ROOT / "operator"), str(ROOT / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.warm_operator"],
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": path, "POD_ID": "kafkade"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> WarmOperators:
        return self

    def __exit__(self, *_: object) -> None:
        """All of its operators end with it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(5)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def run(self, order: Order) -> Ran:
        """Run one until its end."""
        return self.start(order).wait()

    def start(self, order: Order) -> Running:
        """Begin one."""
        with self._lock:
            self._number += 1
            number = self._number
            self._answers[number] = queue.Queue()
            told = {**asdict(order), "number": number, "folder": str(self._folder)}
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()
        return Running(self._answers[number], order, self._folder / f"{number}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            number, value = json.loads(line)
            self._answers[number].put(value)


class Running:
    """An operator that was begun."""

    def __init__(self, answers: queue.Queue[int], order: Order, place: Path) -> None:
        self._answers = answers
        self._order = order
        self.log = place.with_suffix(".log")
        self._said = place.with_suffix(".json")
        self.pid = answers.get(timeout=30)

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do, and had nothing for a while."""
        return self._said.exists() and b"settled" in self._said.read_bytes()

    def kill(self) -> None:
        """SIGKILL, now."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._answers.get(timeout=30)

    def wait(self) -> Ran:
        """Wait until it has come to its end."""
        deadline = time.monotonic() + self._order.limit + 15
        try:
            self._answers.get(timeout=deadline - time.monotonic())
        except queue.Empty:
            self.kill()
        said = json.loads(self._said.read_bytes() or b"{}") if self._said.exists() else {}
        points = tuple(Point(tuple(place), moment, nth) for place, moment, nth in said.get("points", ()))
        return Ran(said.get("end", f"failed, see {self.log}"), points, self.log)


class _Forked:
    """What goes on in the operator's own process."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        crash = order["crash"]
        self._crash = crash and Point(tuple(crash["place"]), crash["moment"], crash["nth"])
        self._points: list[Point] = []
        self._said = Path(order["folder"], f"{order['number']}.json")

    def run(self) -> None:
        from kafkade.handlers import operator

        place = Path(self._order["folder"], f"{self._order['number']}.log")
        out = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", force=True)
        threading.Thread(target=self._in_time, daemon=True).start()
        AwaitPoints(self._reached).watch()
        forked = self

        class Engine(operator.Engine):
            """Says when it has nothing to do."""

            async def start(self) -> None:
                await super().start()
                self.settling = asyncio.create_task(forked.settle(self))

        operator.Engine = Engine  # type: ignore[misc]
        operator.run(operator.Options(namespaces=frozenset(self._order["namespaces"])))

    async def settle(self, engine: Any) -> None:
        """Wait until there is nothing to do."""
        loop = asyncio.get_running_loop()
        quiet, told = loop.time(), False
        while True:
            await asyncio.sleep(_LOOK)
            if not engine.idle:
                quiet = loop.time()
            settled = loop.time() - quiet > QUIET
            if settled and not self._order["stays"]:
                self._end("settled")
            if settled != told:
                self._said.write_bytes(b'{"end": "settled"}' if settled else b"{}")
                told = settled

    def _reached(self, point: Point) -> None:
        self._points.append(point)
        if point == self._crash:
            self._end("crashed")

    def _in_time(self) -> None:
        if self._order["stays"]:
            return
        time.sleep(self._order["limit"])
        self._end("late")

    def _end(self, how: str) -> None:
        """By SIGKILL: nothing is closed, flushed or said goodbye to."""
        points = [(p.place, p.moment, p.nth) for p in self._points] if how != "crashed" else []
        self._said.write_text(json.dumps({"end": how, "points": points}))
        os.kill(os.getpid(), signal.SIGKILL)


def _serve() -> None:
    """Fork an operator for each line, and say of each its process and its end."""
    import kafkade.cli.main
    import kafkade.handlers.operator  # noqa: F401 -- what all of them have loaded

    gc.collect()
    gc.freeze()
    running: dict[int, int] = {}
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    os.set_blocking(0, False)
    rest = b""
    while True:
        with suppress(BlockingIOError):
            read = os.read(0, 1 << 20)
            if not read:
                return
            *whole, rest = (rest + read).split(b"\n")
            for line in whole:
                lines.put(line)
        while not lines.empty():
            order = json.loads(lines.get())
            pid = os.fork()
            if pid == 0:
                try:
                    _Forked(order).run()
                finally:
                    os._exit(1)
            running[pid] = order["number"]
            os.write(1, f"[{order['number']}, {pid}]\n".encode())
        for pid in list(running):
            if os.waitpid(pid, os.WNOHANG)[0]:
                os.write(1, f"[{running.pop(pid)}, 0]\n".encode())
        time.sleep(0.01)


if __name__ == "__main__":
    _serve()
