"""What is read ahead of a resync's batches: asked for once, and it counts only where it shows a topic as it is declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import cast

import pytest

from kafkade.api.errors import AuthorizationFailed, ClusterUnreachable, KafkadeError
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.model import ConfigEntry, ConfigSource, Partition, TopicDescription, TopicState
from kafkade.topics import ahead, reconcile
from kafkade.topics.ahead import FRESH, Ahead
from support.whose import Operator, World

KEY = "retention.ms"
BATCHES = [{f"t{batch}{number}": {KEY} for number in range(5)} for batch in range(4)]


class Surveyed:
    """A Kafka that counts how often it is asked for many topics."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.down = False

    async def survey(self, keys: Mapping[str, Set[str]]) -> dict[str, TopicState | KafkadeError]:
        self.asked.append(set(keys))
        if self.down:
            raise ClusterUnreachable("no broker")
        return {n: AuthorizationFailed(n) if n in self.refused else self._state(n, keys[n]) for n in keys}

    def _state(self, name: str, keys: Set[str]) -> TopicState:
        known = set() if name in self.unknown else keys
        return TopicState(
            TopicDescription(name, f"id-{name}", (Partition((1,), (1,), 1),)),
            {key: ConfigEntry("1", ConfigSource.TOPIC) for key in known},
        )


@pytest.fixture(autouse=True)
def few_are_many() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ahead, "MANY", 1)
        patched.setattr(reconcile, "METADATA_LAG", 0.0)
        yield


async def taken(them: Ahead, kafka: Surveyed) -> list[set[str]]:
    """One resync: what its batches find."""
    return [set(await them.take(cast(KafkaAdmin, kafka), batch)) for batch in BATCHES]


async def test_all_are_asked_for_once_a_resync() -> None:
    kafka, them = Surveyed(), Ahead()
    every = set().union(*BATCHES)
    assert await taken(them, kafka) == [set()] * 4, "nobody knows yet what there is to ask for"
    assert kafka.asked == []
    for resync in (1, 2, 3):
        assert await taken(them, kafka) == [set(batch) for batch in BATCHES]
        assert kafka.asked == [every] * resync


async def test_topics_that_changed_are_asked_for_with_the_next_resync_and_what_is_gone_is_forgotten() -> None:
    kafka, them = Surveyed(), Ahead()
    await taken(them, kafka)
    them.look({"new": {KEY}})
    await taken(them, kafka)
    await taken(them, kafka)
    assert [len(names) for names in kafka.asked] == [21, 20]


async def test_a_look_since_then_counts_more() -> None:
    kafka, them = Surveyed(), Ahead()
    await taken(them, kafka)
    await them.take(cast(KafkaAdmin, kafka), BATCHES[0])
    them.look({"t10": {KEY}})
    assert set(await them.take(cast(KafkaAdmin, kafka), BATCHES[1])) == set(BATCHES[1]) - {"t10"}


async def test_what_kafka_refuses_or_does_not_know_is_left_to_another_look() -> None:
    kafka, them = Surveyed(), Ahead()
    kafka.refused, kafka.unknown = {"t00"}, {"t11"}
    await taken(them, kafka)
    found = await taken(them, kafka)
    assert found[0] == set(BATCHES[0]) - {"t00"}
    assert found[1] == set(BATCHES[1]) - {"t11"}


async def test_other_settings_than_those_that_were_asked_for() -> None:
    kafka, them = Surveyed(), Ahead()
    await taken(them, kafka)
    await them.take(cast(KafkaAdmin, kafka), BATCHES[0])
    wanted = BATCHES[1] | {"t10": {KEY, "cleanup.policy"}}
    assert set(await them.take(cast(KafkaAdmin, kafka), wanted)) == set(BATCHES[1]) - {"t10"}


async def test_facts_do_not_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(ahead.time, "monotonic", lambda: clock[0])
    kafka, them = Surveyed(), Ahead()
    await taken(them, kafka)
    await them.take(cast(KafkaAdmin, kafka), BATCHES[0])
    clock[0] += FRESH + 1
    await them.take(cast(KafkaAdmin, kafka), BATCHES[1])
    assert not them._facts


async def test_a_kafka_that_does_not_answer_is_asked_again_at_the_next_resync() -> None:
    kafka, them = Surveyed(), Ahead()
    await taken(them, kafka)
    kafka.down = True
    assert await taken(them, kafka) == [set()] * 4
    assert len(kafka.asked) == 1
    kafka.down = False
    assert await taken(them, kafka) == [set(batch) for batch in BATCHES]


async def resyncing(*names: str) -> tuple[World, Operator]:
    """Topics that were made, and looked at once more."""
    world = World()
    for name in names:
        world.add(name)
    operator = Operator(world)
    await operator.look()
    await operator.look(routine=True)
    return world, operator


async def test_a_resync_is_one_request_where_all_is_as_declared() -> None:
    _, operator = await resyncing("a", "b", "c")
    before = operator.requests.count
    await operator.look(routine=True)
    await operator.look(routine=True)
    assert operator.requests.count == before + 2
    await operator.close()


async def test_a_resync_finds_what_was_changed_by_hand() -> None:
    world, operator = await resyncing("a", "b", "c")
    before = dict(world.kafka.topics)
    del world.kafka.topics["a"]
    world.kafka.topics.pop("b")
    world.kafka.make("b")
    await operator.look(routine=True)
    assert world.kafka.topics["a"] != before["a"]
    told = {name: found.status for name in "abc" if (found := world.get(name))}
    assert told["a"]["topicId"] == world.kafka.topics["a"][0]
    assert [drift["field"] for drift in told["a"]["drift"]] == ["topicId"]
    assert told["b"]["topicId"] == world.kafka.topics["b"][0] != before["b"][0]
    assert told["c"]["topicId"] == before["c"][0]
    await operator.close()


async def test_a_finalizer_that_somebody_took_off_is_put_on_again() -> None:
    world, operator = await resyncing("a", "b")
    found = world.get("a")
    assert found is not None
    assert found.finalizers
    body = world.keep.objects[found.key]
    world.keep.put(found.key, {**body, "metadata": {**body["metadata"], "finalizers": []}})
    await operator.look(routine=True)
    again = world.get("a")
    assert again is not None
    assert again.finalizers
    await operator.close()
