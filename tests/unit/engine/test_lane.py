"""The deduped, batching queue: nothing lost, nothing twice at a time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from kafkade.api.objects import Key
from kafkade.engine.backoff import Backoff
from kafkade.engine.lane import AHEAD, FEWEST, Lane, paced


def key(n: int) -> Key:
    return Key("KafkaTopic", "ns", f"t{n}")


async def running(lane: Lane, until: asyncio.Event) -> None:
    task = asyncio.create_task(lane.run())
    try:
        await asyncio.wait_for(until.wait(), 5)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_that_wait_are_deduped_and_come_as_one_batch() -> None:
    batches: list[list[Key]] = []
    done = asyncio.Event()

    async def process(keys: list[Key]) -> None:
        batches.append(keys)
        done.set()

    lane = Lane(process, limit=100)
    lane.add([key(1), key(2), key(1)])
    lane.add([key(2), key(3)])
    await running(lane, done)
    assert batches == [[key(1), key(2), key(3)]]


async def test_a_batch_has_a_limit_and_the_rest_follows() -> None:
    batches: list[int] = []
    done = asyncio.Event()

    async def process(keys: list[Key]) -> None:
        batches.append(len(keys))
        if sum(batches) == 25:
            done.set()

    lane = Lane(process, limit=10)
    lane.add(key(n) for n in range(25))
    await running(lane, done)
    assert batches == [10, 10, 5]
    assert lane.idle


async def test_a_key_asked_for_while_worked_on_is_worked_on_again_and_never_twice_at_once() -> None:
    active: set[Key] = set()
    runs: Counter[Key] = Counter()
    done = asyncio.Event()
    lane: Lane

    async def process(keys: list[Key]) -> None:
        assert not active & set(keys)
        active.update(keys)
        runs.update(keys)
        if runs[key(1)] == 1:
            lane.add([key(1)])
        await asyncio.sleep(0.01)
        active.difference_update(keys)
        if runs[key(1)] == 2:
            done.set()

    lane = Lane(process, limit=10)
    lane.add([key(1)])
    await running(lane, done)
    assert runs[key(1)] == 2


async def test_the_sooner_of_two_appointments_holds_and_an_add_beats_both() -> None:
    when: list[float] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def process(keys: list[Key]) -> None:
        when.append(loop.time() - start)
        done.set()

    lane = Lane(process, limit=10, linger=0.0)
    lane.later(key(1), 5.0)
    lane.later(key(1), 0.05)
    lane.later(key(1), 9.0)
    await running(lane, done)
    assert 0.04 < when[0] < 2.0
    assert lane.idle


async def test_forgotten_keys_do_not_come() -> None:
    seen: list[Key] = []
    done = asyncio.Event()

    async def process(keys: list[Key]) -> None:
        seen.extend(keys)
        done.set()

    lane = Lane(process, limit=10)
    lane.add([key(1), key(2)])
    lane.later(key(3), 0.0)
    lane.forget(key(1))
    lane.forget(key(3))
    await running(lane, done)
    assert seen == [key(2)]


async def test_what_changed_goes_before_what_is_only_looked_at_again() -> None:
    batches: list[list[Key]] = []
    done = asyncio.Event()

    async def process(keys: list[Key]) -> None:
        batches.append(keys)
        if sum(map(len, batches)) == 6:
            done.set()

    lane = Lane(process, limit=2, routine=3)
    lane.add([key(n) for n in range(5)], routine=True)
    lane.add([key(7), key(3)])
    lane.add([key(3)], routine=True)  # waits already, as one that changed
    await running(lane, done)
    assert batches == [[key(7), key(3)], [key(0), key(1), key(2)], [key(4)]]
    assert lane.idle


async def test_changes_without_end_do_not_keep_the_routine_away() -> None:
    batches: list[bool] = []
    done = asyncio.Event()

    async def process(keys: list[Key]) -> None:
        batches.append(keys == [key(0)])
        lane.add([key(len(batches))])
        if keys == [key(0)]:
            done.set()

    lane = Lane(process, limit=1, linger=0.0)
    lane.add([key(0)], routine=True)
    lane.add([key(1)])
    await running(lane, done)
    assert batches.index(True) == AHEAD


async def test_a_neighbours_ten_thousand_do_not_keep_a_single_one_waiting() -> None:
    first: list[Key] = []
    done = asyncio.Event()

    async def process(keys: list[Key]) -> None:
        first.extend(keys)
        done.set()
        await asyncio.sleep(1)

    lane = Lane(process, limit=200)
    lane.add(Key("KafkaTopic", "crowd", f"t{n}") for n in range(10_000))
    lane.add([key(1)])
    await running(lane, done)
    assert key(1) in first
    assert len(first) == 100


@pytest.mark.parametrize(
    ("size", "seconds", "limit", "then"),
    [
        (100, 0.5, 500, 100),
        (100, 0.25, 500, 200),
        (100, 0.01, 500, 200),  # at most twice as many
        (100, 0.0, 500, 200),
        (400, 0.1, 500, 500),
        (100, 2.5, 500, 20),
        (100, 60.0, 500, 20),
        (10, 60.0, 10, 10),
        (10, 0.1, 10, 10),
    ],
)
def test_a_batch_has_as_many_as_go_in_half_a_second(size: int, seconds: float, limit: int, then: int) -> None:
    assert paced(size, seconds, limit) == then


async def test_slow_batches_become_smaller_and_fast_ones_larger() -> None:
    sizes: list[int] = []
    done = asyncio.Event()
    cost = 0.02

    async def process(keys: list[Key]) -> None:
        sizes.append(len(keys))
        await asyncio.sleep(cost * len(keys))
        if len(sizes) == 3:
            done.set()

    lane = Lane(process, limit=500)
    lane.add(key(n) for n in range(10_000))
    await running(lane, done)
    assert sizes[0] == 100
    assert all(FEWEST <= size < 30 for size in sizes[1:]), sizes


def test_backoff_doubles_to_its_cap_within_its_jitter_and_forgets() -> None:
    backoff = Backoff(base=1.0, cap=8.0, chance=random.Random(1))
    delays = [backoff.next(key(1)) for _ in range(6)]
    for delay, top in zip(delays, [1, 2, 4, 8, 8, 8], strict=True):
        assert top / 2 <= delay <= top
    backoff.reset(key(1))
    assert backoff.next(key(1)) <= 1.0
