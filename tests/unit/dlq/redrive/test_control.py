"""How fast a redrive may go, and how it hears from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kafkade.api.redrive import Counts
from kafkade.dlq.redrive.control import BURST, Control, TokenBucket
from kafkade.dlq.redrive.progress import Progress

SOON = 5.0
"""Seconds that a thread of a test gets to do what it does at once."""


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("rate", "passed", "available"),
    [
        pytest.param(10, 0.0, 0, id="empty at first"),
        pytest.param(10, 0.05, 0, id="half a record"),
        pytest.param(10, 0.1, 1, id="one"),
        pytest.param(10, 0.5, 5, id="five"),
        pytest.param(10, BURST, 10, id="as much as it holds"),
        pytest.param(10, 3600.0, 10, id="no more than it holds"),
        pytest.param(1, 0.99, 0, id="one a second, too soon"),
        pytest.param(1, 60.0, 1, id="one a second"),
        pytest.param(None, 0.0, None, id="no limit"),
    ],
)
def test_what_time_gives(rate: int | None, passed: float, available: int | None) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    clock.now += passed
    assert bucket.available() == available


@pytest.mark.parametrize(
    ("rate", "passed", "taken", "wanted", "wait"),
    [
        pytest.param(10, 0.0, 0, 1, 0.1, id="from empty"),
        pytest.param(10, 0.0, 0, 10, 1.0, id="all that it holds"),
        pytest.param(10, 0.5, 0, 5, 0.0, id="there are enough"),
        pytest.param(10, 0.5, 3, 5, 0.3, id="some are gone"),
        pytest.param(10, 0.5, 25, 1, 2.1, id="more went than there were: a debt"),
        pytest.param(None, 0.0, 1_000_000, 1_000_000, 0.0, id="no limit"),
    ],
)
def test_how_long_to_wait(rate: int | None, passed: float, taken: int, wanted: int, wait: float) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    clock.now += passed
    bucket.available()
    bucket.take(taken)
    assert bucket.wait(wanted) == pytest.approx(wait)
    clock.now += wait + 1e-9
    available = bucket.available()
    assert available is None or available >= wanted, "after the wait they may go"


def test_wait_counts_the_time_since_the_last_look() -> None:
    clock = Clock()
    bucket = TokenBucket(10, clock)
    clock.now += 0.3
    assert bucket.wait(5) == pytest.approx(0.2)


def test_nothing_is_available_while_there_is_a_debt() -> None:
    clock = Clock()
    bucket = TokenBucket(10, clock)
    bucket.take(30)
    assert bucket.available() == 0
    clock.now += 2.9
    assert bucket.available() == 0
    clock.now += 0.2
    assert bucket.available() == 1


@pytest.mark.parametrize("rate", [1, 7, 100, 5000])
@pytest.mark.parametrize("step", [0.003, 0.1, 1.7])
def test_on_the_whole_never_more_than_the_rate(rate: int, step: float) -> None:
    clock = Clock()
    begin, went = clock.now, 0
    bucket = TokenBucket(rate, clock)
    while clock.now - begin < 20:
        clock.now += step
        records = bucket.available() or 0
        bucket.take(records)
        went += records
        assert went <= (clock.now - begin) * rate + 1e-6
    assert went >= int(min(1.0, BURST / step) * 20 * rate) - rate, "and not much less, as far as the bucket holds it"


def test_reset_forgets_the_time_of_a_pause() -> None:
    clock = Clock()
    bucket = TokenBucket(10, clock)
    clock.now += 0.5
    assert bucket.available() == 5
    clock.now += 100
    bucket.reset()
    assert bucket.available() == 0
    clock.now += 0.2
    assert bucket.available() == 2


@pytest.mark.parametrize(
    ("before", "passed", "rate", "then", "available"),
    [
        pytest.param(10, 0.5, 100, 0.1, 15, id="faster: the time before counts by the rate before"),
        pytest.param(100, 1.0, 10, 0.0, 10, id="slower: holds no more than the new rate gives"),
        pytest.param(100, 0.0625, 10, 0.25, 8, id="slower: what there was and what time gives"),
        pytest.param(10, 0.5, 10, 0.0, 5, id="the same"),
        pytest.param(10, 0.5, None, 0.0, None, id="no limit any more"),
        pytest.param(None, 60.0, 10, 0.0, 0, id="a limit at last: the time without one gives nothing"),
        pytest.param(None, 60.0, 10, 0.5, 5, id="a limit at last, after a while"),
    ],
)
def test_another_rate(before: int | None, passed: float, rate: int | None, then: float, available: int | None) -> None:
    clock = Clock()
    bucket = TokenBucket(before, clock)
    clock.now += passed
    bucket.set_rate(rate)
    clock.now += then
    assert bucket.available() == available


def test_control_says_what_was_asked_of_it() -> None:
    control = Control(5)
    assert (control.cancelled, control.paused, control.rate) == (False, False, 5)
    assert control.snapshot() == Progress()
    control.set_rate(None)
    control.pause()
    assert (control.paused, control.rate) == (True, None)
    control.pause(False)
    control.cancel()
    assert (control.cancelled, control.paused) == (True, False)
    progress = Progress(counts=Counts(read=3))
    control.publish(progress)
    assert control.snapshot() is progress


@contextmanager
def waiting(what: Callable[[], None]) -> Iterator[threading.Thread]:
    """``what`` in another thread; it waits by the time the block begins, and has ended after it."""
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive(), "it did not wait"
    yield thread
    thread.join(SOON)
    assert not thread.is_alive(), "it was not woken"


ASKED: list[tuple[str, Callable[[Control], None]]] = [
    ("cancel", lambda control: control.cancel()),
    ("pause", lambda control: control.pause()),
    ("go on", lambda control: control.pause(False)),
    ("another rate", lambda control: control.set_rate(7)),
]


@pytest.mark.parametrize("ask", [pytest.param(ask, id=name) for name, ask in ASKED])
def test_sleep_ends_when_something_is_asked_for(ask: Callable[[Control], None]) -> None:
    control = Control()
    with waiting(lambda: control.sleep(3600)):
        ask(control)


def test_sleep_goes_on_when_progress_is_published() -> None:
    control = Control()
    with waiting(lambda: control.sleep(3600)) as thread:
        control.publish(Progress())
        thread.join(0.05)
        assert thread.is_alive()
        control.cancel()


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.02])
def test_sleep_ends_by_itself(seconds: float) -> None:
    begin = time.monotonic()
    Control().sleep(seconds)
    assert seconds - 0.005 <= time.monotonic() - begin < SOON


def test_nothing_waits_once_it_is_cancelled() -> None:
    control = Control()
    control.pause()
    control.cancel()
    begin = time.monotonic()
    control.sleep(3600)
    control.hold()
    assert time.monotonic() - begin < SOON


def test_hold_does_not_wait_unless_it_is_paused() -> None:
    begin = time.monotonic()
    Control().hold()
    assert time.monotonic() - begin < SOON


@pytest.mark.parametrize("ask", [ASKED[0][1], ASKED[2][1]], ids=["cancel", "go on"])
def test_hold_ends(ask: Callable[[Control], None]) -> None:
    control = Control()
    control.pause()
    with waiting(control.hold) as thread:
        control.set_rate(3)
        control.pause()
        thread.join(0.05)
        assert thread.is_alive(), "it is still paused"
        ask(control)
