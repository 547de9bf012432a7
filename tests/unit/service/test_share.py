"""How far ahead a partition is fetched."""

from __future__ import annotations

import pytest

from kafkade.service.share import BYTES, Share


@pytest.mark.parametrize(
    ("size", "high"), [(0, 4000), (100, 4000), (BYTES // 1000, 1000), (BYTES // 2, 1), (3 * BYTES, 1)]
)
def test_large_records_are_not_hoarded(size: int, high: int) -> None:
    share = Share("t", 0, "t", 4000)
    share.hand([bytes(size)] * 10)
    assert (share.queued, share.high, share.low) == (10, high, high // 2)
    share.hand([b""])
    assert (share.queued, share.high) == (11, 4000), "the next ones may be small"
