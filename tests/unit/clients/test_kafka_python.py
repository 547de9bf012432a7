"""What becomes of a client of kafka-python when a request comes to nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from kafkade.api.errors import ClusterUnreachable, TopicConflict
from kafkade.clients import kafka_python
from kafkade.clients.kafka import KafkaAdmin, Security
from kafkade.clients.kafka_python import _DESCRIBE, KafkaPython


class Client:
    """May be closed."""

    closed = 0

    def __init__(self) -> None:
        self.ended = threading.Event()

    def close(self) -> None:
        self.closed += 1
        self.ended.set()


@pytest.mark.parametrize(
    ("trouble", "raised", "closed"),
    [
        pytest.param(KeyError("errors"), KeyError, 1, id="a defect, or an answer that cannot be read"),
        pytest.param(OSError("reset"), ClusterUnreachable, 1, id="no broker"),
        pytest.param(TopicConflict("another one has it"), TopicConflict, 0, id="an answer"),
    ],
)
async def test_a_client_that_may_be_broken_is_closed(trouble: Exception, raised: type[Exception], closed: int) -> None:
    async def clear() -> None:
        """The way is."""

    python, client = KafkaPython(Security("a:1"), 1, clear), Client()
    python._client = client

    def work(_: Any) -> None:
        raise trouble

    with pytest.raises(raised):
        await python._run(_DESCRIBE, work)
    assert client.closed == closed
    assert python._client is (None if closed else client)
    await python.close()


async def test_it_is_not_closed_between_a_call_and_one_that_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would be a new connection, with three requests, for each."""
    monkeypatch.setattr(kafka_python, "IDLE", 0.02)

    async def clear() -> None:
        """The way is."""

    python, client = KafkaPython(Security("a:1"), 1, clear), Client()
    python._client = client
    short = asyncio.create_task(python._run(_DESCRIBE, lambda _: None))
    slow = asyncio.create_task(python._run(_DESCRIBE, lambda _: time.sleep(0.2)))
    await short
    await slow
    assert client.closed == 0
    assert await asyncio.to_thread(client.ended.wait, 10)
    await python.close()


async def test_who_asks_whether_a_broker_is_there_while_that_is_asked_gets_the_same_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka, asked = KafkaAdmin(Security("a:1")), []

    async def call(*_: Any, **__: Any) -> None:
        asked.append(1)
        await asyncio.sleep(0.01)
        if len(asked) == 1:
            raise ClusterUnreachable("no broker")

    monkeypatch.setattr(kafka._link, "call", call)
    answers = await asyncio.gather(*(kafka._reach() for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ClusterUnreachable] * 3
    await kafka._reach()
    assert len(asked) == 2
    await kafka.close()


async def test_an_answer_to_kafka_python_shows_as_well_that_brokers_can_be_talked_to() -> None:
    kafka = KafkaAdmin(Security("127.0.0.1:1"), timeout=2)
    with pytest.raises(ClusterUnreachable):
        await kafka._way_is_clear()
    kafka._python.answered_at = time.monotonic()
    await kafka._way_is_clear()
    await kafka.close()
