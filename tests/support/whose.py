"""A Kubernetes API and a Kafka in memory, and operators over them that crash before or after any of their requests.

For whose topic it is: the parts that decide it are the real ones (gates, reconcile of topics, marks, reporter). What stands in
here are the two ends, since no real one can be made to crash an operator between any two requests a thousand times a minute.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

from kafkade.api import ADMISSION_FINALIZER
from kafkade.api.cluster import KafkaClusterSpec
from kafkade.api.common import parse
from kafkade.api.context import Work
from kafkade.api.errors import InvalidConfig, KafkadeError, TopicAlreadyExists, UnknownTopic
from kafkade.api.kinds import CLUSTER, TOPIC
from kafkade.api.objects import Key, Report, Resource
from kafkade.clients.connection import Connection
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kube_api import KubeApi
from kafkade.clients.model import (
    BrokerNode,
    ClusterDescription,
    ConfigEntry,
    Health,
    NewTopic,
    Partition,
    PartitionMove,
    TopicDescription,
    TopicState,
)
from kafkade.engine.connections import State
from kafkade.engine.parts import Parts
from kafkade.engine.reporter import Reporter
from kafkade.local.kube import LocalKube, Memory
from kafkade.local.manifests import Manifest, Manifests
from kafkade.topics.reconcile import Topics

MAIN = Key(CLUSTER, "shop", "main")
NOW = "2026-01-01T00:00:00Z"


class Crash(BaseException):
    """The process is no more."""


@dataclass
class Kafka:
    """Topics by name; of each its id and for which resource it was made, None by hand."""

    cluster_id: str = "one"
    topics: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    refuses: bool = False
    ids: Any = field(default_factory=lambda: itertools.count(1))

    def make(self, name: str, maker: str | None = None) -> str | None:
        """A new topic, unless there is one; its id."""
        if name in self.topics:
            return None
        self.topics[name] = (f"id-{next(self.ids)}", maker)
        return self.topics[name][0]


class Requests:
    """Counts the requests of one operator; at the one that ``crash`` says (a number and whether before or after) it ends."""

    def __init__(self, crash: tuple[int, bool] | None, between: Callable[[int], None] = lambda _: None) -> None:
        self._crash = crash
        self._between = between
        self._dead = False
        self.count = 0

    async def __call__(self, request: Callable[[], Any]) -> Any:
        """Carry out a request, unless it is over."""
        if self._dead:
            raise Crash
        self.count += 1
        mine = self.count
        self._between(mine)
        if self._crash == (mine, False):
            self._dead = True
            raise Crash
        answer = request()
        if isawaitable(answer):
            answer = await answer
        if self._crash == (mine, True):
            self._dead = True
            raise Crash
        return answer


class Admin:
    """Of KafkaAdmin what topics need."""

    def __init__(self, kafka: Kafka, requests: Requests, maker: Callable[[str], str]) -> None:
        self._kafka, self._requests, self._maker = kafka, requests, maker
        self.throttling: AbstractAsyncContextManager[None] = nullcontext()

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicDescription | KafkadeError]:
        def look(name: str) -> TopicDescription | KafkadeError:
            if name not in self._kafka.topics:
                return UnknownTopic(name)
            return TopicDescription(name, self._kafka.topics[name][0], (Partition((1,), (1,), 1),))

        found = await self._requests(lambda: {name: look(name) for name in names})
        return cast(dict[str, TopicDescription | KafkadeError], found)

    async def topic_configs(self, names: Collection[str]) -> dict[str, dict[str, ConfigEntry]]:
        return {name: {} for name in names}

    async def survey(self, keys: Mapping[str, Set[str]]) -> dict[str, TopicState | KafkadeError]:
        found = await self.describe_topics(keys)
        return {n: TopicState(t, {}) if isinstance(t, TopicDescription) else t for n, t in found.items()}

    async def reassignments(self, names: Collection[str]) -> dict[tuple[str, int], PartitionMove]:
        return {}

    async def create_topics(self, topics: Sequence[NewTopic], *, dry: bool = False) -> dict[str, KafkadeError | None]:
        def one(name: str) -> KafkadeError | None:
            if self._kafka.refuses:
                return InvalidConfig("no")
            if dry:
                return TopicAlreadyExists(name) if name in self._kafka.topics else None
            made = self._kafka.make(name, self._maker(name))
            return None if made is not None else TopicAlreadyExists(name)

        if not topics:
            return {}
        answers = await self._requests(lambda: {t.name: one(t.name) for t in topics})
        return cast(dict[str, KafkadeError | None], answers)

    async def delete_topics(self, names: Collection[str]) -> dict[str, KafkadeError | None]:
        def delete() -> dict[str, KafkadeError | None]:
            for name in names:
                self._kafka.topics.pop(name, None)
            return dict.fromkeys(names)

        return cast(dict[str, KafkadeError | None], await self._requests(delete)) if names else {}

    async def alter_topic_configs(self, changes: Mapping[str, Any]) -> dict[str, KafkadeError | None]:
        return dict.fromkeys(changes)

    async def create_partitions(self, totals: Mapping[str, int]) -> dict[str, KafkadeError | None]:
        return dict.fromkeys(totals)

    async def reassign(self, moves: Mapping[tuple[str, int], Any]) -> dict[tuple[str, int], KafkadeError | None]:
        return dict.fromkeys(moves)


class Asked:
    """A Kubernetes API of which each write is a request that may be the last."""

    def __init__(self, kube: LocalKube, requests: Requests) -> None:
        self._kube, self._requests = kube, requests

    def __getattr__(self, name: str) -> Any:
        write = getattr(self._kube, name)
        if not name.startswith(("patch_", "add_", "remove_", "annotate", "post_")):
            return write

        async def asked(*args: Any) -> Any:
            return await self._requests(lambda: write(*args))

        return asked


class World:
    """What outlives operators."""

    def __init__(self) -> None:
        self.kafka = Kafka()
        self.keep = Memory()
        self.kube = LocalKube(self.keep, lambda: NOW)
        self.specs: dict[Key, dict[str, Any]] = {MAIN: {"bootstrapServers": "k:9092"}}
        self.declare()

    def declare(self) -> None:
        """Have the API know what is in ``specs``; what is not is in deletion."""
        self.kube.declare(Manifests({k: Manifest(k, s) for k, s in self.specs.items()}), prune=True)

    def add(self, name: str, *, admitted: bool = True, **spec: Any) -> Key:
        """A new KafkaTopic, with the API server's finalizer or without."""
        key = Key(TOPIC, "shop", name)
        known = set(self.keep.objects)
        self.specs[key] = {"clusterRef": {"name": "main"}, "replicationFactor": 1, "partitions": 1, **spec}
        self.declare()
        if admitted and key not in known:
            body = self.keep.objects[key]
            self.keep.put(key, {**body, "metadata": {**body["metadata"], "finalizers": [ADMISSION_FINALIZER]}})
        return key

    def remove(self, name: str) -> None:
        """Delete a KafkaTopic."""
        self.specs.pop(Key(TOPIC, "shop", name), None)
        self.declare()

    def get(self, name: str) -> Resource | None:
        """A KafkaTopic as the API has it."""
        return next((r for r in self.kube.resources() if r.key == Key(TOPIC, "shop", name)), None)

    def marks(self) -> str:
        """The annotation of the KafkaCluster."""
        found = next(r for r in self.kube.resources() if r.key == MAIN)
        return " ".join(found.annotations.values())


class Operator:
    """One process: it lists, and then looks at topics whenever it is told to."""

    def __init__(
        self,
        world: World,
        crash: tuple[int, bool] | None = None,
        between: Callable[[int], None] = lambda _: None,
        unseen: Collection[str] = (),
    ) -> None:
        self.unseen = unseen
        """Names of topics that are not listed yet."""
        self.requests = Requests(crash, between)
        self._topics = Topics()
        kube = cast(KubeApi, Asked(world.kube, self.requests))
        self._parts = parts = Parts(
            kube,
            lambda *_: None,  # type: ignore[arg-type, return-value]
            wake=lambda _: None,
            seen=self._seen,
            is_listed=lambda: not self.unseen,
        )
        self._reporter = Reporter(
            *(kube, parts.store, lambda *_: None, self._seen, lambda _: None, lambda: NOW, lambda _: None)
        )
        self._world = world
        self.relist()
        health = Health(0, 0, 0, 0)
        brokers = (BrokerNode(1, "127.0.0.1", 9092, None),)
        self._connection = Connection(
            MAIN,
            parse(KafkaClusterSpec, world.specs[MAIN]),
            ClusterDescription(world.kafka.cluster_id, 1, brokers, health),
            cast(KafkaAdmin, Admin(world.kafka, self.requests, self._uid)),
            None,
        )
        state = State(connection=self._connection)
        state.tried.set()
        self._parts.connections._states[MAIN] = state

    def relist(self) -> None:
        """See what there is."""
        there = {r.key: r for r in self._world.kube.resources() if r.key.name not in self.unseen}
        for resource in there.values():
            self._parts.store.put(resource)
        for known in list(self._parts.store):
            if known.key not in there:
                self._parts.store.remove(known.key)

    async def look(self, *, routine: bool = False) -> None:
        """One batch of all topics, from gates to reports. ``routine``: as a resync looks at them. Raises Crash."""
        self.relist()
        resources = [r for r in list(self._parts.store) if r.key.kind == TOPIC]
        admitted = [await self._parts.gates.admit(r) for r in resources]
        await self._reporter.write(resources, [a for a in admitted if isinstance(a, Report)])
        works = [a for a in admitted if isinstance(a, Work)]
        if works:
            way = self._topics.look_again if routine else self._topics.reconcile
            await self._reporter.write(resources, await way(works, self._connection, self._parts.view))

    async def tidy(self) -> None:
        """What is done when there was no announcement for a while. Raises Crash."""
        standing = self._parts.takings._standing(MAIN)
        assert standing is not None
        await self._parts.takings._write(MAIN, standing)

    async def close(self) -> None:
        """The end of the process."""
        await self._parts.close()

    def _seen(self, resource: Resource) -> None:
        self._parts.store.put(resource)

    def _uid(self, name: str) -> str:
        found = self._world.get(name)
        return found.uid if found is not None else "nobody"
