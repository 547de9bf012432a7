"""Requests of a transactional producer, where librdkafka gives answers that brokers cannot be made to give."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from kafkade.service import transactions
from kafkade.service.errors import TransactionAborted
from kafkade.service.transactions import TransactionalProducer


class Requests:
    """In place of librdkafka's producer: tells what was asked of it, and never two things at once."""

    def __init__(self, answer: KafkaError | None = None) -> None:
        self.answer = answer
        self.go_on = threading.Event()
        self.asked: list[str] = []
        self.at_once = 0
        self.most = 0

    def _call(self, name: str, *, waits: bool = False) -> None:
        self.asked.append(name)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if waits:
            assert self.go_on.wait(10)
        self.at_once -= 1
        if self.answer is not None:
            raise KafkaException(self.answer)

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self._call("offsets", waits=self.answer is None)

    def commit_transaction(self, *_: Any) -> None:
        self._call("commit")

    def abort_transaction(self, *_: Any) -> None:
        self._call("abort")


def producer(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> TransactionalProducer:
    monkeypatch.setattr(transactions, "Producer", lambda _: requests)
    return TransactionalProducer({}, "shop-1", "shop")


async def test_an_abort_waits_for_the_call_that_a_thread_is_still_in(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Requests()
    made = producer(requests, monkeypatch)
    committing = asyncio.create_task(made.commit([object()], object()))  # type: ignore[list-item]
    while not requests.asked:  # noqa: ASYNC110 -- a thread tells it
        await asyncio.sleep(0.01)
    committing.cancel()
    aborting = asyncio.create_task(made.abort())
    await asyncio.sleep(0.1)
    assert requests.asked == ["offsets"], "librdkafka refuses a second call beside the first"
    requests.go_on.set()
    await aborting
    assert requests.asked == ["offsets", "abort"]
    assert requests.most == 1
    assert committing.cancelled()


async def test_what_may_be_tried_again_is_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Requests(KafkaError(KafkaError._TIMED_OUT, "no coordinator", retriable=True))
    monkeypatch.setattr(transactions, "_AGAIN", 0.01)
    made = producer(requests, monkeypatch)
    began = time.monotonic()
    with pytest.raises(TransactionAborted, match="transaction of shop-1: no coordinator"):
        await made._request(requests.abort_transaction, seconds=0.2)
    assert time.monotonic() - began < 5
    assert len(requests.asked) > 2


async def test_what_may_not_be_tried_again_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Requests(KafkaError(KafkaError._FENCED, "another one has the id", fatal=True))
    with pytest.raises(TransactionAborted, match="another one has the id"):
        await producer(requests, monkeypatch).abort()
    assert requests.asked == ["abort"]
