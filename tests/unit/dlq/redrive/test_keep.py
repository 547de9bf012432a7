"""When a ledger is committed anew."""

from __future__ import annotations

import random

from kafkade.api.errors import ClusterUnreachable
from kafkade.clients.kafka_config import Security
from kafkade.clients.model import Committed
from kafkade.dlq.redrive.keep import AFTER_FAILURE, EVERY, SPREAD, Keeper, LedgerFacts

KAFKA = Security("kafka:9092")


def ledger(offset: int) -> LedgerFacts:
    return {("a.dlq", 0): Committed(offset, "")}


class World:
    """A clock, and what was committed."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.kept: list[str] = []
        self.away = False
        self.keeper = Keeper(self._keep, lambda: self.now, random.Random(1))

    def _keep(self, _: Security, topic: str) -> bool:
        self.kept.append(topic)
        if self.away:
            raise ClusterUnreachable("away")
        return True

    def look(self, after: float, *at_work: str, **ledgers: int) -> list[str]:
        """What is committed at a look so many seconds later."""
        self.now += after
        before = len(self.kept)
        self.keeper.look(KAFKA, {f"{name}.dlq": ledger(offset) for name, offset in ledgers.items()}, at_work)
        if self.keeper._thread is not None:
            self.keeper._thread.join(10)
        return self.kept[before:]


def test_within_an_hour_of_the_start_and_then_every_day() -> None:
    world = World()
    assert world.look(0, a=1) == []
    assert world.look(SPREAD, a=1) == ["a.dlq"]
    assert world.look(EVERY - 1, a=1) == []
    assert world.look(1, a=1) == ["a.dlq"]


def test_one_at_a_time_the_one_that_waits_longest_first() -> None:
    world = World()
    world.look(0, a=1, b=1)
    assert sorted(world.look(SPREAD, a=1, b=1) + world.look(0, a=1, b=1)) == ["a.dlq", "b.dlq"]
    assert world.look(0, a=1, b=1) == []


def test_what_a_redrive_has_written_is_fresh() -> None:
    world = World()
    world.look(0, a=1)
    assert world.look(SPREAD - 1, a=2) == []
    assert world.look(EVERY - 1, a=2) == []
    assert world.look(1, "a.dlq", a=2) == [], "a redrive is at work"
    assert world.look(0, a=2) == ["a.dlq"]


def test_a_failure_is_tried_again_soon() -> None:
    world = World()
    world.look(0, a=1)
    world.away = True
    assert world.look(SPREAD, a=1) == ["a.dlq"]
    assert world.look(AFTER_FAILURE - 1, a=1) == []
    world.away = False
    assert world.look(1, a=1) == ["a.dlq"]
    assert world.look(EVERY - 1, a=1) == []


def test_a_topic_without_a_ledger_is_left_alone() -> None:
    world = World()
    for _ in range(3):
        world.keeper.look(KAFKA, {"a.dlq": {}}, ())
        world.now += EVERY
    assert world.kept == []
