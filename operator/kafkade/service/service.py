"""``Service``: publishing, transactions and listeners of one application, by what its binding says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kafkade.clients.kafka_way_client import Quiet
from kafkade.service.binding import Binding, find, load
from kafkade.service.consuming import Consuming
from kafkade.service.errors import ServiceError
from kafkade.service.listener import Handler, Listener, listener_of
from kafkade.service.metrics import Metrics, Status
from kafkade.service.policy import MountedPolicy
from kafkade.service.publisher import Delivered, HeaderInput, Publisher, asked
from kafkade.service.schemas import Schemas
from kafkade.service.streams.flows import Flow, Stream, stream_of
from kafkade.service.streams.running import Streaming
from kafkade.service.transactions import Transaction, TransactionalProducer, TransactionPool, open_transaction

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from kafkade.service.health import Health
    from kafkade.service.troubles import Troubles

log = logging.getLogger("kafkade.service")

H = TypeVar("H", bound=Handler)
F = TypeVar("F", bound=Callable[[Flow[Any]], Flow[Any]])

TRANSACTIONS = 4
"""Transactions beside those of listeners that a service has open at the same time; more wait."""

_FLUSH = 30.0
"""Seconds that records which were not waited for have at the end."""


class Service:
    """One application's way to Kafka.

    Use it as ``async with service:`` where it only publishes, and ``await service.run()`` where it has listeners::

        service = Service.from_binding()

        @service.listener("user-events", concurrency=3)
        async def handle(event: UserEvent, metadata: Metadata) -> None:
            await service.publish("audit", Seen(user=event.user_id), key=event.user_id)

        asyncio.run(service.run())
    """

    def __init__(
        self,
        binding: Binding,
        *,
        instance: str | None = None,
        settings: Mapping[str, Any] | None = None,
        drain: float = 25.0,
    ) -> None:
        """``instance``: names this process among those of the service, and should stay over restarts; default: the host's
        name and the process's number, which a container keeps. ``settings``: further settings of librdkafka, for all
        clients. ``drain``: seconds that records in work may take at the end and in a rebalance; keep it below a pod's
        terminationGracePeriodSeconds (30) and max.poll.interval.ms (300000).

        Raises:
            PolicyError: the mounted policy.json is no policy.
        """
        self.binding = binding
        self.metrics = Metrics()
        self._instance = instance or f"{socket.gethostname()}-{os.getpid()}"
        self._extra = dict(settings or {})
        self._drain = drain
        self._policy = MountedPolicy(binding.policy)
        self._listeners: list[Listener] = []
        self._streams: list[Stream] = []
        self._running: list[Consuming | Streaming] = []
        self._publisher: Publisher | None = None
        self._pool: TransactionPool | None = None
        self._lanes: TransactionPool | None = None
        """The listeners' own: their ids are those that may have left offsets of their groups in an open transaction."""
        self._schemas: Schemas | None = None
        self._depth = 0
        self._stop: asyncio.Event | None = None

    @classmethod
    def from_binding(
        cls, name: str | None = None, *, root: Path | None = None, policy: Path | None = None, **more: Any
    ) -> Service:
        """The service of a binding: the one called ``name``, or the only one below ``root`` (default $SERVICE_BINDING_ROOT).

        ``policy``: where the KafkaDLQPolicy's policy.json is mounted, if it is not in the binding nor where
        KAFKADE_DLQ_POLICY says. ``more``: as the constructor takes.

        Raises:
            BindingError: it is missing or wrong. PolicyError: the policy is.
        """
        return cls(load(find(name, root), policy), **more)

    def __repr__(self) -> str:
        return f"Service({self.binding!r}, instance={self._instance!r})"

    # ------------------------------------------------------------------ listeners

    def listener(
        self,
        *topics: str,
        group: str | None = None,
        event: Any = None,
        concurrency: int = 1,
        exactly_once: bool = False,
        properties: Mapping[str, Any] | None = None,
    ) -> Callable[[H], H]:
        """Make a function the handler of topics' records: ``handler(event)`` or ``handler(event, metadata)``.

        ``group``: default the binding's. ``event``: the events' type, default the first argument's annotation.
        ``concurrency``: partitions that are worked on at the same time. ``exactly_once``: what the handler publishes, dead
        letters and the group's offsets are one transaction, up to ``max.poll.records`` records long. ``properties``:
        further settings of the consumer, Java's ``max.poll.records`` among them.

        Raises:
            ServiceError: the handler does not take what it will be given.
        """

        def decorate(handler: H) -> H:
            self._listeners.append(
                listener_of(
                    handler,
                    topics,
                    group or self.binding.group,
                    event=event,
                    concurrency=concurrency,
                    exactly_once=exactly_once,
                    max_poll_records=self.binding.max_poll_records,
                    properties=properties,
                )
            )
            return handler

        return decorate

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """All listeners, in the order of their making."""
        return tuple(self._listeners)

    @property
    def consuming(self) -> tuple[Consuming, ...]:
        """The listeners at work; none when the service does not run."""
        return tuple(one for one in self._running if isinstance(one, Consuming))

    def stream(
        self,
        *topics: str,
        to: str,
        group: str | None = None,
        event: Any = None,
        key: Callable[[Any], Any] | None = None,
    ) -> Callable[[F], F]:
        """Make a function the description of a stream: it is given a Flow of topics' events and returns what goes to ``to``.

        It is called once, now. Exactly once: what is written and how far was read are one transaction. ``group``: the
        consumer group, default ``<service>-<function>``; its offsets are the stream's state, so that it must be nobody
        else's. ``event``: the events' type, default that of the annotation ``Flow[…]``. ``key``: the key of a record that
        is written, by its value; default the key of the record that it came from, or the group's key of windows.

        Raises:
            ServiceError: the function does not describe a stream.
        """

        def decorate(function: F) -> F:
            name = getattr(function, "__name__", "stream").replace("_", "-")
            own = group or f"{self.binding.service}-{name}"
            if own in {stream.group for stream in self._streams} | {one.group for one in self._listeners}:
                raise ServiceError(f"stream {name}: group {own} is another one's here, and a stream needs its own")
            self._streams.append(stream_of(function, topics, to, own, event=event, key=key))
            return function

        return decorate

    @property
    def streams(self) -> tuple[Stream, ...]:
        """All streams, in the order of their making."""
        return tuple(self._streams)

    async def run(self, *, signals: bool = True) -> None:
        """Run all listeners and streams until SIGTERM, SIGINT or ``stop``, and end in order: what is in work is done and committed.

        ``signals``: whether to listen for the two; False where something else does.

        Raises:
            ServiceError: there are none. ListenerStopped, and others: why a listener cannot go on; the others were
            ended in order first.
        """
        if not self._listeners and not self._streams:
            raise ServiceError("the service has no listeners and no streams: use `async with service:` to publish only")
        loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        caught = (signal.SIGTERM, signal.SIGINT) if signals else ()
        for number in caught:
            loop.add_signal_handler(number, stop.set)
        try:
            async with self:
                await self._run_listeners(stop)
        finally:
            self._stop = None
            for number in caught:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Have ``run`` end in order."""
        if self._stop is not None:
            self._stop.set()

    async def _run_listeners(self, stop: asyncio.Event) -> None:
        self._running = [
            *(self._consuming(listener) for listener in self._listeners),
            *(self._streaming(stream) for stream in self._streams),
        ]
        tasks = [asyncio.create_task(one.run(), name=one.name) for one in self._running]
        stopping = asyncio.create_task(stop.wait())
        assert self._lanes is not None  # noqa: S101 -- run() entered the service
        settling = asyncio.create_task(self._lanes.settle())
        settling.add_done_callback(asked)  # what is wrong shows in the listeners too
        try:
            await asyncio.wait((*tasks, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            settling.cancel()
            for one in self._running:
                one.stop()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._running = []
        for found in results:
            if isinstance(found, BaseException):
                raise found

    def _consuming(self, listener: Listener) -> Consuming:
        assert self._schemas is not None  # noqa: S101 -- run() entered the service
        assert self._publisher is not None  # noqa: S101
        assert self._lanes is not None  # noqa: S101
        settings = self.consumer_settings(listener.properties) | {
            "group.id": listener.group,
            "enable.auto.commit": not listener.exactly_once,
            "enable.partition.eof": True,
        }
        return Consuming(
            listener,
            settings,
            schemas=self._schemas,
            publisher=self._publisher,
            transactions=self._lanes,
            policy=self._policy,
            metrics=self.metrics,
            drain=self._drain,
        )

    def _streaming(self, stream: Stream) -> Streaming:
        assert self._schemas is not None  # noqa: S101 -- run() entered the service
        identity = f"{self.binding.transaction_prefix}{self._instance}-{stream.group}"
        settings = self.producer_settings()
        principal = self.binding.security.principal
        return Streaming(
            stream,
            {**self.binding.consumer, **self._extra},
            lambda: TransactionalProducer(settings, identity, principal),
            schemas=self._schemas,
            policy=self._policy,
            metrics=self.metrics,
        )

    def producer_settings(self) -> dict[str, Any]:
        """librdkafka's settings for publishing."""
        return {
            "enable.idempotence": True,
            # as Java's clients choose partitions
            "partitioner": "murmur2_random",
            **self.binding.producer,
            **self._extra,
            "logger": Quiet("kafkade.service"),
        }

    def consumer_settings(self, properties: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """librdkafka's settings of a listener with these properties, but for its group and whether it commits by itself."""
        settings: dict[str, Any] = {
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.commit.interval.ms": 1000,
            "fetch.queue.backoff.ms": 10,
            "queued.max.messages.kbytes": 16_384,
            **self.binding.consumer,
            **self._extra,
            **(properties or {}),
            "enable.auto.offset.store": False,
        }
        if settings.get("group.protocol") == "consumer":
            # the group's settings on the brokers say these (KIP-848)
            for key in ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"):
                settings.pop(key, None)
        return settings

    # ------------------------------------------------------------------ health

    async def health(self) -> Health:
        """Whether the brokers answer, with how many there are and which one is the controller. Also when it does not run."""
        from kafkade.service.health import health  # an admin client, which those who do not ask need not load

        return await health(self.binding.security)

    @asynccontextmanager
    async def serving(self, host: str, port: int, *, registry: CollectorRegistry | None = None) -> AsyncIterator[str]:
        """Answer ``/health`` and ``/metrics`` over plain HTTP while the block lasts; gives the address, ``http://…``.

        /health is JSON with 200 when the brokers answer and 503 when not, for a readinessProbe; /metrics is Prometheus'
        text. ``port``: 0 for any that is free. ``registry``: what /metrics has, if not the service's three metrics alone.

        Raises:
            ServiceError: the address cannot be listened at.
        """
        from kafkade.service.serving import serving  # an HTTP server, which those without need not load

        async with serving(self.health, self.metrics, host, port, registry) as address:
            yield address

    async def diagnose(self, *, window: float = 10.0) -> Troubles:
        """What may be wrong with what the service consumes and writes, and what helps: the checks of ``kafkade diagnose``.

        Each group of its listeners and streams is looked at twice, ``window`` seconds apart; each topic that it writes to is
        looked at as it lies in the log, as far as the service may read it, and by librdkafka's statistics of the service's own
        producer, where it runs. What cannot be looked at is a finding too; nothing is raised, and nothing changed.
        """
        from kafkade.service.troubles import Consumed, diagnose  # checks, which those who do not ask need not load

        policy = self._policy.current
        consumed: dict[str, Consumed] = {}
        read = [(one.group, one.topics) for one in self._listeners]
        for group, topics in (*read, *((stream.group, stream.inputs) for stream in self._streams)):
            there = consumed.setdefault(group, Consumed())
            there.topics.update(topics)
            there.letters.update(name for t in topics if (name := policy.dead_letter_topic(t)) is not None)
        written = {*self.binding.topics, *(stream.output for stream in self._streams)}
        publisher = self._publisher
        return await diagnose(
            self.binding.security,
            self.metrics,
            consumed,
            written,
            lambda: None if publisher is None else publisher.statistics(),
            window,
        )

    # ------------------------------------------------------------------ publishing

    async def __aenter__(self) -> Service:
        self._depth += 1
        if self._depth == 1:
            self._schemas = Schemas(self.binding.registry)
            settings = self.producer_settings()
            principal = self.binding.security.principal
            self._publisher = Publisher(settings, self._schemas, principal, self.metrics)
            lanes = sum(one.concurrency for one in self._listeners if one.exactly_once)
            prefix = f"{self.binding.transaction_prefix}{self._instance}"
            self._pool = TransactionPool(settings, prefix, principal, TRANSACTIONS)
            self._lanes = TransactionPool(settings, f"{prefix}-listener", principal, lanes)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._publisher is not None:
            left = await self._publisher.flush(_FLUSH)
            self._publisher.close()
            if self._schemas is not None:
                self._schemas.close()
            if left:
                log.error("%d records were not acknowledged within %s s and are given up", left, _FLUSH)
            self._publisher = self._pool = self._lanes = self._schemas = None

    def publish(
        self,
        topic: str,
        value: Any,
        *,
        key: str | bytes | None = None,
        headers: HeaderInput | None = None,
        partition: int = -1,
    ) -> Awaitable[Delivered | None]:
        """Write an event to a topic; wait for it to know that all in-sync replicas have it, and where.

        The record is handed over by the call itself, so that records of several calls keep their order whether they are
        waited for one by one or together. In a transaction (``transaction()``, or a listener with ``exactly_once``) there
        is nothing to wait for but the commit, and the answer is None. Headers ``trace-id`` and ``timestamp`` are set unless
        they are given. ``value``: None is a tombstone, bytes and text are written as they are, all else in the format of
        the topic's schema, or as JSON.

        Raises:
            ServiceError: the service is not running. SerializationException: the value does not fit the schema.
            SchemasUnavailable: the registry does not answer. PublishFailed: the brokers refused it, or did not answer.
        """
        transaction = open_transaction.get()
        if transaction is not None:
            return transaction.publish(topic, value, key, headers, partition)
        if self._publisher is None:
            raise ServiceError(
                "the service is not running: use `async with service:` or `await service.run()` around it"
            )
        return self._publisher.publish(topic, value, key, headers, partition)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """All that is published in the block is there for readers of committed records, or nothing, if it ends by an error.

        Within another transaction, or in the handler of a listener with ``exactly_once``, it is part of that one.

        Raises:
            TransactionAborted: it could not be committed, and nothing of it is there.
            TransactionInDoubt: no broker answered the commit for a minute: all of it is there, or nothing.
        """
        around = open_transaction.get()
        if around is not None:
            yield around
            return
        if self._pool is None or self._schemas is None:
            raise ServiceError(
                "the service is not running: use `async with service:` or `await service.run()` around it"
            )
        async with self._pool.producer() as producer:
            transaction = Transaction(self._schemas)
            token = open_transaction.set(transaction)
            try:
                yield transaction
            finally:
                with contextlib.suppress(ValueError):  # closed by another task's context
                    open_transaction.reset(token)
            records = await producer.hand_over(transaction)
            await producer.commit()
        for record in records:
            self.metrics.count(record.topic, Status.PUBLISHED)
