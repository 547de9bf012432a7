"""Whose a topic is, whatever crashes: none that was not announced is taken over or deleted, and none of one's own is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkade.api import ADMISSION_FINALIZER, ANNOTATION_TAKING, FINALIZER
from kafkade.api.conditions import condition
from kafkade.topics import reconcile
from kafkade.topics.marks import mark_of
from support.whose import Crash, Operator, World

NAMES = ("a", "b", "c", "d")
REQUESTS = 12
"""More than a batch makes."""


@pytest.fixture(autouse=True, scope="module")
def at_once() -> Iterator[None]:
    """Nothing here lags."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reconcile, "METADATA_LAG", 0.0)
        yield


def told(world: World, name: str) -> tuple[str, str | None]:
    """The reason and the topic id of a resource."""
    found = world.get(name)
    assert found is not None
    return (condition(found.status, "Ready") or {}).get("reason", ""), found.status.get("topicId")


async def ran(world: World, crash: tuple[int, bool] | None = None) -> bool:
    """One batch of a new process; whether it came to its end."""
    operator = Operator(world, crash)
    try:
        await operator.look()
    except Crash:
        return False
    finally:
        await operator.close()
    return True


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
async def test_a_crash_at_each_request_of_a_creation_changes_nothing(count: int, after: bool) -> None:
    for number in range(1, REQUESTS):
        world = World()
        for name in NAMES[:count]:
            world.add(name, adoptionPolicy="Never")
        ended = await ran(world, (number, after))
        assert await ran(world)
        for name in NAMES[:count]:
            assert told(world, name) == ("Reconciled", world.kafka.topics[name][0]), number
        if ended:
            assert number > 4
            return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_and_then_the_resources_are_deleted(after: bool) -> None:
    """What was made goes with them."""
    for number in range(1, REQUESTS):
        world = World()
        for name in NAMES:
            world.add(name)
        ended = await ran(world, (number, after))
        for name in NAMES:
            world.remove(name)
        assert await ran(world)
        assert not world.kafka.topics, number
        assert not any(world.get(name) for name in NAMES)
        if ended:
            return


async def test_one_write_for_all_and_none_left() -> None:
    world = World()
    for name in NAMES:
        world.add(name)
    operator = Operator(world)
    await operator.look()
    # a look, the marks, CreateTopics, a look, a status each
    assert operator.requests.count == 4 + len(NAMES)
    assert len(world.marks().split()) == len(NAMES)
    await operator.tidy()
    assert world.marks() == ""
    await operator.look()
    assert operator.requests.count == 4 + len(NAMES) + 2, "nothing but a look"
    await operator.close()
    assert [r.finalizers for name in NAMES if (r := world.get(name))] == [(ADMISSION_FINALIZER,)] * len(NAMES)


async def test_few_are_announced_in_their_status() -> None:
    world = World()
    world.add("a")
    operator = Operator(world)
    await operator.look()
    assert operator.requests.count == 5
    assert world.marks() == ""
    assert "topicAnnounced" not in world.get("a").status  # type: ignore[union-attr]
    await operator.close()


@pytest.mark.parametrize("count", [1, 4])
async def test_what_kafka_refused_is_nobodys(count: int) -> None:
    """Somebody else makes it afterwards."""
    world = World()
    for name in NAMES[:count]:
        world.add(name, adoptionPolicy="Never")
    world.kafka.refuses = True
    operator = Operator(world)
    await operator.look()
    assert world.marks() == ""
    before = world.kube.version
    await operator.look()
    assert world.kube.version == before, "tried again, and nothing is written"
    for name in NAMES[:count]:
        world.kafka.make(name)
    await operator.look()
    assert {told(world, name) for name in NAMES[:count]} == {("AdoptionRefused", None)}
    await operator.close()
    assert await ran(world)
    assert {told(world, name) for name in NAMES[:count]} == {("AdoptionRefused", None)}
    for name in NAMES[:count]:
        world.remove(name)
    assert await ran(world)
    assert set(world.kafka.topics) == set(NAMES[:count])
    assert not any(world.get(name) for name in NAMES)


async def test_a_mark_is_of_one_kafka() -> None:
    """The KafkaCluster is given other brokers after the crash, which have topics of these names."""
    world = World()
    for name in NAMES:
        world.add(name, adoptionPolicy="Never")
    assert not await ran(world, (3, True))
    assert set(world.kafka.topics) == set(NAMES)
    world.kafka.cluster_id, world.kafka.topics = "another", {}
    for name in NAMES:
        world.kafka.make(name)
    assert await ran(world)
    assert {told(world, name) for name in NAMES} == {("AdoptionRefused", None)}


async def test_a_mark_is_of_one_resource() -> None:
    """Deleted after the crash, before anybody saw that, and another one has its name."""
    world = World()
    for name in NAMES:
        world.add(name, adoptionPolicy="Never")
    assert not await ran(world, (2, True))
    for name in NAMES:
        key = world.get(name).key  # type: ignore[union-attr]
        world.keep.remove(key)
        world.kafka.make(name)
        world.add(name, adoptionPolicy="Never")
    assert await ran(world)
    assert {told(world, name) for name in NAMES} == {("AdoptionRefused", None)}


async def test_what_is_not_listed_yet_keeps_its_mark() -> None:
    """Namespaces are listed one by one, and the first ones are worked on meanwhile."""
    world = World()
    for name in NAMES:
        world.add(name, adoptionPolicy="Never")
    assert not await ran(world, (3, True))
    operator = Operator(world, unseen={"d"})
    await operator.look()
    await operator.tidy()
    waiting = world.get("d")
    assert waiting is not None
    assert mark_of(waiting, world.kafka.cluster_id) in world.marks().split()
    operator.unseen = ()
    await operator.look()
    assert {told(world, name)[0] for name in NAMES} == {"Reconciled"}
    await operator.tidy()
    assert world.marks() == ""
    await operator.close()


async def test_a_topic_that_was_to_be_taken_over_is_no_other_one() -> None:
    world = World()
    for name in NAMES:
        world.kafka.make(name)
        world.add(name, adoptionPolicy="Always")
    assert not await ran(world, (2, True))
    assert all("." in mark for mark in world.marks().split())
    world.kafka.topics.clear()
    for name in NAMES:
        world.kafka.make(name)
        world.add(name, adoptionPolicy="Never")
    assert await ran(world)
    assert {told(world, name) for name in NAMES} == {("AdoptionRefused", None)}


@pytest.mark.parametrize("text", ["", "x", "a b c", "." * 50, "\x00", "é"])
async def test_whatever_stands_in_the_annotation_is_no_mark(text: str) -> None:
    world = World()
    for name in NAMES:
        world.kafka.make(name)
        world.add(name, adoptionPolicy="Never")
    main = next(r for r in world.kube.resources() if r.key.kind == "KafkaCluster")
    await world.kube.annotate(main, ANNOTATION_TAKING, text)
    assert await ran(world)
    assert {told(world, name) for name in NAMES} == {("AdoptionRefused", None)}


async def test_one_that_nothing_was_done_for_goes_at_once() -> None:
    """Paused, and in deletion: as without the API server's finalizer."""
    world = World()
    world.add("a", paused=True)
    world.kafka.make("a")
    assert await ran(world)
    world.remove("a")
    assert await ran(world)
    assert world.get("a") is None
    assert "a" in world.kafka.topics


@dataclass
class Story:
    """What happened, for the judge: ids of topics that were made by hand while nothing was announced of that name."""

    world: World
    foreign: set[str] = field(default_factory=set)

    def by_hand(self, name: str) -> None:
        """Somebody makes a topic."""
        resource = self.world.get(name)
        announced = resource is not None and (
            bool(resource.status.get("topicAnnounced"))
            or FINALIZER in resource.finalizers
            or mark_of(resource, self.world.kafka.cluster_id) in self.world.marks().split()
        )
        made = self.world.kafka.make(name)
        if made is not None and not announced:
            self.foreign.add(made)

    def judge(self) -> None:
        """No topic that is somebody else's has an owner, or is gone though nobody but kafkade deleted any."""
        for name in NAMES:
            resource = self.world.get(name)
            assert resource is None or resource.status.get("topicId") not in self.foreign, name
        assert self.foreign <= {id_ for id_, _ in self.world.kafka.topics.values()}


WAYS = [(True, "Delete"), (False, "Delete"), (False, "Retain"), (True, "Retain")]
"""Whether the API server put a finalizer on, and what becomes of the topic: the last where a cluster's default says Retain."""

ACTIONS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(NAMES), st.sampled_from(WAYS)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("hand"), st.sampled_from(NAMES)),
    st.tuples(st.just("refuse"), st.booleans()),
    st.tuples(st.just("tidy")),
    st.tuples(st.just("look"), st.none() | st.tuples(st.integers(1, REQUESTS), st.booleans())),
    st.tuples(st.just("crowd"), st.tuples(st.integers(1, REQUESTS), st.booleans())),
)


@settings(max_examples=150)
@given(st.lists(ACTIONS, max_size=14))
def test_no_order_of_crashes_and_others_takes_what_is_not_ones_own(actions: list[tuple[object, ...]]) -> None:
    asyncio.run(_play(actions))


async def _play(actions: list[tuple[object, ...]]) -> None:
    world = World()
    story = Story(world)
    operator = Operator(world)

    async def again(work: str, crash: object = None) -> None:
        """The same process goes on, or a new one that crashes."""
        nonlocal operator
        if crash is not None:
            await operator.close()
            operator = Operator(world, crash)  # type: ignore[arg-type]
        try:
            await (operator.look() if work == "look" else operator.tidy())
        except Crash:
            await operator.close()
            operator = Operator(world)
        story.judge()

    for action, *rest in actions:
        match action, rest:
            case "add", [str(name), (bool(admitted), str(policy))]:
                if world.get(name) is None:
                    world.add(name, admitted=admitted, adoptionPolicy="Never", deletionPolicy=policy)
            case "remove", [str(name)]:
                world.remove(name)
            case "hand", [str(name)]:
                story.by_hand(name)
            case "refuse", [bool(refuses)]:
                world.kafka.refuses = refuses
            case "tidy", []:
                await again("tidy")
            case "look", [crash]:
                await again("look", crash)
            case "crowd", [crash]:
                for name in NAMES:
                    if world.get(name) is None:
                        world.add(name, adoptionPolicy="Never")
                await again("look", crash)
        story.judge()
    world.kafka.refuses = False
    for _ in range(3):
        await again("look")
    for name in NAMES:
        found = world.get(name)
        if found is None:
            continue
        id_, maker = world.kafka.topics[name]
        if maker == found.uid:
            assert told(world, name) == ("Reconciled", id_), f"{name} is its own"
        elif id_ in story.foreign:
            assert told(world, name) == ("AdoptionRefused", None), f"{name} is somebody else's"
    await operator.close()
