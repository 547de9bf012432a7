"""Best Practices 3, Error Handling: by the mounted policy alone, and read by `kafkade dlq`."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from kafkade.service import ListenerStopped, Metadata, ProcessingException
from support.kafka import KafkaView
from support.letters import read
from support.services import QUICK, Mounts, committed, running, until, values


def dlq(view: KafkaView, *words: str) -> Any:
    """What the command prints."""
    command = [
        sys.executable,
        "-m",
        "kafkade.cli.main",
        "dlq",
        *words,
        "--bootstrap-server",
        view.bootstrap,
        "-o",
        "json",
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


async def test_retry_in_place_and_dead_letters_by_route(
    mounts: Mounts, view: KafkaView, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kafkade.service")
    for name in ("in-place", "in-place.dlq"):
        view.create(name, 1)
    mounts.binding("user-service")
    routes = [
        {"exception": "KeyError", "action": "SKIP"},
        {"exception": "DeserializationException", "action": "DEAD_LETTER"},
    ]
    mounts.policy("user-service", "in-place", retry={"backoff": {"initial": "50ms"}}, routes=routes)
    service = mounts.service("user-service")
    tried: list[tuple[int, int]] = []

    @service.listener("in-place", group="in-place", properties=QUICK)
    async def handle(event: dict[str, int], metadata: Metadata) -> None:
        tried.append((event["n"], metadata.attempt))
        if event["n"] == 1 or (event["n"] == 2 and metadata.attempt < 3):
            raise ProcessingException(f"number {event['n']}")
        if event["n"] == 3:
            raise KeyError("harmless")

    async with running(service):
        for n in range(4):
            await service.publish("in-place", {"n": n}, key=f"k{n}", headers={"mine": "x"})
        await service.publish("in-place", b"no JSON")
        await service.publish("in-place", {"n": 4})
        await until(lambda: (4, 1) in tried, "all is done")
        assert tried == [(0, 1), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (4, 1)]
        # the policy changes while the service runs
        mounts.policy("user-service", "in-place", retry={"maxAttempts": 1})
        await until(lambda: "was read anew" in caplog.text, "the listener has seen it")
        await service.publish("in-place", {"n": 1})
        await until(lambda: committed(view, "in-place", "in-place") == 7, "the last one is done")
        assert tried[-1] == (1, 1)
    letters = await asyncio.to_thread(read, view.bootstrap, "in-place.dlq")
    assert [letter.value for letter in letters] == [b'{"n":1}', b"no JSON", b'{"n":1}']
    assert letters[0].key == b"k1"
    assert ("mine", b"x") in letters[0].headers
    assert service.metrics.messages["in-place", "dead_letter"] == 3
    assert service.metrics.messages["in-place", "skipped"] == 1
    found = await asyncio.to_thread(dlq, view, "peek", "in-place.dlq")
    shown = json.dumps(found)
    assert "kafkade.service.errors.ProcessingException" in shown
    assert "number 1" in shown
    assert "DeserializationException" in shown
    listed = await asyncio.to_thread(dlq, view, "ls")
    assert "in-place.dlq" in json.dumps(listed)


@pytest.mark.parametrize("exactly_once", [False, True])
async def test_retry_topics_let_others_pass(mounts: Mounts, view: KafkaView, exactly_once: bool) -> None:
    source = f"passing-{exactly_once}".lower()
    for name in (source, f"{source}.retry.1", f"{source}.retry.2", f"{source}.dlq"):
        view.create(name, 1)
    mounts.binding("user-service")
    mounts.policy(
        "user-service", source, retry={"strategy": "RetryTopics", "backoff": {"initial": "300ms", "multiplier": 1.0}}
    )
    service = mounts.service("user-service")
    tried: list[tuple[int, int, str]] = []

    @service.listener(source, group=source, exactly_once=exactly_once, properties=QUICK)
    async def handle(event: dict[str, int], metadata: Metadata) -> None:
        tried.append((event["n"], metadata.attempt, metadata.topic))
        if event["n"] == 0 or (event["n"] == 1 and metadata.attempt == 1):
            raise ProcessingException("not yet")

    async with running(service):
        for n in range(4):
            await service.publish(source, {"n": n})
        await until(lambda: (0, 3, f"{source}.retry.2") in tried, "the last attempt was made")
        # the other one has its second attempt a moment after its first one, whenever that was
        await until(lambda: (1, 2, f"{source}.retry.1") in tried, "and that of the one that came after it")
        await until(lambda: committed(view, source, f"{source}.retry.2") > 0, "and committed")
    assert [n for n, attempt, _ in tried if attempt == 1] == [0, 1, 2, 3]
    assert [(n, topic) for n, attempt, topic in tried if attempt == 2] == [
        (0, f"{source}.retry.1"),
        (1, f"{source}.retry.1"),
    ]
    (letter,) = await asyncio.to_thread(read, view.bootstrap, f"{source}.dlq")
    headers = dict(letter.headers)
    assert values([letter]) == [{"n": 0}]
    assert (headers["kafkade.dlq.topic"], headers["kafkade.dlq.offset"]) == (source.encode(), b"0")
    assert (headers["kafkade.dlq.attempts"], headers["kafkade.dlq.group"]) == (b"3", source.encode())


async def test_stop_keeps_the_record(mounts: Mounts, view: KafkaView) -> None:
    view.create("stopping", 1)
    mounts.binding("user-service")
    service = mounts.service("user-service")

    @service.listener("stopping", group="stopping", properties=QUICK)
    async def handle(event: dict[str, int]) -> None:
        if event["n"] == 1:
            raise ValueError("no")

    async with service:
        for n in range(3):
            await service.publish("stopping", {"n": n})
        with pytest.raises(ListenerStopped, match=r"stopping/0@1.*KafkaDLQPolicy"):
            await asyncio.wait_for(service.run(signals=False), 30)
    assert committed(view, "stopping", "stopping") == 1
