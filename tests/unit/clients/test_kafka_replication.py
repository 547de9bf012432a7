"""Brokers that do not agree: the least favourable of what they say counts."""

from __future__ import annotations

import pytest
from kafka import errors as foreign

from kafkade.clients.kafka_replication import View, combined
from kafkade.clients.model import Partition, Quorum, Replication

QUORUM = Quorum(1, ())
P = Partition


def view(*isr: int, brokers: tuple[int, ...] = (1, 2, 3), least: int | None = 2, leader: int = 1) -> View:
    """One topic of one partition."""
    return View(
        frozenset(brokers),
        {"a": {0: P((1, 2, 3), isr, leader)}},
        {} if least is None else {"a": least},
    )


CASES: list[tuple[str, dict[int, View], tuple[int, ...], tuple[int, ...], int]] = [
    ("all agree", {n: view(1, 2, 3) for n in (1, 2, 3)}, (1, 2, 3), (1, 2, 3), 2),
    ("one lags behind, and knows not that 2 left", {1: view(1, 3), 2: view(1, 2, 3), 3: view(1, 3)}, (1, 2, 3), (1, 3), 2),
    ("one does not see 2", {1: view(1, 2, 3), 2: view(1, 2, 3), 3: view(1, 2, 3, brokers=(1, 3))}, (1, 3), (1, 2, 3), 2),
    ("one that was not asked counts as away", {1: view(1, 2, 3), 2: view(1, 2, 3)}, (1, 2), (1, 2, 3), 2),
    ("one goes by another min ISR", {1: view(1, 2, 3, least=1), 2: view(1, 2, 3, least=2)}, (1, 2), (1, 2, 3), 2),
    ("one has just started and knows nothing", {1: view(1, 2), 2: View(frozenset(), {}, {})}, (), (), 2),
]  # fmt: skip


@pytest.mark.parametrize(("views", "brokers", "isr", "least"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_combined(views: dict[int, View], brokers: tuple[int, ...], isr: tuple[int, ...], least: int) -> None:
    found = combined(views, QUORUM)
    assert found == Replication(
        frozenset(brokers), {"a": (P((1, 2, 3), isr, found.topics["a"][0].leader),)}, {"a": least}, QUORUM
    )


def test_a_leader_that_they_do_not_agree_on_is_none() -> None:
    assert combined({1: view(1, 2), 2: view(1, 2, leader=2)}, QUORUM).topics["a"][0].leader is None


def test_a_move_has_the_replicas_of_both_sides() -> None:
    before = View(frozenset({1}), {"a": {0: P((1, 2), (1, 2), 1)}}, {"a": 1})
    after = View(frozenset({1}), {"a": {0: P((1, 3), (1,), 1)}}, {"a": 1})
    assert combined({1: before, 4: after}, QUORUM).topics["a"] == (P((1, 2, 3), (1,), 1),)


def test_a_topic_whose_settings_nobody_knows_is_not_passed_over() -> None:
    with pytest.raises(foreign.UnknownTopicOrPartitionError, match="topic a comes or goes"):
        combined({1: view(1, 2, least=None)}, QUORUM)
