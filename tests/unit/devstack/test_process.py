"""Child processes end with us, whatever ends us."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kafkade.devstack import DevStackError, parallel
from kafkade.devstack.process import Process, complete, output
from kafkade.devstack.workdir import WorkDir


def sleeper(tmp_path: Path) -> Process:
    return Process("sleeper", ["/bin/sleep", "60"], tmp_path / "log")


def forget_log(error: DevStackError) -> str:
    """Remove the log that an error keeps for whoever reads it, and return what was in it."""
    kept = Path(str(error).split("whole log is in ")[1].split(";")[0])
    text = kept.read_text()
    kept.unlink()
    kept.parent.rmdir()
    return text


def gone(pid: int, timeout: float = 5) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True  # it has ended; whoever adopted it has not looked yet
        time.sleep(0.05)
    return False


def test_it_is_ended_by_its_own_id(tmp_path: Path) -> None:
    one, other = sleeper(tmp_path), sleeper(tmp_path)
    one.start()
    other.start()
    assert one.pid is not None
    one.stop()
    assert gone(one.pid)
    assert not one.running
    assert other.running
    other.kill()


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = Process("deaf", [sys.executable, "-c", script], tmp_path / "log")
    process.start()
    process.wait_until(lambda: process.said("deaf"), 10)
    process.stop(timeout=0.3)
    assert not process.running


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert process.running
    process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_its_parent_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    script = f"""
import time
from pathlib import Path
from kafkade.devstack.process import Process, complete, output
process = Process("sleeper", ["/bin/sleep", "60"], Path({str(tmp_path / "log")!r}))
process.start()
time.sleep(0.5)
print(process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
        parent.send_signal(number)
        parent.wait(10)
    assert gone(pid)


def test_one_that_ends_at_once_says_what_it_said(tmp_path: Path) -> None:
    process = Process("broken", ["/bin/sh", "-c", "echo the reason; exit 3"], tmp_path / "log")
    process.start()
    with pytest.raises(DevStackError, match=r"broken ended with code 3 (.|\n)*the reason") as error:
        process.wait_until(lambda: False, 10)
    assert forget_log(error.value) == "the reason\n"


def test_one_that_is_late_is_an_error(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    process.start()
    with pytest.raises(DevStackError, match="was not ready after 0 s") as error:
        process.wait_until(lambda: False, 0.2)
    process.kill()
    forget_log(error.value)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = Process("missing", ["/no/such/program"], tmp_path / "log")
    with pytest.raises(DevStackError, match="missing cannot be run: there is no /no/such/program"):
        process.start()


def test_folders_of_processes_that_were_killed_are_swept() -> None:
    script = """
import os
from kafkade.devstack.workdir import WorkDir
print(WorkDir("test").path, flush=True)
os.kill(os.getpid(), 9)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    left = Path(said.stdout.strip())
    assert left.exists()
    mine, other = WorkDir("test"), WorkDir("test")
    assert not left.exists()
    assert mine.path.exists()
    mine.remove()
    other.remove()
    assert not mine.path.exists()


def test_when_one_of_several_fails_the_others_end() -> None:
    def fail() -> None:
        raise DevStackError("the first error")

    def go_on() -> None:
        while True:
            parallel.check()
            time.sleep(0.01)

    with pytest.raises(DevStackError, match="the first error"):
        parallel.gather(go_on, fail, lambda: parallel.gather(go_on, go_on)[0])


def test_results_come_in_order() -> None:
    def slow() -> int:
        time.sleep(0.1)
        return 1

    assert parallel.gather(slow, lambda: 2, lambda: 3, limit=2) == [1, 2, 3]


def test_a_program_that_fails_says_what_it_said() -> None:
    complete("`fine`", ["/bin/sh", "-c", "exit 0"], 10)
    with pytest.raises(DevStackError, match="`broken` ended with code 3; it ends with:\n    the reason"):
        complete("`broken`", ["/bin/sh", "-c", "echo the reason >&2; exit 3"], 10)


def parent(told: Path) -> list[str]:
    """A program that starts another one, tells its id and waits for it."""
    return ["/bin/sh", "-c", f"sleep 60 & echo $! > {told}; echo at work; wait"]


def child(told: Path) -> int:
    """The id of the other one, as soon as it is told."""
    deadline = time.monotonic() + 10
    while not (told.exists() and told.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(told.read_text())


def test_one_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    with pytest.raises(DevStackError, match="`slow` was not done after 1 s; it ends with:\n    at work"):
        complete("`slow`", parent(told), 1)
    assert gone(child(told))


def test_one_that_nobody_waits_for_any_more_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """And the error is that of the call that failed."""
    told = tmp_path / "pid"

    def fail() -> None:
        child(told)
        raise DevStackError("the first error")

    with pytest.raises(DevStackError, match="the first error"):
        parallel.gather(lambda: complete("`long`", parent(told), 60), fail)
    assert gone(child(told))


def test_what_a_program_printed_or_complained_about() -> None:
    assert output(["/bin/cat"], stdin="given") == "given"
    assert output(["/bin/sh", "-c", "echo $A"], environment={"A": "b"}) == "b\n"
    with pytest.raises(DevStackError, match=r"`/bin/sh -c echo why >&2; false` failed: why$"):
        output(["/bin/sh", "-c", "echo why >&2; false"])
    with pytest.raises(DevStackError, match=r"`tool ls` failed: told$"):
        output(["/bin/sh", "-c", "echo told; false"], called="tool ls")
    with pytest.raises(DevStackError, match="`/bin/sleep 60` was not done after 1 s"):
        output(["/bin/sleep", "60"], timeout=1)
