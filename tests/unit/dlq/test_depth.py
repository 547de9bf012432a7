"""Counting dead letters, and how fast they come."""

from __future__ import annotations

import pytest

from kafkade.api.errors import LedgerUnreadable
from kafkade.clients.model import Committed, PartitionOffsets
from kafkade.dlq.depth import WINDOW, Depth, Growth, depth
from kafkade.dlq.redrive.ledger import Ledger

OFFSETS = {
    ("a.dlq", 0): PartitionOffsets(10, 15, 5000),
    ("a.dlq", 1): PartitionOffsets(0, 3, 4000),
    ("a.dlq", 2): PartitionOffsets(7, 7),
    ("b.dlq", 0): PartitionOffsets(0, 100, 1),
}


def committed(ledger: Ledger) -> Committed:
    return Committed(ledger.base, ledger.metadata())


@pytest.mark.parametrize(
    ("ledgers", "waiting", "oldest"),
    [
        pytest.param({}, 8, 4000, id="nothing was put back"),
        pytest.param({1: Ledger(3)}, 5, 5000, id="one partition is done"),
        pytest.param({0: Ledger(12), 1: Ledger(3)}, 3, None, id="half of one, the first record is gone"),
        pytest.param({0: Ledger(15), 1: Ledger(3)}, 0, None, id="all of it"),
        pytest.param({0: Ledger(5)}, 8, 4000, id="retention took more than was put back"),
        pytest.param({0: Ledger(10, [(12, 14)])}, 6, 4000, id="some in the middle"),
        pytest.param({0: Ledger(5, [(7, 12)])}, 6, 4000, id="some that retention took since"),
        pytest.param({0: Ledger(99)}, 3, 4000, id="a topic that was made anew"),
    ],
)
def test_depth(ledgers: dict[int, Ledger], waiting: int, oldest: int | None) -> None:
    found = depth("a.dlq", OFFSETS, {("a.dlq", n): committed(ledger) for n, ledger in ledgers.items()})
    assert (found.waiting, found.oldest, found.arrived) == (waiting, oldest, 25)


def test_a_ledger_of_somebody_else() -> None:
    with pytest.raises(LedgerUnreadable):
        depth("a.dlq", OFFSETS, {("a.dlq", 0): Committed(1, "what is this")})


def test_growth() -> None:
    growth = Growth()

    def rate(arrived: int, now: float) -> float | None:
        return growth.per_minute("uid", {"a.dlq": Depth(0, None, arrived)}, now).get("a.dlq")

    assert rate(100, 0) is None, "seen for the first time"
    assert rate(150, WINDOW / 2) is None, "too soon to say"
    assert rate(130, WINDOW * 2) == 30 * 60 / (WINDOW * 2)
    assert rate(999, WINDOW * 2.5) == 30 * 60 / (WINDOW * 2), "the last rate until the next window is full"
    assert rate(130, WINDOW * 4) == 0
    assert rate(5, WINDOW * 5) is None, "the topic was made anew"
    growth.forget("uid")
    assert rate(500, WINDOW * 9) is None
