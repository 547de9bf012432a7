"""The ledger against a plain set of offsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkade.api.errors import LedgerUnreadable
from kafkade.dlq.redrive.ledger import MAX_METADATA, Ledger

RANGES = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20)), max_size=30)


@given(st.integers(0, 50), RANGES)
def test_marks_what_a_set_would_hold(base: int, ranges: list[tuple[int, int]]) -> None:
    ledger = Ledger(base, [(first, first + length) for first, length in ranges])
    done = set(range(base)) | {o for first, length in ranges for o in range(first, first + length)}
    assert {o for o in range(300) if o in ledger} == done
    assert ledger.beyond() == len({o for o in done if o >= ledger.base})
    assert {o for first, end in ledger.gaps(0, 300) for o in range(first, end)} == set(range(300)) - done
    assert Ledger.read(ledger.base, ledger.metadata()) == ledger


@pytest.mark.parametrize("metadata", ["2:AA", "1:A", "1:gA", "1:AAA", "x", "1:!!"])
def test_refuses_what_it_did_not_write(metadata: str) -> None:
    with pytest.raises(LedgerUnreadable):
        Ledger.read(5, metadata)


@settings(max_examples=20)
@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_never_outgrows_the_metadata(start: int, step: int) -> None:
    ledger, at = Ledger(0), start
    while ledger.has_room(at) and len(list(ledger.ranges)) < 2000:
        ledger.add(at, at + 1)
        at += step + 1
    assert len(ledger.metadata()) <= MAX_METADATA
