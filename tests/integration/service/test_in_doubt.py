"""Commits that no broker answers in time: they may have come to be, or not."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from kafkade.devstack.kafka import Kafka
from kafkade.service import TransactionAborted, TransactionInDoubt, transactions
from kafkade.service.transactions import TransactionalProducer
from support.kafka import KafkaView
from support.letters import read
from support.services import QUICK, Mounts, committed, running, until, values

AWAY = 5.0
"""Seconds that a broker is suspended."""


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """A broker of these tests' own: it is suspended."""
    with Kafka(config={"group.initial.rebalance.delay.ms": "0"}) as running:
        yield running


@pytest.fixture(scope="module")
def view(kafka: Kafka) -> KafkaView:
    """What the broker really has."""
    return KafkaView(kafka.bootstrap)


@pytest.fixture
def trouble(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Disturbs the next commit; the ids it was done to.

    The broker is suspended when it has all records ("written") or lacks some ("unwritten"), or the answer is lost behind a
    commit that came to be ("answer lost").
    """
    at: list[str] = []
    (pid,) = kafka.pids().values()
    request = TransactionalProducer._request

    def arm(how: str) -> list[str]:
        async def watched(self: TransactionalProducer, call: Any, *args: Any, **limits: Any) -> None:
            if call == self._producer.commit_transaction and not at:
                at.append(self.identity)
                if how == "answer lost":
                    await request(self, call, *args, **limits)
                    lost = KafkaException(KafkaError(KafkaError._TIMED_OUT, "the answer is lost", retriable=True))
                    raise TransactionAborted("the answer is lost") from lost
                if how == "written":
                    assert await asyncio.to_thread(self._producer.flush, 10) == 0
                else:
                    assert len(self._producer) > 0, "they wait for more, by linger.ms"
                os.kill(pid, signal.SIGSTOP)
                # in a thread: the loop may wait for the broker itself
                threading.Timer(AWAY, os.kill, (pid, signal.SIGCONT)).start()
            await request(self, call, *args, **limits)

        monkeypatch.setattr(TransactionalProducer, "_request", watched)
        monkeypatch.setattr(transactions, "_COMMIT", 1.5)
        return at

    return arm


@pytest.mark.parametrize("how", ["written", "unwritten", "answer lost"])
async def test_a_listener_finds_out_what_became_of_it(
    mounts: Mounts, view: KafkaView, trouble: Callable[[str], list[str]], how: str
) -> None:
    name = f"in-doubt-{how.replace(' ', '-')}"
    view.create(name, 1)
    view.create(f"{name}-copies", 1)
    mounts.binding("shop")
    writer = mounts.service("shop", instance=f"{name}-writer")
    service = mounts.service("shop", instance=name, settings={"linger.ms": 5000} if how == "unwritten" else None)

    @service.listener(name, group=name, exactly_once=True, properties=QUICK)
    async def copy(event: dict[str, int]) -> None:
        service.publish(f"{name}-copies", event)

    async def written(numbers: range) -> None:
        await asyncio.gather(*[writer.publish(name, {"n": n}) for n in numbers])

    async with writer, running(service):
        await written(range(20))
        await until(lambda: committed(view, name, name) == 20, "the first are committed")
        done_to = trouble(how)
        await written(range(20, 40))
        await until(lambda: len(done_to) == 1, "a commit is in doubt")
        await asyncio.sleep(AWAY + 1)  # who asks a suspended broker waits for longer
        # where nobody else decides it, the brokers do after transaction.timeout.ms, 60 s, and what they wait to look again
        await until(lambda: committed(view, name, name) == 40, "all are committed", 100)
        await written(range(40, 60))
        await until(lambda: committed(view, name, name) == 60, "it goes on", 100)
    found = [one["n"] for one in values(await asyncio.to_thread(read, view.bootstrap, f"{name}-copies"))]
    assert found == list(range(60)), "each once"


async def test_whoever_publishes_is_told_that_it_may_be_there(
    mounts: Mounts, view: KafkaView, trouble: Callable[[str], list[str]]
) -> None:
    view.create("told", 1)
    mounts.binding("shop")
    async with mounts.service("shop", instance="told") as service:
        trouble("written")
        with pytest.raises(TransactionInDoubt, match="may be committed all the same"):
            async with service.transaction():
                await service.publish("told", {"n": 1})
        async with service.transaction():
            await service.publish("told", {"n": 2})
    found = [one["n"] for one in values(await asyncio.to_thread(read, view.bootstrap, "told"))]
    assert found in ([1, 2], [2]), "all of it, or nothing; and the next one goes on"
