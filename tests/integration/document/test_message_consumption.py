"""Usage 2, Message Consumption: typed events with metadata, and a listener of three partitions at a time."""

from __future__ import annotations

from integration.document.conftest import Code, Platform, eventually
from support.user_service import UserService
from support.waiting import until


def test_each_user_event_is_handled_by_its_type(platform: Platform, service: UserService, code: Code) -> None:
    events = code.events
    code.publish(
        events.UserCreated.new(user_id="consumed", email="c@example.com"),
        events.UserUpdated.new(user_id="consumed", email="c@example.org"),
        events.UserDeleted.new(user_id="consumed"),
    )
    until(lambda: service.said("user consumed is gone"), "all three are handled", timeout=60)
    for name in ("UserCreated", "UserUpdated", "UserDeleted"):
        assert service.said(f"received {name} of user consumed at offset ")
    eventually(
        lambda: [one["subject"] for one in platform.events("high-priority-events", "consumed")],
        ["Welcome", "This is your address now"],
        "each event has what follows of it, once",
    )
    until(lambda: service.said("mail to user consumed: Welcome"), "the priority listener has its event", timeout=60)


def test_the_priority_listener_is_set_as_the_document_sets_it(service: UserService, code: Code) -> None:
    first, second = code.kafka.service.listeners
    assert (first.topics, first.group) == (("user-events",), "user-service-group")
    assert (second.topics, second.group, second.concurrency) == (("high-priority-events",), "user-service-group", 3)
    assert (second.max_poll_records, second.properties) == (100, {"max.poll.interval.ms": 300_000})
