"""Reads, at an interval, what Prometheus is told of the groups and topics of each KafkaCluster that wants it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from kafkade.api.cluster import ClusterMetrics
from kafkade.api.common import seconds
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Key
from kafkade.api.tracing import span
from kafkade.clients.connection import Connection
from kafkade.groups.metrics import GroupMetrics
from kafkade.groups.series import Bounds
from kafkade.groups.watch import Watch

log = logging.getLogger("kafkade.watching")

SHORTEST = 5.0
"""Seconds between two looks, whatever a spec says."""


@dataclass(frozen=True, slots=True)
class _Running:
    """A task, and what it was begun for."""

    spec: ClusterMetrics
    task: asyncio.Task[None]


class Watching:
    """One task for each cluster. ``connection``: the working one of a KafkaCluster, or None."""

    def __init__(self, connection: Callable[[Key], Connection | None]) -> None:
        self.metrics = GroupMetrics()
        self._connection = connection
        self._running: dict[Key, _Running] = {}

    def follow(self, cluster: Key) -> None:
        """The cluster was looked at: begin, go on or end, as its spec says now. Without a connection nothing changes."""
        connection = self._connection(cluster)
        if connection is None:
            return
        wanted = None if connection.spec.paused else connection.spec.metrics
        running = self._running.get(cluster)
        if running is not None and running.spec == wanted:
            return
        self.forget(cluster)
        if wanted is not None:
            task = asyncio.create_task(self._watch(cluster, wanted), name=f"metrics of {cluster.name}")
            self._running[cluster] = _Running(wanted, task)

    def forget(self, cluster: Key) -> None:
        """Nothing is read or told of it any more."""
        running = self._running.pop(cluster, None)
        if running is not None:
            running.task.cancel()
        self.metrics.forget(cluster)

    async def close(self) -> None:
        """End all."""
        tasks = [running.task for running in self._running.values()]
        for cluster in list(self._running):
            self.forget(cluster)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, cluster: Key, wanted: ClusterMetrics) -> None:
        interval = max(SHORTEST, seconds(wanted.interval))
        watch = Watch(_bounds(wanted), interval)
        well = True
        while True:
            well = await self._look(cluster, watch, well)
            await asyncio.sleep(interval * random.uniform(0.95, 1.05))  # noqa: S311 -- jitter

    async def _look(self, cluster: Key, watch: Watch, well: bool) -> bool:
        """Whether it went well. Trouble is told once; the condition Ready of the KafkaCluster has what is its own."""
        connection = self._connection(cluster)
        if connection is None:
            self.metrics.tell(cluster, None)
            return well
        where = {"kafkade.cluster": f"{cluster.namespace}/{cluster.name}"}
        try:
            with span("read groups", where, root=True):
                try:
                    told = await watch.look(connection.kafka)
                except Exception as error:
                    if well:
                        _log(cluster, error)  # within the span, so that the line has its ids
                    raise
        except Exception:  # noqa: BLE001 -- told above
            self.metrics.tell(cluster, None)
            return False
        self.metrics.tell(cluster, told)
        if not well:
            log.info("%s: groups and topics are told of again", cluster)
        return True


def _log(cluster: Key, error: Exception) -> None:
    if isinstance(error, KafkadeError):
        log.warning("%s: groups and topics are not told of, tried again: %s", cluster, error.message)
    else:
        log.error("%s: groups and topics are not told of, tried again", cluster, exc_info=error)


def _bounds(wanted: ClusterMetrics) -> Bounds:
    return Bounds(
        None if wanted.groups is None else tuple(wanted.groups),
        None if wanted.topics is None else tuple(wanted.topics),
        wanted.max_series,
    )
