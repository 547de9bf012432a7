"""Pages that nobody waits for any more: what they do in threads ends, and until then they keep their turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import aiohttp
import pytest

from kafkade.clients.kafka_mover_model import Record
from kafkade.ui import server
from kafkade.ui.access import Access
from kafkade.ui.clusters import Cluster
from kafkade.ui.pages.asking import Page, Query
from kafkade.ui.pages.dead_letters import newest
from kafkade.ui.threads import AT_ONCE, GivenUp, Stop, aside


async def test_threads_are_of_the_pages_own() -> None:
    """The event loop's own look up names for the whole operator."""
    hold = threading.Event()
    try:
        busy = [asyncio.create_task(aside(lambda _: hold.wait(30))) for _ in range(40)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in busy)
        assert sum(thread.name.startswith("kafkade-ui") for thread in threading.enumerate()) <= AT_ONCE
        await asyncio.wait_for(asyncio.to_thread(lambda: None), 10)
    finally:
        hold.set()
        await asyncio.gather(*busy)


async def test_who_gives_up_waits_for_the_thread_to_notice() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        begun.set()
        try:
            while True:
                stop.check()
        finally:
            ended.set()

    task = asyncio.create_task(aside(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_page_that_is_given_up_keeps_its_turn_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, hold = [], threading.Event()

    async def slow(cluster: Cluster, query: Query) -> Page:
        begun.append(query)
        await aside(lambda _: hold.wait(30))
        return Page("slow", None)

    monkeypatch.setattr(server, "PAGE_TIMEOUT", 0.2)
    monkeypatch.setattr(server, "_SHOWN", MappingProxyType({"slow": ("slow", slow)}))
    only = Cluster("kafka", "kafka", None, None, lambda _: False)
    async with (
        server.serving(lambda: {"kafka": only}, Access(None), "127.0.0.1", 0) as listening,
        aiohttp.ClientSession() as client,
    ):

        async def status() -> int:
            async with client.get(f"{listening.url}/clusters/kafka/slow") as answer:
                return answer.status

        try:
            assert await asyncio.gather(*(status() for _ in range(AT_ONCE))) == [504] * AT_ONCE
            assert await status() == 504
            assert len(begun) == AT_ONCE, "there is no turn for one more while the threads go on"
        finally:
            hold.set()
        monkeypatch.setattr(server, "PAGE_TIMEOUT", 10.0)
        assert await status() == 200


class Endless:
    """A topic whose records do not end."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def read(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Iterator[Record]:
        yield Record(0, 0, 0, None, b"", [])
        self._stop.tell()
        for offset in range(1, 1000):
            yield Record(0, offset, 0, None, b"", [])


def test_reading_ends_when_nobody_waits() -> None:
    stop = Stop()
    with pytest.raises(GivenUp):
        newest(Endless(stop), "t.dlq", {0: (0, 1000)}, 10, None, {}, stop)  # type: ignore[arg-type]
