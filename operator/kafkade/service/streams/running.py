"""A stream at work: fetch, compute, and write all of it in one transaction with the offsets, round after round.

Nothing is under way between two rounds, so a rebalance, which is answered while fetching, always finds everything committed.
Whatever breaks a transaction ends the life of the consumer and the producer; the next one begins where the last commit was.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from kafkade.clients.kafka_way_client import Quiet
from kafkade.service.errors import (
    ListenerStopped,
    SchemasUnavailable,
    ServiceError,
    TransactionAborted,
    TransactionInDoubt,
)
from kafkade.service.lag import lags, untold
from kafkade.service.letters import letter_headers
from kafkade.service.metadata import Metadata
from kafkade.service.metrics import Metrics, Status
from kafkade.service.policy import Do, MountedPolicy
from kafkade.service.publisher import current, record_headers
from kafkade.service.schemas import Schemas
from kafkade.service.streams.flows import Late, Step, Stream, Windowing
from kafkade.service.streams.merging import Merge
from kafkade.service.streams.windows import Mark, Window, Windows, period
from kafkade.service.transactions import TransactionalProducer

log = logging.getLogger("kafkade.service")

TIME = "kafkade-stream-time"
"""Header of a record on its way to its key's partition: the event's time in ms since 1970."""

SOURCE = "kafkade-stream-source"
"""Header of such a record: the topic that it came from."""

_TICK = 0.1
"""Seconds that a round waits for records."""

_PATIENCE = 5.0
"""Seconds that records wait for those of a partition that gives none and was not read to its end."""

_LOOK = 1.0
"""Seconds between two looks at the mounted policy."""

_COMMITTED = 60.0
"""Seconds to ask for committed offsets: a transaction that a process before left open is waited for."""

_LONGEST_PAUSE = 30.0
_LONGEST_RETRY = 5.0
"""Seconds between two attempts at one record: all of a stream waits for it."""

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Out:
    """A record to write."""

    topic: str
    data: bytes | None
    key: str | bytes | None
    headers: Sequence[tuple[str, Any]]
    timestamp: int = 0


@dataclass(slots=True)
class _Part:
    """One partition of the topic that events are regrouped by."""

    windows: Windows
    committed: Mark
    fetched: deque[Any] = field(default_factory=deque)
    ended: bool = False
    touched: float = field(default_factory=time.monotonic)


class NotThere(ServiceError):
    """A topic that a stream needs does not exist (yet)."""


class Streaming:
    """One stream of a running service."""

    def __init__(
        self,
        stream: Stream,
        consumer: Mapping[str, Any],
        producer: Callable[[], TransactionalProducer],
        *,
        schemas: Schemas,
        policy: MountedPolicy,
        metrics: Metrics,
    ) -> None:
        """``consumer``: librdkafka's settings; ``producer`` makes one with the stream's transactional id."""
        self.stream = stream
        self._settings = {
            **consumer,
            "group.id": stream.group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
        }
        if self._settings.get("group.protocol") != "consumer":
            self._settings["partition.assignment.strategy"] = "cooperative-sticky"
        self._producer = producer
        self._schemas = schemas
        self._policy = policy
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._pause = 0.1

    @property
    def name(self) -> str:
        """For messages."""
        return f"stream {self.stream.name}"

    def stop(self) -> None:
        """Have ``run`` end when its round is committed."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until ``stop``.

        Raises:
            ListenerStopped: a record or a window failed, and no policy says what is to become of it.
            ServiceError: the consumer's settings are wrong.
        """
        told = ""
        while not self._stopping.is_set():
            life = _Life(
                self.stream, self._settings, self._producer(), self._schemas, self._policy, self._metrics, self._well
            )
            try:
                await life.run(self._stopping)
            except (TransactionAborted, TransactionInDoubt, SchemasUnavailable, NotThere) as error:
                if str(error) != told:
                    log.warning("%s begins again where it last committed: %s", self.name, error)
                told = str(error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._pause * random.uniform(0.5, 1))  # noqa: S311
                self._pause = min(_LONGEST_PAUSE, 2 * self._pause)
            finally:
                self._metrics.lag(self.stream, self.stream.group, {})

    def _well(self) -> None:
        self._pause = 0.1


class _Life:
    """A consumer and a producer of a stream, until one of them fails or is told to end."""

    def __init__(
        self,
        stream: Stream,
        settings: Mapping[str, Any],
        producer: TransactionalProducer,
        schemas: Schemas,
        policy: MountedPolicy,
        metrics: Metrics,
        well: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._producer = producer
        self._schemas = schemas
        self._policy = policy
        self._metrics = metrics
        self._well = well
        self._merge: Merge[Place, Any] = Merge(2 * stream.flow.records)
        self._parts: dict[int, _Part] = {}
        self._paused: set[Place] = set()
        self._waiting_since: float | None = None
        self._looked = time.monotonic()
        self._taken: dict[Place, float] = {}
        """When each partition came, on time.monotonic's clock."""
        self._done: dict[Place, int] = {}
        """The offset behind what is committed of each partition; of windows, behind what was counted in."""
        self._fetched: dict[Place, int] = {}
        """The offset behind the last record that was fetched."""
        self._ends: dict[Place, int] = {}
        """The end of each partition when it was read to it: behind the markers of transactions too, which are no records."""
        self._consumer: Any = None
        self._with_consumer = asyncio.Lock()
        """Held while a thread is in the consumer: confluent_kafka has a second one wait there, and the event loop with it."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Rounds until told to end."""
        regrouped = self._stream.regrouped
        topics = [*self._stream.inputs, *([] if regrouped is None else [regrouped])]
        try:
            self._consumer = Consumer(dict(self._settings), logger=Quiet("kafkade.service"))
            try:
                await asyncio.to_thread(self._check, [*topics, self._stream.output])
                # before it asks where the group stands, which waits for the end of what a process before left open
                await self._producer.decide()
                self._consumer.subscribe(
                    topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
                )
                measuring = asyncio.create_task(self._measuring())
                try:
                    while not stopping.is_set():
                        async with self._with_consumer:
                            await asyncio.to_thread(self._fetch)
                        await self._round()
                finally:
                    measuring.cancel()
            finally:
                await asyncio.to_thread(self._consumer.close)
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() == KafkaError._INVALID_ARG:
                raise ServiceError(f"stream {self._stream.name}: {cause.str()}") from error
            raise TransactionAborted(cause.str()) from error

    async def _measuring(self) -> None:
        """Lag, also while a round takes long. Asks nobody."""
        while True:
            await asyncio.sleep(_LOOK)
            async with self._with_consumer:
                positions = []
                for place, done in self._done.items():
                    if untold(self._taken[place], heard=place in self._fetched or place in self._ends):
                        continue
                    to_the_end = done >= self._fetched.get(place, OFFSET_INVALID)
                    positions.append((*place, max(done, self._ends.get(place, done)) if to_the_end else done))
                self._metrics.lag(self._stream, self._stream.group, lags(self._consumer, self._settings, positions))

    def _check(self, topics: Sequence[str]) -> None:
        for topic in topics:
            found = self._consumer.list_topics(topic, timeout=10).topics[topic]
            if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                why = " (events go through it to their key's partition)" if topic == self._stream.regrouped else ""
                raise NotThere(f"topic {topic}{why} does not exist: declare it as a KafkaTopic")

    # ------------------------------------------------------------------ in the thread that fetches

    def _fetch(self) -> None:
        """Take what is there, one by one, so that a record never stands on the wrong side of a rebalance."""
        self._balance()
        wait = _TICK
        for _ in range(self._stream.flow.records):
            message = self._consumer.poll(wait)
            if message is None:
                return
            wait = 0.0
            self._take(message)

    def _take(self, message: Any) -> None:
        place, error = (message.topic(), message.partition()), message.error()
        part = self._parts.get(place[1]) if place[0] == self._stream.regrouped else None
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            if error.code() != KafkaError._PARTITION_EOF:
                log.warning("stream %s: %s", self._stream.name, error.str())
                return
            self._ends[place] = message.offset()
            if part is not None:
                part.ended = True
            else:
                self._merge.end(place)
            return
        if place in self._done:
            self._fetched[place] = message.offset() + 1
        if part is not None:
            part.fetched.append(message)
            part.ended = False
            part.touched = time.monotonic()
        elif place in self._merge.partitions:
            self._merge.put(place, message.timestamp()[1], message)

    def _balance(self) -> None:
        """Let no partition run away from those that it waits for."""
        full = {place for place in self._merge.partitions if self._merge.full(place)}
        for places, call in ((full - self._paused, "pause"), (self._paused - full, "resume")):
            known = [TopicPartition(*place) for place in places if place in self._merge.partitions]
            if known:
                getattr(self._consumer, call)(known)
        self._paused = full

    def _on_assign(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        try:
            self._assign(consumer, partitions)
        except KafkaException as error:
            # before Python 3.12 confluent_kafka passes on what a callback raises by its value alone, and that of an exception
            # of its own is the KafkaError as long as nobody has caught it: no ``except`` sees that, and the thread is gone
            raise KafkaException(*error.args) from error

    def _assign(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        committed = consumer.committed(partitions, timeout=_COMMITTED) if partitions else []
        for place in committed:
            if place.error is not None:
                raise KafkaException(place.error)
            self._taken[place.topic, place.partition] = time.monotonic()
            self._done[place.topic, place.partition] = place.offset
            if place.topic == self._stream.regrouped:
                part = self._parts[place.partition] = self._part(place)
                self._done[place.topic, place.partition] = part.committed.position
            else:
                self._merge.open((place.topic, place.partition))
        consumer.incremental_assign([TopicPartition(p.topic, p.partition, p.offset) for p in committed])

    def _part(self, place: TopicPartition) -> _Part:
        windowing = self._stream.flow.windowing
        assert windowing is not None  # noqa: S101 -- nothing is regrouped otherwise
        known = place.offset != OFFSET_INVALID and place.offset >= 0
        mark = Mark.of(place.offset, place.metadata) if known else Mark.of(0, None)
        return _Part(Windows(windowing.size, windowing.grace, mark), committed=mark)

    def _on_revoke(self, _: Any, partitions: list[TopicPartition]) -> None:
        for place in partitions:
            for kept in (self._taken, self._done, self._fetched, self._ends):
                kept.pop((place.topic, place.partition), None)
            if place.topic == self._stream.regrouped:
                self._parts.pop(place.partition, None)
            else:
                self._merge.close((place.topic, place.partition))
                self._paused.discard((place.topic, place.partition))

    # ------------------------------------------------------------------ a round

    async def _round(self) -> None:
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            self._policy.reload()
        offsets: dict[Place, TopicPartition] = {}
        outs: list[_Out] = []
        for (topic, partition), message in self._merge.take(self._stream.flow.records, wait=self._waits(now)):
            outs += await self._input(message)
            offsets[topic, partition] = TopicPartition(topic, partition, message.offset() + 1)
        if self._stream.flow.windowing is not None:
            outs += await self._windows(self._stream.flow.windowing, offsets)
        if offsets:
            await self._commit(outs, list(offsets.values()))

    def _waits(self, now: float) -> bool:
        """Whether records still wait for partitions that give none."""
        if not self._merge.waits_for:
            self._waiting_since = None
            return True
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since < _PATIENCE

    async def _commit(self, outs: Sequence[_Out], offsets: list[TopicPartition]) -> None:
        self._producer.begin()
        try:
            for out in outs:
                await self._producer.produce(out.topic, out.data, out.key, list(out.headers), timestamp=out.timestamp)
            await self._producer.commit(offsets, self._consumer.consumer_group_metadata())
        except TransactionInDoubt:
            raise  # the next one of its id decides it
        except BaseException:
            with contextlib.suppress(ServiceError):
                await asyncio.shield(self._producer.abort())
            raise
        for place in offsets:
            part = self._parts.get(place.partition) if place.topic == self._stream.regrouped else None
            self._done[place.topic, place.partition] = place.offset if part is None else part.committed.position
        for out in outs:
            if out.topic == self._stream.output:
                self._metrics.count(out.topic, Status.PUBLISHED)
        self._well()

    # ------------------------------------------------------------------ events as they come

    async def _input(self, message: Any) -> list[_Out]:
        """What becomes of a record: the next topic's records, or a dead letter."""
        attempt = 1
        while True:
            began = time.perf_counter()
            token = current.set(Metadata(message, attempt, self._stream.group))
            try:
                outs = await self._events(message)
            except (SchemasUnavailable, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 -- the policy says what is to become of any
                letter = await self._failed(message, error, attempt)
                if letter is not None:
                    return letter
                attempt += 1
            else:
                self._metrics.took(message.topic(), self._stream.name, time.perf_counter() - began)
                self._metrics.count(message.topic(), Status.PROCESSED)
                return outs
            finally:
                current.reset(token)

    async def _events(self, message: Any) -> list[_Out]:
        event = await self._schemas.decode(self._stream.event, message.topic(), message.value())
        if event is None and not self._stream.event.nullable:
            return []  # a tombstone says that a key is gone, and is no event
        passed, value = await _through(self._stream.flow.before, event)
        if not passed:
            return []
        windowing = self._stream.flow.windowing
        if windowing is None:
            key = message.key() if self._stream.key is None else _text(self._stream.key(value))
            return [await self._out(value, key, message.timestamp()[1])]
        time_ms = message.timestamp()[1] if windowing.timestamp is None else _milliseconds(windowing.timestamp(value))
        headers = [
            *(pair for pair in message.headers() or () if pair[0] not in (TIME, SOURCE)),
            (TIME, str(time_ms).encode()),
            (SOURCE, message.topic().encode()),
        ]
        assert self._stream.regrouped is not None  # noqa: S101 -- there are windows
        return [_Out(self._stream.regrouped, message.value(), _canonical(windowing.key(value)), headers)]

    async def _failed(self, message: Any, error: Exception, attempt: int) -> list[_Out] | None:
        """What is written of a record that failed; None: it is tried again."""
        topic, name = message.topic(), self._stream.name
        place = f"{topic}/{message.partition()}@{message.offset()}"
        told = f"{type(error).__name__}: {error}"
        decision = self._policy.current.decide(topic, error, attempt)
        match decision.do:
            case Do.AGAIN | Do.RETRY_TOPIC:  # a stream does not read retry topics: that would change the order
                log.info("stream %s: %s failed (attempt %d), again: %s", name, place, attempt, told)
                self._metrics.count(topic, Status.RETRIED)
                await asyncio.sleep(min(_LONGEST_RETRY, decision.delay or self._policy.current.delay(decision.topic)))
                return None
            case Do.SKIP:
                log.warning("stream %s: %s is skipped: %s", name, place, told)
                self._metrics.count(topic, Status.SKIPPED)
                return []
            case Do.DEAD_LETTER:
                log.warning("stream %s: %s goes to %s: %s", name, place, decision.topic, told)
                self._metrics.count(topic, Status.DEAD_LETTER)
                headers = letter_headers(message, topic, self._stream.group, error, attempt)
                return [_Out(decision.topic, message.value(), message.key(), headers)]
        self._metrics.count(topic, Status.FAILED)
        raise ListenerStopped(
            f"stream {name} stopped before {place}, which failed {attempt} times ({told}): mend the cause, or give {topic} a"
            " KafkaDLQPolicy that says where such records go, and start again"
        ) from error

    async def _out(self, value: Any, key: str | bytes | None, timestamp: int) -> _Out:
        output = self._stream.output
        encode = self._schemas.encoder(output, value)
        data = encode(value) if encode is not None else await self._schemas.resolve(output, value)
        return _Out(output, data, key, record_headers(None), max(0, timestamp))

    # ------------------------------------------------------------------ windows

    async def _windows(self, windowing: Windowing, offsets: dict[Place, TopicPartition]) -> list[_Out]:
        """Count events in, and emit the windows that are over; ``offsets`` gets what is to be committed of it."""
        outs: list[_Out] = []
        left = self._stream.flow.records
        for partition, part in self._parts.items():
            while part.fetched and left > 0:
                left -= 1
                outs += self._counted(windowing, part, part.fetched.popleft())
                outs += await self._over(windowing, part)
            if _is_idle(part, windowing):
                part.touched = time.monotonic()
                part.windows.advance(int(time.time() * 1000))
                outs += await self._over(windowing, part)
            mark = part.windows.mark()
            if mark != part.committed and not part.windows.replaying:
                part.committed = mark
                place = (self._stream.regrouped or "", partition)
                offsets[place] = TopicPartition(*place, mark.base, mark.metadata())
        return outs

    def _counted(self, windowing: Windowing, part: _Part, message: Any) -> list[_Out]:
        headers = dict(message.headers() or ())
        try:
            at, source = int(headers[TIME]), headers[SOURCE].decode()
        except (KeyError, ValueError):
            log.warning(
                "stream %s: %s/%d@%d was not written by it and is left out",
                *(self._stream.name, message.topic(), message.partition(), message.offset()),
            )
            part.windows.skip(message.offset())
            return []
        if part.windows.add(message.offset(), at, message.key().decode(), (source, message.value())):
            return []
        self._metrics.count(source, Status.LATE)
        if windowing.late == Late.DROP:
            return []
        kept = [pair for pair in message.headers() or () if pair[0] not in (TIME, SOURCE)]
        return [_Out(windowing.late, message.value(), message.key(), kept, at)]

    async def _over(self, windowing: Windowing, part: _Part) -> list[_Out]:
        outs: list[_Out] = []
        for key, start, raw in part.windows.closed():
            events = [await self._schemas.decode(self._stream.event, source, data) for source, data in raw]
            group = json.loads(key)
            window = Window(group, period(start, windowing.size), tuple(events))
            outs += await self._emitted(window, start + windowing.size)
        return outs

    async def _emitted(self, window: Window, end: int) -> list[_Out]:
        topic, attempt = self._stream.regrouped or "", 1
        while True:
            try:
                passed, value = await _through(self._stream.flow.after, window)
                if not passed:
                    return []
                key = window.key if self._stream.key is None else self._stream.key(value)
                return [await self._out(value, _text(key), end)]
            except (SchemasUnavailable, asyncio.CancelledError):
                raise
            except Exception as error:
                decision = self._policy.current.decide(topic, error, attempt)
                if decision.do is Do.SKIP:
                    return []
                if decision.do is not Do.AGAIN:
                    raise ListenerStopped(
                        f"stream {self._stream.name} stopped before the window of {window.key!r} that begins at"
                        f" {window.period.start.isoformat()}, which failed {attempt} times ({type(error).__name__}: {error}):"
                        " mend the cause and start again; nothing of it is lost"
                    ) from error
                attempt += 1
                await asyncio.sleep(min(_LONGEST_RETRY, decision.delay))


def _is_idle(part: _Part, windowing: Windowing) -> bool:
    """Whether a partition goes by the clock now: it has open windows, and nothing came for long enough."""
    if windowing.idle is None or not part.ended or part.fetched or not len(part.windows):
        return False
    return time.monotonic() - part.touched > windowing.idle


async def _through(steps: Sequence[Step], value: Any) -> tuple[bool, Any]:
    """Whether a value passes all filters, and what becomes of it."""
    for step in steps:
        found = step.function(value)
        if inspect.isawaitable(found):
            found = await found
        if step.verb == "map":
            value = found
        elif not found:
            return False, None
    return True, value


def _canonical(key: Any) -> str:
    """A group's key as JSON, the same text for the same key."""
    return json.dumps(key, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _text(key: Any) -> str | bytes | None:
    """A record's key: text and bytes as they are, all else as JSON."""
    return key if key is None or isinstance(key, (str, bytes)) else _canonical(key)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
