"""Troubleshooting, Common Issues: what `service.diagnose()` finds of consumers and producers."""

from __future__ import annotations

import asyncio
from typing import Any

from kafkade.diagnose.finding import Diagnosis, Finding, Severity
from support.kafka import KafkaView
from support.services import QUICK, Mounts, running, until


def by_check(found: Diagnosis) -> dict[str, Finding]:
    """The findings by their names; of several of one name the worst."""
    return {one.check: one for one in reversed(found.findings)}


async def test_the_checks_of_consumers_and_producers(mounts: Mounts, view: KafkaView) -> None:
    for topic in ("troubled", "troubled.dlq", "written"):
        view.create(topic, 2)
    mounts.binding("user-service")
    mounts.policy("user-service", "troubled", retry={"maxAttempts": 1})
    service = mounts.service("user-service", settings={"statistics.interval.ms": 500})
    seen = 0

    @service.listener("troubled", group="troubled-group", properties=QUICK)
    async def handle(event: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if event["n"] % 4 == 0:
            raise ValueError("every fourth")

    async with running(service):
        for n in range(40):
            await service.publish("troubled", {"n": n}, key=str(n))
        text = {"text": "hello world " * 50}
        await asyncio.gather(*[service.publish("written", text, key=str(n)) for n in range(500)])
        await until(lambda: seen == 40, "all is seen")
        await asyncio.sleep(1.5)  # for statistics, and a commit
        found = await service.diagnose(window=1)
    (group,) = found.consumers
    assert group.subject == "group troubled-group"
    consumer = by_check(group)
    assert {"lag", "assignment", "processing-rate", "error-rate"} <= set(consumer)
    assert (consumer["lag"].severity, consumer["assignment"].severity) == (Severity.OK, Severity.OK), group
    assert consumer["error-rate"].severity is Severity.PROBLEM
    own = [one for one in group.findings if one.check == "error-rate" and one.subject == "topic troubled"]
    assert [one.figures["failed"] for one in own] == [10]
    assert [one.subject for one in group.findings if "dead letter" in one.says] == ["topic troubled.dlq"]
    producers = {one.subject: by_check(one) for one in found.producers}
    assert set(producers) == {"topic troubled", "topic written"}
    written = producers["topic written"]
    assert {"batch-size", "compression", "failure-rate", "latency"} <= set(written)
    assert {written[check].severity for check in ("batch-size", "compression", "failure-rate", "latency")} == {
        Severity.OK
    }
    assert written["failure-rate"].figures["failed"] == 0
    assert any("librdkafka" in line for line in written["latency"].evidence)
    assert found.worst is Severity.PROBLEM


async def test_a_topic_that_refuses_records_or_is_not_there(mounts: Mounts, view: KafkaView) -> None:
    view.create("refusing", 1, max_message_bytes="1000")
    mounts.binding("user-service")
    async with mounts.service("user-service") as service:
        await service.publish("refusing", {"n": 1})
        large = [service.publish("refusing", {"n": secrets_of(n)}) for n in range(3)]
        refused = await asyncio.gather(*large, return_exceptions=True)
        assert all(isinstance(one, Exception) for one in refused)
        service.metrics.messages["not-there", "publish_failed"] = 1
        found = await service.diagnose(window=0)
    missing, refusing = found.producers
    assert (missing.subject, missing.worst) == ("topic not-there", Severity.PROBLEM)
    assert by_check(refusing)["failure-rate"].severity is Severity.PROBLEM
    assert by_check(refusing)["failure-rate"].figures["failed"] == 0.75


def secrets_of(seed: int) -> str:
    """Text that does not become small when it is compressed."""
    import random

    return random.Random(seed).randbytes(2000).hex()
