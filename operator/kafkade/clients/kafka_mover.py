"""Moves records of one topic to others in transactions, together with the offsets of two groups that say how far it is.

Exactly once for readers with isolation.level=read_committed: records and offsets are committed in one transaction, and
positions are read after the transactional id was taken over, which fences an older mover and aborts what it left open
(KIP-98, KIP-447). The groups have no members; a transaction may carry offsets of several of them.

All of it blocks, and belongs to one thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaError as ForeignError
from confluent_kafka import KafkaException, Producer, TopicPartition

from kafkade.api.errors import (
    Aborted,
    AuthorizationFailed,
    ClusterUnreachable,
    Fenced,
    KafkadeError,
    KafkaRequestFailed,
    MetadataTooLarge,
)
from kafkade.clients.fence import FENCE
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_errors import Action
from kafkade.clients.kafka_mover_client import PATIENCE, Lookup, TopicReader, committed
from kafkade.clients.kafka_mover_model import Header, Positions, Record
from kafkade.clients.kafka_way_client import Way

log = logging.getLogger("kafkade.mover")

T = TypeVar("T")

TRANSACTION_TIMEOUT = 60.0
"""Seconds after which the brokers abort a transaction whose mover is gone, if no other takes over before."""

MAX_BATCH_BYTES = 1_000_000
_ATTEMPT = 5.0
_HANGS = 20.0
"""Seconds after which a request with a timeout of ``_ATTEMPT`` is taken never to end."""

_CONNECTS = 1.0
_PAUSE = 0.1

_TRANSACTION = Action("use", "transactional id", "Write")
_FENCED = frozenset({ForeignError._FENCED, ForeignError.PRODUCER_FENCED, ForeignError.INVALID_PRODUCER_EPOCH})
_AWAY = frozenset({ForeignError._TIMED_OUT, ForeignError._TRANSPORT, ForeignError._ALL_BROKERS_DOWN})


Outgoing = tuple[str, int, Record, list[Header]]
"""Topic, partition (BY_KEY: by the key, as Java's client does it), record, and the headers that it goes with."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How batches are made: ``batch_bytes`` at most, which no destination refuses, and whether they are compressed."""

    batch_bytes: int = MAX_BATCH_BYTES
    compress: bool = False

    def fitting(self, max_bytes: int | None, *, compress: bool) -> Shape:
        """This shape, or a narrower one that also suits a topic with ``max_bytes``."""
        return Shape(min(self.batch_bytes, max_bytes or MAX_BATCH_BYTES), self.compress or compress)


class KafkaMover:
    """Reads one topic (``reader``), looks others up (``lookup``), and writes. ``timeout`` in seconds bounds each request.

    ``stop`` ends long waits early. Its methods raise ClusterUnreachable, AuthenticationFailed, AuthorizationFailed,
    TLSFailed, or KafkaRequestFailed, and those of the transactional part what ``commit`` says, or NotLeader.
    """

    def __init__(
        self,
        security: Security,
        topic: str,
        *,
        ledger_group: str,
        progress_group: str,
        transactional_id: str,
        timeout: float = 15.0,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.topic = topic
        self.shape = Shape()
        self._transactional_id = transactional_id
        self._progress_group = progress_group
        self._stop = stop
        self._way = Way(security, timeout)
        self.reader = TopicReader(self._way, topic, ledger_group, stop)
        self._progress = self._way.consumer(progress_group)
        self.lookup = Lookup(self._way, stop)
        self._producer: Any = None
        self._began: float | None = None

    def close(self) -> None:
        """Give everything back. An open transaction is aborted, if the brokers can be reached."""
        try:
            self.abort()
        except KafkadeError as error:
            log.debug("%s: the transaction is left to its timeout: %s", self.topic, error.message)
        self._drop()
        self.lookup.close()
        self.reader.close()
        self._progress.close()

    def progress(self) -> Positions:
        """What the progress group has committed; the ledger's is ``reader.committed()``."""
        return committed(self._way, self._progress, self._progress_group, self.topic, self._stop)

    def take_over(self, shape: Shape | None = None) -> None:
        """Become the only mover with this transactional id: what an older one left open is aborted.

        ``shape``: how batches are made from now on.
        """
        self.shape = shape or self.shape
        self._drop()
        self._producer = self._way.make(
            Producer,
            {
                "transactional.id": self._transactional_id,
                "transaction.timeout.ms": int(TRANSACTION_TIMEOUT * 1000),
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "batch.size": self.shape.batch_bytes,
                # what is too large is for the brokers to say
                "message.max.bytes": 1_000_000_000,
                "compression.type": "lz4" if self.shape.compress else "none",
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 262_144,
            },
        )
        with suppress(KafkaException):
            # one that is connected finds its coordinator at once, another looks again after half a second
            self._producer.list_topics(self.topic, timeout=_CONNECTS)
        self._repeat(self._producer.init_transactions)

    def begin(self) -> None:
        """Begin a transaction unless one is open, taking over first where that was not done or is no longer so."""
        if self._began is not None:
            return
        if self._producer is None:
            self.take_over()
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._failed(error.args[0]) from error
        self._began = time.monotonic()

    def send(self, records: Sequence[Outgoing]) -> None:
        """Write records, as they are but for their headers, as part of the transaction."""
        FENCE.check()
        produce = self._producer.produce
        sent = 0
        while sent < len(records):
            try:
                for sent in range(sent, len(records)):  # noqa: B020 -- goes on where the queue was full
                    topic, partition, (_, _, timestamp, key, value, _), headers = records[sent]
                    # a record without a timestamp (-1) gets the present one
                    produce(topic, value, key, partition, None, None, timestamp if timestamp > 0 else 0, headers)
                break
            except BufferError:
                self._poll(_PAUSE)
                self._check_age()
            except KafkaException as error:
                if error.args[0].code() == ForeignError._STATE:
                    # the transaction has failed meanwhile, over a record that was sent before: commit() is told why
                    return
                raise self._failed(error.args[0], records[sent][0]) from error
        self._poll(0)

    def commit(self, ledger: Positions, progress: Positions) -> None:
        """Commit the records that were sent, and the offsets of both groups, or nothing of it.

        Raises:
            Aborted: nothing counts; do it again from the committed positions.
            Fenced: nothing counts, and another mover has taken over.
            MetadataTooLarge: nothing counts, and the metadata is too long for these brokers.
            ClusterUnreachable: it is not known whether it counts; close this mover, and read the positions with another.
        """
        # what became of the records is known before their offsets are sent: librdkafka names no cause when both fail at once
        self._flush()
        if ledger:
            self._send_offsets(ledger, self.reader.metadata())
        if progress:
            self._send_offsets(progress, self._progress.consumer_group_metadata())
        self._repeat(self._producer.commit_transaction)
        self._began = None

    def abort(self) -> None:
        """Abort the open transaction, if there is one."""
        if self._producer is not None and self._began is not None:
            self._began = None
            self._producer.purge(in_flight=False)
            self._repeat(self._producer.abort_transaction)

    def _drop(self) -> None:
        if self._producer is not None and self._began is not None:
            # nobody waits for what is not sent yet
            self._producer.purge()
        self._producer = self._began = None

    def _poll(self, timeout: float) -> None:
        try:
            _called(lambda: self._producer.poll(timeout))
        except KafkaException as error:
            raise self._failed(error.args[0]) from error

    def _flush(self) -> None:
        try:
            while _called(lambda: self._producer.flush(_ATTEMPT)):
                self._check_age()
        except KafkaException as error:
            raise self._failed(error.args[0]) from error

    def _send_offsets(self, positions: Positions, group: Any) -> None:
        offsets = [TopicPartition(self.topic, p, c.offset, c.metadata) for p, c in positions.items()]
        self._repeat(lambda timeout: self._producer.send_offsets_to_transaction(offsets, group, timeout))

    def _repeat(self, request: Callable[[float], None]) -> None:
        """Carry a transactional request to its end, which librdkafka lets one take up again after a timeout."""
        deadline = time.monotonic() + PATIENCE
        while True:
            FENCE.check()
            try:
                self._within(_HANGS, lambda: request(_ATTEMPT))
            except KafkaException as error:
                cause = error.args[0]
                passing = cause.retriable() or cause.code() in _AWAY
                if cause.fatal() or cause.txn_requires_abort() or not passing:
                    raise self._failed(cause) from error
                if time.monotonic() > deadline or self._stop():
                    self._drop()
                    raise self._way.failed(cause, _TRANSACTION, self._transactional_id) from error
                log.debug("%s: once more: %s", self.topic, cause.str())
                time.sleep(_PAUSE)
            else:
                self._way.heard()
                return

    def _within(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call that may never return.

        librdkafka 2.16 sometimes waits for ever in send_offsets_to_transaction when a broker is back within seconds, whatever
        timeout it was given. Its producer is left behind then, and fenced by the next one.
        """
        failed: list[Exception] = []

        def work() -> None:
            try:
                _called(call)
            except Exception as error:  # noqa: BLE001 -- raised below
                failed.append(error)

        thread = threading.Thread(target=work, name=f"{threading.current_thread().name}-transaction", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            log.warning("%s: librdkafka does not return from a transactional request; begun anew", self.topic)
            self._producer = self._began = None
            raise ClusterUnreachable(f"topic {self.topic}: no answer to a transactional request within {seconds:.0f} s")
        if failed:
            raise failed[0]

    def _failed(self, cause: Any, topic: str | None = None) -> KafkadeError:
        """The error to raise; the producer is given up."""
        code = cause.code()
        if code in _FENCED or "fenced" in cause.str().lower():
            late = self._began is not None and time.monotonic() - self._began >= TRANSACTION_TIMEOUT
            self._drop()
            if late:
                return Aborted(f"the brokers aborted a transaction that took more than {TRANSACTION_TIMEOUT:.0f} s")
            return Fenced(f"another redrive of {self.topic} has begun, and took over from this one")
        # the next producer that takes over makes the brokers abort what is open; this one may have lost count of the batches
        # that were refused, or fail for good on a transaction of which the brokers know no partition
        self._drop()
        if code in _DENIED:
            return AuthorizationFailed(
                f"topic {self.topic}: {self._way.security.principal} may not use {_DENIED[code]}: grant it the ACLs of a"
                f" redrive (consumer groups kafkade-dlq.* and kafkade-redrive.*: Read; transactional ids kafkade-dlq.*:"
                " Describe, Write)"
            )
        if cause.fatal():
            return KafkaRequestFailed(f"topic {self.topic}: the transactional producer failed: {cause.str()}")
        if code == ForeignError.OFFSET_METADATA_TOO_LARGE:
            return MetadataTooLarge(
                f"topic {self.topic}: the brokers' offset.metadata.max.bytes is smaller than its default, 4096"
            )
        return Aborted(f"topic {topic or self.topic}: the transaction was aborted: {cause.str()}", code)

    def _check_age(self) -> None:
        """A full queue empties itself, since brokers take records or librdkafka gives up on them; unless none does."""
        if self._stop() or (self._began is not None and time.monotonic() - self._began > TRANSACTION_TIMEOUT):
            raise ClusterUnreachable(f"topic {self.topic}: the brokers take no records")


def _called(call: Callable[[], T]) -> T:
    """The result of a call of confluent_kafka's that may serve callbacks.

    A fatal error is raised there while the log is still being handed over, and Python makes a SystemError of that.
    """
    try:
        return call()
    except SystemError as error:
        if isinstance(error.__cause__, KafkaException):
            raise error.__cause__ from error
        raise


_DENIED = {
    ForeignError.GROUP_AUTHORIZATION_FAILED: "the redrive's consumer groups",
    ForeignError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "the redrive's transactional id",
}
