"""Publishing: records to librdkafka's idempotent producer, each with a future for the brokers' answer.

confluent_kafka's AIOProducer (2.16) refuses headers, which every record here has, so this is a Producer whose delivery reports
are asked for by the event loop itself while any are outstanding, and by who writes many in a row: no thread, and no hop between
threads for a record.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from kafkade.clients.kafka_errors import Action, answer_error
from kafkade.service.errors import PublishFailed, ServiceError
from kafkade.service.metadata import Metadata
from kafkade.service.metrics import Metrics, Status
from kafkade.service.schemas import Schemas

log = logging.getLogger("kafkade.service")

HeaderInput = Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]]

Count = Callable[[str, Status], None]

TRACE_ID = "trace-id"
TRACEPARENT = "traceparent"
TIMESTAMP = "timestamp"

_POLL = 0.001
"""Seconds between two looks for delivery reports while any are outstanding."""

_IN_A_ROW = 50
"""Records handed over without a look for delivery reports: who writes without a pause gives the event loop no turn for one, and
reports that come by the thousand find nothing of theirs in the processor's caches any more."""

_FULL = 0.01
"""Seconds to wait when librdkafka's queue is full."""

STATISTICS = 10.0
"""Seconds that each of librdkafka's statistics is of."""

_WRITE = Action("write to", "topic", "Write")

current: ContextVar[Metadata | None] = ContextVar("kafkade.service.record", default=None)
"""The record that a handler is at."""


class Delivered(NamedTuple):
    """Where the brokers put a record."""

    topic: str
    partition: int
    offset: int


def record_headers(given: HeaderInput | None) -> list[tuple[str, str | bytes | None]]:
    """The headers of a record: those given, and trace-id and timestamp where these are not among them.

    trace-id is that of OpenTelemetry's current span, with traceparent (W3C) beside it for its context; without one, that of
    the record which the handler is at.
    """
    headers: list[tuple[str, str | bytes | None]] = []
    names: Collection[str] = ()
    if given is not None:
        headers += given.items() if isinstance(given, Mapping) else given
        names = {name for name, _ in headers}
    if TRACE_ID not in names:
        trace = _trace()
        if trace is not None:
            headers.append((TRACE_ID, trace[0]))
            if trace[1] is not None and TRACEPARENT not in names:
                headers.append((TRACEPARENT, trace[1]))
    if TIMESTAMP not in names:
        headers.append((TIMESTAMP, _instant()))
    return headers


_second = (0, "")


def _instant() -> str:
    """Now, as java.time.Instant writes it. Most records are of the same second as the one before."""
    global _second
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    known, text = _second
    if known != seconds:
        text = datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _second = (seconds, text)
    return f"{text}.{nanoseconds // 1000:06}Z"


try:
    from opentelemetry.context import get_current as get_context
    from opentelemetry.trace import get_current_span
except ImportError:  # an extra
    get_context = dict  # type: ignore[assignment]


def _trace() -> tuple[str, str | None] | None:
    if context := get_context():  # mostly there is nothing in it, which is told at once
        span = get_current_span(context).get_span_context()
        if span.is_valid:
            trace = f"{span.trace_id:032x}"
            return trace, f"00-{trace}-{span.span_id:016x}-{span.trace_flags:02x}"
    record = current.get()
    if record is not None and (found := record.header(TRACE_ID)) is not None:
        return found, None
    return None


def failure(error: KafkaError, topic: str, principal: str) -> ServiceError:
    """The error to raise for librdkafka's."""
    if error.code() < 0:
        return PublishFailed(f"topic {topic}: no acknowledgement: {error.str()}")
    return PublishFailed(answer_error(_WRITE, topic, error.code(), error.str(), principal).message)


class Publisher:
    """An idempotent producer of one event loop."""

    def __init__(self, settings: Mapping[str, Any], schemas: Schemas, principal: str, metrics: Metrics) -> None:
        self._also = settings.get("stats_cb")
        every = {"statistics.interval.ms": round(STATISTICS * 1000), **settings}
        self._producer = Producer({**every, "stats_cb": self._told})
        self._schemas = schemas
        self._principal = principal
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._polling = False
        self._in_a_row = 0
        self._newest: Mapping[str, Any] = {}
        self._statistics: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
        # what librdkafka has to tell waits in its memory until somebody asks
        self._idle = self._loop.call_later(STATISTICS / 2, self._look)
        self._queues: dict[str, tuple[asyncio.Lock, list[None]]] = {}
        """Topics with records that wait for a schema or for room: later ones may not pass them. A lock is fair."""

    def publish(
        self, topic: str, value: Any, key: str | bytes | None, headers: HeaderInput | None, partition: int
    ) -> asyncio.Future[Delivered]:
        """Hand a record over, and count what becomes of it. The future has its place, or the error.

        Raises:
            SerializationException: the value does not fit the topic's schema.
        """
        encode = self._schemas.encoder(topic, value)
        made = record_headers(headers)
        if encode is None or topic in self._queues:
            return self._later(topic, value, key, made, partition)
        data = encode(value)
        try:
            return self._send(topic, data, key, made, partition, self._metrics.count)
        except BufferError:
            return self._later(topic, data, key, made, partition)

    def _send(
        self, topic: str, data: bytes | None, key: Any, headers: Any, partition: int, count: Count | None
    ) -> asyncio.Future[Delivered]:
        """Hand bytes over. Told and counted in the delivery report itself: a callback of the future costs as much as all this.

        Raises:
            BufferError: librdkafka's queue is full.
        """
        future: asyncio.Future[Delivered] = asyncio.Future(loop=self._loop)

        def report(error: KafkaError | None, message: Any) -> None:
            if future.done():
                return  # cancelled; the record may be there all the same
            if error is not None:
                self._refused(future, error, topic, count)
                return
            if count is not None:
                count(topic, Status.PUBLISHED)
            future.set_result(Delivered(topic, message.partition(), message.offset()))

        try:
            self._producer.produce(topic, data, key, partition, report, headers=headers)
        except KafkaException as error:
            self._refused(future, error.args[0], topic, count)
            return future
        if not self._polling:
            self._polling = True
            self._loop.call_later(_POLL, self._poll)
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            self._serve()
        return future

    def _refused(self, future: asyncio.Future[Any], error: KafkaError, topic: str, count: Count | None) -> None:
        if count is not None:
            count(topic, Status.PUBLISH_FAILED)
        future.set_exception(failure(error, topic, self._principal))
        future.exception()  # counted, so that nobody has to ask

    async def send_patiently(self, topic: str, data: bytes | None, key: Any, headers: Any) -> Delivered:
        """Hand bytes over as soon as there is room, and wait for the answer. Not counted."""
        return await (await self._when_room(topic, data, key, headers, -1, None))

    def _serve(self) -> None:
        """Have librdkafka call back for what there is to tell."""
        self._in_a_row = 0
        try:
            self._producer.poll(0)
        except Exception:
            # of a callback that the application's settings have: no record's fault, and reports must go on
            log.exception("a callback in the settings of the producer failed")

    def _poll(self) -> None:
        self._serve()
        self._polling = len(self._producer) > 0
        if self._polling:
            self._loop.call_later(_POLL, self._poll)

    def statistics(self) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """librdkafka's statistics of the last time that something was written, behind those before (empty for the first)."""
        self._serve()  # which may have some to tell
        return self._statistics

    def _look(self) -> None:
        self._serve()
        self._idle = self._loop.call_later(STATISTICS / 2, self._look)

    def _told(self, text: str) -> None:
        before, self._newest = self._newest, json.loads(text)
        if self._statistics is None or self._newest.get("txmsgs") != before.get("txmsgs", 0):
            self._statistics = before, self._newest
        if self._also is not None:
            self._also(text)

    def close(self) -> None:
        """Ask librdkafka for nothing any more."""
        self._idle.cancel()

    def _later(self, topic: str, value: Any, key: Any, headers: Any, partition: int) -> asyncio.Future[Delivered]:
        lock, waiting = self._queues.setdefault(topic, (asyncio.Lock(), []))
        waiting.append(None)
        task = asyncio.ensure_future(self._slowly(lock, waiting, topic, value, key, headers, partition))
        task.add_done_callback(asked)  # what failed is counted
        return task

    async def _slowly(
        self, lock: asyncio.Lock, waiting: list[None], topic: str, value: Any, key: Any, headers: Any, partition: int
    ) -> Delivered:
        try:
            async with lock:
                try:
                    data = await self._schemas.resolve(topic, value)
                except Exception:
                    self._metrics.count(topic, Status.PUBLISH_FAILED)
                    raise
                future = await self._when_room(topic, data, key, headers, partition, self._metrics.count)
        finally:
            waiting.pop()
            if not waiting:
                del self._queues[topic]
        return await future

    async def _when_room(
        self, topic: str, data: bytes | None, key: Any, headers: Any, partition: int, count: Count | None
    ) -> asyncio.Future[Delivered]:
        while True:
            try:
                return self._send(topic, data, key, headers, partition, count)
            except BufferError:
                await asyncio.sleep(_FULL)

    async def flush(self, patience: float) -> int:
        """Wait until all is acknowledged; how many records are not after ``patience`` seconds."""
        deadline = self._loop.time() + patience
        while (len(self._producer) or self._queues) and self._loop.time() < deadline:
            self._serve()
            await asyncio.sleep(_POLL)
        return len(self._producer)


def asked(future: asyncio.Future[Any]) -> None:
    """For a future whose error nobody has to ask for: asyncio does not complain of it then."""
    if not future.cancelled():
        future.exception()
