"""The operator as a separate process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class OperatorProcess:
    """``kafkade run`` with a kubeconfig; its log goes to a file that ``tail`` shows when something fails."""

    def __init__(
        self,
        kubeconfig: Path,
        log: Path,
        args: Sequence[str] = ("--all-namespaces",),
        module: str = "kafkade.cli.main",
        **environment: str,
    ) -> None:
        self.kubeconfig = kubeconfig
        self.log = log
        self.args = tuple(args)
        self.module = module
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OperatorProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, until: str = "started:") -> None:
        """Start it and wait until its log says so: by default, that it has listed its resources."""
        assert self._process is None, "already running"
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "run", *self.args],
                env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "PYTHONUNBUFFERED": "1", **self.environment},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while until.encode() not in self.log.read_bytes()[before:]:
            if self._process.poll() is not None:
                raise AssertionError(f"the operator ended with {self._process.returncode}:\n{self.tail()}")
            assert time.monotonic() < deadline, f"the operator did not start:\n{self.tail()}"
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.running_pid is not None

    @property
    def running_pid(self) -> int | None:
        """Its id while it runs; may be asked while another thread ends it."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def exit_code(self, timeout: float) -> int:
        """Wait for its end, which it comes to by itself; how it ended."""
        assert self._process is not None
        code = self._process.wait(timeout)
        self._process = None
        return code

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """SIGTERM and wait; SIGKILL after 20 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def records(self) -> list[dict[str, Any]]:
        """Its log as ``--log-format json`` gives it: each line an object that has the parts that all have."""
        complete, _, _ = self.log.read_text().rpartition("\n")
        records = [json.loads(line) for line in complete.splitlines()]
        for record in records:
            assert list(record)[:4] == ["time", "level", "logger", "message"], record
        return records

    def tail(self, lines: int = 60) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
