"""SIGKILL in the middle of transactions, again and again: each record has one copy; and SIGTERM ends in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kafkade.service import Service
from kafkade.service.transactions import TransactionalProducer
from support.kafka import KafkaView
from support.letters import read
from support.places import ROOT
from support.services import QUICK, Mounts, committed, running, until, values

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
        await until(lambda: committed(view, "killed", "killed") == RECORDS, "all is done")
    finally:
        process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0, "SIGTERM ends it in order"
    copies = values(await asyncio.to_thread(read, view.bootstrap, "killed-copies"))
    assert sorted(one["n"] for one in copies) == list(range(RECORDS))


async def test_offsets_that_the_process_before_left_in_a_transaction_hold_nobody_up(
    mounts: Mounts, view: KafkaView, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.create("left-open", 1)
    view.create("left-open-copies", 1)
    mounts.binding("left-open")
    left: list[TransactionalProducer] = []
    request = TransactionalProducer._request

    async def dies(self: TransactionalProducer, call: Any, *args: Any, **limits: Any) -> None:
        if call == self._producer.commit_transaction:
            left.append(self)
            await asyncio.Event().wait()
        if call != self._producer.abort_transaction:
            await request(self, call, *args, **limits)

    def made() -> Service:
        service = mounts.service("left-open", instance="pod-1", drain=0.1)

        @service.listener("left-open", group="left-open", exactly_once=True, properties=QUICK)
        async def copy(event: dict[str, int]) -> None:
            service.publish("left-open-copies", event)

        return service

    with monkeypatch.context() as patched:
        patched.setattr(TransactionalProducer, "_request", dies)
        async with running(before := made()):
            await asyncio.gather(*[before.publish("left-open", {"n": n}) for n in range(5)])
            await until(lambda: left, "it is before a commit")
    async with running(made()):
        # brokers end it after 60 s
        await until(lambda: committed(view, "left-open", "left-open") == 5, "all is done", 30)
    copies = values(await asyncio.to_thread(read, view.bootstrap, "left-open-copies"))
    assert sorted(one["n"] for one in copies) == list(range(5))
