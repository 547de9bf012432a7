"""Namespaces of their own: what runs in there is alone, and ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from kafkade.devstack.node import cgroups, requirements
from support.waiting import until


@pytest.fixture(autouse=True)
def _rights() -> None:
    if lacking := requirements.missing_rights():
        pytest.skip(f"namespaces of their own cannot be had here: {', '.join(lacking)} is lacking")


def start(script: str) -> subprocess.Popen[str]:
    """Run a shell's script apart."""
    return subprocess.Popen(
        [sys.executable, "-m", "kafkade.devstack", "apart", "sh", "-c", script], stdout=subprocess.PIPE, text=True
    )


def runs(mark: str) -> bool:
    """Whether a process with this word in its command runs anywhere."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in file.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def left_cgroups(outer: subprocess.Popen[str]) -> list[Path]:
    return [place for root in cgroups.hierarchies() for place in root.glob(f"kafkade-node-{outer.pid}-*")]


def test_it_has_a_network_processes_and_mounts_of_its_own() -> None:
    with start(
        "ip -brief link | wc -l; ip -brief address | grep -c UP; ls -d /proc/[0-9]* | wc -l; mount -t tmpfs x /mnt; exit 7"
    ) as outer:
        out, _ = outer.communicate(timeout=60)
    assert outer.returncode == 7, "the command's exit status is its own"
    links, up, processes = (int(word) for word in out.split())
    assert up == 0, "a new network has nothing that is up"
    assert links >= 1
    assert processes < 10
    assert " /mnt tmpfs " not in Path("/proc/mounts").read_text()
    assert left_cgroups(outer) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_in_there_ends_with_it(number: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    # one that leaves its session behind, as container runtimes' processes do
    orphan = f"{sys.executable} -c 'import time; time.sleep(300)' {mark}"
    with start(f"setsid {orphan} & exec {orphan}") as outer:
        until(lambda: runs(mark), "it runs")
        os.kill(outer.pid, number)
        outer.wait(timeout=30)
        until(lambda: not runs(mark), "it has ended")
        if number == signal.SIGTERM:
            assert left_cgroups(outer) == []
    if number == signal.SIGKILL:
        # nobody was left to remove them: the next one does
        assert left_cgroups(outer)
        with start("true") as after:
            after.wait(timeout=60)
        assert left_cgroups(outer) == []
