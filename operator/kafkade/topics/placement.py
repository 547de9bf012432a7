"""Where the replicas of a partition go when the replication factor changes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kafkade.clients.model import BrokerNode, Partition


def place(
    partitions: Sequence[Partition], brokers: Sequence[BrokerNode], replication_factor: int
) -> dict[int, tuple[int, ...]]:
    """New replica lists, for those partitions only that must change, by partition number.

    Growing keeps every present replica and adds brokers from racks that the partition is not in yet, then those with
    the fewest replicas of this topic. Shrinking keeps the leader and in-sync replicas first, then rack spread, so that
    no data has to move. The preferred leader (first in the list) stays first wherever it stays at all.
    """
    racks = {b.id: b.rack or f"broker-{b.id}" for b in brokers}
    load: Counter[int] = Counter({b.id: 0 for b in brokers})
    for partition in partitions:
        load.update(r for r in partition.replicas if r in racks)
    result: dict[int, tuple[int, ...]] = {}
    for number, partition in enumerate(partitions):
        if len(partition.replicas) == replication_factor:
            continue
        if len(partition.replicas) < replication_factor:
            replicas = _grow(partition, racks, load, replication_factor)
        else:
            replicas = _shrink(partition, racks, load, replication_factor)
        result[number] = replicas
    return result


def _grow(partition: Partition, racks: Mapping[int, str], load: Counter[int], wanted: int) -> tuple[int, ...]:
    chosen = list(partition.replicas)
    while len(chosen) < wanted:
        used = Counter(racks[b] for b in chosen if b in racks)
        candidates = [b for b in racks if b not in chosen]
        if not candidates:
            break
        best = min(candidates, key=lambda b: (used[racks[b]], load[b], b))
        chosen.append(best)
        load[best] += 1
    return tuple(chosen)


def _shrink(partition: Partition, racks: Mapping[int, str], load: Counter[int], wanted: int) -> tuple[int, ...]:
    kept = list(partition.replicas)
    while len(kept) > wanted:
        used = Counter(racks.get(b, "gone") for b in kept)
        # worst first: not alive, out of sync, sharing a rack, on the fullest broker; never the leader while another is left
        worst = max(
            (b for b in kept if b != partition.leader),
            key=lambda b: (b not in racks, b not in partition.isr, used[racks.get(b, "gone")], load[b], kept.index(b)),
        )
        kept.remove(worst)
        load[worst] -= 1
    return tuple(kept)
