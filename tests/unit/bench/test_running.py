"""What the benchmarks know of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from running import confine

THREADS = """
import os, threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print(flush=True)
input()
print(*sorted(os.sched_getaffinity(0)), flush=True)
time.sleep(60)
"""


def test_a_process_is_confined_with_all_its_threads() -> None:
    cores = sorted(os.sched_getaffinity(0))
    with subprocess.Popen(
        [sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        confine([process.pid], cores[-1:])
        threads = [entry.name for entry in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(threads) == 2
        assert {tuple(os.sched_getaffinity(int(thread))) for thread in threads} == {(cores[-1],)}
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline().split() == [str(cores[-1])]
        process.kill()
