"""Transactions: all records of one are there for readers of committed records, with the offsets that led to them, or none.

A transactional producer of librdkafka has one transaction at a time, so a service has a pool of them. Each has an id of its own,
under which the brokers end what a process before left open: the id is made of the instance, which a container keeps over its
restarts. What a rebalance took away is fenced by the group's generation, not by the id (KIP-447).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Producer, TopicPartition

from kafkade.service.errors import ServiceError, TransactionAborted, TransactionInDoubt
from kafkade.service.publisher import HeaderInput, asked, failure, record_headers
from kafkade.service.schemas import Schemas

_TIMEOUT = 15.0
"""Seconds that each request of a transaction may take, with all that is tried again: longer than brokers take to put another one
in the place of one that died (broker.session.timeout.ms, 9 s). librdkafka 2.16 was seen not to keep to it in
send_offsets_to_transaction."""

_COMMIT = 60.0
"""The same for a commit, of which nobody knows then whether it came to be: as long as brokers keep a transaction open."""

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


class TransactionalProducer:
    """One transactional producer. Everything but ``produce`` waits for brokers, in threads."""

    def __init__(self, settings: Mapping[str, Any], identity: str, principal: str) -> None:
        self._producer = Producer({**settings, "transactional.id": identity})
        self._principal = principal
        self._failed: ServiceError | None = None
        self._number = 0
        self._under_way: asyncio.Future[Any] | None = None
        """The call that a thread is in, perhaps one that nobody waits for any more."""
        self.identity = identity

    async def begin(self, first: bool) -> None:
        """Begin a transaction; the first of a producer ends what its id left open."""
        if first:
            await self.decide()
        self._failed = None
        self._number += 1
        self._producer.begin_transaction()

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
            TransactionInDoubt: nobody answered in time; ``abort`` has to follow, and tells whether it was too late for that.
        """
        if offsets:
            await self._request(self._producer.send_offsets_to_transaction, offsets, group)
        try:
            await self._request(self._producer.commit_transaction, seconds=_COMMIT)
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
        if self._under_way is not None:
            # whoever made it was cancelled, and its thread goes on: librdkafka refuses a second one beside it
            await asyncio.wait([self._under_way])
        while True:
            left = max(1.0, end - loop.time())
            self._under_way = asyncio.ensure_future(asyncio.to_thread(call, *args, left))
            # what came of a call that nobody waits for any more is known to the next one, which the producer refuses or not
            self._under_way.add_done_callback(asked)
            try:
                return await asyncio.shield(self._under_way)
            except KafkaException as error:
                cause = error.args[0]
                final = cause.txn_requires_abort() or cause.fatal() or not cause.retriable()
                if final or loop.time() + _AGAIN > end:
                    raise self._aborted(error) from error
                await asyncio.sleep(_AGAIN)

    def _aborted(self, error: KafkaException) -> TransactionAborted:
        why = self._failed.message if self._failed is not None else error.args[0].str()
        return TransactionAborted(f"transaction of {self.identity}: {why}")


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
            await producer.begin(first=found is None)
            try:
                yield producer
                keep = producer
            except BaseException as error:
                try:
                    await asyncio.shield(producer.abort())
                    keep = producer if producer.sound else None
                except TransactionAborted:
                    # fenced or broken: the next one of this id ends it, at once where somebody has to know how it ended
                    if isinstance(error, TransactionInDoubt):
                        keep = await self._decided(producer.identity)
                else:
                    if isinstance(error, TransactionInDoubt):
                        raise TransactionAborted(error.message) from error
                raise
        finally:
            self._free.put_nowait((number, keep))

    async def _decided(self, identity: str) -> TransactionalProducer | None:
        producer = TransactionalProducer(self._settings, identity, self._principal)
        try:
            await producer.decide()
        except TransactionAborted:
            return None  # the brokers do, when the transaction's time is over
        return producer
