"""Transactions: all records of one are there for readers of committed records, with the offsets that led to them, or none.

A transactional producer of librdkafka has one transaction at a time, so a service has a pool of them. Each has an id of its own,
under which the brokers end what a process before left open: the id is made of the instance, which a container keeps over its
restarts. What a rebalance took away is fenced by the group's generation, not by the id (KIP-447).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from kafkade.service.errors import ServiceError, TransactionAborted, TransactionInDoubt
from kafkade.service.publisher import HeaderInput, asked, failure, record_headers
from kafkade.service.schemas import Schemas

_TIMEOUT = 15.0
"""Seconds that each request of a transaction may take, with all that is tried again: longer than brokers take to put another one
in the place of one that died (broker.session.timeout.ms, 9 s)."""

_COMMIT = 60.0
"""The same for a commit, of which nobody knows then whether it came to be: as long as brokers keep a transaction open."""

_LATE = 5.0
"""Seconds behind its time limit after which a call of librdkafka is taken to come back never: send_offsets_to_transaction waits
without a limit where the group's coordinator died (librdkafka 2.16; its issues 5456 and 5511)."""

_AGAIN = 0.2
"""Seconds until a request that may be tried again is."""

open_transaction: ContextVar[Transaction | None] = ContextVar("kafkade.service.transaction", default=None)
"""The transaction that publishing joins."""


@dataclass(slots=True)
class Written:
    """A record that is to be written; ``data`` is missing until its schema is there."""

    topic: str
    key: str | bytes | None
    headers: Any
    partition: int
    data: bytes | None = None


class Transaction:
    """What was published in one transaction and not handed to the producer yet."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._records: list[Written] = []
        self._unready: list[asyncio.Task[None]] = []

    def publish(
        self, topic: str, value: Any, key: str | bytes | None, headers: HeaderInput | None, partition: int
    ) -> asyncio.Future[None]:
        """Take a record. What is wrong with its value is raised, or told by the future; all else shows at the commit."""
        record = Written(topic, key, record_headers(headers), partition)
        encode = self._schemas.encoder(topic, value)
        if encode is None:
            task = asyncio.ensure_future(self._resolve(record, value))
            self._unready.append(task)
            self._records.append(record)
            return task
        record.data = encode(value)
        self._records.append(record)
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        taken.set_result(None)
        return taken

    async def _resolve(self, record: Written, value: Any) -> None:
        record.data = await self._schemas.resolve(record.topic, value)

    async def take(self) -> list[Written]:
        """All records since the last time, in their order.

        Raises:
            SerializationException, SchemasUnavailable: one of them cannot be written.
        """
        await self.ready()
        records, self._records = self._records, []
        return records

    async def ready(self) -> None:
        """Wait until every record has its bytes; raises as ``take``."""
        if self._unready:
            unready, self._unready = self._unready, []
            await asyncio.gather(*unready)

    def drop(self) -> None:
        """Forget all records since the last time."""
        for task in self._unready:
            task.cancel()
        self._unready, self._records = [], []


class _Stuck(TransactionAborted):
    """A call of librdkafka does not come back."""


class TransactionalProducer:
    """One transactional producer. Everything but ``produce`` waits for brokers, in threads."""

    def __init__(self, settings: Mapping[str, Any], identity: str, principal: str) -> None:
        self._producer = Producer({**settings, "transactional.id": identity})
        self._principal = principal
        self._failed: ServiceError | None = None
        self._number = 0
        self._under_way: asyncio.Future[None] | None = None
        """The last call, which a thread may still be in, perhaps one that nobody waits for any more."""
        self._stuck = False
        """Whether that one never came back: this producer is of no use any more."""
        self.identity = identity

    def begin(self) -> None:
        """Begin a transaction, ``decide`` before the first of a producer.

        Raises:
            TransactionAborted: it cannot be, by this producer.
        """
        self._failed = None
        self._number += 1
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._aborted(error) from error

    async def decide(self) -> None:
        """End what another producer of the same id left open, before the first transaction: committed or aborted, it is known then.

        Raises:
            TransactionAborted: no broker could do it in time.
        """
        await self._request(self._producer.init_transactions)

    async def hand_over(self, transaction: Transaction) -> list[Written]:
        """Write what a transaction has gathered since the last time."""
        records = await transaction.take()
        for one in records:
            await self.produce(one.topic, one.data, one.key, one.headers, one.partition)
        return records

    async def produce(
        self, topic: str, data: bytes | None, key: Any, headers: Any, partition: int = -1, timestamp: int = 0
    ) -> None:
        """Write a record; whether the brokers took it shows at the commit. ``timestamp`` in ms since 1970; 0: now."""

        number = self._number

        def report(error: Any, _: Any) -> None:
            # of a transaction before, whose records were thrown away, reports may still come
            if error is not None and self._failed is None and number == self._number:
                self._failed = failure(error, topic, self._principal)

        while True:
            try:
                self._producer.produce(
                    topic, data, key, partition, headers=headers, timestamp=timestamp, on_delivery=report
                )
                self._producer.poll(0)
            except BufferError:
                await asyncio.to_thread(self._producer.poll, 0.1)
            except KafkaException as error:
                raise self._aborted(error) from error
            else:
                return

    async def commit(self, offsets: list[TopicPartition] | None = None, group: Any = None) -> None:
        """Commit what was written, and the offsets of a group with it.

        Raises:
            TransactionAborted: it cannot be; ``abort`` has to follow.
            TransactionInDoubt: nobody answered in time. This producer is of no use any more (librdkafka lets nobody abort what
            it still commits); another one of its id decides it.
        """
        if offsets:
            await self._request(self._producer.send_offsets_to_transaction, offsets, group)
        try:
            await self._request(self._producer.commit_transaction, seconds=_COMMIT)
        except _Stuck as error:
            raise TransactionInDoubt(f"{error.message}; it may be committed all the same") from error
        except TransactionAborted as error:
            cause = error.__cause__
            if isinstance(cause, KafkaException) and cause.args[0].retriable():
                raise TransactionInDoubt(f"{error.message}; it may be committed all the same") from cause
            raise

    @property
    def sound(self) -> bool:
        """Whether brokers took all that was written. One that had a record refused counts its records wrong from then on."""
        return self._failed is None

    async def abort(self) -> None:
        """Make nothing of it visible.

        Raises:
            TransactionAborted: the producer cannot be used any more.
        """
        await self._request(self._producer.abort_transaction)

    async def _request(self, call: Callable[..., Any], *args: Any, seconds: float = _TIMEOUT) -> None:
        """Call with a time limit in seconds behind ``args``."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        # who made the last one may have been cancelled, and its thread goes on: librdkafka refuses a second one beside it
        await self._answer(seconds)
        while True:
            left = max(1.0, end - loop.time())
            self._under_way = _in_thread(call, *args, left)
            error = await self._answer(left + _LATE)
            if error is None:
                return
            if not isinstance(error, KafkaException):
                raise error
            if _is_final(error.args[0]) or loop.time() + _AGAIN > end:
                raise self._aborted(error) from error
            await asyncio.sleep(_AGAIN)

    async def _answer(self, seconds: float) -> BaseException | None:
        """How the last call ended, if it does in time."""
        if self._under_way is None:
            return None
        if not self._stuck:
            self._stuck = not (await asyncio.wait([self._under_way], timeout=seconds))[0]
        if self._stuck:
            raise _Stuck(f"transaction of {self.identity}: librdkafka does not come back")
        return self._under_way.exception()

    def _aborted(self, error: KafkaException) -> TransactionAborted:
        why = self._failed.message if self._failed is not None else error.args[0].str()
        return TransactionAborted(f"transaction of {self.identity}: {why}")


def _is_final(cause: KafkaError) -> bool:
    """Whether it does not help to ask again. "Conflict" is flagged as if it did, and stays: another call has not ended."""
    return cause.txn_requires_abort() or cause.fatal() or not cause.retriable() or cause.code() == KafkaError._CONFLICT


def _in_thread(call: Callable[..., Any], *args: Any) -> asyncio.Future[None]:
    """Call in a thread of its own, which may stay in there for ever: one of a pool would be missed, and waited for at the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    # what came of a call that nobody waits for any more is known to the next one, which the producer refuses or not
    future.add_done_callback(asked)
    threading.Thread(target=_work, args=(loop, future, call, args), name="kafkade transaction", daemon=True).start()
    return future


def _work(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[None], call: Callable[..., Any], args: Sequence[Any]
) -> None:
    failed: Exception | None = None
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 -- told to whoever waits
        failed = error.with_traceback(None)  # it would keep the producer, and through it itself
    with suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(_tell, future, failed)


def _tell(future: asyncio.Future[None], failed: Exception | None) -> None:
    if failed is None:
        future.set_result(None)
    else:
        future.set_exception(failed)


class TransactionPool:
    """Up to ``size`` transactional producers, made when they are needed."""

    def __init__(self, settings: Mapping[str, Any], prefix: str, principal: str, size: int) -> None:
        self._settings = settings
        self._prefix = prefix
        self._principal = principal
        self._free: asyncio.LifoQueue[tuple[int, TransactionalProducer | None]] = asyncio.LifoQueue()
        for number in reversed(range(size)):
            self._free.put_nowait((number, None))

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[TransactionalProducer]:
        """A producer with an open transaction. It is aborted when the block ends by an error, and else has to be committed."""
        number, found = await self._free.get()
        keep: TransactionalProducer | None = None
        try:
            producer = found or TransactionalProducer(self._settings, f"{self._prefix}-{number}", self._principal)
            if found is None:
                await producer.decide()
            producer.begin()
            try:
                yield producer
                keep = producer
            except TransactionInDoubt:
                # somebody has to know how it ended: the next one of its id ends it at once
                keep = await asyncio.shield(self._decided(producer.identity))
                raise
            except BaseException:
                with suppress(TransactionAborted):  # fenced or broken: the next one of this id ends it
                    await asyncio.shield(producer.abort())
                    keep = producer if producer.sound else None
                raise
        finally:
            self._free.put_nowait((number, keep))

    async def settle(self) -> None:
        """End what a process before left open under all of these ids, as far as brokers do it in time.

        Whoever reads a group's offsets waits for the end of the transactions that have some of them, and without records there
        would be no producer to end them: brokers do after transaction.timeout.ms, 60 s, and what they wait to look again.
        """

        async def settle(number: int) -> None:
            keep: TransactionalProducer | None = None
            try:
                keep = await self._decided(f"{self._prefix}-{number}")
            finally:
                self._free.put_nowait((number, keep))

        new = [self._free.get_nowait()[0] for _ in range(self._free.qsize())]
        await asyncio.gather(*[settle(number) for number in new])

    async def _decided(self, identity: str) -> TransactionalProducer | None:
        producer = TransactionalProducer(self._settings, identity, self._principal)
        try:
            await producer.decide()
        except TransactionAborted:
            return None  # the brokers do, when the transaction's time is over
        return producer
