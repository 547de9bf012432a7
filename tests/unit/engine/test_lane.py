"""The deduped, batching queue: nothing lost, nothing twice at a time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from kafkade.api.objects import Key
from kafkade.engine.backoff import Backoff
from kafkade.engine.lane import AHEAD, FEWEST, Batch, Lane, paced


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

    async def process(batch: Batch) -> None:
        batches.append(batch.keys)
        done.set()

    lane = Lane(process, limit=100)
    lane.add([key(1), key(2), key(1)])
    lane.add([key(2), key(3)])
    await running(lane, done)
    assert batches == [[key(1), key(2), key(3)]]


async def test_a_batch_has_a_limit_and_the_rest_follows() -> None:
    batches: list[int] = []
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        batches.append(len(batch.keys))
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

    async def process(batch: Batch) -> None:
        keys = batch.keys
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

    async def process(batch: Batch) -> None:
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

    async def process(batch: Batch) -> None:
        seen.extend(batch.keys)
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
    routine: list[bool] = []
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        batches.append(batch.keys)
        routine.append(batch.routine)
        if sum(map(len, batches)) == 6:
            done.set()

    lane = Lane(process, limit=2, routine=3)
    lane.add([key(n) for n in range(5)], routine=True)
    lane.add([key(7), key(3)])
    lane.add([key(3)], routine=True)  # waits already, as one that changed
    await running(lane, done)
    assert batches == [[key(7), key(3)], [key(0), key(1), key(2)], [key(4)]]
    assert routine == [False, True, True]
    assert lane.idle


async def test_changes_without_end_do_not_keep_the_routine_away() -> None:
    batches: list[bool] = []
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        batches.append(batch.keys == [key(0)])
        lane.add([key(len(batches))])
        if batch.keys == [key(0)]:
            done.set()

    lane = Lane(process, limit=1, linger=0.0)
    lane.add([key(0)], routine=True)
    lane.add([key(1)])
    await running(lane, done)
    assert batches.index(True) == AHEAD


async def test_a_neighbours_ten_thousand_do_not_keep_a_single_one_waiting() -> None:
    first: list[Key] = []
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        first.extend(batch.keys)
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
        (100, 1.0, 500, 100),
        (100, 0.5, 500, 200),
        (100, 0.01, 500, 200),  # at most twice as many
        (100, 0.0, 500, 200),
        (400, 0.1, 500, 500),
        (100, 5.0, 500, 20),
        (100, 60.0, 500, 20),
        (10, 60.0, 10, 10),
        (10, 0.1, 10, 10),
    ],
)
def test_a_batch_has_as_many_as_go_in_a_second(size: int, seconds: float, limit: int, then: int) -> None:
    assert paced(size, seconds, limit) == then


async def test_slow_batches_become_smaller_and_fast_ones_larger() -> None:
    sizes: list[int] = []
    done = asyncio.Event()
    cost = 0.02

    async def process(batch: Batch) -> None:
        sizes.append(len(batch.keys))
        await asyncio.sleep(cost * len(batch.keys))
        if len(sizes) == 3:
            done.set()

    lane = Lane(process, limit=500)
    lane.add(key(n) for n in range(10_000))
    await running(lane, done)
    assert sizes[0] == 100
    assert all(FEWEST <= size < 60 for size in sizes[1:]), sizes


async def test_the_next_batch_begins_when_only_writes_are_left_and_two_at_most_are_under_way() -> None:
    begun: list[list[Key]] = []
    under_way: list[list[Key]] = []
    most = 0
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        nonlocal most
        assert batch.keys not in under_way
        begun.append(batch.keys)
        under_way.append(batch.keys)
        most = max(most, len(under_way))
        await asyncio.sleep(0.01)
        if batch.keys == [key(1)] and begun.count(batch.keys) == 1:
            lane.add([key(1)])  # while its own writes are under way: waits for their end
        batch.settled.set()
        await asyncio.sleep(0.05)
        under_way.remove(batch.keys)
        if len(begun) == 5:
            done.set()

    lane = Lane(process, limit=1, linger=0.0, overlapping=True, aside=True)
    lane.add(key(n) for n in range(1, 5))
    await running(lane, done)
    assert begun[:2] == [[key(1)], [key(2)]]
    # it comes as its own writes end, which a busy machine decides
    assert sorted(begun[2:]) == [[key(1)], [key(3)], [key(4)]]
    assert most == 2


async def test_a_lane_that_only_overlaps_sends_nothing_beside_a_batch() -> None:
    crowd = [Key("KafkaSchema", "crowd", f"s{n}") for n in range(100)]
    single, begun = Key("KafkaSchema", "shop", "s"), list[Batch]()
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        begun.append(batch)
        if batch.keys == [single]:
            assert begun[0].settled.is_set()
            assert not done.is_set()
            done.set()
            return
        lane.add([single])
        await asyncio.sleep(0.05)
        assert len(begun) == 1
        batch.settled.set()
        await done.wait()

    lane = Lane(process, limit=200, linger=0.0, overlapping=True)
    lane.add(crowd)
    await running(lane, done)
    assert [(batch.keys, batch.aside) for batch in begun] == [(crowd, False), ([single], False)]


async def test_what_another_namespace_wants_goes_beside_a_large_batch() -> None:
    crowd = [Key("KafkaTopic", "crowd", f"t{n}") for n in range(300)]
    single, done = asyncio.Event(), asyncio.Event()

    async def process(batch: Batch) -> None:
        assert batch.aside == (batch.keys == [key(1)])
        if batch.aside:
            single.set()
            return
        if not single.is_set():
            lane.add([key(1), crowd[-1]])  # of its own namespace nothing goes aside
            await single.wait()
        done.set()

    lane = Lane(process, limit=200, overlapping=True, aside=True)
    lane.add(crowd)
    await running(lane, done)
    assert single.is_set()


async def test_what_changed_goes_beside_a_routine_batch_of_its_own_namespace() -> None:
    """A new topic waited for the resync of all others of its namespace."""
    order: list[list[Key]] = []
    single, done = asyncio.Event(), asyncio.Event()

    async def process(batch: Batch) -> None:
        order.append(batch.keys)
        if batch.aside:
            single.set()
        elif len(order) == 1:
            lane.add([key(1), key(300)])  # the first is worked on already, and waits for the end of that
            await single.wait()
        else:
            done.set()

    lane = Lane(process, limit=200, routine=200, overlapping=True, aside=True)
    lane.add((key(n) for n in range(200)), routine=True)
    await running(lane, done)
    assert order == [[key(n) for n in range(200)], [key(300)], [key(1)]]


async def test_what_waits_when_a_routine_batch_begins_goes_beside_it() -> None:
    order: list[Key] = []
    single, done = asyncio.Event(), asyncio.Event()

    async def process(batch: Batch) -> None:
        order.extend(batch.keys)
        if batch.aside:
            single.set()
        elif batch.keys == [key(0)]:
            await single.wait()
            done.set()

    lane = Lane(process, limit=1, linger=0.0, overlapping=True, aside=True)
    lane.add([key(0)], routine=True)
    lane.add(key(n) for n in range(1, AHEAD + 2))
    await running(lane, done)
    assert order == [*(key(n) for n in range(1, AHEAD + 1)), key(0), key(AHEAD + 1)]


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_comes_when_each_is_looked_at_after_it_and_never_twice_at_once(seed: int) -> None:
    chance = random.Random(seed)
    keys = [Key("KafkaTopic", f"ns{n % 4}", f"t{n}") for n in range(60)]
    asked: Counter[Key] = Counter()
    answered: Counter[Key] = Counter()
    active: set[Key] = set()

    async def process(batch: Batch) -> None:
        assert not active & set(batch.keys)
        active.update(batch.keys)
        known = {each: asked[each] for each in batch.keys}
        await asyncio.sleep(chance.random() / 500)
        if chance.random() < 0.7:
            batch.settled.set()
        await asyncio.sleep(chance.random() / 500)
        active.difference_update(batch.keys)
        answered.update(Counter(known) - answered)

    lane = Lane(process, limit=8, routine=16, linger=0.001, overlapping=True, aside=True)
    task = asyncio.create_task(lane.run())
    for _ in range(200):
        chosen = chance.sample(keys, chance.choice([1, 1, 3, 30]))
        asked.update(chosen)
        if chance.random() < 0.2:
            for each in chosen:
                lane.later(each, chance.random() / 100)
        else:
            lane.add(chosen, routine=chance.random() < 0.2)
        await asyncio.sleep(chance.random() / 1000)
    async with asyncio.timeout(5):
        while not lane.idle:  # noqa: ASYNC110 -- nothing tells of it
            await asyncio.sleep(0.01)
    assert answered == asked
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_not_idle_between_the_moment_that_a_key_is_handed_out_and_its_work() -> None:
    done = asyncio.Event()

    async def process(_: Batch) -> None:
        done.set()

    lane = Lane(process, limit=10, linger=0.0)
    lane.add([key(1)])
    task = asyncio.create_task(lane.run())
    while not done.is_set():
        assert not lane.idle
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_when_nothing_large_is_at_work_nothing_goes_aside() -> None:
    asides: list[bool] = []
    done = asyncio.Event()

    async def process(batch: Batch) -> None:
        asides.append(batch.aside)
        batch.settled.set()
        if len(asides) == 2:
            done.set()

    lane = Lane(process, limit=200, overlapping=True, aside=True)
    lane.add([key(1)])
    loop = asyncio.get_running_loop()
    loop.call_later(0.1, lambda: lane.add([Key("KafkaTopic", "other", "t")]))
    await running(lane, done)
    assert asides == [False, False]


def test_backoff_doubles_to_its_cap_within_its_jitter_and_forgets() -> None:
    backoff = Backoff(base=1.0, cap=8.0, chance=random.Random(1))
    delays = [backoff.next(key(1)) for _ in range(6)]
    for delay, top in zip(delays, [1, 2, 4, 8, 8, 8], strict=True):
        assert top / 2 <= delay <= top
    backoff.reset(key(1))
    assert backoff.next(key(1)) <= 1.0
