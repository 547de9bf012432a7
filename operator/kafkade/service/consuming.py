"""A listener at work: a thread that fetches, and the event loop that handles.

The thread alone speaks with the consumer: it fetches, keeps each partition's buffer between two marks, stores what is done and
answers rebalances. The loop works on partitions, at most ``concurrency`` at a time and each by one task, so that records of a
partition keep their order. A partition that waits, for a retry or for its delay, holds nobody else up.

In a rebalance the thread waits until the records in work of the partitions that leave are done, commits these, and only then
lets go: the next owner begins where this one ended. What was fetched and not begun is dropped. The same at the end.

A record is done when its handler returned, or when it is acknowledged where its failure sent it. With ``exactly_once`` the
handler's records, dead letters and the offsets are one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafkade.clients.kafka_way_client import Quiet
from kafkade.service.errors import (
    DeserializationException,
    ListenerStopped,
    PublishFailed,
    SchemasUnavailable,
    ServiceError,
    TransactionAborted,
    TransactionInDoubt,
)
from kafkade.service.lag import lags, untold
from kafkade.service.letters import attempts, letter_headers
from kafkade.service.listener import Listener
from kafkade.service.metadata import Metadata
from kafkade.service.metrics import Metrics, Status
from kafkade.service.policy import Decision, Do, MountedPolicy
from kafkade.service.publisher import Publisher, current
from kafkade.service.schemas import UNKNOWN, Schemas
from kafkade.service.share import Share
from kafkade.service.transactions import Transaction, TransactionalProducer, TransactionPool, open_transaction

log = logging.getLogger("kafkade.service")

Write = Callable[[str, bytes | None, Any, Any], Awaitable[Any]]

_SLICE = 0.005
"""Seconds that a partition's handler may keep the event loop without a pause."""

_TRANSACTION = 0.2
"""Seconds after which a transaction is committed, if its records are not done before."""

_TICK = 0.1
"""Seconds that the thread waits for records before it looks at what else there is to do."""

_AHEAD = 8
"""Times max.poll.records that a partition's buffer may have, so that nobody waits for the thread while there is more."""

_ROOM = 0.2
"""Seconds that a full partition is waited for before its fetching is paused, which forgets what was fetched ahead."""

_LITTLE_ROOM = 0.02
"""The same while others have nothing to do: theirs may stand behind in what was fetched."""

_LOOK = 1.0
"""Seconds between two looks at the mounted policy, and at lag."""

_COMMITTED = 2.0
"""Seconds that the question for committed offsets may take: the thread fetches nothing meanwhile."""

_LONGEST_TROUBLE = 30.0


class Consuming:
    """One listener of a running service."""

    def __init__(
        self,
        listener: Listener,
        settings: Mapping[str, Any],
        *,
        schemas: Schemas,
        publisher: Publisher,
        transactions: TransactionPool,
        policy: MountedPolicy,
        metrics: Metrics,
        drain: float,
    ) -> None:
        """``drain``: seconds that records in work may take to be done when partitions leave."""
        self.listener = listener
        self.shares: dict[tuple[str, int], Share] = {}
        self._settings = settings
        self._schemas = schemas
        self._publisher = publisher
        self._transactions = transactions
        self._policy = policy
        self._metrics = metrics
        self._drain = drain
        self._most = _AHEAD * listener.max_poll_records
        self._ready: asyncio.Queue[Share] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._name = listener.name
        self._handler = _called(listener)
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None
        self._ending = False
        self._leave = False
        self._room = threading.Event()
        self._awaited = False
        """Whether the thread waits for room."""
        self._subscribed: tuple[str, ...] = ()
        self._looked = 0.0
        self._consumer: Any = None
        self._membership: Any = None
        """The group's generation as it was after the last rebalance. Asked for by the thread alone: asked by another one while
        the thread polls, librdkafka waits for the thread, which waits for Python's lock."""
        self._rebalanced = False

    # ------------------------------------------------------------------ the event loop

    @property
    def name(self) -> str:
        """For messages."""
        return self._name

    async def run(self) -> None:
        """Work until ``stop``.

        Raises:
            ListenerStopped, ServiceError: why it cannot go on.
        """
        thread = threading.Thread(target=self._fetch, name=f"kafkade {self.listener.name}", daemon=True)
        lanes = [asyncio.create_task(self._lane()) for _ in range(self.listener.concurrency)]
        thread.start()
        try:
            await self._stopped.wait()
        finally:
            self._ending = True
            await self._finish(list(self.shares.values()))
            self._leave = True
            self._room.set()
            await asyncio.shield(asyncio.to_thread(thread.join))
            for lane in lanes:
                lane.cancel()
            self._metrics.lag(self.listener, self.listener.group, {})
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Begin to end: no further record is begun."""
        self._ending = True
        self._stopped.set()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self.stop()

    async def _finish(self, shares: Collection[Share]) -> None:
        """Until nothing of these partitions is in work; what takes longer than the drain is broken off."""
        for share in shares:
            if share.asks is not None:
                _answer(share.asks, None)  # of no use any more
        tasks = [share.task for share in shares if share.task is not None]
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=self._drain)
        for task in pending:
            task.cancel()
        if pending:
            log.warning(
                "%s: %d records in work were broken off after %s s", self.listener.name, len(pending), self._drain
            )
            await asyncio.wait(pending, timeout=1)

    async def _lane(self) -> None:
        work = self._work_in_transaction if self.listener.exactly_once else self._work
        while True:
            share = await self._ready.get()
            if not share.gone and not self._ending:
                share.task = asyncio.create_task(work(share))
                await asyncio.wait((share.task,))
                task, share.task, share.since = share.task, None, None
                if not task.cancelled() and (error := task.exception()) is not None:
                    self._fail(error)
            share.scheduled = False
            self._schedule(share)

    def _schedule(self, share: Share) -> None:
        if share.scheduled or share.gone or self._ending or not share.buffer:
            return
        share.scheduled = True
        wait = share.not_before - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._ready.put_nowait, share)
        else:
            self._ready.put_nowait(share)

    def _arrived(self, fetched: dict[Share, list[Any]]) -> None:
        for share, messages in fetched.items():
            share.buffer.extend(messages)
            self._schedule(share)

    def _look_at(self, share: Share) -> bool:
        """Whether the first record of the buffer may be worked on now; sets which attempt it is."""
        if not share.attempt:
            if not share.delayed:
                return True
            message = share.buffer[0]
            share.attempt = attempts(message.headers() or ()) + 1
            waited = time.time() - message.timestamp()[1] / 1000
            share.not_before = self._loop.time() + self._policy.current.delay(share.topic) - waited
        return share.not_before <= self._loop.time()

    async def _work(self, share: Share) -> None:
        """At least once: records in order, until the slice of time is over."""
        buffer, handle, write = share.buffer, self._handle, self._publisher.send_patiently
        end = time.perf_counter() + _SLICE
        while buffer and not share.gone and not self._ending and self._look_at(share):
            message = buffer[0]
            ended = await handle(share, message, share.attempt or 1, write)
            if not ended:
                return
            buffer.popleft()
            self._are_done(share, message.offset() + 1, 1)
            if ended > end:
                return

    async def _work_in_transaction(self, share: Share) -> None:
        """Exactly once: as many records as there are, up to a number and a time, in one transaction."""
        if not self._look_at(share):
            return
        taken, buffer = 0, share.buffer
        try:
            async with self._transactions.producer() as producer:
                transaction = Transaction(self._schemas)
                open_transaction.set(transaction)
                end = self._loop.time() + _TRANSACTION
                while (
                    taken < min(len(buffer), self.listener.max_poll_records)
                    and not share.gone
                    and not self._ending
                    and (taken == 0 or not share.delayed)
                    and self._loop.time() < end
                ):
                    ended = await self._handle(share, buffer[taken], share.attempt or 1, producer.produce, transaction)
                    if ended is None:
                        break
                    for record in await producer.hand_over(transaction):
                        self._metrics.count(record.topic, Status.PUBLISHED)
                    share.attempt = 0
                    taken += 1
                await self._commit_with(producer, share, taken)
        except TransactionInDoubt as error:
            log.warning("%s: %s: what the group has committed tells it", self.listener.name, error)
            await self._drop_committed(share)
            self._wait_after_trouble(share)
            return
        except (TransactionAborted, KafkaException) as error:
            if taken and not share.gone:
                log.warning("%s: %s: its %d records come again", self.listener.name, error, taken)
                share.attempt = 0
                self._wait_after_trouble(share)
            return
        share.trouble = 0
        waits = share.attempt  # of the record behind those that are done
        self._done(share, taken)
        share.attempt = waits

    async def _drop_committed(self, share: Share) -> None:
        """Ask where the group stands, as long as it takes, and let go of the records that are behind it.

        The answer has to wait for the end of all transactions (KIP-447, require_stable). The thread asks for it: confluent_kafka
        lets one thread at a time into a consumer, and another one may wait for minutes beside one that polls.
        """
        while not share.gone and not self._ending:
            share.asks = self._loop.create_future()
            found = await share.asks
            share.asks = None
            if found is None:
                return
            if isinstance(found, int):
                while share.buffer and share.buffer[0].offset() < found:
                    self._done(share, 1)
                share.attempt = 0
                return
            log.warning("%s: asks again where it stands: %s", self.listener.name, found.str())
            await asyncio.sleep(min(_COMMITTED, self._trouble(share)))

    async def _commit_with(self, producer: TransactionalProducer, share: Share, taken: int) -> None:
        """Commit a transaction with the offset behind the first ``taken`` records."""
        if not taken:
            raise TransactionAborted("there is nothing in it")
        if share.gone:
            raise TransactionAborted("the partition is another member's now")
        at = TopicPartition(share.topic, share.partition, share.buffer[taken - 1].offset() + 1)
        await producer.commit([at], self._membership)

    def _done(self, share: Share, number: int) -> None:
        for _ in range(number):
            message = share.buffer.popleft()
        self._are_done(share, message.offset() + 1, number)

    def _are_done(self, share: Share, position: int, number: int) -> None:
        share.position = position
        share.attempt = 0
        share.done += number
        if self._awaited and share.queued <= share.low:
            self._awaited = False
            self._room.set()

    async def _handle(
        self, share: Share, message: Any, attempt: int, write: Write, transaction: Transaction | None = None
    ) -> float | None:
        """One attempt at a record: when it was done, by time.perf_counter(); None: it is not.

        This is what a record costs: what is the same for all of them was asked before.
        """
        listener, metrics, began = self.listener, self._metrics, time.perf_counter()
        share.since = began
        metadata = Metadata(message, attempt, listener.group)
        current.set(metadata)
        try:
            data = message.value()
            if data is None and not listener.event.nullable:
                raise DeserializationException("the record has no value, and the handler's type takes no None")  # noqa: TRY301
            event = self._schemas.decode_known(listener.event, share.topic, data)
            if event is UNKNOWN:
                event = await self._schemas.decode(listener.event, share.topic, data)
            await self._handler(event, metadata)
            if transaction is not None:
                await transaction.ready()
        except Exception as error:  # noqa: BLE001 -- whatever a handler raises, its policy has an answer
            metrics.took(share.source, self._name, time.perf_counter() - began)
            if transaction is not None:
                transaction.drop()
            return time.perf_counter() if await self._failed(share, message, attempt, error, write) else None
        ended = time.perf_counter()
        metrics.took(share.source, self._name, ended - began)
        metrics.count(share.source, Status.PROCESSED)
        return ended

    async def _failed(self, share: Share, message: Any, attempt: int, error: Exception, write: Write) -> bool:
        """What follows of an error: whether the record is done by it."""
        place = f"{message.topic()}/{message.partition()}@{message.offset()}"
        if isinstance(error, (SchemasUnavailable, TransactionAborted, TransactionInDoubt)):
            log.warning("%s: %s waits: %s", self.listener.name, place, error)
            self._wait_after_trouble(share)
            return False
        decision = self._policy.current.decide(message.topic(), error, attempt)
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        match decision.do:
            case Do.AGAIN:
                log.info(
                    "%s: %s failed (attempt %d), again in %.3g s: %s",
                    self.listener.name,
                    place,
                    attempt,
                    decision.delay,
                    told,
                )
                self._metrics.count(share.source, Status.RETRIED)
                share.attempt = attempt + 1
                share.not_before = self._loop.time() + decision.delay
                return False
            case Do.SKIP:
                log.warning("%s: %s is skipped: %s", self.listener.name, place, told)
                self._metrics.count(share.source, Status.SKIPPED)
                return True
            case Do.STOP:
                self._metrics.count(share.source, Status.FAILED)
                raise ListenerStopped(
                    f"{self.listener.name} stopped before {place}, which failed {attempt} times ({told}): mend the cause, or"
                    f" give {share.source} a KafkaDLQPolicy that says where such records go, and start again"
                ) from error
            case _:
                return await self._sent_away(share, message, attempt, error, decision, write)

    async def _sent_away(
        self, share: Share, message: Any, attempt: int, error: Exception, decision: Decision, write: Write
    ) -> bool:
        """Write a record to its retry or dead-letter topic, for as long as it takes; whether it is there."""
        headers = letter_headers(message, share.source, self.listener.group, error, attempt)
        while not share.gone and not self._ending:
            try:
                await write(decision.topic, message.value(), message.key(), headers)
            except PublishFailed as failed:
                log.error("%s: %s holds its partition up: %s", self.listener.name, decision.do, failed)  # noqa: TRY400
                await asyncio.sleep(self._trouble(share))
                continue
            share.trouble = 0
            dead = decision.do is Do.DEAD_LETTER
            log.log(
                logging.WARNING if dead else logging.INFO,
                "%s: %s/%d@%d goes to %s after attempt %d: %s: %s",
                self.listener.name,
                *(message.topic(), message.partition(), message.offset()),
                *(decision.topic, attempt, type(error).__name__, error),
            )
            self._metrics.count(share.source, Status.DEAD_LETTER if dead else Status.RETRIED)
            return True
        return False

    def _wait_after_trouble(self, share: Share) -> None:
        share.not_before = self._loop.time() + self._trouble(share)

    @staticmethod
    def _trouble(share: Share) -> float:
        """Seconds to wait: 0.1, doubled each time, at most 30."""
        share.trouble += 1
        return float(min(_LONGEST_TROUBLE, 0.1 * 2 ** min(share.trouble, 10)))

    # ------------------------------------------------------------------ the consumer's thread

    def _fetch(self) -> None:
        try:
            self._consumer = Consumer(dict(self._settings), logger=Quiet("kafkade.service"))
            try:
                while not self._leave:
                    self._keep_up()
                    first = self._consumer.poll(_TICK)
                    if self._rebalanced:
                        self._rebalanced = False
                        self._membership = self._consumer.consumer_group_metadata()
                    self._take(first)
            finally:
                self._commit(list(self.shares.values()))
                self._consumer.close()
        except BaseException as error:  # noqa: BLE001 -- it is raised where the listener is run
            found = error
            if isinstance(error, KafkaException):
                found = ServiceError(f"listener {self.listener.name}: {error.args[0].str()}")
                found.__cause__ = error
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._fail, found)

    def _take(self, first: Any) -> None:
        if first is None:
            return
        fetched: dict[Share, list[Any]] = {}
        before: tuple[str, int] | None = None
        messages: list[Any] | None = None
        for message in (first, *self._consumer.consume(self.listener.max_poll_records - 1, 0)):
            error = message.error()
            if error is not None:
                share = self.shares.get((message.topic(), message.partition()))
                if error.code() == KafkaError._PARTITION_EOF and share is not None:
                    share.end = message.offset()
                self._told(error)
                continue
            place = (message.topic(), message.partition())
            if place != before:  # those of a partition mostly come together
                before, share = place, self.shares.get(place)
                messages = None if share is None else fetched.setdefault(share, [])
            if messages is not None:
                messages.append(message)
        for share, messages in fetched.items():
            share.hand(messages)
        if fetched:
            self._loop.call_soon_threadsafe(self._arrived, fetched)

    def _told(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:
            log.warning("%s: %s", self.listener.name, error.str())

    def _keep_up(self) -> None:
        """Whatever is to be done between two fetches."""
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            self._policy.reload()
            self._subscribe()
            self._measure()
        shares = list(self.shares.values())
        if not self.listener.exactly_once:
            self._store(shares)
        self._answer_all(shares)
        full = [share for share in shares if share.queued >= share.high and not share.paused]
        if full:
            busy = sum(share.queued > 0 for share in shares)
            # rather wait a moment than lose what was fetched ahead: longer where everyone has work
            self._room.clear()
            self._awaited = True
            if all(share.queued > share.low for share in full):
                self._room.wait(_ROOM if busy >= min(self.listener.concurrency, len(shares)) else _LITTLE_ROOM)
            self._awaited = False
            self._pause([share for share in full if share.queued >= share.high])
        self._resume([share for share in shares if share.paused and share.queued <= share.low])

    def _subscribe(self) -> None:
        """To the listener's topics and the retry topics that the policy has now."""
        policy = self._policy.current
        topics = tuple(dict.fromkeys(name for t in self.listener.topics for name in (t, *policy.retry_topics(t))))
        if topics != self._subscribed:
            self._subscribed = topics
            self._consumer.subscribe(
                list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )

    def _pause(self, shares: list[Share]) -> None:
        if shares:
            self._consumer.pause([TopicPartition(share.topic, share.partition) for share in shares])
            for share in shares:
                share.paused = True

    def _resume(self, shares: list[Share]) -> None:
        if shares:
            self._consumer.resume([TopicPartition(share.topic, share.partition) for share in shares])
            for share in shares:
                share.paused = False

    def _store(self, shares: list[Share]) -> None:
        """Tell the consumer what is done: it commits that every now and then."""
        moved = [
            (share, position)
            for share in shares
            if (position := share.position) is not None and position != share.stored
        ]
        if moved:
            self._consumer.store_offsets(
                offsets=[TopicPartition(share.topic, share.partition, position) for share, position in moved]
            )
            for share, position in moved:
                share.stored = position

    def _commit(self, shares: list[Share]) -> None:
        """Commit what is done of these partitions, and wait for the answer."""
        if self.listener.exactly_once:
            return
        done = [
            TopicPartition(share.topic, share.partition, position)
            for share in shares
            if (position := share.position) is not None
        ]
        if done:
            try:
                # stored too, or librdkafka's own commit, when partitions go, puts back what was stored before
                self._consumer.store_offsets(offsets=done)
                self._consumer.commit(offsets=done, asynchronous=False)
            except KafkaException as error:
                log.warning("%s: offsets were not committed: %s", self.listener.name, error.args[0].str())

    def _measure(self) -> None:
        shares = list(self.shares.values())
        self._ask_where_they_begin([share for share in shares if share.position is None and share.begin is None])
        positions = []
        for share in shares:
            position = share.begin if share.position is None else share.position
            if position is None or untold(share.taken, heard=share.end is not None or share.handed > 0):
                continue
            at = max(position, share.end or 0) if share.queued == 0 else position
            positions.append((share.topic, share.partition, at))
        self._metrics.lag(self.listener, self.listener.group, lags(self._consumer, self._settings, positions))

    def _ask_where_they_begin(self, shares: list[Share]) -> None:
        """Of partitions that nothing is done of yet: those that nothing comes from any more are not behind."""
        for share, found in zip(shares, self._committed(shares), strict=True):
            if isinstance(found, int):  # else it is asked again at the next look
                share.begin = found

    def _answer_all(self, shares: list[Share]) -> None:
        """Whatever tasks ask where the group stands."""
        asking = [(share, asks) for share in shares if (asks := share.asks) is not None and not asks.done()]
        for (_, asks), found in zip(asking, self._committed([share for share, _ in asking]), strict=True):
            self._loop.call_soon_threadsafe(_answer, asks, found)

    def _committed(self, shares: list[Share]) -> list[int | KafkaError]:
        """What the group has committed of each, below 0 for nothing; or why nobody knows."""
        if not shares:
            return []
        places = [TopicPartition(share.topic, share.partition) for share in shares]
        try:
            found = self._consumer.committed(places, timeout=_COMMITTED)
        except KafkaException as error:
            return [error.args[0]] * len(places)
        return [place.offset if place.error is None else place.error for place in found]

    def _on_assign(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._rebalanced = True
        for place in partitions:
            source = self._policy.current.source(place.topic)
            self.shares[place.topic, place.partition] = Share(place.topic, place.partition, source, self._most)
        log.info("%s: has %d more partitions", self.listener.name, len(partitions))

    def _on_revoke(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._rebalanced = True
        self._commit(self._let_go(partitions, self._drain + 2))
        log.info("%s: gave %d partitions back", self.listener.name, len(partitions))

    def _on_lost(self, _: Any, partitions: list[TopicPartition]) -> None:
        log.warning("%s: lost %d partitions: the group did without this member", self.listener.name, len(partitions))
        self._let_go(partitions, 2, cancel=True)

    def _let_go(self, partitions: list[TopicPartition], timeout: float, *, cancel: bool = False) -> list[Share]:
        left = [self.shares.pop((p.topic, p.partition)) for p in partitions if (p.topic, p.partition) in self.shares]
        for share in left:
            share.gone = True

        async def finish() -> None:
            for share in left if cancel else ():
                if share.task is not None:
                    share.task.cancel()
            await self._finish(left)

        with contextlib.suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(finish(), self._loop).result(timeout)
        return left


def _answer(asks: asyncio.Future[int | KafkaError | None], found: int | KafkaError | None) -> None:
    if not asks.done():
        asks.set_result(found)


def _called(listener: Listener) -> Callable[[Any, Metadata], Awaitable[Any]]:
    """The handler as one that takes an event and metadata and is awaited."""
    handler = listener.handler
    if not listener.is_async:
        called = handler if listener.wants_metadata else lambda event, _: handler(event)
        return lambda event, metadata: asyncio.to_thread(called, event, metadata)
    return handler if listener.wants_metadata else lambda event, _: handler(event)
