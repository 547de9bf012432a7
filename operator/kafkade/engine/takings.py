"""Which topics are being made or taken over at this moment, written down for many in one write.

An annotation of the KafkaCluster has their marks (``topics/marks.py``) before anything is done in Kafka. So it takes a write
a batch in place of one a topic, and after a crash it is known whose a topic is that nobody recorded yet. What was recorded, or
was refused, has no mark any more: it goes from the annotation with the next announcement, or when there is none for a while.

Why an annotation: the operator may write it already, it goes with the KafkaCluster, nobody but its owner may forge it, and
neither Argo CD nor Flux nor ``kubectl apply`` take it for a difference. The status has one writer at a time, a look at the
cluster; this is written beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from kafkade.api import ANNOTATION_TAKING
from kafkade.api.errors import ApiConflict, ApiNotFound, ApiUnavailable, KubernetesError
from kafkade.api.kinds import TOPIC
from kafkade.api.objects import Key, Resource
from kafkade.clients.kube_api import KubeApi
from kafkade.engine.store import Store, cluster_of
from kafkade.topics.marks import joined, making, mark_of, split
from kafkade.topics.plan import ANNOUNCED, recorded_id

log = logging.getLogger("kafkade.engine")

IDLE = 3.0
"""Seconds without an announcement after which marks that hold no more are taken away."""

MOST = 3000
"""Marks of a KafkaCluster: all annotations of an object have 256 KiB together, and a mark up to 39 characters."""


@dataclass(frozen=True, slots=True)
class _Of:
    """Whose a mark is: the resource, and the topic id that it had on record."""

    key: Key
    uid: str
    record: str | None


@dataclass(slots=True)
class _Standing:
    """The marks of one KafkaCluster that hold."""

    uid: str
    kafka: str
    """Kafka's own id of the cluster as it was at first."""
    left: set[str]
    """Marks of the operator before this one whose resources were not seen yet."""
    marks: dict[str, _Of] = field(default_factory=dict)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    announced: float = 0.0
    """When by the event loop's clock there was an announcement last."""
    tidying: asyncio.Task[None] | None = None


class Takings:
    """``cluster_id`` tells Kafka's own id of a cluster that is connected; ``seen`` takes what a write answered; ``is_listed``:
    whether all resources that there were at the start are known.

    What is known of a KafkaCluster begins with its annotation as it was left by the operator before this one.
    """

    def __init__(
        self,
        kube: KubeApi,
        store: Store,
        cluster_id: Callable[[Key], str | None],
        seen: Callable[[Resource], None],
        is_listed: Callable[[], bool],
    ) -> None:
        self._is_listed = is_listed
        self._kube = kube
        self._store = store
        self._cluster_id = cluster_id
        self._seen = seen
        self._clusters: dict[Key, _Standing] = {}

    def holds(self, cluster: Key, mark: str) -> bool:
        """Whether a mark was announced and holds."""
        standing = self._standing(cluster)
        if standing is None:
            return False
        found = standing.marks.get(mark)
        return mark in standing.left if found is None else not self._is_void(found)

    def may_concern(self, resource: Resource) -> bool:
        """Whether a topic is perhaps being made or taken over for a resource: as long as nobody knows, it may be."""
        cluster = cluster_of(resource)
        if cluster is None:
            return False
        standing = self._standing(cluster)
        if standing is not None:
            self._claim(cluster, standing)
            return any(of.key == resource.key and of.uid == resource.uid for of in standing.marks.values())
        known = self._store.get(cluster)
        return known is not None and bool(known.annotations.get(ANNOTATION_TAKING))

    async def announce(self, cluster: Key, marks: Mapping[str, Resource]) -> None:
        """Write marks down, each of a resource as it is now; all that hold already stay.

        Raises:
            ApiConflict: the KafkaCluster is gone, or is not connected any more.
            KubernetesError: they are not written down. What they say must not be done.
        """
        standing = self._standing(cluster)
        if standing is None:
            raise ApiConflict(f"{cluster} is gone, or is not connected any more")
        async with standing.writing:
            self._claim(cluster, standing)
            new = {m: _Of(r.key, r.uid, recorded_id(r)) for m, r in marks.items() if m not in standing.marks}
            if len(standing.marks) + len(new) > MOST:
                self._sweep(standing)
            if len(standing.marks) + len(new) > MOST:
                raise ApiUnavailable(
                    f"{cluster}: {len(standing.marks)} topics are being made already; tried again later"
                )
            standing.marks.update(new)
            standing.announced = asyncio.get_running_loop().time()
            try:
                await self._write(cluster, standing)
            except BaseException as error:
                # it may have been written all the same: then it goes with the next write
                for mark in new:
                    standing.marks.pop(mark, None)
                if isinstance(error, ApiNotFound):  # of the cluster, and not of the resources
                    raise ApiConflict(error.message) from error
                raise
        self.tidy(cluster)

    async def withdraw(self, cluster: Key, keys: Collection[Key]) -> None:
        """No mark of these resources holds any more: Kafka refused. From here on a topic of that name is somebody else's.

        Written at once, so that this is so after a crash too; where that fails, soon.
        """
        standing = self._standing(cluster)
        if standing is None:
            return
        self._claim(cluster, standing)
        if not any(of.key in keys for of in standing.marks.values()):
            return
        async with standing.writing:
            for mark in [m for m, of in standing.marks.items() if of.key in keys]:
                del standing.marks[mark]
            try:
                await self._write(cluster, standing)
            except KubernetesError as error:
                log.warning("%s: marks not taken back, tried again: %s", cluster, error.message)
        self.tidy(cluster)

    def tidy(self, cluster: Key) -> None:
        """See to it that marks go that hold no more."""
        known, standing = self._store.get(cluster), self._standing(cluster)
        if known is None or standing is None or ANNOTATION_TAKING not in known.annotations:
            return
        if standing.tidying is None or standing.tidying.done():
            standing.tidying = asyncio.create_task(self._tidy(cluster, standing), name=f"marks of {cluster.name}")

    async def close(self) -> None:
        """Leave things as they are."""
        tasks = [s.tidying for s in self._clusters.values() if s.tidying is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tidy(self, cluster: Key, standing: _Standing) -> None:
        clock = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.1, standing.announced + IDLE - clock.time()))
            known = self._store.get(cluster)
            if known is None or known.uid != standing.uid or ANNOTATION_TAKING not in known.annotations:
                return
            if clock.time() < standing.announced + IDLE:
                continue
            standing.announced = clock.time()  # the next try is not at once
            async with standing.writing:
                try:
                    await self._write(cluster, standing)
                except KubernetesError as error:
                    log.warning("%s: marks not taken away, tried again: %s", cluster, error.message)

    async def _write(self, cluster: Key, standing: _Standing) -> None:
        """Bring the annotation to the marks that hold."""
        known = self._store.get(cluster)
        if known is None or known.uid != standing.uid:
            raise ApiNotFound(f"{cluster} is gone")
        self._claim(cluster, standing)
        self._sweep(standing)
        text = joined({*standing.marks, *standing.left})
        if known.annotations.get(ANNOTATION_TAKING) != text:
            self._seen(await self._kube.annotate(known, ANNOTATION_TAKING, text))

    def _sweep(self, standing: _Standing) -> None:
        for mark in [m for m, of in standing.marks.items() if self._is_void(of)]:
            del standing.marks[mark]

    def _is_void(self, of: _Of) -> bool:
        """Whether there is a better record by now, or nobody whom a mark concerns."""
        resource = self._store.get(of.key)
        return (
            resource is None
            or resource.uid != of.uid
            or recorded_id(resource) != of.record
            or bool(resource.status.get(ANNOUNCED))
        )

    def _standing(self, cluster: Key) -> _Standing | None:
        """What holds; None where that cannot be known (any more): no KafkaCluster, or it was never connected."""
        known, standing = self._store.get(cluster), self._clusters.get(cluster)
        if known is None:
            self._clusters.pop(cluster, None)
            return None
        if standing is not None and standing.uid == known.uid:
            return standing
        kafka = self._cluster_id(cluster)
        if kafka is None:
            return None
        left = split(known.annotations.get(ANNOTATION_TAKING))
        self._clusters[cluster] = standing = _Standing(known.uid, kafka, left)
        return standing

    def _claim(self, cluster: Key, standing: _Standing) -> None:
        """Find out whose the marks are that were left behind: of resources as they are, and of this Kafka."""
        if not standing.left:
            return
        topics = [r for key in self._store.members(cluster, TOPIC) if (r := self._store.get(key)) is not None]
        owners = {mark_of(r, standing.kafka): _Of(r.key, r.uid, recorded_id(r)) for r in topics}
        for mark in [m for m in standing.left if making(m) in owners]:
            standing.left.discard(mark)
            standing.marks[mark] = owners[making(mark)]
        if self._is_listed():
            standing.left.clear()
