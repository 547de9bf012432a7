"""Usage 1, Message Publishing: headers, keys, transactions."""

from __future__ import annotations

import asyncio
import datetime
import secrets

import pytest
from opentelemetry.sdk.trace import TracerProvider

from kafkade.service import PublishFailed, ServiceError
from support.kafka import KafkaView
from support.letters import read
from support.service_events import UserCreated
from support.services import Mounts, header, values


async def test_a_record_has_key_headers_and_json(mounts: Mounts, view: KafkaView) -> None:
    view.create("published", 3)
    mounts.binding("user-service")
    async with mounts.service("user-service") as service:
        place = await service.publish("published", UserCreated(id="1", user_id="u1", email="a@b.c"), key="u1")
        with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
            await service.publish("published", {"n": 2}, key=b"u1", headers={"mine": "x", "timestamp": "then"})
            trace = f"{span.get_span_context().trace_id:032x}"
        await service.publish("published", None, key="u1")
    assert place is not None
    assert (place.topic, place.offset) == ("published", 0)
    first, second, third = await asyncio.to_thread(read, view.bootstrap, "published")
    assert (first.key, values([first])[0]["email"]) == (b"u1", "a@b.c")
    told = header(first, "timestamp")
    assert told is not None
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(told)
    assert age < datetime.timedelta(minutes=1)
    assert header(first, "trace-id") is None, "no span, no record: nothing to trace"
    assert (header(second, "trace-id"), header(second, "mine"), header(second, "timestamp")) == (trace, "x", "then")
    assert (header(second, "traceparent") or "").startswith(f"00-{trace}-")
    assert third.value is None


async def test_records_of_one_key_keep_their_order_when_not_waited_for_one_by_one(
    mounts: Mounts, view: KafkaView
) -> None:
    view.create("ordered", 1)
    mounts.binding("user-service")
    async with mounts.service("user-service") as service:
        await asyncio.gather(*[service.publish("ordered", {"n": n}, key="k") for n in range(5000)])
    found = await asyncio.to_thread(read, view.bootstrap, "ordered")
    assert [one["n"] for one in values(found)] == list(range(5000))


async def test_what_the_brokers_refuse_is_told(mounts: Mounts, view: KafkaView) -> None:
    view.create("small", 1, max_message_bytes="1000")
    mounts.binding("user-service")
    service = mounts.service("user-service")
    with pytest.raises(ServiceError, match="not running"):
        await service.publish("small", {"n": 1})
    async with service:
        with pytest.raises(PublishFailed, match=r"topic small.*too large"):
            await service.publish("small", {"n": secrets.token_hex(2000)})
        assert service.metrics.messages == {("small", "publish_failed"): 1}


async def test_a_transaction_is_there_whole_or_not_at_all(mounts: Mounts, view: KafkaView) -> None:
    view.create("orders", 2)
    view.create("payments", 1)
    mounts.binding("user-service")
    async with mounts.service("user-service") as service:
        async with service.transaction():
            await service.publish("orders", {"order": 1}, key="a")
            service.publish("orders", {"order": 2}, key="b")
            async with service.transaction():  # a part of the first
                await service.publish("payments", {"payment": 1})

        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with service.transaction():
                await service.publish("orders", {"order": 3})
                await service.publish("payments", {"payment": 1 / 0})

        async def one(number: int) -> None:
            async with service.transaction():
                await service.publish("payments", {"payment": number})

        await asyncio.gather(*[one(number) for number in range(2, 10)])
    orders, payments = [await asyncio.to_thread(read, view.bootstrap, topic) for topic in ("orders", "payments")]
    assert sorted(one["order"] for one in values(orders)) == [1, 2]
    assert sorted(one["payment"] for one in values(payments)) == list(range(1, 10))


async def test_a_transaction_that_cannot_be_committed_says_why_and_the_next_one_can(
    mounts: Mounts, view: KafkaView
) -> None:
    view.create("tiny", 1, max_message_bytes="1000")
    mounts.binding("user-service")
    async with mounts.service("user-service") as service:
        with pytest.raises(ServiceError, match=r"topic tiny.*too large"):  # noqa: PT012
            async with service.transaction():
                await service.publish("tiny", {"n": 1})
                await service.publish("tiny", {"n": secrets.token_hex(2000)})
        async with service.transaction():
            await service.publish("tiny", {"n": 2})
    assert [one["n"] for one in values(await asyncio.to_thread(read, view.bootstrap, "tiny"))] == [2]
