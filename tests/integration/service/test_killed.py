"""SIGKILL in the middle of transactions, again and again: each record has one copy; and SIGTERM ends in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from support.kafka import KafkaView
from support.letters import read
from support.places import ROOT
from support.services import Mounts, committed, until, values

RECORDS = 4000


def start(root: Path) -> subprocess.Popen[bytes]:
    """The service, as the same container would be started again."""
    path = os.pathsep.join((str(ROOT / "operator"), str(ROOT / "tests")))
    command = [sys.executable, "-m", "support.killed_service", str(root), "pod-1"]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})


async def test_each_record_once_though_the_service_is_killed(mounts: Mounts, view: KafkaView) -> None:
    view.create("killed", 3)
    view.create("killed-copies", 1)
    mounts.binding("killed")
    async with mounts.service("killed") as writer:
        await asyncio.gather(*[writer.publish("killed", {"n": n}) for n in range(RECORDS)])
    done = 0
    for _ in range(3):
        process = start(mounts.root)
        try:
            await until(lambda: committed(view, "killed", "killed") >= done + 300, f"more than {done} are done")  # noqa: B023
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        done = committed(view, "killed", "killed")
    assert done < RECORDS, "it was killed in the middle"
    process = start(mounts.root)
    try:
        await until(lambda: committed(view, "killed", "killed") == RECORDS, "all is done", 40)
    finally:
        process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0, "SIGTERM ends it in order"
    copies = values(await asyncio.to_thread(read, view.bootstrap, "killed-copies"))
    assert sorted(one["n"] for one in copies) == list(range(RECORDS))
