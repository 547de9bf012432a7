"""Troubleshooting, Producer Issues: batch size, compression, failures and latency of the topics that the service writes to."""

from __future__ import annotations

from integration.document.conftest import Code
from kafkade.diagnose.finding import Severity
from support.user_service import UserService


async def test_the_topics_are_diagnosed(service: UserService, code: Code) -> None:
    async with code.kafka.service as kafka:
        for number in range(20):
            event = code.events.OrderPlaced.new(user_id=f"buyer-{number}", order_id=f"o{number}", cents=100)
            await code.publisher.publish_event(event)
        found = {one.subject: one for one in (await kafka.diagnose(window=1)).producers}
    checks = {one.check: one.severity for one in found["topic order-events"].findings}
    assert {"batch-size", "compression", "failure-rate", "latency"} <= set(checks)
    assert checks["failure-rate"] is Severity.OK
