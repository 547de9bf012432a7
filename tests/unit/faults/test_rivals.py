"""How it is seen that two operators act."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from support.faults.http import Passed
from support.faults.kafka import Written
from support.faults.world import LEASE, World

TOPIC = "/apis/kafkade.io/v1alpha1/namespaces/shop/kafkatopics/orders/status"


def passed(who: str, path: str, asked: float, answered: float, status: int = 200) -> Passed:
    return Passed(who, "PUT", path, status, asked, asked, answered, b"", b"")


def world(passed: list[Passed], written: list[Written]) -> World:
    """What went through the proxies, and nothing else."""
    made = object.__new__(World)
    made.kube_proxy = cast(Any, SimpleNamespace(passed=passed))
    made.registry_proxy = cast(Any, SimpleNamespace(passed=[]))
    made.kafka_proxy = cast(Any, SimpleNamespace(written=written))
    return made


def test_a_write_that_came_after_anothers_lease_is_one_of_a_rival() -> None:
    took = [passed("first", f"{LEASE}/kafkade", 1, 2), passed("second", f"{LEASE}/kafkade", 9, 10)]
    refused = passed("first", f"{LEASE}/kafkade", 11, 12, 409)
    in_time = [passed("first", TOPIC, 3, 11), passed("second", TOPIC, 10.5, 11)]
    assert world([*took, refused, *in_time], [Written("first", "CreateTopics", 9.5)]).rivals() == []
    late = world([*took, passed("first", TOPIC, 10.5, 11)], [Written("first", "DeleteTopics", 10.1)])
    assert [found.split(" by ")[0] for found in late.rivals()] == ["Kafka DeleteTopics", f"PUT {TOPIC}"]


def test_what_was_judged_is_forgotten_and_who_leads_is_not() -> None:
    took = passed("first", f"{LEASE}/kafkade", 1, 2)
    judged = world([took, passed("second", TOPIC, 3, 4)], [Written("second", "DeleteTopics", 5)])
    assert len(judged.rivals()) == 2
    judged.forget_writes()
    assert judged.rivals() == []
    assert judged.leader() == "first"
