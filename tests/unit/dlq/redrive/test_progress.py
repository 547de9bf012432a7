"""Progress: kept in metadata, summed up over partitions."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkade.api.errors import ProgressUnreadable
from kafkade.api.redrive import Bucket, Counts, Failure, PartitionProgress
from kafkade.dlq.redrive.decide import FailReason
from kafkade.dlq.redrive.ledger import MAX_METADATA
from kafkade.dlq.redrive.progress import MAX_FAILURES, Progress, Tally, age, progress, total

HOUR, DAY = 3_600_000, 86_400_000
NOW = 1_700_000_000_000
LARGEST = 2**63 - 1
REASONS = [*FailReason, "Lost"]
NUMBER = st.integers(0, LARGEST)


@pytest.mark.parametrize(
    ("tally", "metadata"),
    [
        pytest.param(Tally(0, 0), "1 0 0 0 0 0 0 0", id="nothing yet"),
        pytest.param(Tally(60, 100, 10, 1, 2, 3, 4, 5), "1 100 10 1 2 3 4 5", id="each number in its place"),
        pytest.param(
            Tally(60, 100, 3, failed=2, lost=1, failures=[(7, "NoKey"), (9, "Lost")]),
            "1 100 3 0 0 0 2 1 7=NoKey 9=Lost",
            id="failures",
        ),
    ],
)
def test_metadata(tally: Tally, metadata: str) -> None:
    assert tally.metadata() == metadata
    assert Tally.from_metadata(tally.next, metadata) == tally


@given(
    st.lists(NUMBER, min_size=8, max_size=8),
    st.lists(st.tuples(NUMBER, st.sampled_from(REASONS)), max_size=MAX_FAILURES),
)
def test_metadata_says_all_but_the_next_offset(numbers: list[int], failures: list[tuple[int, str]]) -> None:
    following, end, read, moved, skipped, quarantined, failed, lost = numbers
    tally = Tally(following, end, read, moved, skipped, quarantined, failed, lost)
    for offset, reason in failures:
        tally.fail(offset, reason)
    assert Tally.from_metadata(tally.next, tally.metadata()) == tally


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param("", id="empty: another program committed"),
        pytest.param("consumer-1", id="another program's"),
        pytest.param("2 0 0 0 0 0 0 0", id="of a newer kafkade"),
        pytest.param("1", id="the version alone"),
        pytest.param("1 0 0 0 0 0 0", id="a number is missing"),
        pytest.param("1 0 0 0 0 0 0 0 0", id="a number too many"),
        pytest.param("1 0 0 0 0 0 0 x", id="no number"),
        pytest.param("1 0 0 0 0 0 0 -1", id="negative"),
        pytest.param("1 0 0 0 0 0 0 1_0", id="digits as Python writes them"),
        pytest.param("1 0 0 0 0 0 0 ٤", id="digits of another script"),
        pytest.param("1 0 0 0 0 0 0  0", id="two spaces"),
        pytest.param("1 0 0 0 0 0 0 0 ", id="a space at the end"),
        pytest.param("1 0 0 0 0 0 0 0\n", id="a line's end"),
        pytest.param("1 0 0 0 0 0 0 0 7=", id="a failure without a reason"),
        pytest.param("1 0 0 0 0 0 0 0 =NoKey", id="a failure without an offset"),
        pytest.param("1 0 0 0 0 0 0 0 NoKey", id="a failure that is a reason only"),
        pytest.param("1 0 0 0 0 0 0 0 7=a=b", id="two signs"),
        pytest.param("1 0 0 0 0 0 0 " + "9" * 5000, id="longer than any number"),
        pytest.param("1:AQE", id="a ledger's"),
    ],
)
def test_metadata_that_cannot_be_read(metadata: str) -> None:
    with pytest.raises(ProgressUnreadable, match="use the one that began it") as caught:
        Tally.from_metadata(5, metadata)
    assert not caught.value.retryable
    assert len(caught.value.message) < 200


def test_the_largest_metadata_fits() -> None:
    largest = 10**19 - 1
    tally = Tally(largest, largest, largest, largest, largest, largest, largest, largest)
    for offset in range(MAX_FAILURES):
        tally.fail(largest - offset, max(REASONS, key=len))
    metadata = tally.metadata()
    assert len(tally.failures) == MAX_FAILURES == 20
    assert len(metadata) <= MAX_METADATA - 1
    assert metadata.isascii(), "characters are bytes"
    assert Tally.from_metadata(largest, metadata) == tally


def test_only_the_first_failures_are_named() -> None:
    tally = Tally(0, 100)
    for offset in range(MAX_FAILURES + 5):
        tally.fail(offset, "NoKey")
    assert tally.failures == [(offset, "NoKey") for offset in range(MAX_FAILURES)]


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_are_words_that_metadata_can_hold(reason: str) -> None:
    assert reason.isascii()
    assert reason.isalpha()


def test_total() -> None:
    tallies = [Tally(9, 9, 21, 1, 2, 3, 4, 5), Tally(9, 9, 210, 10, 20, 30, 40, 50)]
    assert total(tallies) == Counts(read=231, moved=11, skipped=22, quarantined=33, failed=44, lost=55)
    assert total([]) == Counts()


def test_progress_is_in_the_order_of_partitions() -> None:
    tallies = {
        10: Tally(5, 9, 5, moved=5),
        2: Tally(7, 8, 7, moved=4, failed=2, lost=1, failures=[(3, "NoKey"), (6, "Lost")]),
        0: Tally(1, 1, 1, failed=1, failures=[(0, "RecordTooLarge")]),
    }
    histogram = Counter({("b", "orders", "older"): 5, ("a", "orders", "under 1h"): 7, ("a", "orders", "older"): 5})
    assert progress("orders.dlq", tallies, histogram, "no broker answers") == Progress(
        counts=Counts(read=13, moved=9, failed=3, lost=1),
        partitions=tuple(
            PartitionProgress(topic="orders.dlq", partition=partition, next=position, end=end)
            for partition, position, end in [(0, 1, 1), (2, 7, 8), (10, 5, 9)]
        ),
        histogram=(
            Bucket(error="a", origin="orders", age="under 1h", records=7),
            Bucket(error="a", origin="orders", age="older", records=5),
            Bucket(error="b", origin="orders", age="older", records=5),
        ),
        failures=tuple(
            Failure(topic="orders.dlq", partition=partition, offset=offset, reason=reason)
            for partition, offset, reason in [(0, 0, "RecordTooLarge"), (2, 3, "NoKey"), (2, 6, "Lost")]
        ),
        waiting="no broker answers",
    )


def test_progress_of_nothing() -> None:
    assert progress("orders.dlq", {}, Counter(), "") == Progress()


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        pytest.param(NOW + DAY, "under 1h", id="of the future"),
        pytest.param(NOW, "under 1h", id="now"),
        pytest.param(NOW - HOUR + 1, "under 1h", id="just under an hour"),
        pytest.param(NOW - HOUR, "under 1d", id="an hour"),
        pytest.param(NOW - DAY + 1, "under 1d", id="just under a day"),
        pytest.param(NOW - DAY, "under 7d", id="a day"),
        pytest.param(NOW - 7 * DAY + 1, "under 7d", id="just under a week"),
        pytest.param(NOW - 7 * DAY, "older", id="a week"),
        pytest.param(0, "older", id="1970"),
        pytest.param(-1, "older", id="without a timestamp"),
    ],
)
def test_age(timestamp: int, expected: str) -> None:
    assert age(timestamp, NOW) == expected
