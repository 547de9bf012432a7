"""Whose outage is told: the KafkaCluster's, and of its resources only those that wait for something, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from kafkade.api.conditions import Outcome, next_status
from kafkade.api.errors import ClusterUnreachable, InvalidConfig, KafkadeError
from kafkade.api.objects import Key, Report, Resource
from kafkade.engine.reporter import OUTAGE_WRITES, Reporter, _outage_of_neighbour
from kafkade.engine.store import Indexer, Store

NOW = "2026-01-01T12:00:00Z"
DOWN = ClusterUnreachable("no broker answers")
WAS_READY = Outcome.done("as declared")
WAS_DOWN = Outcome.failed(DOWN)


def resource(
    kind: str, before: Outcome, seen: int, generation: int, deleted: str | None = None, name: str = "a"
) -> Resource:
    meta: dict[str, Any] = {
        "namespace": "shop",
        "name": name,
        "uid": "u",
        "resourceVersion": "1",
        "generation": generation,
    }
    status = next_status({}, seen, before, NOW)
    return Resource.from_body(kind, {"metadata": {**meta, "deletionTimestamp": deleted}, "spec": {}, "status": status})


SILENT = [
    ("as declared before", "KafkaTopic", WAS_READY, 1, 1, 1, None, DOWN, True),
    ("its spec changed since the look", "KafkaTopic", WAS_READY, 1, 2, 1, None, DOWN, True),
    ("deleted since the look", "KafkaTopic", WAS_READY, 1, 2, 1, NOW, DOWN, True),
    ("a new spec waits", "KafkaTopic", WAS_READY, 1, 2, 2, None, DOWN, False),
    ("a deletion waits", "KafkaTopic", WAS_READY, 1, 2, 2, NOW, DOWN, False),
    ("never was as declared", "KafkaTopic", WAS_DOWN, 1, 1, 1, None, DOWN, False),
    ("trouble of its own", "KafkaTopic", WAS_READY, 1, 1, 1, None, InvalidConfig("x"), False),
    ("the cluster itself", "KafkaCluster", WAS_READY, 1, 1, 1, None, DOWN, False),
]


@pytest.mark.parametrize(
    ("kind", "before", "seen", "generation", "looked_at", "deleted", "error", "silent"),
    [s[1:] for s in SILENT],
    ids=[s[0] for s in SILENT],
)
def test_who_says_nothing_of_an_outage(
    kind: str,
    before: Outcome,
    seen: int,
    generation: int,
    looked_at: int,
    deleted: str | None,
    error: KafkadeError,
    silent: bool,
) -> None:
    known = resource(kind, before, seen, generation, deleted)
    told = next_status(known.status, looked_at, Outcome.failed(error), NOW)
    assert _outage_of_neighbour(Report(known.key, told), known) is silent


class Writes:
    """A Kubernetes API that answers when it is let: which statuses are under way at once no real one can be asked."""

    def __init__(self) -> None:
        self.under_way: list[str] = []
        self.done: list[str] = []
        self.answer = asyncio.Event()

    async def patch_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        self.under_way.append(resource.key.name)
        await self.answer.wait()
        self.under_way.remove(resource.key.name)
        self.done.append(resource.key.name)
        return resource


class Desk:
    """A reporter that writes to them. ``woken``: who was, in order."""

    def __init__(self, *known: Resource) -> None:
        self.store, self.writes = Store({"KafkaTopic": Indexer(lambda _: None, lambda _: ())}), Writes()
        self.woken: list[Key] = []
        self.reporter = Reporter(
            self.writes,  # type: ignore[arg-type]
            self.store,
            lambda *_: None,
            lambda _: None,
            self.woken.extend,
            lambda: NOW,
            lambda _: None,
        )
        for each in known:
            self.store.put(each)


def report(of: Resource, outcome: Outcome = WAS_READY, wakes: frozenset[Key] = frozenset()) -> Report:
    """What a look at its present generation came to."""
    return Report(of.key, next_status(of.status, of.generation, outcome, NOW), wakes=wakes)


async def test_what_a_batch_tells_is_written_while_it_goes_on_and_all_of_it_at_its_end() -> None:
    first, second = (resource("KafkaTopic", WAS_DOWN, 1, 1, name=name) for name in ("first", "second"))
    desk, waits = Desk(first, second), Key("KafkaTopic", "shop", "waits")
    async with desk.reporter.writing([first, second]) as write:
        write([report(first, wakes=frozenset({waits}))])
        await asyncio.sleep(0.01)
        assert desk.writes.under_way == ["first"]
        assert desk.woken == [waits]  # before the status is written
        write([report(second)])
        await asyncio.sleep(0.01)
        assert desk.writes.under_way == ["first", "second"]
        asyncio.get_running_loop().call_later(0.01, desk.writes.answer.set)
    assert sorted(desk.writes.done) == ["first", "second"]


async def test_a_batch_that_fails_leaves_no_write_behind() -> None:
    known = resource("KafkaTopic", WAS_DOWN, 1, 1)
    desk = Desk(known)

    async def batch() -> None:
        async with desk.reporter.writing([known]) as write:
            write([report(known)])
            await asyncio.sleep(0.01)
            assert desk.writes.under_way == ["a"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await batch()
    desk.writes.answer.set()
    await asyncio.sleep(0.01)
    assert desk.writes.done == []


async def test_an_outage_is_told_a_few_resources_at_a_time_and_all_else_at_once() -> None:
    """Of 300 topics of a cluster that is down 300 statuses and Events went out at once, and topics of another one waited."""
    away = [resource("KafkaTopic", WAS_READY, 1, 2, name=f"away-{n}") for n in range(20)]
    silent = [resource("KafkaTopic", WAS_READY, 1, 1, name=f"silent-{n}") for n in range(5)]
    others = [resource("KafkaTopic", WAS_READY, 1, 2, name=f"other-{n}") for n in range(5)]
    cluster = resource("KafkaCluster", WAS_READY, 1, 1, name="cluster")
    desk = Desk(*away, *silent, *others, cluster)
    reporter, writes = desk.reporter, desk.writes

    telling = asyncio.create_task(
        reporter.write([*away, *silent], [report(each, WAS_DOWN) for each in (*away, *silent)])
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(writes.under_way) == OUTAGE_WRITES
    both = asyncio.create_task(reporter.write([*others, cluster], [*map(report, others), report(cluster, WAS_DOWN)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(writes.under_way) == OUTAGE_WRITES + len(others) + 1
    writes.answer.set()
    await asyncio.gather(telling, both)
    assert sorted(writes.done) == sorted(r.key.name for r in (*away, *others, cluster))
