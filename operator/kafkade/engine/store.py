"""The resources as last seen, and the indexes over them: by cluster, by reference, by what they claim."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from kafkade.api.conditions import condition
from kafkade.api.kinds import CLUSTER, KINDS
from kafkade.api.objects import Key, Resource
from kafkade.api.packing import Kept, Packer, opened

K = TypeVar("K")
T = TypeVar("T", bound=Hashable)

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


class Readiness(NamedTuple):
    """Status and reason of a resource's condition Ready."""

    status: str = "Unknown"
    reason: str = ""


@lru_cache(maxsize=1024)
def _one(value: T) -> T:
    """The first of equal values: thousands of resources stand alike and belong to one cluster."""
    return value


def readiness(resource: Resource) -> Readiness:
    """How a resource stands."""
    ready = condition(resource.status, "Ready")
    return Readiness(ready["status"], ready["reason"]) if ready else Readiness()


@dataclass(slots=True)
class _Entry:
    """A resource, and where the indexes have it."""

    key: Key
    version: str
    kept: Kept
    readiness: Readiness
    cluster: Key | None = None
    references: tuple[Key, ...] = ()
    """Each once; most name none, and a set would take four times the memory."""
    claim: str | None = None

    @property
    def resource(self) -> Resource:
        return opened(self.kept, self.key, self.version)


class Store:
    """Holds one Resource a key; memory is bounded by the resources that exist.

    They are packed, and each call that gives a Resource unpacks it: ask for a resource once, and not for all at once. Of
    KafkaClusters there are few, and each look at a topic asks for its own: they stay as they are.
    """

    def __init__(self, indexers: Mapping[str, Indexer]) -> None:
        self._indexers = indexers
        self._packer = Packer()
        self._entries: dict[Key, _Entry] = {}
        self._by_cluster: dict[tuple[Key, str], set[Key]] = defaultdict(set)
        self._by_reference: dict[Key, set[Key]] = defaultdict(set)
        self._by_claim: dict[str, dict[str, tuple[Key, ...]]] = {kind: {} for kind in KINDS}
        """By kind and claim: one key in nearly all cases, of which a set would take four times the memory."""
        self._graves: OrderedDict[Key, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Resource]:
        return (entry.resource for entry in self._entries.values())

    def known(self, kind: str, namespace: str | None) -> set[Key]:
        """The resources of a kind, in one namespace or (None) all."""
        return {key for key in self._entries if key.kind == kind and namespace in (None, key.namespace)}

    def counts(self) -> Counter[tuple[str, str, Readiness]]:
        """How many resources there are by namespace, kind and readiness; threads may ask for it."""
        return Counter((e.key.namespace, e.key.kind, e.readiness) for e in list(self._entries.values()))

    def get(self, key: Key) -> Resource | None:
        """The resource as last seen."""
        entry = self._entries.get(key)
        return entry.resource if entry else None

    def outdated(self, resource: Resource) -> bool:
        """Whether something newer is known, be it that the resource is gone: a watch or a list showed an old state.

        resourceVersions of all objects of a kind have one order, so an object that had the name before is seen as such.
        """
        known, grave = self._entries.get(resource.key), self._graves.get(resource.key)
        if known is not None and is_older(resource.resource_version, known.version):
            return True
        return grave is not None and not is_older(grave, resource.resource_version, unknown=True)

    def has(self, resource: Resource) -> bool:
        """Whether a resource is known just like this: a resourceVersion is given to one state of one object, and no other."""
        known = self._entries.get(resource.key)
        return known is not None and known.version == resource.resource_version != ""

    def put(self, resource: Resource) -> Resource | None:
        """Remember a resource; returns what was known before. What is outdated is dropped."""
        before = self.get(resource.key)
        if self.outdated(resource):
            return before
        self._graves.pop(resource.key, None)
        kept = resource if resource.key.kind == CLUSTER else self._packer.kept(resource)
        entry, version, ready = self._entries.get(resource.key), resource.resource_version, _one(readiness(resource))
        if entry is None:
            entry = self._entries[resource.key] = _Entry(resource.key, version, kept, ready)
        else:
            entry.version, entry.kept, entry.readiness = version, kept, ready
        if (
            before is None
            or before.spec != resource.spec
            or before.status.get("subject") != resource.status.get("subject")
        ):
            self._index(entry, resource)
            for key in tuple(self._by_reference.get(resource.key, ())):
                dependant = self._entries.get(key)
                if dependant is not None:
                    self._index(dependant, dependant.resource)  # a claim can come from the resource it names
        return before

    def remove(self, key: Key, version: str = "") -> Resource | None:
        """Forget a resource that is gone as of a resourceVersion; returns it."""
        removed = self._entries.pop(key, None)
        if removed is not None:
            self._unindex(removed)
        if version:
            self._graves[key] = version
            if len(self._graves) > GRAVES:
                self._graves.popitem(last=False)
        return removed.resource if removed else None

    def cluster(self, key: Key) -> Key | None:
        """The KafkaCluster that a resource belongs to; None also where the resource is not known."""
        entry = self._entries.get(key)
        return entry.cluster if entry else None

    def members(self, cluster: Key, kind: str | None = None) -> frozenset[Key]:
        """Resources of a cluster, of one kind or of all; the KafkaCluster itself is not among them."""
        kinds = [kind] if kind is not None else [k for k in KINDS if k != CLUSTER]
        return frozenset(key for each in kinds for key in self._by_cluster.get((cluster, each), ()))

    def dependants(self, key: Key) -> frozenset[Key]:
        """Resources whose spec names ``key``."""
        return frozenset(self._by_reference.get(key, ()))

    def claimants(self, kind: str, claim: str) -> tuple[Resource, ...]:
        """Resources of a kind that claim the same name, on whatever Kafka."""
        return tuple(self._entries[k].resource for k in self._by_claim[kind].get(claim, ()))

    def claim(self, key: Key) -> str | None:
        """What a resource claims."""
        entry = self._entries.get(key)
        return entry.claim if entry else None

    def rivals(self, key: Key) -> list[Key]:
        """Other resources that claim the same name as this one."""
        claim = self.claim(key)
        return [other for other in self._by_claim[key.kind].get(claim, ()) if other != key] if claim else []

    def _index(self, entry: _Entry, resource: Resource) -> None:
        self._unindex(entry)
        key = entry.key
        indexer = self._indexers.get(key.kind)
        entry.cluster = _one(cluster_of(resource))
        entry.references = tuple(dict.fromkeys(indexer.references(resource))) if indexer else ()
        entry.claim = indexer.claim(resource) if indexer else None
        if entry.cluster is not None:
            self._by_cluster[entry.cluster, key.kind].add(key)
        for reference in entry.references:
            self._by_reference[reference].add(key)
        if entry.claim is not None:
            claims = self._by_claim[key.kind]
            claims[entry.claim] = (*claims.get(entry.claim, ()), key)

    def _unindex(self, entry: _Entry) -> None:
        key = entry.key
        if entry.cluster is not None:
            _discard(self._by_cluster, (entry.cluster, key.kind), key)
        for reference in entry.references:
            _discard(self._by_reference, reference, key)
        if entry.claim is not None:
            left = tuple(k for k in self._by_claim[key.kind].pop(entry.claim, ()) if k != key)
            if left:
                self._by_claim[key.kind][entry.claim] = left


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
