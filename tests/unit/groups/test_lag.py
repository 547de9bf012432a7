"""Lag in records and in seconds, and what one who looks again and again need not read."""

from __future__ import annotations

import pytest

from kafkade.clients.group_model import LogRange, NextRecord
from kafkade.groups.lag import GroupLag, Known, PartitionLag, partition_lag

NOW = 1_000_000
LOG = LogRange(10, 100)
KEY = ("orders", 0)


@pytest.mark.parametrize(
    ("committed", "log", "found", "records", "seconds"),
    [
        pytest.param(100, LOG, None, 0, 0.0, id="all is read"),
        pytest.param(90, LOG, NextRecord(NOW - 2500, 95), 10, 2.5, id="ten wait, the oldest for 2.5 s"),
        pytest.param(90, LOG, None, 10, None, id="its time is not known"),
        pytest.param(90, LOG, NextRecord(-1, 95), 10, None, id="records without time"),
        pytest.param(90, LOG, NextRecord(NOW + 9000, 95), 10, 0.0, id="a producer's clock is ahead"),
        pytest.param(99, LOG, NextRecord(None, 100), 1, 0.0, id="the end of a transaction is no record that waits"),
        pytest.param(90, LOG, NextRecord(None, 95), 10, None, id="control records, and what is behind was not read"),
        pytest.param(5, LOG, NextRecord(NOW - 9000, 20), 95, 9.0, id="retention took what was not read yet"),
        pytest.param(120, LOG, None, 0, 0.0, id="the log was made anew"),
        pytest.param(None, LOG, None, None, None, id="never committed"),
        pytest.param(90, None, None, None, None, id="no leader"),
    ],
)
def test_lag(
    committed: int | None, log: LogRange | None, found: NextRecord | None, records: int | None, seconds: float | None
) -> None:
    lag = partition_lag(KEY, committed, log, found, NOW)
    assert (lag.records, lag.seconds) == (records, seconds)


def test_lost_records() -> None:
    assert partition_lag(KEY, 5, LOG, None, NOW).lost == 5
    assert partition_lag(KEY, 50, LOG, None, NOW).lost == 0
    assert partition_lag(KEY, None, LOG, None, NOW).lost == 0


def test_sums() -> None:
    def part(records: int | None, seconds: float | None) -> PartitionLag:
        return PartitionLag("t", 0, 1, LOG, records, seconds)

    assert (GroupLag("g", ()).records, GroupLag("g", ()).seconds) == (0, None)
    several = GroupLag("g", (part(1, 5.0), part(None, None), part(7, 60.0), part(3, None)))
    assert (several.records, several.seconds) == (11, 60.0)


@pytest.mark.parametrize(
    ("offset", "timestamp"),
    [
        pytest.param(99, None, id="before the first look"),
        pytest.param(100, 1001, id="the first that came after it"),
        pytest.param(109, 1010, id="the last before the second look"),
        pytest.param(110, None, id="between looks too far apart"),
        pytest.param(199, None, id="the last of those"),
        pytest.param(200, None, id="after the last look"),
    ],
)
def test_times_between_log_ends(offset: int, timestamp: int | None) -> None:
    known = Known(spacing=20)
    for end, now in ((100, 500), (100, 1000), (110, 1010), (200, 2000)):
        known.ends({KEY: LogRange(0, end)}, now)
    found = known.next_record(KEY, offset, LogRange(0, 200))
    assert (None if found is None else found.timestamp) == timestamp


def test_a_record_after_a_quiet_time_waits_from_the_look_that_saw_it() -> None:
    known = Known(spacing=60)
    for end, now in ((100, 0), (100, 30), (101, 60), (101, 90), (102, 118)):
        known.ends({KEY: LogRange(0, end)}, now)
    found = known.next_record(KEY, 100, LogRange(0, 102))
    assert found is not None
    assert found.timestamp == 60, "between 30 and 60, not between 30 and 90"
    later = known.next_record(KEY, 101, LogRange(0, 102))
    assert later is not None
    assert later.timestamp == 118


def test_what_was_read_is_kept_while_it_is_asked_for() -> None:
    known, log = Known(), LogRange(0, 100)
    known.read(KEY, 90, NextRecord(7, 95))
    known.read(KEY, 99, NextRecord(None, 100))
    known.look({KEY: log}, {KEY: {90, 99}})
    assert known.next_record(KEY, 90, log) == NextRecord(7, 95)
    assert known.next_record(KEY, 99, log) == NextRecord(None, 100)
    assert known.next_record(KEY, 99, LogRange(0, 101)) is None  # something came behind the control record
    known.look({KEY: log}, {KEY: {99}})
    assert known.next_record(KEY, 90, log) is None
    known.look({}, {})
    assert known.next_record(KEY, 99, log) is None


def test_a_topic_made_anew_begins_afresh() -> None:
    known = Known()
    known.ends({KEY: LogRange(0, 100)}, 1000)
    known.ends({KEY: LogRange(0, 110)}, 1010)
    known.ends({KEY: LogRange(0, 5)}, 1020)
    known.ends({KEY: LogRange(0, 15)}, 1030)
    assert known.next_record(KEY, 105, LogRange(0, 110)) is None
    assert known.next_record(KEY, 5, LogRange(0, 15)) == NextRecord(1021, 6)
