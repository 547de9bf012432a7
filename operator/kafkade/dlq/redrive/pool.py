"""Redrives at work, a few at a time, and what became of each over several tries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from kafkade.api.errors import Fenced, KafkadeError, KafkaRequestFailed
from kafkade.api.objects import Key
from kafkade.clients.kafka_config import Security
from kafkade.dlq.redrive.attempt import Allowed, CarryOut, Try
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.progress import Progress

log = logging.getLogger("kafkade.redrive")

MOST = 4
"""Redrives at work at the same time, of all clusters together."""

PATIENCE = 8.0
"""Seconds that the end of the process waits for transactions that run."""

FENCED_PAUSE = 60.0
"""Seconds until a topic is taken back from another redrive that took it over."""

SILENCE = 600.0
"""Seconds without a word from a redrive after which its thread is taken for lost: each transaction is one, and each second."""

STOP_PATIENCE = 30.0
"""The same for a thread that was told to stop."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class Run:
    """A redrive: its dead-letter topics one after another, by one try or by several. Belongs to the event loop."""

    def __init__(self, key: Key, uid: str, jobs: Sequence[Job], carry_out: CarryOut) -> None:
        self.key = key
        self.uid = uid
        self.topics = tuple(job.topic for job in jobs)
        self.error: KafkadeError | None = None
        """Why the last try ended early."""
        self.complete = False
        """Nothing is left to do, and all of it is committed."""
        self.exact = False
        """It was told to stop and did, and ``progress`` is all that is committed."""
        self.not_before = 0.0
        """When it may be tried again, on time.monotonic's clock."""
        self.written = time.monotonic()
        """When its status was last written to Kubernetes, on the same clock; at first, when that it begins was."""
        self.allowed: Allowed = lambda _: False
        """Which topics may be used."""
        self._jobs = tuple(jobs)
        self._redrive = carry_out
        self._try: Try | None = None
        self._told: float | None = None
        self._latest: tuple[Progress | None, float] = (None, 0.0)
        self._failures = 0
        self._done: list[Progress] = []
        self._known: tuple[Progress, ...] = ()
        self._rate = jobs[0].rate_limit if jobs else None

    @property
    def active(self) -> bool:
        """Whether there is a try that is at work, or of which it is not taken in yet what it came to."""
        return self._try is not None

    @property
    def at_work(self) -> bool:
        """Whether a thread is at work."""
        return self._try is not None and self._try.active

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._try is not None and self._try.stopping

    @property
    def age(self) -> float:
        """Seconds since the last try began."""
        return time.monotonic() - self._try.began if self._try is not None else 0.0

    @property
    def topic(self) -> str:
        """The dead-letter topic that is worked on."""
        done = len(self._done) + (len(self._try.done) if self._try is not None else 0)
        return self.topics[min(done, len(self.topics) - 1)]

    @property
    def news(self) -> bool:
        """Whether this try has committed something, or at least knows what is committed."""
        return self._try is not None and self._try.progress != ()

    @property
    def progress(self) -> tuple[Progress, ...]:
        """What is committed of each topic so far, as far as it is known: a new try knows nothing at first."""
        found = () if self._try is None else self._try.progress
        return (*self._done, *(found or self._known))

    def look(self) -> None:
        """Take in what the thread has come to. One that is silent for too long is left to itself.

        librdkafka does not keep to its timeouts in every case: sending offsets to a transaction can wait for ever when the
        group's coordinator goes (https://github.com/confluentinc/librdkafka/issues/5456 and 5511). Whoever goes on takes over
        the transactional id, so a thread that wakes up one day is fenced.
        """
        tried = self._try
        if tried is None:
            return
        if not tried.active:
            self._settle(tried, tried.error)
            return
        now = time.monotonic()
        if tried.latest is not self._latest[0]:
            self._latest = (tried.latest, now)
        silent, told = now - self._latest[1], self._told
        if silent > SILENCE or (told is not None and now - told > STOP_PATIENCE):
            tried.stop()
            log.warning("%s: its thread does not answer and is left to itself", self.key)
            self._settle(tried, KafkaRequestFailed(f"topic {self.topic}: Kafka's client does not answer; tried anew"))

    def _settle(self, tried: Try, error: KafkadeError | None) -> None:
        found = tried.progress
        self._failures = 0 if error is None else 1 if found else self._failures + 1
        if error is not None:
            self.not_before = time.monotonic() + pause(error, self._failures)
        self.error, self.complete, self.exact = error, tried.complete, tried.exact
        done = len(tried.done)
        self._done += found[:done]
        self._known = found[done:] or (() if done else self._known)
        self._try = None

    def set_rate(self, records_per_second: int | None) -> None:
        """Change the rate limit, at once."""
        if records_per_second != self._rate:
            self._rate = records_per_second
            if self._try is not None:
                self._try.set_rate(records_per_second)

    def stop(self) -> None:
        """End after the transaction that runs; another try goes on from there."""
        if self._try is not None:
            self._told = time.monotonic() if self._told is None else self._told
            self._try.stop()

    def join(self, timeout: float) -> None:
        """Wait for the thread, seconds at most."""
        if self._try is not None:
            self._try.join(timeout)

    def start(self, security: Security, *, only_count: bool = False) -> None:
        """A try, in a thread. ``only_count``: move nothing more, and find out what is committed."""
        self.error, self.exact, self._told = None, False, None
        self._try = Try(
            self.key,
            self._jobs[len(self._done) :],
            self._redrive,
            lambda topic: self.allowed(topic),
            moved=sum(found.counts.moved for found in self._done),
            rate=self._rate,
            only_count=only_count,
        )
        self._latest = (None, time.monotonic())
        self._try.start(security)


def pause(error: KafkadeError, failures: int) -> float:
    """Seconds until the next try after so many failures in a row."""
    if isinstance(error, Fenced):
        return FENCED_PAUSE
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 10))


class Pool:
    """The runs by the uid of their resource, and how many of them are at work."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._runs: dict[str, Run] = {}

    def get(self, uid: str) -> Run | None:
        """The run of a resource, at work or between two tries."""
        return self._runs.get(uid)

    def add(self, run: Run) -> None:
        """Remember a run."""
        self._runs[run.uid] = run

    def drop(self, uid: str) -> None:
        """Forget a run whose end is written down."""
        self._runs.pop(uid, None)

    def runs(self) -> list[Run]:
        """All that are remembered."""
        return list(self._runs.values())

    @property
    def at_work(self) -> int:
        """How many are at work."""
        return sum(run.at_work for run in self._runs.values())

    def start(self, run: Run, security: Security, *, only_count: bool = False) -> bool:
        """Begin a try, if there is room for one more."""
        if self.at_work >= self.most:
            return False
        run.start(security, only_count=only_count)
        return True

    def stop(self, key: Key) -> None:
        """Let nothing go on for this resource, whichever of that name it is."""
        for run in self._runs.values():
            if run.key == key:
                run.stop()

    async def close(self, patience: float = PATIENCE) -> None:
        """Stop everything, and wait for the transactions that run."""
        for run in self._runs.values():
            run.stop()
        deadline = time.monotonic() + patience
        for run in self._runs.values():
            if run.at_work:
                await asyncio.to_thread(run.join, max(0.0, deadline - time.monotonic()))
        if self.at_work:
            log.warning("%d redrives did not end in time; what they had not committed is done again", self.at_work)
