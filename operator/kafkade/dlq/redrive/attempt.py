"""One try at a redrive's jobs, in a thread of its own: moving records blocks, and the event loop must not.

Threads are daemons, so that a broker that does not answer cannot hold up the end of the process; what they were in the middle
of is aborted by the brokers, and is done again by whoever goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from kafkade.api.errors import KafkadeError, UnknownTopic
from kafkade.api.objects import Key
from kafkade.clients.kafka_config import Security
from kafkade.dlq.redrive.control import Control
from kafkade.dlq.redrive.job import Job
from kafkade.dlq.redrive.progress import Progress

log = logging.getLogger("kafkade.redrive")

CarryOut = Callable[[Security, Job, Control, Callable[[str], bool]], Progress]
"""What ``kafkade.dlq.redrive.run.redrive`` is."""

Allowed = Callable[[str], bool]


class Try:
    """One try at some jobs, one after another, in a thread of its own, which writes to nothing but this.

    ``moved``: what the topics before these have put back, of maxRecords. ``allowed`` is asked anew for each topic that records
    go to. ``only_count``: move nothing more, and find out what is committed.
    """

    def __init__(
        self,
        key: Key,
        jobs: Sequence[Job],
        carry_out: CarryOut,
        allowed: Allowed,
        *,
        moved: int,
        rate: int | None,
        only_count: bool,
    ) -> None:
        self.done: list[Progress] = []
        """Of topics that are finished."""
        self.error: KafkadeError | None = None
        self.complete = False
        self.exact = False
        self.began = time.monotonic()
        self._key = key
        self._jobs = tuple(jobs)
        self._redrive = carry_out
        self._allowed = allowed
        self._moved = moved
        self._rate = rate
        self._only_count = only_count
        self._lock = threading.Lock()
        self._stop = only_count
        self._control = self._new_control()
        self._counted: tuple[Progress, ...] = ()
        self._thread = threading.Thread(target=self._run, name=f"kafkade-redrive-{key.name}", daemon=True)

    def start(self, security: Security) -> None:
        """Begin."""
        self._security = security
        self._thread.start()

    @property
    def active(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop

    @property
    def latest(self) -> Progress:
        """What is committed of the topic that is worked on; another object whenever the redrive says something."""
        return self._control.snapshot()

    @property
    def progress(self) -> tuple[Progress, ...]:
        """What is committed of each topic, as far as this try knows."""
        with self._lock:
            latest = self._control.snapshot()
            return (*self.done, *self._counted, *((latest,) if latest.partitions else ()))

    def set_rate(self, records_per_second: int | None) -> None:
        """Change the rate limit, at once."""
        with self._lock:
            self._rate = records_per_second
            self._control.set_rate(records_per_second)

    def stop(self) -> None:
        """End after the transaction that runs."""
        with self._lock:
            self._stop = True
            self._control.cancel()

    def join(self, timeout: float) -> None:
        """Wait for the thread, seconds at most."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            if self._only_count:
                self._count()
            else:
                self._carry_out()
        except KafkadeError as error:
            self.error = error
        except Exception as error:
            log.exception("%s failed", self._key)
            self.error = KafkadeError(
                f"an error in kafkade itself ({type(error).__name__}): see the operator's log; tried again"
            )

    def _carry_out(self) -> None:
        for job in self._jobs:
            limited = self._limited(job)
            if limited is None:
                break
            found = self._redrive(self._security, limited, self._control, self._allowed)
            with self._lock:
                if self._stop:
                    self._control.publish(found)
                    self.exact = True
                    return
                self.done.append(found)
                self._control = self._new_control()
        self.complete = True

    def _count(self) -> None:
        """Each topic once with a cancelled control, which reads what is committed and moves nothing."""
        found = []
        for job in self._jobs:
            with suppress(UnknownTopic):
                found.append(self._redrive(self._security, job, self._new_control(), self._allowed))
        self._counted, self.exact = tuple(found), True

    def _limited(self, job: Job) -> Job | None:
        """The job with what the topics before have left of maxRecords; None when that is nothing."""
        if job.max_records is None:
            return job
        left = job.max_records - self._moved - sum(found.counts.moved for found in self.done)
        return replace(job, max_records=left) if left > 0 else None

    def _new_control(self) -> Control:
        control = Control(self._rate)
        if self._stop:
            control.cancel()
        return control
