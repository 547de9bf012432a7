"""Slots for requests: never more than there are, and in turns."""

from __future__ import annotations

import asyncio
import random

from kafkade.clients.slots import ON_BEHALF, Slots


async def use(slots: Slots, whose: str, done: list[str], seconds: float = 0.0) -> None:
    ON_BEHALF.set(whose)
    async with slots:
        await asyncio.sleep(seconds)
        done.append(whose)


async def test_one_does_not_wait_for_anothers_thousand() -> None:
    slots, done = Slots(4), list[str]()
    crowd = [asyncio.create_task(use(slots, "crowd", done)) for _ in range(1000)]
    await asyncio.sleep(0)
    single = asyncio.create_task(use(slots, "single", done))
    await single
    assert done.index("single") < 20
    await asyncio.gather(*crowd)
    assert len(done) == 1001


async def test_never_more_than_there_are_and_all_come_whoever_is_cancelled() -> None:
    slots, chance = Slots(3), random.Random(5)
    under_way = most = finished = 0

    async def work(number: int) -> None:
        nonlocal under_way, most, finished
        ON_BEHALF.set(number % 7)
        async with slots:
            under_way += 1
            most = max(most, under_way)
            try:
                await asyncio.sleep(chance.random() / 200)
                finished += 1
            finally:
                under_way -= 1

    tasks = [asyncio.create_task(work(number)) for number in range(300)]
    for _ in range(60):
        await asyncio.sleep(0.002)
        chance.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert finished + sum(task.cancelled() for task in tasks) == 300
    done = list[str]()
    await asyncio.wait_for(asyncio.gather(*(use(slots, "after", done, 0.001) for _ in range(9))), 5)
    assert len(done) == 9, "no slot was lost"


async def test_a_slot_that_is_given_to_who_is_cancelled_at_that_moment_is_not_lost() -> None:
    slots, done = Slots(1), list[str]()
    async with slots:
        waiting = asyncio.create_task(use(slots, "a", done))
        await asyncio.sleep(0)
    waiting.cancel()  # its turn has come, and it has not run since
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(use(slots, "b", done), 5)
    assert done == ["b"]
