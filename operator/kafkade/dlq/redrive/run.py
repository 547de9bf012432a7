"""One run of a redrive over one dead-letter topic: read, decide, move, commit, again.

The state is what Kafka has committed; what is in memory is a copy of it that is ahead by one open transaction, and that is
read anew after every failure.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from kafkade.api.errors import KafkaError
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_mover import MAX_BATCH_BYTES, KafkaMover, Outgoing, Shape
from kafkade.clients.kafka_mover_model import Aborted, Record
from kafkade.clients.model import Committed
from kafkade.dlq.headers import of_record
from kafkade.dlq.redrive.control import Control, TokenBucket
from kafkade.dlq.redrive.decide import (
    Decider,
    Decision,
    Fail,
    FailReason,
    Lost,
    Move,
    Pointer,
    Skip,
    SkipReason,
    pointer_of,
)
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.ledger import MAX_METADATA, Ledger, group_of
from kafkade.dlq.redrive.progress import Progress, Tally, age, progress, total

__all__ = ["LedgerFull", "redrive"]

MOST_RECORDS = 20_000
"""Records of a transaction, moved or not."""

FAR = 5_000
"""Records that are rather read and dropped than jumped over."""

MOST_BYTES = 32 * 1024 * 1024
"""Of keys and values of a transaction: what librdkafka has in memory of it."""

MOST_SECONDS = 1.0
"""Of a transaction: how old what its readers see may be, and how long a cancel waits."""

MOST_ABORTS = 5
"""Aborted transactions in a row, none of them for a record's sake, before it is left to the caller to try later."""

_SLICES = 5
"""Transactions a second under a rate limit, so that it is even."""

_METADATA = MAX_METADATA - 1
"""librdkafka's Python client adds a zero byte."""

_READ_AT_ONCE, _READ_BYTES, _READ_TIMEOUT = 1_000, 8 * 1024 * 1024, 0.25
"""Records, bytes of their values, and seconds of one read: as many as fit when they are as large as those before."""

_READ_FIRST = 20
_FORGET = 30.0
"""Seconds after which topics are asked about anew."""

_REFUSED = {
    -190: FailReason.UNKNOWN_TOPIC,  # librdkafka's _UNKNOWN_PARTITION
    -188: FailReason.UNKNOWN_TOPIC,  # librdkafka's _UNKNOWN_TOPIC: deleted meanwhile
    2: FailReason.UNREADABLE,  # CORRUPT_MESSAGE
    3: FailReason.UNKNOWN_TOPIC,  # UNKNOWN_TOPIC_OR_PARTITION
    10: FailReason.TOO_LARGE,  # MESSAGE_TOO_LARGE
    17: FailReason.NOT_ALLOWED,  # INVALID_TOPIC_EXCEPTION: an internal topic
    18: FailReason.TOO_LARGE,  # RECORD_LIST_TOO_LARGE
    29: FailReason.NOT_AUTHORIZED,  # TOPIC_AUTHORIZATION_FAILED
    32: FailReason.UNREADABLE,  # INVALID_TIMESTAMP
    44: FailReason.UNREADABLE,  # POLICY_VIOLATION
    87: FailReason.UNREADABLE,  # INVALID_RECORD
}
"""The protocol's error codes that speak of a record or of its topic, not of the transaction."""


class LedgerFull(KafkaError):
    """What was put back lies in more separate ranges than can be written down. Nothing is lost, and no more is moved."""

    reason = "LedgerFull"
    retryable = False


def redrive(security: Security, job: Job, control: Control, allowed: Callable[[str], bool]) -> Progress:
    """Carry a job out, or go on with it, until all is done, ``max_records`` are moved, or ``control.cancelled``.

    Blocks: it belongs in a worker thread. ``allowed``: whether a destination may be written to. A dry run writes nothing and
    begins anew each time.

    Raises:
        ClusterUnreachable, Aborted and other retryable errors: call it again later with the same job, and it goes on.
        Fenced: another redrive of the topic has taken over.
        UnknownTopic: there is no such dead-letter topic.
        LedgerFull, LedgerUnreadable, ProgressUnreadable, MetadataTooLarge, AuthorizationFailed: as they say.
    """
    mover = KafkaMover(
        security,
        job.topic,
        ledger_group=group_of(job.topic),
        progress_group=job.group,
        transactional_id=group_of(job.topic),
        stop=lambda: control.cancelled,
    )
    try:
        return _Run(job, mover, control, allowed).carry_out()
    finally:
        mover.close()


@dataclass(slots=True)
class _Partition:
    """What is committed of a partition, and what the open transaction adds to it. ``ranges``: what is still to be read."""

    ledger: Ledger
    tally: Tally
    ranges: deque[tuple[int, int]]
    changed: bool = False


@dataclass(slots=True)
class _Batch:
    """The open transaction. ``outgoing``: what is decided and not sent yet."""

    shape: Shape
    outgoing: list[Outgoing] = field(default_factory=list)
    records: int = 0
    moved: int = 0
    bytes: int = 0
    since: float = field(default_factory=time.monotonic)
    last: tuple[int, int, str] = (-1, -1, "")
    """Partition, offset and destination of the last record that is moved."""

    def fit(self, move: Move) -> None:
        """Make batches such that the destination takes them."""
        if move.compress or (move.max_bytes or MAX_BATCH_BYTES) < self.shape.batch_bytes:
            self.shape = self.shape.fitting(move.max_bytes, compress=move.compress)


@dataclass(slots=True)
class _Stretch:
    """Records of a partition that are moved, one after another: from ``first`` to before ``end``."""

    partition: int = -1
    first: int = 0
    end: int = 0
    quarantine: bool = False


class _Anew(Exception):
    """Batches must be made otherwise, which takes another producer; what is not committed is done again."""


class _Run:
    def __init__(self, job: Job, mover: KafkaMover, control: Control, allowed: Callable[[str], bool]) -> None:
        self._job = job
        self._mover = mover
        self._reader = mover.reader
        self._control = control
        self._decider = Decider(job, mover.lookup.target, allowed)
        self._bucket = TokenBucket(control.rate)
        self._partitions: dict[int, _Partition] = {}
        self._open: set[int] = set()
        self._ahead: deque[Record] = deque()
        self._ends: dict[int, int] = {}
        self._batch = _Batch(mover.shape)
        self._stuck: LedgerFull | None = None
        self._far = False
        self._at_once = _READ_FIRST
        self._refused: dict[tuple[int, int], FailReason] = {}
        self._limit = MOST_RECORDS
        self._aborts = 0
        self._histogram: Counter[tuple[str, str, str]] = Counter()
        self._asked = time.monotonic()
        self._began = time.time()

    def carry_out(self) -> Progress:
        if not self._job.dry_run:
            self._mover.take_over()
        while True:
            self._load()
            try:
                self._forward()
            except Aborted as error:
                self._learn(error)
            except _Anew:
                continue
            else:
                return self._publish()

    # --- what there is to do -------------------------------------------------------------------

    def _load(self) -> None:
        """Take what is committed for the truth."""
        bounds = self._reader.bounds()
        ledgers = self._reader.committed()
        tallies = {} if self._job.dry_run else self._mover.progress()
        self._histogram.clear()
        self._partitions = {}
        for partition, (start, end) in bounds.items():
            known = tallies.get(partition)
            tally = Tally(start, end) if known is None else Tally.from_metadata(known.offset, known.metadata)
            written = ledgers.get(partition, Committed(start, ""))
            ledger = Ledger.read(written.offset, written.metadata)
            ledger.raise_to(start)
            windows = self._job.filter.windows(partition, max(tally.next, start), tally.end)
            ranges = deque(gap for first, last in windows for gap in ledger.gaps(first, last))
            # where each partition ends is settled by the first transaction, which also keeps the ledger from expiring
            self._partitions[partition] = _Partition(ledger, tally, ranges, changed=known is None)
        self._open = {number for number, partition in self._partitions.items() if partition.ranges}
        self._read_on()
        if not self._job.dry_run and any(partition.changed for partition in self._partitions.values()):
            self._commit(_Batch(self._mover.shape))
        self._publish()

    def _read_on(self) -> None:
        """Read from the next record that is wanted of each partition; what was read ahead is forgotten."""
        self._ahead.clear()
        self._ends.clear()
        self._far = False
        places = ((number, self._partitions[number]) for number in self._open)
        self._reader.assign({number: max(p.tally.next, p.ranges[0][0]) for number, p in places})

    @property
    def _left(self) -> int | None:
        """How many records may still be moved; None: any number."""
        if self._job.max_records is None:
            return None
        return max(0, self._job.max_records - total(p.tally for p in self._partitions.values()).moved)

    # --- the loop ------------------------------------------------------------------------------

    def _forward(self) -> None:
        while self._open and self._left != 0 and not self._control.cancelled:
            if self._control.paused:
                self._control.hold()
                self._bucket.reset()
                continue
            room = self._room()
            if room == 0:
                continue
            batch = self._decide(room)
            if not self._job.dry_run:
                self._commit(batch)
            self._publish()
            if self._stuck is not None:
                raise self._stuck
        if not self._open and not self._control.cancelled:
            self._finish()

    def _room(self) -> int:
        """How many records may be moved now; waits a moment and says 0 when it is none."""
        self._bucket.set_rate(self._control.rate)
        if time.monotonic() - self._asked > _FORGET:
            self._decider.forget()
            self._asked = time.monotonic()
        room = self._limit
        if self._left is not None:
            room = min(room, self._left)
        allowed = self._bucket.available()
        if allowed is None or self._job.dry_run:
            return room
        slice_ = max(1, min(room, (self._control.rate or 0) // _SLICES))
        if allowed < slice_:
            self._control.sleep(min(0.5, self._bucket.wait(slice_)))
            return 0
        return min(room, allowed)

    def _decide(self, room: int) -> _Batch:
        """Read and decide until a transaction is full, or nothing more is there for now."""
        batch = self._batch = _Batch(self._mover.shape)
        while batch.moved < room and batch.records < self._limit and batch.bytes < MOST_BYTES:
            if not self._ahead:
                self._read()
            if self._ahead:
                self._take(batch, room)
            late = time.monotonic() - batch.since > MOST_SECONDS
            if late or not self._open or self._stuck is not None or self._control.cancelled:
                break
        return batch

    def _read(self) -> None:
        """Get records to decide about, once those that were read before are decided: their partitions end behind them."""
        for number, end in self._ends.items():
            if number in self._open and end >= self._partitions[number].tally.end:
                self._close(number)
        self._ends.clear()
        if self._open:
            records, self._ends = self._reader.read(self._at_once, _READ_TIMEOUT)
            self._ahead.extend(records)
            if records:
                size = sum([len(record.value or b"") for record in records])
                self._at_once = max(1, min(_READ_AT_ONCE, _READ_BYTES * len(records) // max(1, size)))

    def _take(self, batch: _Batch, room: int) -> None:
        """Decide about records that were read, as many as the transaction has room for."""
        chunk: list[Record] = []
        most = min(room - batch.moved, self._limit - batch.records)
        inside = {number: self._partitions[number].ranges[0] for number in self._open}
        ahead = self._ahead
        while ahead and not self._far and len(chunk) < most:
            record = ahead.popleft()
            first, end = inside.get(record.partition, (0, 0))
            # in the middle of what is to be read, as nearly all are; or looked at more closely
            if first <= record.offset < end - 1 or self._is_wanted(record):
                chunk.append(record)
        self._decide_about(chunk, batch)
        self._send(batch)
        if self._far:
            self._read_on()

    def _decide_about(self, chunk: list[Record], batch: _Batch) -> None:
        """Decide, and account for it: records that are moved one after another are accounted for together."""
        originals, refused, decide = self._originals(chunk), self._refused, self._decider.decide
        run, usual = _Stretch(), None
        for record in chunk:
            batch.records += 1
            number, offset = record.partition, record.offset
            pointer, original = originals.get((number, offset), (None, None)) if originals else (None, None)
            reason = refused.get((number, offset)) if refused else None
            decision = decide(record, pointer, original) if reason is None else Fail(reason)
            if self._job.dry_run and not (isinstance(decision, Skip) and decision.reason is SkipReason.FILTER):
                self._note(record, original)
            if not isinstance(decision, Move):
                self._account(run, batch)
                run = _Stretch()
                self._leave(record, decision)
                continue
            if offset != run.end or number != run.partition or decision.quarantine != run.quarantine:
                self._account(run, batch)
                run = _Stretch(number, offset, offset, decision.quarantine)
                if not self._job.dry_run and not self._partitions[number].ledger.has_room(offset, _METADATA):
                    self._stuck = self._full(record)
                    return
            run.end = offset + 1
            if not self._job.dry_run:
                sent = record if original is None else original
                headers = sent.headers if decision.headers is None else decision.headers
                batch.outgoing.append((decision.topic, decision.partition, sent, headers))
                if decision is not usual:
                    usual = decision
                    batch.fit(decision)
        self._account(run, batch)

    def _account(self, run: _Stretch, batch: _Batch) -> None:
        """Write down that records are moved."""
        number, records = run.partition, run.end - run.first
        if records == 0:
            return
        partition = self._partitions[number]
        tally = partition.tally
        tally.read += records
        if run.quarantine:
            tally.quarantined += records
        else:
            tally.moved += records
        tally.next = run.end
        partition.changed = True
        batch.moved += records
        if not self._job.dry_run:
            partition.ledger.add(run.first, run.end)
            batch.last = (number, run.end - 1, batch.outgoing[-1][0])

    def _is_wanted(self, record: Record) -> bool:
        """Whether the record is in what is still to be read; what lies between two ranges is passed over."""
        partition = self._partitions[record.partition]
        ranges = partition.ranges
        if record.partition not in self._open:
            return False
        while ranges and record.offset >= ranges[0][1]:
            ranges.popleft()
        if not ranges:
            self._close(record.partition)
            return False
        if record.offset < ranges[0][0]:
            self._far = ranges[0][0] - record.offset > FAR
            return False
        if record.offset + 1 >= ranges[0][1] and len(ranges) == 1:
            self._close(record.partition)
        return True

    def _close(self, number: int) -> None:
        """Everything of a partition was read."""
        self._open.discard(number)
        self._reader.leave(number)

    def _originals(self, chunk: Iterable[Record]) -> dict[tuple[int, int], tuple[Pointer, Record | None]]:
        """What the pointers among some records point to, fetched together."""
        pointers: dict[tuple[int, int], Pointer] = {}
        for record in chunk:
            if record.value is None and record.key is None and (pointer := pointer_of(record)) is not None:
                pointers[record.partition, record.offset] = pointer
        wanted: dict[tuple[str, int], set[int]] = {}
        for pointer in pointers.values():
            if pointer.offset >= 0 and self._decider.may_read(pointer):
                wanted.setdefault((pointer.topic, pointer.partition), set()).add(pointer.offset)
        found = {place: self._mover.lookup.fetch(*place, offsets) for place, offsets in wanted.items()}
        return {
            place: (pointer, found.get((pointer.topic, pointer.partition), {}).get(pointer.offset))
            for place, pointer in pointers.items()
        }

    def _leave(self, record: Record, decision: Decision) -> None:
        """Account for a record that stays."""
        partition = self._partitions[record.partition]
        tally = partition.tally
        tally.read += 1
        tally.next = record.offset + 1
        partition.changed = True
        match decision:
            case Skip():
                tally.skipped += 1
            case Fail(reason):
                tally.failed += 1
                tally.fail(record.offset, reason)
            case Lost():
                tally.lost += 1
                tally.fail(record.offset, "Lost")

    def _note(self, record: Record, original: Record | None) -> None:
        letters = of_record(record.headers, record.key, record.value)
        error = (letters[0].error_class or "") if letters else ""
        origin = (letters[0].origin.topic or "") if letters else ""
        stamp = record.timestamp if original is None else original.timestamp
        self._histogram[error, origin, age(stamp, int(self._began * 1000))] += 1

    # --- transactions --------------------------------------------------------------------------

    def _send(self, batch: _Batch) -> None:
        """Hand over what is decided, which is on its way while the next records are decided."""
        if batch.shape != self._mover.shape:
            self._mover.abort()
            self._mover.take_over(batch.shape)
            raise _Anew
        if batch.outgoing:
            self._mover.begin()
            self._mover.send(batch.outgoing)
            batch.bytes += sum([len(sent.value or b"") + len(sent.key or b"") for _, _, sent, _ in batch.outgoing])
            batch.outgoing = []

    def _commit(self, batch: _Batch) -> None:
        changed = {number: partition for number, partition in self._partitions.items() if partition.changed}
        if not changed:
            return
        self._batch = batch
        self._mover.begin()
        self._mover.commit(
            {n: Committed(p.ledger.base, p.ledger.metadata()) for n, p in changed.items()},
            {n: Committed(p.tally.next, p.tally.metadata()) for n, p in changed.items()},
        )
        for partition in changed.values():
            partition.changed = False
        self._bucket.take(batch.moved)
        self._limit = min(MOST_RECORDS, self._limit * 2)
        self._aborts = 0

    def _finish(self) -> None:
        """Nothing is left to be read: say so, where the end of a partition has no record."""
        for partition in self._partitions.values():
            if partition.tally.next < partition.tally.end:
                partition.tally.next = partition.tally.end
                partition.changed = True
        if not self._job.dry_run:
            self._commit(_Batch(self._mover.shape))

    def _learn(self, error: Aborted) -> None:
        """After an abort: find the record that is to blame, by ever smaller transactions; or try again a few times."""
        sent = self._batch.moved
        reason = _REFUSED.get(error.code)
        if reason is None or sent == 0:
            self._aborts += 1
            if self._aborts > MOST_ABORTS:
                raise error
            self._control.sleep(0.2 * self._aborts)
            return
        if sent == 1:
            partition, offset, topic = self._batch.last
            self._refused[partition, offset] = reason
            if reason is FailReason.NOT_AUTHORIZED:
                self._decider.deny(topic)
        elif reason is FailReason.TOO_LARGE:
            # a topic's limit was lowered, or may not be read: then smaller batches show which record is larger than it
            self._decider.forget()
            self._mover.shape = replace(self._mover.shape, batch_bytes=max(1, self._mover.shape.batch_bytes // 8))
        self._limit = max(1, sent // 4)

    def _full(self, record: Record) -> LedgerFull:
        return LedgerFull(
            f"topic {self._job.topic}, partition {record.partition}, offset {record.offset}: what was put back lies in too"
            " many separate ranges to keep account of more: put back what lies between them (a redrive without a filter, or"
            " with offsets), then go on with another redrive"
        )

    def _publish(self) -> Progress:
        tallies = {number: partition.tally for number, partition in self._partitions.items()}
        found = progress(self._job.topic, tallies, self._histogram, "")
        self._control.publish(found)
        return found
