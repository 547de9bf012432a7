"""Troubleshooting, Common Issues: what `service.diagnose()` finds of consumers and producers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from kafkade.devstack.kafka import Kafka
from kafkade.devstack.kafka_config import USER
from kafkade.diagnose.finding import Diagnosis, Finding, Severity
from support.kafka import KafkaView
from support.services import QUICK, Mounts, committed, running, until


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
        await until(lambda: committed(view, "troubled-group", "troubled") == 40, "all is committed")
        await asyncio.sleep(1.5)  # for statistics
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


async def test_a_service_that_may_only_write_is_diagnosed_by_its_own_statistics(tmp_path: Path) -> None:
    def right(operation: AclOperation) -> AclBinding:
        literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        return AclBinding(ResourceType.TOPIC, "one-way", literal, f"User:{USER[0]}", "*", operation, allow)

    with Kafka(security=True, authorizer=True) as secured:
        view = KafkaView(secured.bootstrap)
        view.create("one-way", 2)
        for future in view.admin.create_acls([right(AclOperation.WRITE), right(AclOperation.DESCRIBE)]).values():
            future.result(20)
        # the controller has them; the broker asks those that it has seen of them
        everything = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        await until(lambda: len(view.admin.describe_acls(everything).result(20)) == 2, "the broker has its rights")
        mounts = Mounts(tmp_path, secured.sasl_plaintext_bootstrap)
        folder = mounts.binding("writer")
        for key, text in {"security-protocol": "SASL_PLAINTEXT", "username": USER[0], "password": USER[1]}.items():
            (folder / key).write_text(text)
        async with mounts.service("writer", settings={"statistics.interval.ms": 500}) as service:
            text = {"text": "hello world " * 50}
            await asyncio.gather(*[service.publish("one-way", text, key=str(n)) for n in range(500)])
            await asyncio.sleep(1.5)  # for statistics
            found = await service.diagnose(window=1)
    ((producer,), groups) = found.producers, found.consumers
    checks = by_check(producer)
    assert groups == ()
    assert {checks[name].severity for name in ("batch-size", "compression", "failure-rate", "latency")} == {Severity.OK}
    assert "librdkafka" in checks["batch-size"].evidence[0]
    assert "records" in {one.subject for one in producer.findings if one.check == "unread"}, (
        "what it may not read is told"
    )
