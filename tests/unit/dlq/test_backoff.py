"""The delays between attempts."""

from __future__ import annotations

import pytest

from kafkade.api.dlq import Backoff, Retry
from kafkade.dlq.backoff import LONGEST, delays, milliseconds

DELAYS = [
    (3, {}, (100, 200), "the defaults: 3 attempts, 100 ms times 2.0"),
    (1, {}, (), "one attempt has nothing to wait for"),
    (2, {}, (100,), "two attempts"),
    (5, {"initial": "1s", "multiplier": 1.0}, (1000, 1000, 1000, 1000), "a multiplier of 1 is a fixed delay"),
    (6, {"initial": "1s", "maxDelay": "5s"}, (1000, 2000, 4000, 5000, 5000), "maxDelay holds from where it is reached"),
    (3, {"initial": "10s", "maxDelay": "5s"}, (5000, 5000), "maxDelay below initial"),
    (3, {"initial": "0ms"}, (0, 0), "no delay"),
    (3, {"initial": "1s", "maxDelay": "0s"}, (0, 0), "no delay by maxDelay"),
    (4, {"initial": "5ms", "multiplier": 1.5}, (5, 8, 11), "rounded to milliseconds, without a rounding adding up"),
    (3, {"jitter": 1.0}, (100, 200), "jitter is left to who waits"),
    (3, {"initial": "1m30s", "maxDelay": "2h"}, (90_000, 180_000), "several units in one duration"),
]


@pytest.mark.parametrize(("attempts", "backoff", "expected", "reason"), DELAYS, ids=[case[3] for case in DELAYS])
def test_delays(attempts: int, backoff: dict[str, object], expected: tuple[int, ...], reason: str) -> None:
    retry = Retry(max_attempts=attempts, backoff=Backoff.model_validate(backoff))
    assert delays(retry) == expected, reason


def test_the_largest_spec_stays_within_javas_long() -> None:
    endless = "9" * 31 + "h"
    retry = Retry(max_attempts=100, backoff=Backoff(initial=endless, multiplier=100.0, max_delay=endless))
    assert milliseconds(endless) == LONGEST
    assert delays(retry) == (LONGEST,) * 99


def test_many_multiplications_end_at_the_longest() -> None:
    retry = Retry(max_attempts=100, backoff=Backoff(initial="1ms", multiplier=100.0, max_delay="1h"))
    result = delays(retry)
    assert result[:4] == (1, 100, 10_000, 1_000_000)
    assert set(result[4:]) == {3_600_000}
    assert all(type(delay) is int for delay in result)
