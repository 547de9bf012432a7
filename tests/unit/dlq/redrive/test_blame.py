"""Who is to blame for an aborted transaction."""

from __future__ import annotations

import pytest

from kafkade.api.errors import Aborted
from kafkade.dlq.redrive.blame import MOST_ABORTS, MOST_RECORDS, Blame
from kafkade.dlq.redrive.decide import FailReason

TOO_LARGE, TIMED_OUT = 10, 7
LAST = (1, 99)


@pytest.mark.parametrize("culprit", [0, 1, 7_777, 19_999])
def test_smaller_and_smaller_until_one_is_left(culprit: int) -> None:
    blame, at = Blame(), 0
    for _ in range(100):
        moved = min(blame.limit, 20_000 - at)
        if at <= culprit < at + moved and (0, culprit) not in blame.refused:
            assert blame.aborted(Aborted("", TOO_LARGE), moved, (0, at + moved - 1)) is FailReason.TOO_LARGE
        else:
            at += moved
            blame.committed()
        if at >= 20_000:
            break
    assert blame.refused == {(0, culprit): FailReason.TOO_LARGE}
    assert at == 20_000
    assert blame.limit <= MOST_RECORDS


def test_nobodys_fault_a_few_times() -> None:
    blame = Blame()
    pauses = []
    for _ in range(MOST_ABORTS):
        assert blame.aborted(Aborted("", TIMED_OUT), 5, LAST) is None
        pauses.append(blame.pause)
    assert pauses == sorted(set(pauses))
    assert blame.limit == MOST_RECORDS
    assert blame.refused == {}
    with pytest.raises(Aborted, match="at last"):
        blame.aborted(Aborted("at last", TIMED_OUT), 5, LAST)


def test_a_commit_in_between_begins_the_count_anew() -> None:
    blame = Blame()
    for _ in range(3 * MOST_ABORTS):
        assert blame.aborted(Aborted("", TIMED_OUT), 5, LAST) is None
        blame.committed()


def test_without_a_record_it_is_nobodys_fault() -> None:
    blame = Blame()
    assert blame.aborted(Aborted("", TOO_LARGE), 0, (-1, -1)) is None
    assert blame.refused == {}
