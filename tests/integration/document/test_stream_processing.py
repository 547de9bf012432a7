"""Usage 3, Stream Processing: filter, map and buffer; a user's minutes of two topics."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

from integration.document.conftest import FRAME, Code, Platform, eventually, names
from support.user_service import UserService
from support.waiting import until

HOUR = (datetime.now(UTC) + timedelta(hours=1)).replace(second=0, microsecond=0)
"""Later than events of other tests, whose time is that of the clock: none of these comes late."""


def test_metrics_are_filtered_and_mapped(platform: Platform, service: UserService, code: Code) -> None:
    async def publish() -> None:
        async with code.kafka.service as kafka:
            for value in (-1.0, 0.0, 10.0, 1000.0):
                await kafka.publish(
                    "raw-metrics",
                    code.events.MetricEvent(timestamp=HOUR, value=value, metadata={"was": str(value)}),
                    key="metric",
                )

    asyncio.run(publish())
    eventually(
        lambda: processed(platform), [(10.0, {"was": "10.0"}), (30.0, {"was": "1000.0"})], "what is not positive is out"
    )


def processed(platform: Platform) -> list[tuple[float, dict[str, str]]]:
    """The metrics that came out, in the order of their partition."""
    found = [json.loads((one.value or b"")[FRAME:]) for one in platform.records("processed-metrics")]
    return [(one["value"], one["metadata"]) for one in found]


def test_a_users_events_are_grouped_by_the_minute(platform: Platform, service: UserService, code: Code) -> None:
    events = code.events

    def at(seconds: int) -> datetime:
        return HOUR + timedelta(seconds=seconds)

    def grouped() -> float:
        return service.metrics("kafka_processing_duration_seconds_count", handler="process_user_activity")

    before = grouped()
    code.publish(
        events.UserCreated.new(user_id="active", email="a@example.com", timestamp=at(1)),
        events.UserUpdated.new(user_id="active", email="a@example.org", timestamp=at(30)),
        events.OrderPlaced.new(user_id="active", order_id="o1", cents=100, timestamp=at(31)),
    )
    until(lambda: grouped() >= before + 3, "they are on their way to their windows", timeout=60)
    # of a later minute, so that the first one is over
    code.publish(events.OrderPlaced.new(user_id="active", order_id="o2", cents=100, timestamp=at(150)))
    eventually(lambda: len(platform.events("user-activity", "active")), 1, "the minute is there")
    (found,) = platform.events("user-activity", "active")
    assert sorted(names(found["events"])) == ["OrderPlaced", "UserCreated", "UserUpdated"]
    assert {key: datetime.fromisoformat(value) for key, value in found["period"].items()} == {
        "start": at(0),
        "end": at(60),
    }
