"""Child processes that end with us.

Each runs in a process group of its own, so Ctrl-C in the terminal reaches only us and we stop the
parts in order. A ``Process`` ends on stop, on exit, and even when we are killed: on Linux the kernel
is asked to kill the child should we die without a word.
"""

from __future__ import annotations

import atexit
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from . import parallel
from .errors import DevStackError, last_lines

_POLL = 0.05

# PR_SET_PDEATHSIG (1) outlives execv but not fork, so it is set between the two. A child program
# does it: subprocess's preexec_fn is unsafe, and a warning, in a process with threads. If the
# parent died before the call took effect, nobody would tell the child: so it looks.
_BIND_TO_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def end_in_order() -> None:
    """Have the signals that end a process end this one as Ctrl-C does: the parts are stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def group(
    command: Sequence[str | Path],
    stdout: IO[bytes] | IO[str],
    stderr: IO[bytes] | IO[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is waited for in the block; an error there ends it with all that it started itself."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    except BaseException:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        process.wait()


def output(
    command: Sequence[str | Path],
    *,
    called: str | None = None,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program that takes no time to speak of, and return what it printed; ``called`` is the command in an error.

    Raises:
        DevStackError: it failed, or took more than ``timeout`` seconds; with what it complained about.
    """
    name = called or " ".join(map(str, command))
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise DevStackError(f"`{name}` was not done after {timeout:.0f} s.") from error
    if done.returncode != 0:
        raise DevStackError(f"`{name}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def complete(
    name: str, command: Sequence[str | Path], timeout: float, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program that may take minutes to its end; ``name`` is what an error calls it.

    Raises:
        DevStackError: it failed, or took more than ``timeout`` seconds; with the end of what it printed.
    """
    with tempfile.NamedTemporaryFile(prefix="kafkade-output-") as log:
        deadline = time.monotonic() + timeout
        with group(command, log, log, environment=environment) as process:
            while process.poll() is None:
                parallel.check()
                if time.monotonic() > deadline:
                    raise DevStackError(_told(name, f"was not done after {timeout:.0f} s", Path(log.name)))
                time.sleep(_POLL)
        if process.returncode != 0:
            raise DevStackError(_told(name, f"ended with code {process.returncode}", Path(log.name)))


def _told(name: str, what: str, log: Path) -> str:
    return f"{name} {what}; it ends with:\n{last_lines(log)}"


class Process:
    """A program with its log; can be started again after it ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        self._environment = os.environ | dict(environment or {})
        self._folder = folder
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The id of the process that was started last."""
        return self._popen.pid if self._popen else None

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start the program, not waiting until it is of use."""
        if self.running:
            return
        if shutil.which(self.command[0]) is None:
            raise DevStackError(f"{self.name} cannot be run: there is no {self.command[0]}.")
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        _running.add(self)
        self._popen = _spawn(self._open)

    def _open(self) -> subprocess.Popen[bytes]:
        bind: list[str] = []
        if sys.platform == "linux":
            bind = [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid())]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*bind, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until ``ready()``; if that takes too long, or the program ends, say what it said."""
        deadline = time.monotonic() + timeout
        while not ready():
            parallel.check()
            if not self.running:
                code = self._popen.returncode if self._popen else None
                raise self._failed(f"ended with code {code} instead of becoming ready")
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready after {timeout:.0f} s")
            time.sleep(_POLL)

    def said(self, text: str) -> bool:
        """Whether the log has the text, since the last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return text.encode() in log.read()

    def _failed(self, what: str) -> DevStackError:
        # copied out, since the folder with the log goes when the stack stops
        kept = tempfile.mkdtemp(prefix="kafkade-failed-")
        log = shutil.copy(self.log, kept)
        return DevStackError(f"{self.name} {what}. Its whole log is in {log}; it ends with:\n{last_lines(self.log)}")

    def stop(self, timeout: float = 20) -> None:
        """End the program and wait for that: politely first, by force after ``timeout``."""
        self._signal(signal.SIGTERM)
        try:
            if self._popen is not None:
                self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        _running.discard(self)

    def kill(self) -> None:
        """End the program at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait()
        _running.discard(self)

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is None or self._popen.poll() is not None:
            return
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            return  # it ended between the two lines


_running: set[Process] = set()


@atexit.register
def _kill_all() -> None:
    for process in list(_running):
        process.kill()


class _Spawner:
    """Starts all children from one thread that lives as long as the process.

    The kernel's promise is bound to the *thread* that made the child: one made in a pool's thread
    would be killed when the pool is done.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[
            tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]
        ] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="spawner", daemon=True).start()

    def __call__(self, make: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        result: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((make, result))
        return result.result()

    def _run(self) -> None:
        while True:
            make, result = self._orders.get()
            try:
                result.set_result(make())
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
                result.set_exception(error)


_spawner: _Spawner | None = None
_spawner_lock = threading.Lock()


def _spawn(make: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    global _spawner
    with _spawner_lock:
        if _spawner is None:
            _spawner = _Spawner()
    return _spawner(make)
