"""Facts for the tests of rolling, made short: three pods kafka-0 to kafka-2 that are nodes 0 to 2, brokers and controllers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafkade.clients.model import Partition, Quorum, Replication, Voter
from kafkade.clusters.rolling.pods import Pod, StatefulSet

OLD, NEW = "kafka-old", "kafka-new"


def pod(node: int, revision: str = OLD, name: str | None = None, **more: Any) -> Pod:
    """A pod that is Ready, unless ``more`` says otherwise."""
    name = name or f"kafka-{node}"
    return Pod(name, node, **{"uid": f"uid-{name}-{revision}", "revision": revision, "ready": True, **more})


def absent(node: int) -> Pod:
    """A pod that is not there."""
    return Pod(f"kafka-{node}", node)


def pods(*found: Pod, name: str = "kafka", **more: Any) -> StatefulSet:
    """A StatefulSet whose newest revision is NEW."""
    return StatefulSet(name, NEW, found, **more)


def all_old() -> StatefulSet:
    """Nothing is rolled yet."""
    return pods(pod(0), pod(1), pod(2))


def partition(*replicas: int, isr: Sequence[int] | None = None) -> Partition:
    """In sync unless ``isr`` says otherwise; led by the first that is."""
    in_sync = tuple(replicas if isr is None else isr)
    return Partition(replicas, in_sync, in_sync[0] if in_sync else None)


def voters(leader: int | None = 2, **behind: int | None) -> Quorum:
    """Nodes 0 to 2 vote; ``v1=9000`` is a lag in milliseconds."""
    return Quorum(leader, tuple(Voter(id_, behind.get(f"v{id_}", 0)) for id_ in (0, 1, 2)))


def kafka(
    topics: Mapping[str, Sequence[Partition]] | None = None,
    brokers: Sequence[int] = (0, 1, 2),
    quorum: Quorum | None = None,
    **min_isr: int,
) -> Replication:
    """One topic on all brokers, min.insync.replicas 2, unless given."""
    found = {"orders": (partition(0, 1, 2),)} if topics is None else {n: tuple(p) for n, p in topics.items()}
    return Replication(frozenset(brokers), found, {name: min_isr.get(name, 2) for name in found}, quorum or voters())
