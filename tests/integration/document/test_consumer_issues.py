"""Troubleshooting, Consumer Issues: lag, assignment, processing rate and error rate of the service's groups."""

from __future__ import annotations

from integration.document.conftest import Code
from kafkade.diagnose.finding import Severity
from support.services import until
from support.user_service import UserService


async def test_the_groups_are_diagnosed(service: UserService, code: Code) -> None:
    async with code.kafka.service:
        await code.publisher.publish_event(code.events.UserCreated.new(user_id="diagnosed", email="d@example.com"))
    await until(lambda: service.said("mail to user diagnosed"), "there is something to look at")
    found = {one.subject: one for one in (await code.kafka.service.diagnose(window=1)).consumers}
    groups = ("user-service-group", "user-service-process-metrics", "user-service-process-user-activity")
    assert set(found) == {f"group {group}" for group in groups}
    checks = {one.check: one.severity for one in found["group user-service-group"].findings}
    assert {"lag", "assignment", "processing-rate", "error-rate"} <= set(checks)
    assert (checks["lag"], checks["assignment"]) == (Severity.OK, Severity.OK), found
