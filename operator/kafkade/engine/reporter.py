"""The one place that writes to Kubernetes what a reconcile came to: status if it differs, Events, the finalizer's end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context

from kafkade.api.conditions import QUIET_REASONS, condition
from kafkade.api.errors import ApiConflict, ApiNotFound, KubernetesError
from kafkade.api.kinds import CLUSTER
from kafkade.api.objects import CONFLICT_RETRY, Event, Key, Report, Resource, Tell
from kafkade.api.tracing import NOTHING, Span
from kafkade.clients.kube_api import KubeApi
from kafkade.clients.slots import Slots
from kafkade.engine.backoff import Backoff
from kafkade.engine.store import Store

log = logging.getLogger("kafkade.reports")

OUTAGE_REASONS = frozenset(
    {
        "ClusterUnreachable",
        "AuthenticationFailed",
        "TLSFailed",
        "RegistryUnreachable",
        "RegistryAuthenticationFailed",
        "ClusterNotReady",
    }
)
"""Trouble of a whole cluster: KafkaCluster's status reports it once; its resources that were as declared stay silent."""

OUTAGE_WRITES = 2
"""Reports of outages that are written at once. Hundreds of resources of a cluster that is down have the same to tell: all at
once they kept the API server from answering what others wait for, and nobody waits for these."""

NOTED = 10
"""Resources that a span names."""


class Reporter:
    """``again(key, seconds)`` asks for another look later; ``wake(keys)`` for one at once; ``count`` counts all reports."""

    def __init__(
        self,
        kube: KubeApi,
        store: Store,
        again: Callable[[Key, float], None],
        seen: Callable[[Resource], None],
        wake: Callable[[Iterable[Key]], None],
        now: Callable[[], str],
        count: Callable[[Report], None],
    ) -> None:
        self._kube = kube
        self._store = store
        self._again = again
        self._seen = seen
        """Takes what a write answered, as what a watch shows: it may hold a spec that is newer than what was looked at, and
        the watch's own event of it then tells nothing new."""
        self._wake = wake
        self._now = now
        self._count = count
        self._backoff = Backoff()
        self._outages = Slots(OUTAGE_WRITES)

    async def write(self, resources: Sequence[Resource], reports: Sequence[Report]) -> None:
        """Write all reports, side by side; a failed write is tried again with the resource's next look.

        ``resources``: as they were looked at. What was found of one that has been deleted and made anew since is dropped.
        """
        await self._write_all(reports, _uids(resources))

    @asynccontextmanager
    async def writing(self, resources: Sequence[Resource]) -> AsyncIterator[Tell]:
        """The same as ``write`` with reports that come one after the other: what it gives begins to write some.

        All are written at the end; if the block is left by an exception, what is not written by then is not.
        """
        uids, context = _uids(resources), copy_context()  # that it is told within a span says nothing of the writes
        under_way: list[asyncio.Task[None]] = []

        def tell(reports: Sequence[Report]) -> None:
            under_way.append(asyncio.create_task(self._write_all(reports, uids), context=context.copy()))

        try:
            yield tell
            await asyncio.gather(*under_way)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _write_all(self, reports: Sequence[Report], uids: Mapping[Key, str]) -> None:
        for report in reports:
            self._count(report)
            # before the status is written: who waits in the same lane needs no second look then, and gets its look after that
            self._wake(report.wakes)
        await asyncio.gather(*(self._write(report, uids[report.key]) for report in reports))

    def forget(self, key: Key) -> None:
        """A resource is gone."""
        self._backoff.reset(key)

    async def _write(self, report: Report, uid: str) -> None:
        if self._is_one_of_many(report):
            async with self._outages:
                await self._try(report, uid)
        else:
            await self._try(report, uid)

    def _is_one_of_many(self, report: Report) -> bool:
        """Whether a write is due that only tells what the KafkaCluster tells as well."""
        if report.key.kind == CLUSTER or not is_outage(report):
            return False
        resource = self._store.get(report.key)
        return resource is not None and report.status != resource.status and not _outage_of_neighbour(report, resource)

    async def _try(self, report: Report, uid: str) -> None:
        resource = self._store.get(report.key)
        if resource is None or resource.uid != uid:
            return
        try:
            await self._apply(report, resource)
        except ApiNotFound:
            return
        except ApiConflict:
            self._again(report.key, CONFLICT_RETRY)
            return
        except KubernetesError as error:
            log.warning("%s: status not written, tried again later: %s", report.key, error.message)
            self._again(report.key, self._backoff.next(report.key))
            return
        if report.retry == "backoff":
            self._again(report.key, self._backoff.next(report.key))
            return
        self._backoff.reset(report.key)
        if report.retry is not None:
            self._again(report.key, report.retry)

    async def _apply(self, report: Report, resource: Resource) -> None:
        if _outage_of_neighbour(report, resource):
            return
        if report.status is not None and report.status != resource.status:
            resource = await self._kube.patch_status(resource, report.status)
            self._seen(resource)
            self._log(report)
        for event in report.events:
            await self._post(resource, event)
        if report.release and resource.is_held:
            left = await self._kube.remove_finalizer(resource)
            if left is not None and left.deleted is None:
                self._seen(left)

    async def _post(self, resource: Resource, event: Event) -> None:
        try:
            await self._kube.post_event(resource, event, self._now())
        except KubernetesError as error:
            log.warning("%s: Event %s not posted (%s): %s", resource.key, event.reason, error.message, event.message)

    def _log(self, report: Report) -> None:
        ready = condition(report.status or {}, "Ready") or {}
        well = ready.get("status") == "True" or ready.get("reason") in QUIET_REASONS
        level = logging.INFO if well else logging.WARNING
        status, reason = ready.get("status"), ready.get("reason")
        fields = {"ready": status, "reason": reason}
        log.log(
            level, "%s: Ready=%s %s: %s", report.key, status, reason, ready.get("message"), extra={"fields": fields}
        )


def _uids(resources: Iterable[Resource]) -> dict[Key, str]:
    return {resource.key: resource.uid for resource in resources}


def is_outage(report: Report) -> bool:
    """Whether a report tells of trouble that is the whole cluster's."""
    ready = condition(report.status or {}, "Ready") or {}
    return ready.get("reason") in OUTAGE_REASONS


def note(under_way: Span, reports: Sequence[Report]) -> None:
    """Tell a span how many resources are as declared, and which of them are not: the first, with their reasons."""
    if under_way is NOTHING:
        return
    conditions = {report.key: condition(report.status or {}, "Ready") or {} for report in reports}
    bad = [f"{key}: {ready.get('reason')}" for key, ready in conditions.items() if ready.get("status") == "False"]
    good = sum(ready.get("status") == "True" for ready in conditions.values())
    under_way.note({"kafkade.ready": good, "kafkade.not_ready": len(bad), "kafkade.not_ready.first": bad[:NOTED]})


def _outage_of_neighbour(report: Report, resource: Resource) -> bool:
    """A resource that was as declared says nothing of its cluster's outage: the KafkaCluster does.

    Neither when its spec changed since: what is reported here is of the spec before, and the new one gets its own look.
    """
    before = condition(resource.status, "Ready") or {}
    return (
        is_outage(report)
        and resource.key.kind != CLUSTER
        and before.get("status") == "True"
        and resource.status.get("observedGeneration") == (report.status or {}).get("observedGeneration")
    )
