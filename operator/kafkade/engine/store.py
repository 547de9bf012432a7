"""The resources as last seen, and the indexes over them: by cluster, by reference, by what they claim."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from kafkade.api.kinds import CLUSTER, KINDS
from kafkade.api.objects import Key, Resource

K = TypeVar("K")

GRAVES = 4096
"""Deletions that are remembered, the last ones: what is older than they can only be shown by an API server far behind."""


@dataclass(frozen=True, slots=True)
class Indexer:
    """How one kind is indexed: what it claims on its Kafka (or None), and which other resources it names."""

    claim: Callable[[Resource], str | None]
    references: Callable[[Resource], Iterable[Key]]


class Belongs(Protocol):
    """What says which cluster something belongs to."""

    @property
    def key(self) -> Key: ...

    @property
    def spec(self) -> Mapping[str, Any]: ...


def cluster_of(resource: Belongs) -> Key | None:
    """The KafkaCluster that a resource belongs to: itself, or spec.clusterRef's."""
    if resource.key.kind == CLUSTER:
        return resource.key
    ref = resource.spec.get("clusterRef")
    name = ref.get("name") if isinstance(ref, Mapping) else None
    if not isinstance(ref, Mapping) or not isinstance(name, str):
        return None
    return Key(CLUSTER, ref.get("namespace") or resource.key.namespace, name)


class Store:
    """Holds one Resource a key; memory is bounded by the resources that exist."""

    def __init__(self, indexers: Mapping[str, Indexer]) -> None:
        self._indexers = indexers
        self._resources: dict[Key, Resource] = {}
        self._by_cluster: dict[tuple[Key, str], set[Key]] = defaultdict(set)
        self._by_reference: dict[Key, set[Key]] = defaultdict(set)
        self._by_claim: dict[tuple[str, str], set[Key]] = defaultdict(set)
        self._graves: OrderedDict[Key, str] = OrderedDict()
        self._entries: dict[Key, tuple[Key | None, frozenset[Key], str | None]] = {}

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def resources(self) -> list[Resource]:
        """All of them, in a list that later changes leave alone: threads may ask for it."""
        return list(self._resources.values())

    def get(self, key: Key) -> Resource | None:
        """The resource as last seen."""
        return self._resources.get(key)

    def outdated(self, resource: Resource) -> bool:
        """Whether something newer is known, be it that the resource is gone: a watch or a list showed an old state.

        resourceVersions of all objects of a kind have one order, so an object that had the name before is seen as such.
        """
        known, grave = self._resources.get(resource.key), self._graves.get(resource.key)
        if known is not None and is_older(resource.resource_version, known.resource_version):
            return True
        return grave is not None and not is_older(grave, resource.resource_version, unknown=True)

    def put(self, resource: Resource) -> Resource | None:
        """Remember a resource; returns what was known before. What is outdated is dropped."""
        before = self._resources.get(resource.key)
        if self.outdated(resource):
            return before
        self._graves.pop(resource.key, None)
        self._resources[resource.key] = resource
        if (
            before is None
            or before.spec != resource.spec
            or before.status.get("subject") != resource.status.get("subject")
        ):
            self._index(resource)
            for key in tuple(self._by_reference.get(resource.key, ())):
                dependant = self._resources.get(key)
                if dependant is not None:
                    self._index(dependant)  # a claim can come from the resource it names
        return before

    def remove(self, key: Key, version: str = "") -> Resource | None:
        """Forget a resource that is gone as of a resourceVersion; returns it."""
        self._unindex(key)
        removed = self._resources.pop(key, None)
        if version:
            self._graves[key] = version
            if len(self._graves) > GRAVES:
                self._graves.popitem(last=False)
        return removed

    def members(self, cluster: Key, kind: str | None = None) -> frozenset[Key]:
        """Resources of a cluster, of one kind or of all; the KafkaCluster itself is not among them."""
        kinds = [kind] if kind is not None else [k for k in KINDS if k != CLUSTER]
        return frozenset(key for each in kinds for key in self._by_cluster.get((cluster, each), ()))

    def dependants(self, key: Key) -> frozenset[Key]:
        """Resources whose spec names ``key``."""
        return frozenset(self._by_reference.get(key, ()))

    def claimants(self, kind: str, claim: str) -> tuple[Resource, ...]:
        """Resources of a kind that claim the same name, on whatever Kafka."""
        return tuple(self._resources[k] for k in self._by_claim.get((kind, claim), ()) if k in self._resources)

    def claim(self, key: Key) -> str | None:
        """What a resource claims."""
        entry = self._entries.get(key)
        return entry[2] if entry else None

    def _index(self, resource: Resource) -> None:
        key = resource.key
        self._unindex(key)
        indexer = self._indexers.get(key.kind)
        cluster = cluster_of(resource)
        references = frozenset(indexer.references(resource)) if indexer else frozenset()
        claim = indexer.claim(resource) if indexer else None
        self._entries[key] = (cluster, references, claim)
        if cluster is not None:
            self._by_cluster[cluster, key.kind].add(key)
        for reference in references:
            self._by_reference[reference].add(key)
        if claim is not None:
            self._by_claim[key.kind, claim].add(key)

    def _unindex(self, key: Key) -> None:
        cluster, references, claim = self._entries.pop(key, (None, frozenset(), None))
        if cluster is not None:
            _discard(self._by_cluster, (cluster, key.kind), key)
        for reference in references:
            _discard(self._by_reference, reference, key)
        if claim is not None:
            _discard(self._by_claim, (key.kind, claim), key)


def is_older(version: str, known: str, *, unknown: bool = False) -> bool:
    """resourceVersions of a kind are ordered integers in etcd-backed servers (KEP-5504); ``unknown`` where one is none."""
    try:
        return int(version) < int(known)
    except ValueError:
        return unknown


def _discard(index: dict[K, set[Key]], entry: K, key: Key) -> None:
    keys = index.get(entry)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[entry]
