"""Where replicas go: every result is a legal replica list, spread over racks, with as little movement as can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kafkade.clients.model import BrokerNode, Partition
from kafkade.topics.placement import place


def brokers(racks: list[str | None]) -> list[BrokerNode]:
    return [BrokerNode(n, "h", 1, rack) for n, rack in enumerate(racks)]


def test_growing_uses_other_racks_first() -> None:
    nodes = brokers(["a", "a", "b", "c"])
    found = place([Partition((0,), (0,), 0)], nodes, 3)
    assert found == {0: (0, 2, 3)}


def test_growing_spreads_the_load() -> None:
    nodes = brokers([None, None, None])
    found = place([Partition((0,), (0,), 0)] * 4, nodes, 2)
    added = [replicas[1] for replicas in found.values()]
    assert sorted(added) == [1, 1, 2, 2]


def test_shrinking_drops_the_one_out_of_sync_and_keeps_the_leader() -> None:
    nodes = brokers(["a", "b", "c"])
    assert place([Partition((2, 0, 1), (2, 1), 1)], nodes, 2) == {0: (2, 1)}
    assert place([Partition((2, 0, 1), (2, 1), 1)], nodes, 1) == {0: (1,)}


def test_partitions_that_fit_are_left_out() -> None:
    assert place([Partition((0, 1), (0, 1), 0)], brokers(["a", "b"]), 2) == {}


@given(st.data())
def test_any_change_is_legal(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    nodes = brokers([data.draw(st.sampled_from(["a", "b", "c", None])) for _ in range(count)])
    ids = [n.id for n in nodes]
    partitions = []
    for _ in range(data.draw(st.integers(1, 8))):
        replicas = data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        isr = data.draw(st.lists(st.sampled_from(replicas), min_size=1, unique=True))
        partitions.append(Partition(tuple(replicas), tuple(isr), data.draw(st.sampled_from([None, *isr]))))
    wanted = data.draw(st.integers(1, count))
    for number, replicas in place(partitions, nodes, wanted).items():
        old = partitions[number]
        assert len(replicas) == wanted
        assert len(set(replicas)) == wanted
        assert set(replicas) <= set(ids)
        assert set(replicas) <= set(old.replicas) or set(old.replicas) <= set(replicas)
        if old.leader is not None and wanted < len(old.replicas):
            assert old.leader in replicas
