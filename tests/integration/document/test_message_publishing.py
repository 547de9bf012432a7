"""Usage 1, Message Publishing: headers, and transactions that are there whole or not at all."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from opentelemetry.sdk.trace import TracerProvider

from integration.document.conftest import Code, Platform, names
from kafkade.service import SerializationException


def test_an_event_has_its_key_and_the_headers_trace_id_and_timestamp(platform: Platform, code: Code) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
        code.publish(code.events.UserCreated.new(user_id="publishing", email="p@example.com"))
    (record,) = [one for one in platform.records("user-events") if one.key == b"publishing"]
    headers = {name: (value or b"").decode() for name, value in record.headers}
    assert headers["trace-id"] == f"{span.get_span_context().trace_id:032x}"
    assert datetime.fromisoformat(headers["timestamp"]).tzinfo is not None
    assert platform.events("user-events", "publishing")[0]["email"] == "p@example.com"


def test_a_transaction_is_there_whole_or_not_at_all(platform: Platform, code: Code) -> None:
    events = code.events

    class NoUserEvent(events.OrderPlaced):  # type: ignore[name-defined,misc] -- a module that is imported here
        topic = code.topics.USER_EVENTS

    async def publish() -> None:
        async with code.kafka.service:
            await code.publisher.publish_with_transaction(
                [
                    events.UserCreated.new(user_id="whole", email="w@example.com"),
                    events.OrderPlaced.new(user_id="whole", order_id="o1", cents=1990),
                ]
            )
            with pytest.raises(SerializationException):
                await code.publisher.publish_with_transaction(
                    [
                        events.UserCreated.new(user_id="not-at-all", email="n@example.com"),
                        NoUserEvent.new(user_id="not-at-all", order_id="o2", cents=1990),
                    ]
                )

    asyncio.run(publish())
    assert names(platform.events("user-events", "whole")) == ["UserCreated"]
    assert names(platform.events("order-events", "whole")) == ["OrderPlaced"]
    assert platform.events("user-events", "not-at-all") == []
