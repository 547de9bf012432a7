"""Requests of a transactional producer, where librdkafka gives answers that brokers cannot be made to give."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from kafkade.service import transactions
from kafkade.service.errors import TransactionAborted, TransactionInDoubt
from kafkade.service.transactions import TransactionalProducer, TransactionPool


class Requests:
    """In place of librdkafka's producer: tells what was asked of it, and never two things at once."""

    def __init__(self, answer: KafkaError | None = None) -> None:
        self.answer = answer
        self.answers: dict[str, KafkaError] = {}
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
        answer = self.answers.get(name, self.answer)
        if answer is not None:
            raise KafkaException(answer)

    def init_transactions(self, *_: Any) -> None:
        self._call("init")

    def begin_transaction(self) -> None:
        self._call("begin")

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


async def test_a_call_that_does_not_come_back_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Requests()
    monkeypatch.setattr(transactions, "_LATE", -14.8)
    made = producer(requests, monkeypatch)
    with pytest.raises(TransactionAborted, match="does not come back"):
        await made.commit([object()], object())  # type: ignore[list-item]
    began = time.monotonic()
    with pytest.raises(TransactionAborted, match="does not come back"):
        await made.abort()
    assert time.monotonic() - began < 5, "known, and not waited for again"
    assert requests.asked == ["offsets"], "nothing more is asked of it"
    requests.go_on.set()


async def test_a_commit_that_does_not_come_back_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Requests()
    monkeypatch.setattr(requests, "commit_transaction", lambda *_: requests.go_on.wait(10))
    monkeypatch.setattr(transactions, "_LATE", -59.8)
    with pytest.raises(TransactionInDoubt, match="does not come back; it may be committed all the same"):
        await producer(requests, monkeypatch).commit()
    requests.go_on.set()


async def test_a_producer_that_still_commits_is_not_asked_to_abort(monkeypatch: pytest.MonkeyPatch) -> None:
    conflict = KafkaError(
        KafkaError._CONFLICT, "Conflicting commit_transaction API call is in progress", retriable=True
    )
    requests = Requests(conflict)
    with pytest.raises(TransactionAborted, match="Conflicting commit_transaction"):
        await producer(requests, monkeypatch).abort()
    assert requests.asked == ["abort"], "it is flagged as retriable, and would be told for ever"


async def test_the_next_producer_of_its_id_decides_a_commit_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Requests] = []

    def make(_: Any) -> Requests:
        answer = KafkaError(KafkaError._TIMED_OUT, "nobody answers", retriable=True)
        made.append(Requests())
        made[-1].answers = {"commit": answer}
        return made[-1]

    monkeypatch.setattr(transactions, "Producer", make)
    monkeypatch.setattr(transactions, "_COMMIT", 0.1)
    pool = TransactionPool({}, "shop", "shop", 1)
    with pytest.raises(TransactionInDoubt, match="nobody answers"):
        async with pool.producer() as one:
            await one.commit()
    assert [requests.asked for requests in made] == [["init", "begin", "commit"], ["init"]], "no abort"
    async with pool.producer():
        pass
    assert len(made) == 2, "the second one is kept"


async def test_a_pool_ends_what_was_left_open_under_all_of_its_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Requests] = {}
    monkeypatch.setattr(
        transactions, "Producer", lambda settings: made.setdefault(settings["transactional.id"], Requests())
    )
    pool = TransactionPool({}, "shop", "shop", 2)
    await pool.settle()
    assert {identity: requests.asked for identity, requests in made.items()} == {"shop-0": ["init"], "shop-1": ["init"]}
    async with pool.producer() as one, pool.producer() as other:
        assert {one.identity, other.identity} == {"shop-0", "shop-1"}, "they are kept"
    assert all(requests.asked == ["init", "begin"] for requests in made.values())


async def test_what_may_not_be_tried_again_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Requests(KafkaError(KafkaError._FENCED, "another one has the id", fatal=True))
    with pytest.raises(TransactionAborted, match="another one has the id"):
        await producer(requests, monkeypatch).abort()
    assert requests.asked == ["abort"]
