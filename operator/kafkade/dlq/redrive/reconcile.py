"""Redrives of one cluster: from what is declared, what is written down and what runs, to what is done next.

What a redrive did is in Kafka, exactly (``run.py``). What is written in its status decides what happens: ``started`` with its
topics before anything is done, a final phase after everything is committed, and from then on it never runs again. A run that
was killed in between is begun again under the same uid, and goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kafkade.api import ANNOTATION_DELETION_PROTECTION, FINALIZER
from kafkade.api.common import ManagementPolicy
from kafkade.api.conditions import condition
from kafkade.api.context import Context, Work
from kafkade.api.errors import (
    ApiConflict,
    ApiForbidden,
    ApiNotFound,
    ApiUnavailable,
    ClusterUnreachable,
    Fenced,
    KafkadeError,
    NotAllowed,
    SpecError,
    UnknownTopic,
)
from kafkade.api.kinds import DLQ_REDRIVE
from kafkade.api.objects import CONFLICT_RETRY, Key, Report, Resource
from kafkade.api.redrive import KafkaDLQRedriveSpec, Phase
from kafkade.clients.connection import Connection
from kafkade.dlq.redrive import status
from kafkade.dlq.redrive.attempt import CarryOut
from kafkade.dlq.redrive.job import GROUP_PREFIX, Job
from kafkade.dlq.redrive.metrics import RedriveMetrics
from kafkade.dlq.redrive.pool import Pool, Run
from kafkade.dlq.redrive.run import redrive
from kafkade.dlq.redrive.sources import check, dead_letter_topics, holders, is_allowed, policy_of

log = logging.getLogger("kafkade.redrive")

RedriveWork = Work[KafkaDLQRedriveSpec]

POLL = 1.0
"""Seconds between looks at a redrive that is at work or waits for another one."""

SOON = 0.2
"""Seconds until the next look where something ends or begins in a moment."""

YOUNG = 3.0
"""Seconds for which a run is looked at more often: many have little to do."""

WRITE_INTERVAL = 3.0
"""Seconds between two writes of a progress."""

LONGEST_RETRY = 3600.0
"""Seconds until the next look at what lies further in the future."""

CLEAN_UP = 5.0
"""Seconds that the deletion of a group may take."""


@dataclass(slots=True)
class Redrives:
    """Carries redrives out; what runs is kept here, and can be lost at any time."""

    pool: Pool = field(default_factory=Pool)
    carry_out: CarryOut = redrive
    metrics: RedriveMetrics = field(default_factory=RedriveMetrics)

    async def reconcile(self, batch: Sequence[RedriveWork], connection: Connection, context: Context) -> list[Report]:
        """The next step of each redrive; one Report a redrive, whatever happens to its neighbours."""
        self._look_at_runs(context)
        turn = _Turn(self.pool, self.carry_out, connection, context)
        reports = []
        for work in sorted(batch, key=lambda work: (work.resource.created, *work.resource.key)):
            try:
                reports.append(await turn.step(work))
            except (ApiConflict, ApiNotFound):
                reports.append(Report(work.resource.key, retry=CONFLICT_RETRY))
            except ApiUnavailable:
                raise
            except KafkadeError as error:
                reports.append(turn.troubled(work.resource, error))
            self._tell(work, reports[-1], context)
        return reports

    def let_go(self, key: Key) -> None:
        """A redrive is gone, or may not be worked on: nothing of it goes on."""
        self.pool.stop(key)

    def gone(self, key: Key) -> None:
        """A redrive is no more."""
        self.metrics.forget(key)

    def _tell(self, work: RedriveWork, report: Report, context: Context) -> None:
        """The counts of a redrive that moves records; those of a dry run are of what it would do."""
        counts = (work.resource.status if report.status is None else report.status).get("counts")
        known = context.get(work.resource.key)
        if counts and not work.spec.dry_run and known is not None and known.uid == work.resource.uid:
            self.metrics.tell(work.resource.key, counts)

    async def close(self) -> None:
        """The process ends."""
        await self.pool.close()

    def _look_at_runs(self, context: Context) -> None:
        """Take in what threads came to, those of other clusters too; what is gone has no run."""
        for run in self.pool.runs():
            found = context.get(run.key)
            gone = found is None or found.uid != run.uid
            if gone:
                run.stop()
            run.look()
            if gone and not run.active:
                self.pool.drop(run.uid)


class _Turn:
    """One batch. ``held``: the dead-letter topics that somebody is at work on, the batch's own decisions included."""

    def __init__(self, pool: Pool, carry_out: CarryOut, connection: Connection, context: Context) -> None:
        self.pool = pool
        self.carry_out = carry_out
        self.connection = connection
        self.context = context
        self.redrives = context.members(connection.key, DLQ_REDRIVE)
        self.held = holders(self.redrives, pool.runs())
        self.begun = 0
        self._known: frozenset[str] | None = None

    async def step(self, work: RedriveWork) -> Report:
        """What is next for a redrive."""
        resource, spec, run = work.resource, work.spec, self.pool.get(work.resource.uid)
        phase = status.phase_of(resource)
        if resource.deleted:
            return await self._end(resource, run)
        if phase is not None and phase.final:
            return await self._after(resource, spec)
        if spec.cancel:
            return self._cancel(work, run)
        if spec.paused or spec.management_policy is ManagementPolicy.OBSERVE:
            return self._hold(resource, spec, run)
        if not status.begun(resource):
            return await self._begin(work)
        return await self._go_on(work, run)

    def troubled(self, resource: Resource, error: KafkadeError, *, stalled: bool | None = None) -> Report:
        """The report of a redrive that does not get on; by default it is the error that says whether time can heal it."""
        run = self.pool.get(resource.uid)
        parts = () if run is None else run.progress
        stalled = not error.retryable if stalled is None else stalled
        retry: status.Retry = "backoff" if error.retryable else None
        return status.troubled(resource, error, parts, self.context.now(), retry, stalled=stalled)

    # --- before it runs ------------------------------------------------------------------------

    async def _begin(self, work: RedriveWork) -> Report:
        resource, spec, now = work.resource, work.spec, self.context.now()
        if spec.source.topic is not None:
            check([spec.source.topic], work.grant, self.connection.key)
        key = policy_of(resource, spec)
        policy = None if key is None else self.context.get(key)
        try:
            topics = dead_letter_topics(spec, self.connection.key, key, policy, await self._topics())
        except UnknownTopic as error:
            return self.troubled(resource, error, stalled=True)
        check(topics, work.grant, self.connection.key)
        try:
            _jobs(resource, spec, dict.fromkeys(topics))
        except SpecError as error:
            return status.failed(resource, error, (), now, frozenset())
        if not topics:
            return status.completed(resource, (), now, frozenset())
        for topic in topics:
            other = self.held.get(topic)
            if other is not None and other != resource.key:
                return status.waits_for_redrive(resource, topic, other, now, POLL)
        if self.pool.at_work + self.begun >= self.pool.most:
            return status.waits_for_worker(resource, self.pool.most, now, POLL)
        ids = await self._ids(topics)
        if not spec.dry_run:
            await self.context.add_finalizer(resource)
        self.held |= dict.fromkeys(topics, resource.key)
        self.begun += 1
        return status.beginning(resource, ids, now, SOON)

    async def _ids(self, topics: Sequence[str]) -> dict[str, str]:
        """The topics' ids.

        Raises:
            KafkadeError: one of them cannot be described.
        """
        ids = {}
        for topic, found in (await self.connection.kafka.describe_topics(topics)).items():
            if isinstance(found, KafkadeError):
                raise found
            ids[topic] = found.topic_id
        return ids

    async def _topics(self) -> frozenset[str]:
        if self._known is None:
            self._known = frozenset(await self.connection.kafka.topics())
        return self._known

    # --- while it runs -------------------------------------------------------------------------

    async def _go_on(self, work: RedriveWork, run: Run | None) -> Report:
        resource, now = work.resource, self.context.now()
        run = run or self._new_run(work)
        cluster, grant = self.connection.key, work.grant
        try:
            check(run.topics, grant, cluster)
        except NotAllowed as error:
            return self._stopping(run) or self.troubled(resource, error)
        run.allowed = lambda topic: is_allowed(topic, grant, cluster)
        run.set_rate(work.spec.rate_limit)
        if run.active:
            return self._running(resource, run)
        if run.complete:
            return status.completed(resource, run.progress, now, self._waiting(resource))
        if run.error is not None and (told := await self._after_error(resource, run, run.error)) is not None:
            return told
        if not self.pool.start(run, self.connection.kafka.security):
            return status.waits_for_worker(resource, self.pool.most, now, POLL)
        log.info("%s: begins or goes on with %s", resource.key, run.topic)
        return Report(resource.key, retry=SOON)

    def _new_run(self, work: RedriveWork) -> Run:
        topics = work.resource.status.get("topics") or ()
        ids = work.resource.status.get("topicIds") or [None] * len(topics)
        jobs = _jobs(work.resource, work.spec, dict(zip(topics, ids, strict=True)))
        run = Run(work.resource.key, work.resource.uid, jobs, self.carry_out)
        self.pool.add(run)
        return run

    def _running(self, resource: Resource, run: Run) -> Report:
        poll = SOON if run.age < YOUNG else POLL
        if run.stopping or not run.news:  # told to stop by what is over by now, or nothing is known to have changed
            return Report(resource.key, retry=poll)
        report = status.running(resource, run.progress, self.context.now(), poll)
        told = resource.status.get("observedGeneration") == resource.generation and _says(resource, status.REDRIVING)
        if told and time.monotonic() - run.written < WRITE_INTERVAL:
            return Report(resource.key, retry=poll)
        if report.status != resource.status:
            run.written = time.monotonic()
        return report

    async def _after_error(self, resource: Resource, run: Run, error: KafkadeError) -> Report | None:
        """The report while it is not tried again; None when it is time to."""
        now, parts = self.context.now(), run.progress
        if isinstance(error, UnknownTopic):
            if run.topic not in await self._topics():
                return self.troubled(resource, error, stalled=True)
        elif _is_final(error):
            return status.failed(resource, error, parts, now, self._waiting(resource))
        left = run.not_before - time.monotonic()
        if left <= 0:
            return None
        return status.troubled(resource, error, parts, now, left + SOON, stalled=False)

    # --- when it is to stop --------------------------------------------------------------------

    def _hold(self, resource: Resource, spec: KafkaDLQRedriveSpec, run: Run | None) -> Report:
        if run is not None and (stopping := self._stopping(run)) is not None:
            return stopping
        parts = () if run is None else run.progress
        return status.held(resource, parts, self.context.now(), observe=not spec.paused)

    def _cancel(self, work: RedriveWork, run: Run | None) -> Report:
        resource, now = work.resource, self.context.now()
        if not status.begun(resource):
            return status.cancelled(resource, (), now, self._waiting(resource))
        run = run or self._new_run(work)
        if self._stopping(run) is not None:
            return status.cancelling(resource, None, now, SOON)
        if run.complete:
            return status.completed(resource, run.progress, now, self._waiting(resource))
        error = run.error
        nothing_to_ask = isinstance(error, UnknownTopic) or (error is not None and _is_final(error))
        if run.exact or nothing_to_ask or work.spec.dry_run:
            return status.cancelled(resource, run.progress, now, self._waiting(resource))
        # what is committed is not known for sure: the operator was restarted, or Kafka was away
        left = run.not_before - time.monotonic()
        if error is not None and left > 0:
            return status.cancelling(resource, error, now, left + SOON)
        self.pool.start(run, self.connection.kafka.security, only_count=True)
        return status.cancelling(resource, None, now, SOON)

    def _stopping(self, run: Run) -> Report | None:
        """The report while a run that must stop has not stopped."""
        if not run.active:
            return None
        run.stop()
        return Report(run.key, retry=SOON)

    # --- after it ran --------------------------------------------------------------------------

    async def _after(self, resource: Resource, spec: KafkaDLQRedriveSpec) -> Report:
        """It is finished: its group goes, and it goes itself when that was asked for."""
        self.pool.drop(resource.uid)
        now = self.context.now()
        told = status.finished(resource, now)
        if FINALIZER in resource.finalizers:
            if (error := await self._clean_up(resource)) is not None:
                log.info("%s: its group is not deleted yet: %s", resource.key, error.message)
                return Report(resource.key, told, retry="backoff")
            return Report(resource.key, told, retry=SOON, release=True)
        if spec.ttl_seconds_after_finished is None:
            return Report(resource.key, told)
        left = spec.ttl_seconds_after_finished - _seconds_since(resource.status["finished"], now)
        if left > 0:
            return Report(resource.key, told, retry=min(left, LONGEST_RETRY))
        if resource.annotations.get(ANNOTATION_DELETION_PROTECTION) == "true":
            return Report(resource.key, told)
        try:
            await self.context.delete(resource)
        except ApiForbidden as error:
            log.warning("%s: spec.ttlSecondsAfterFinished has passed: %s", resource.key, error.message)
            return Report(resource.key, told, retry="backoff")
        log.info("%s: deleted, as spec.ttlSecondsAfterFinished says", resource.key)
        return Report(resource.key)

    async def _end(self, resource: Resource, run: Run | None) -> Report:
        """It is being deleted: what it put back stays so, and one try is made for its group."""
        if run is not None and (stopping := self._stopping(run)) is not None:
            return stopping
        self.pool.drop(resource.uid)
        if (error := await self._clean_up(resource)) is not None:
            log.info("%s: its group is left behind, and expires: %s", resource.key, error.message)
        return Report(resource.key, release=True, wakes=self._waiting(resource))

    async def _clean_up(self, resource: Resource) -> KafkadeError | None:
        """Delete the group that keeps the progress; what keeps it from being deleted."""
        if not status.begun(resource) or resource.spec.get("dryRun"):
            return None
        group = GROUP_PREFIX + resource.uid
        try:
            async with asyncio.timeout(CLEAN_UP):
                return (await self.connection.kafka.delete_groups([group]))[group]
        except TimeoutError:
            return ClusterUnreachable(f"group {group}: no answer within {CLEAN_UP:.0f} s")
        except KafkadeError as error:
            return error

    def _waiting(self, resource: Resource) -> frozenset[Key]:
        """Who may begin once this one is finished."""
        return frozenset(
            other.key
            for other in self.redrives
            if other.uid != resource.uid and status.phase_of(other) is Phase.PENDING
        )


def _jobs(resource: Resource, spec: KafkaDLQRedriveSpec, topics: Mapping[str, str | None]) -> list[Job]:
    return [Job.of(spec, resource.uid, topic, topic_id) for topic, topic_id in topics.items()]


def _says(resource: Resource, reason: str) -> bool:
    return (condition(resource.status, "Ready") or {}).get("reason") == reason


def _is_final(error: KafkadeError) -> bool:
    """Whether a redrive can never go on after it; another one that has taken over a topic ends one day."""
    return not error.retryable and not isinstance(error, Fenced)


def _seconds_since(then: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()
