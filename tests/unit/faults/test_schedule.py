"""Which requests meet a fault: the same for the same seed, whatever comes in between; and every fault has its turn."""

from __future__ import annotations

from support.faults.schedule import MOST, Fault, Plan, Schedule

ALL = frozenset(Fault)


def drawn(schedule: Schedule, what: str, times: int) -> list[object]:
    return [schedule.draw("kube", what, ALL) for _ in range(times)]


def test_a_seed_says_which_requests_meet_one_whatever_else_is_asked_in_between() -> None:
    first, second = Schedule(Plan(7, 0.3)), Schedule(Plan(7, 0.3))
    alone = drawn(first, "GET /a", 40)
    mixed = []
    for _ in range(40):
        drawn(second, "GET /b", 3)
        mixed += drawn(second, "GET /a", 1)
    assert [each is None for each in alone] == [each is None for each in mixed]
    assert any(alone)
    assert None in alone
    assert drawn(Schedule(Plan(7, 0.3)), "GET /a", 40) == alone
    assert drawn(Schedule(Plan(8, 0.3)), "GET /a", 40) != alone


def test_each_fault_has_its_turn_and_what_few_requests_can_meet_comes_first() -> None:
    """A write to Kafka is one request of hundreds, and a request twice comes up at nothing else."""
    always = frozenset({Fault.RESET, Fault.DELAY, Fault.DRIP})
    schedule = Schedule(Plan(3, 0.5))
    while sum(schedule.tally().values()) < 100:
        schedule.draw("kafka", "Fetch", always)
    writes: list[Fault] = []
    while len(writes) < 8:
        if found := schedule.draw("kafka", f"CreateTopics {len(writes)}", always | {Fault.DUPLICATE}):
            writes.append(found.fault)
    assert writes[0] is writes[4] is Fault.DUPLICATE
    assert set(writes[:4]) == set(writes[4:]) == always | {Fault.DUPLICATE}


def test_a_request_of_more_weight_meets_more_of_them_and_the_seed_still_says_which() -> None:
    def met(rate: float, weight: float) -> list[bool]:
        schedule = Schedule(Plan(5, rate))
        return [schedule.draw("kafka", "CreateTopics", ALL, weight) is not None for _ in range(2000)]

    assert met(0.1, 4) == met(0.4, 1)
    assert sum(met(0.1, 4)) > 3 * sum(met(0.1, 1))
    assert met(0.4, 4) == met(MOST, 1), "others come through"
    assert met(1.0, 4) == [True] * 2000, "a plan may ask for all"


def test_only_faults_that_the_request_can_meet() -> None:
    schedule = Schedule(Plan(1, 1.0, frozenset({Fault.STALE, Fault.RESET})))
    found = {
        each.fault for _ in range(30) if (each := schedule.draw("kube", "x", frozenset({Fault.RESET, Fault.DRIP})))
    }
    assert found == {Fault.RESET}
    assert schedule.draw("kube", "x", frozenset({Fault.DRIP})) is None
    assert schedule.tally() == {("kube", Fault.RESET): 30}


def test_a_forced_one_comes_once_and_nothing_after_the_end() -> None:
    schedule = Schedule()
    schedule.force("kube", Fault.GONE, lambda what: "list" in what)
    assert schedule.draw("kafka", "list", ALL) is None
    assert schedule.draw("kube", "get", ALL) is None
    found = schedule.draw("kube", "list", ALL)
    assert found is not None
    assert found.fault is Fault.GONE
    assert schedule.draw("kube", "list", ALL) is None
    schedule.use(Plan(1, 1.0))
    assert schedule.draw("kube", "list", ALL) is not None
    schedule.use(None)
    assert schedule.draw("kube", "list", ALL) is None
