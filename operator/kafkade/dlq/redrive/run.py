"""One run of a redrive over one dead-letter topic: read, decide, move, commit, again.

The state is what Kafka has committed; what is in memory is a copy of it that is ahead by one open transaction, and that is
read anew after every failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from kafkade.api.errors import Aborted, LedgerFull, TopicRecreated
from kafkade.clients.kafka_config import Security
from kafkade.clients.kafka_mover import MAX_BATCH_BYTES, KafkaMover, Outgoing, Shape
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.model import Committed
from kafkade.dlq.redrive.account import Account, Stretch
from kafkade.dlq.redrive.blame import Blame
from kafkade.dlq.redrive.control import Control, TokenBucket
from kafkade.dlq.redrive.decide import Decider, Fail, FailReason, Move, Pointer, Skip, SkipReason, pointer_of
from kafkade.dlq.redrive.feed import Feed
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.ledger import group_of
from kafkade.dlq.redrive.progress import Progress

MOST_BYTES = 32 * 1024 * 1024
"""Of keys and values of a transaction: what librdkafka has in memory of it."""

MOST_SECONDS = 1.0
"""Of a transaction: how old what its readers see may be, and how long a cancel waits."""

_SLICES = 5
"""Transactions a second under a rate limit, so that it is even."""

_FORGET = 30.0
"""Seconds after which topics are asked about anew."""


def redrive(security: Security, job: Job, control: Control, allowed: Callable[[str], bool]) -> Progress:
    """Carry a job out, or go on with it, until all is done, ``max_records`` are moved, or ``control.cancelled``.

    Blocks: it belongs in a worker thread. ``allowed``: whether a destination may be written to. A dry run writes nothing and
    begins anew each time.

    Raises:
        ClusterUnreachable, Aborted and other retryable errors: call it again later with the same job, and it goes on.
        Fenced: another redrive of the topic has taken over.
        UnknownTopic: there is no such dead-letter topic.
        TopicRecreated: it is another topic of the same name by now.
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
class _Batch:
    """The open transaction. ``outgoing``: what is decided and not sent yet."""

    shape: Shape
    outgoing: list[Outgoing] = field(default_factory=list)
    records: int = 0
    moved: int = 0
    bytes: int = 0
    since: float = field(default_factory=time.monotonic)
    last: tuple[int, int] = (-1, -1)
    """Partition and offset of the last record that is moved."""
    destination: str = ""
    """Where that one goes."""

    def fit(self, move: Move) -> None:
        """Make batches such that the destination takes them."""
        if move.compress or (move.max_bytes or MAX_BATCH_BYTES) < self.shape.batch_bytes:
            self.shape = self.shape.fitting(move.max_bytes, compress=move.compress)


class _Anew(Exception):
    """Batches must be made otherwise, which takes another producer; what is not committed is done again."""


class _Run:
    def __init__(self, job: Job, mover: KafkaMover, control: Control, allowed: Callable[[str], bool]) -> None:
        self._job = job
        self._mover = mover
        self._control = control
        self._decider = Decider(job, mover.lookup.target, allowed)
        self._bucket = TokenBucket(control.rate)
        self._account = Account(job, time.time())
        self._feed = Feed(mover.reader)
        self._blame = Blame()
        self._batch = _Batch(mover.shape)
        self._stuck: LedgerFull | None = None
        self._identity = job.topic_id
        self._asked = time.monotonic()

    def carry_out(self) -> Progress:
        if not self._job.dry_run:
            self._mover.take_over()
        if self._job.topic_id is None:
            self._identity = self._mover.lookup.identity(self._job.topic)
        else:
            self._check_identity()
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

    def _load(self) -> None:
        """Take what is committed for the truth."""
        bounds = self._mover.reader.bounds()
        ledgers = self._mover.reader.committed()
        tallies = {} if self._job.dry_run else self._mover.progress()
        self._feed.start(self._account.load(bounds, ledgers, tallies))
        if not self._job.dry_run:
            self._commit(_Batch(self._mover.shape))
        self._publish()

    def _forward(self) -> None:
        while self._feed.open and self._account.left != 0 and not self._control.cancelled:
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
        if not self._feed.open and not self._control.cancelled:
            self._account.finish()
            if not self._job.dry_run:
                self._commit(_Batch(self._mover.shape))

    def _room(self) -> int:
        """How many records may be moved now; waits a moment and says 0 when it is none."""
        self._bucket.set_rate(self._control.rate)
        if time.monotonic() - self._asked > _FORGET:
            self._decider.forget()
            self._asked = time.monotonic()
        room, left = self._blame.limit, self._account.left
        if left is not None:
            room = min(room, left)
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
        batch, most = _Batch(self._mover.shape), self._blame.limit
        self._batch = batch
        while batch.moved < room and batch.records < most and batch.bytes < MOST_BYTES:
            chunk = self._feed.take(min(room - batch.moved, most - batch.records))
            if self._feed.went_back:
                self._feed.went_back = False
                self._check_identity()
            if chunk:
                self._decide_about(chunk, batch)
                self._send(batch)
            late = time.monotonic() - batch.since > MOST_SECONDS
            if late or not self._feed.open or self._stuck is not None or self._control.cancelled:
                break
        return batch

    def _decide_about(self, chunk: list[Record], batch: _Batch) -> None:
        """Decide, and account for it: records that are moved one after another are accounted for together."""
        originals, refused, decide = self._originals(chunk), self._blame.refused, self._decider.decide
        run, usual = Stretch(), None
        for record in chunk:
            batch.records += 1
            number, offset = record.partition, record.offset
            pointer, original = originals.get((number, offset), (None, None)) if originals else (None, None)
            reason = refused.get((number, offset)) if refused else None
            decision = decide(record, pointer, original) if reason is None else Fail(reason)
            if self._job.dry_run and not (isinstance(decision, Skip) and decision.reason is SkipReason.FILTER):
                self._account.note(record, original)
            if not isinstance(decision, Move):
                self._end(run, batch)
                run = Stretch()
                self._account.stays(record, decision)
                continue
            if offset != run.end or number != run.partition or decision.quarantine != run.quarantine:
                self._end(run, batch)
                run = Stretch(number, offset, offset, decision.quarantine)
                if not self._account.has_room(record):
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
        self._end(run, batch)

    def _end(self, run: Stretch, batch: _Batch) -> None:
        """Account for records that are moved, all of the same kind."""
        if run.records:
            self._account.moved(run)
            batch.moved += run.records
            batch.last = (run.partition, run.end - 1)
            batch.destination = batch.outgoing[-1][0] if batch.outgoing else ""

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
        if not self._account.changed:
            return
        self._batch = batch
        self._mover.begin()
        self._mover.commit(*self._account.positions())
        self._account.committed()
        self._publish()
        try:
            self._check_identity()
        except TopicRecreated:
            # brokers forget what is committed about a topic when it is deleted, but a commit that was under way then can
            # wait for the next topic of the name, and would say of its records that they are put back
            self._mover.begin()
            self._mover.commit(dict.fromkeys(self._mover.reader.bounds(), Committed(0)), {})
            raise
        self._bucket.take(batch.moved)
        self._blame.committed()

    def _check_identity(self) -> None:
        """Go no further with another topic of the same name.

        Raises:
            TopicRecreated, UnknownTopic: the topic is not there any more.
        """
        if self._mover.lookup.identity(self._job.topic) != self._identity:
            raise TopicRecreated(
                f"topic {self._job.topic} was deleted and made again since this redrive began, which ends it: for what is"
                " in the topic now, apply another redrive"
            )

    def _learn(self, error: Aborted) -> None:
        """After an abort: try again, or find the record that is to blame."""
        batch = self._batch
        reason = self._blame.aborted(error, batch.moved, batch.last)
        if reason is None:
            self._control.sleep(self._blame.pause)
        elif batch.moved == 1:
            if reason is FailReason.NOT_AUTHORIZED:
                self._decider.deny(batch.destination)
        elif reason is FailReason.TOO_LARGE:
            # a topic's limit was lowered, or may not be read: then smaller batches show which record is larger than it
            self._decider.forget()
            self._mover.shape = replace(self._mover.shape, batch_bytes=max(1, self._mover.shape.batch_bytes // 8))

    def _full(self, record: Record) -> LedgerFull:
        return LedgerFull(
            f"topic {self._job.topic}, partition {record.partition}, offset {record.offset}: what was put back lies in too"
            " many separate ranges to keep account of more: put back what lies between them (a redrive without a filter, or"
            " with offsets), then go on with another redrive"
        )

    def _publish(self) -> Progress:
        found = self._account.progress()
        self._control.publish(found)
        return found
