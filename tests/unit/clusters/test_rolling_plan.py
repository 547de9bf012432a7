"""Which pod may go, why none may, and that no plan ever takes a partition under min ISR or the controllers' majority."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kafkade.api.errors import (
    AuthorizationFailed,
    ClusterUnreachable,
    KafkadeError,
    NotSupportedByCluster,
    RollingBlocked,
    RollingStopped,
)
from kafkade.clients.model import Partition, Quorum, Replication, Voter
from kafkade.clusters.rolling.plan import LAG, Decision, needs_kafka, plan
from kafkade.clusters.rolling.pods import Pod, StatefulSet

from .rolling_facts import NEW, absent, all_old, kafka, partition, pod, pods, voters

CONTROLLERS = Quorum(11, tuple(Voter(id_, 0) for id_ in (10, 11, 12)))


def decide(sets: list[StatefulSet], seen: Replication | KafkadeError | None = None, was: bool = True) -> Decision:
    """As the reconcile does: Kafka is looked at only when it is needed."""
    return plan(sets, seen if needs_kafka(sets) else None, was_active=was)


def controllers(*revisions: bool) -> StatefulSet:
    """Nodes 10 to 12; True: of the newest revision."""
    found = (
        pod(10 + n, NEW if new else "old", name=f"controller-{n}", uid=f"controller-{n}")
        for n, new in enumerate(revisions)
    )
    return pods(*found, name="controller")


GOES: list[tuple[str, list[StatefulSet], Replication, str]] = [
    ("the first", [all_old()], kafka(), "kafka-0"),
    ("the next", [pods(pod(0, NEW), pod(1), pod(2))], kafka(), "kafka-1"),
    ("the active controller is left for the end", [pods(pod(0), pod(1), pod(2))], kafka(quorum=voters(0)), "kafka-1"),
    ("the active controller at the end", [pods(pod(0, NEW), pod(1, NEW), pod(2))], kafka(), "kafka-2"),
    (
        "one that has no replica of what is short of in-sync replicas",
        [all_old()],
        kafka({"a": [partition(0, 3, 4, isr=[0, 3])]}, (0, 1, 2, 3, 4)),
        "kafka-1",
    ),
    ("no topics at all", [all_old()], kafka({}), "kafka-0"),
    ("min ISR 1, and one of three is out of sync", [all_old()], kafka({"a": [partition(0, 1, 2, isr=[0, 1])]}, a=1), "kafka-0"),
    ("brokers before controllers", [controllers(False, False, False), all_old()], kafka(quorum=CONTROLLERS), "kafka-0"),
    (
        "controllers after brokers, the active one last",
        [controllers(True, False, False), pods(pod(0, NEW), pod(1, NEW), pod(2, NEW))],
        kafka(quorum=CONTROLLERS),
        "controller-2",
    ),
    ("one that is down and outdated", [pods(pod(0), pod(1, ready=False), pod(2))], kafka(brokers=(0, 2)), "kafka-1"),
    (
        "one that is down and outdated, although topics have no replica to spare",
        [pods(pod(0), pod(1, ready=False), pod(2))],
        kafka({"a": [partition(1)]}, (0, 2)),
        "kafka-1",
    ),
    ("one that is outdated and not Ready, by a bad probe", [pods(pod(0), pod(1, ready=False), pod(2))], kafka(), "kafka-1"),
    (
        "one that is outdated, not Ready, and out of all ISRs",
        [pods(pod(0, NEW), pod(1, ready=False), pod(2, NEW))],
        kafka({"a": [partition(0, 1, 2, isr=[0, 2])]}),
        "kafka-1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sets", "seen", "name"), [g[1:] for g in GOES], ids=[g[0] for g in GOES])
def test_goes(sets: list[StatefulSet], seen: Replication, name: str) -> None:
    made = decide(sets, seen)
    assert (made.delete.name if made.delete else "", made.error) == (name, None), made.message
    assert made.active


WAITS: list[tuple[str, list[StatefulSet], Replication | KafkadeError | None, str]] = [
    ("a pod is missing", [pods(absent(0), pod(1), pod(2))], None, "pod kafka-0 (node 0) is made anew"),
    ("a pod shuts down", [pods(pod(0, terminating=True), pod(1), pod(2))], None, "pod kafka-0 (node 0) shuts down"),
    ("a new pod starts", [pods(pod(0, NEW, ready=False), pod(1), pod(2))], None, "pod kafka-0 (node 0) starts"),
    ("the last pod starts", [pods(pod(0, NEW), pod(1, NEW), pod(2, NEW, ready=False))], None, "kafka-2 (node 2) starts"),
    (
        "a pod of another StatefulSet is missing",
        [all_old(), pods(absent(7), name="other")],
        None,
        "pod kafka-7 (node 7) is made anew",
    ),
    ("Kafka does not answer", [all_old()], ClusterUnreachable("no"), "waits until every broker and the active controller"),
    ("a broker is not registered", [all_old()], kafka(brokers=(0, 2)), "waits until the broker of pod kafka-1"),
    ("no active controller", [all_old()], kafka(quorum=voters(None)), "have elected an active one"),
    ("too few in sync", [all_old()], kafka({"a": [partition(0, 1, 2, isr=[0, 1])]}), "kafka-0 (node 0) waits for in-sync replicas of a"),
    (
        "one that is not in sync itself, and the others are just enough",
        [pods(pod(0), pod(1, NEW), pod(2, NEW))],
        kafka({"a": [partition(0, 1, 2, isr=[1])]}),
        "waits for in-sync replicas of a",
    ),
    (
        "an in-sync replica that is not up does not count",
        [pods(pod(0), pod(1, NEW), pod(2, NEW))],
        kafka({"a": [partition(0, 1, 2, 9, isr=[0, 1, 9])], "b": [partition(0, 1, 2)]}),
        "waits for in-sync replicas of a",
    ),
    (
        "many topics",
        [all_old()],
        kafka({name: [partition(0, 1, 2, isr=[0, 1])] for name in "abcde"}),
        "in-sync replicas of a, b, c and 2 more",
    ),
    ("a controller lags", [pods(pod(0), pod(1, NEW), pod(2, NEW))], kafka(quorum=voters(v1=LAG + 1)), "controllers to catch up"),
    (
        "half of an even number of controllers is no majority",
        [pods(pod(0), pod(1, NEW), pod(2, NEW))],
        kafka(quorum=Quorum(2, (Voter(0, 0), Voter(1, 0), Voter(2, 0), Voter(3, None)))),
        "waits for controllers to catch up",
    ),
    (
        "a controller of which nothing is known",
        [pods(pod(0), pod(1, NEW), pod(2, NEW))],
        kafka(quorum=voters(v1=None)),
        "waits for controllers to catch up",
    ),
    (
        "two are outdated, not Ready, and still in sync",
        [pods(pod(0), pod(1, ready=False), pod(2, ready=False))],
        kafka(),
        "waits for pod kafka-1 (node 1), which is outdated and not Ready while its node is in use",
    ),
    (
        "outdated, not Ready, and needed",
        [pods(pod(0), pod(1, ready=False), pod(2))],
        kafka({"a": [partition(0, 1, 2, isr=[0, 1])]}),
        "pod kafka-1 (node 1) waits for in-sync replicas of a",
    ),
    (
        "outdated, down, and its controller is needed",
        [pods(pod(0), pod(1, ready=False), pod(2))],
        kafka(brokers=(0, 2), quorum=voters(v0=LAG + 1)),
        "waits until the broker of pod kafka-1 (node 1) is registered",
    ),
    (
        "wrong node ids",
        [pods(pod(20), pod(21), pod(22), name="wrong")],
        kafka(),
        "Kafka knows neither a broker nor a controller with this node.id; check firstNodeId of wrong",
    ),
    (
        "the StatefulSet controller has not looked yet",
        [pods(pod(0), pod(1), pod(2), known=False)],
        None,
        "waits for the StatefulSet controller",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sets", "seen", "says"), [w[1:] for w in WAITS], ids=[w[0] for w in WAITS])
def test_waits(sets: list[StatefulSet], seen: Replication | KafkadeError | None, says: str) -> None:
    made = decide(sets, seen)
    assert (made.delete, made.error, made.active) == (None, None, True), made
    assert says in made.message


STOPS: list[tuple[str, list[StatefulSet], Replication | KafkadeError | None, str, str]] = [
    (
        "a topic of one replica",
        [all_old()],
        kafka({"b": [partition(0, 1, 2)], "a": [partition(0, 1, 2), partition(2)]}, a=1),
        "RollingBlocked",
        "a (replicas: 1, min.insync.replicas: 1)",
    ),
    ("as many replicas as min ISR", [all_old()], kafka({"a": [partition(1, 2)]}), "RollingBlocked", "raise their replication factor"),
    (
        "one of them is out of sync too",
        [all_old()],
        kafka({"a": [partition(1, 2, isr=[1])], "b": [partition(0, 1, 2, isr=[0])]}),
        "RollingBlocked",
        "a (replicas: 2, min.insync.replicas: 2); raise",
    ),
    ("two controllers", [all_old()], kafka(quorum=Quorum(1, (Voter(0, 0), Voter(1, 0)))), "RollingBlocked", "controllers are 2"),
    ("one controller", [all_old()], kafka(quorum=Quorum(1, (Voter(1, 0),))), "RollingBlocked", "controllers are 1"),
    ("not OnDelete", [pods(pod(0), pod(1), on_delete=False)], None, "RollingBlocked", "spec.updateStrategy.type to OnDelete"),
    ("not OnDelete, nothing outdated", [pods(pod(0, NEW), on_delete=False)], None, "RollingBlocked", "rolls its pods itself"),
    (
        "node ids twice",
        [all_old(), pods(pod(2, name="other-0"), name="other")],
        None,
        "InvalidSpec",
        "pods kafka-2 and other-0 would both be node 2",
    ),
    (
        "a new pod that does not come up",
        [pods(pod(0, NEW, ready=False, trouble="no node can take it"), pod(1), pod(2))],
        None,
        "RollingStopped",
        "pod kafka-0 (node 0) does not become Ready: no node can take it",
    ),
    (
        "it is told of before one that only starts",
        [pods(absent(0), pod(1, NEW, ready=False, trouble="it has failed"), pod(2))],
        None,
        "RollingStopped",
        "kafka-1",
    ),
    ("no right", [all_old()], AuthorizationFailed("grant it"), "AuthorizationFailed", "grant it"),
    ("no KRaft", [all_old()], NotSupportedByCluster("too old"), "NotSupportedByCluster", "too old"),
]  # fmt: skip


@pytest.mark.parametrize(("sets", "seen", "reason", "says"), [s[1:] for s in STOPS], ids=[s[0] for s in STOPS])
def test_stops(sets: list[StatefulSet], seen: Replication | KafkadeError | None, reason: str, says: str) -> None:
    made = decide(sets, seen)
    assert made.delete is None
    assert made.error is not None
    assert (made.error.reason, says in made.error.message) == (reason, True), made.error.message
    assert made.active is any(s.outdated for s in sets)


@pytest.mark.parametrize("reason", [RollingBlocked, RollingStopped])
def test_what_somebody_must_change_is_stalled(reason: type[KafkadeError]) -> None:
    assert not reason.retryable


@pytest.mark.parametrize("was", [True, False])
def test_nothing_to_roll(was: bool) -> None:
    done = [pods(pod(0, NEW), pod(1, NEW), pod(2, NEW))]
    assert decide(done, was=was) == Decision(active=False)
    assert not needs_kafka(done)


def test_a_pod_that_is_away_is_no_roll() -> None:
    """One that was moved to another node, say: only a roll that was on waits for it."""
    assert decide([pods(pod(0, NEW), absent(1), pod(2, NEW))], was=False) == Decision(active=False)


def test_a_controller_of_another_set_does_not_wait_for_topics() -> None:
    seen = kafka({"a": [partition(0, 1, 2, isr=[0, 1])]}, quorum=CONTROLLERS)
    made = decide([pods(pod(0, NEW), pod(1, NEW), pod(2, NEW)), controllers(False, False, False)], seen)
    assert made.delete is not None
    assert made.delete.name == "controller-0"


NODES = st.integers(3, 6)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[list[StatefulSet], Replication]:
    """Any state: pods that are there or not, brokers up or not, partitions and voters in any condition."""
    nodes = list(range(draw(NODES)))
    up = [n for n in nodes if draw(st.integers(0, 9)) > 0]
    found = [_any_pod(draw, n) for n in nodes]
    cut = draw(st.integers(0, len(nodes)))
    sets = [pods(*found[:cut], name="a"), pods(*found[cut:], name="b")]
    topics: dict[str, list[Partition]] = {}
    min_isr: dict[str, int] = {}
    for number in range(draw(st.integers(0, 4))):
        name, factor = f"t{number}", draw(st.sampled_from([3, 3, 3, 2, 1]))
        min_isr[name] = draw(st.sampled_from([max(1, factor - 1), 1, 2]))
        topics[name] = [_any_partition(draw, nodes, factor) for _ in range(draw(st.integers(1, 3)))]
    voting = draw(st.sampled_from([nodes[:3], nodes[:4], nodes[:1], nodes[:5], [10, 11, 12]]))
    lags = st.sampled_from([0, 0, 0, 0, LAG, LAG + 1, None])
    leader = draw(st.sampled_from([voting[0], voting[-1], None]))
    quorum = Quorum(leader, tuple(Voter(id_, 0 if id_ == leader else draw(lags)) for id_ in voting))
    return sets, kafka(topics, up, quorum, **min_isr)


def _any_pod(draw: st.DrawFn, node: int) -> Pod:
    revision = draw(st.sampled_from(["kafka-old", NEW]))
    state = draw(st.integers(0, 29))
    if state == 0:
        return absent(node)
    return pod(
        node, revision, ready=state != 1, terminating=state == 2, trouble="it has failed" if state == 1 else None
    )


def _any_partition(draw: st.DrawFn, nodes: list[int], factor: int) -> Partition:
    replicas = draw(st.permutations(nodes))[:factor]
    return partition(*replicas, isr=[n for n in replicas if draw(st.integers(0, 9)) > 0] or replicas[:1])


def served(seen: Replication, without: frozenset[int]) -> set[tuple[str, int]]:
    """The partitions that take writes with acks=all."""
    alive = seen.brokers - without
    return {
        (name, number)
        for name, partitions in seen.topics.items()
        for number, p in enumerate(partitions)
        if len(set(p.isr) & alive) >= seen.min_isr[name]
    }


def governed(seen: Replication, without: frozenset[int]) -> bool:
    """Whether the controllers that have all that was decided are a majority."""
    having = [v for v in seen.quorum.voters if v.behind is not None and v.behind <= LAG and v.id not in without]
    return 2 * len(having) > len(seen.quorum.voters)


@settings(max_examples=400)
@given(clusters())
def test_no_plan_takes_away_what_serves(given_cluster: tuple[list[StatefulSet], Replication]) -> None:
    sets, seen = given_cluster
    made = decide(sets, seen)
    event("deletes" if made.delete else "blocked" if made.error else "waits" if made.active else "nothing to do")
    if made.delete is None:
        return
    gone = frozenset({made.delete.node})
    assert made.error is None
    assert made.delete in [p for s in sets for p in s.outdated]
    assert served(seen, gone) == served(seen, frozenset())
    assert governed(seen, gone) == governed(seen, frozenset())
    others = [pod for s in sets for pod in s.pods if pod is not made.delete]
    away = [pod for pod in others if pod.uid is None or pod.terminating]
    assert away == [], "one at a time"
    if made.delete.ready:
        assert all(pod.ready for pod in others)
        nodes = {pod.node for pod in others} - {v.id for v in seen.quorum.voters}
        assert nodes <= seen.brokers
        assert made.delete.node != seen.quorum.leader or not [
            p for s in sets for p in s.outdated if p is not made.delete
        ], "the active controller last"


@settings(max_examples=60)
@given(st.data(), st.integers(3, 5), st.booleans())
def test_every_roll_of_a_healthy_cluster_ends(data: st.DataObject, size: int, apart: bool) -> None:
    """Deleted, back as the newest revision, in sync again, until all are; each pod once, never two away, whoever looks when."""
    nodes = list(range(size))
    voting = [100, 101, 102] if apart else nodes[:3]
    found = {n: pod(n) for n in nodes} | ({n: pod(n) for n in voting} if apart else {})
    partitions = [_any_partition(data.draw, nodes, 3) for _ in range(4)]
    topics = {"a": [replace(p, isr=p.replicas) for p in partitions]}
    rolled: list[int] = []
    leader = data.draw(st.sampled_from(voting))
    for _ in range(200):
        sets = [pods(*(found[n] for n in nodes))] + ([pods(*(found[n] for n in voting), name="c")] if apart else [])
        up = [n for n in nodes if found[n].ready]
        seen = kafka(topics, up, Quorum(leader, tuple(Voter(n, 0 if found[n].ready else None) for n in voting)))
        made = decide(sets, seen, was=data.draw(st.booleans()))
        away = [n for n in found if not found[n].ready]
        if made.delete is not None:
            assert away == []
            rolled.append(made.delete.node)
            found[made.delete.node] = absent(made.delete.node)
            topics = {"a": [replace(p, isr=tuple(n for n in p.isr if n != rolled[-1])) for p in topics["a"]]}
            assert all(len(p.isr) >= 2 for p in topics["a"])
            if made.delete.node == leader:
                leader = next(n for n in voting if n != leader)
        elif away:
            found[away[0]] = pod(away[0], NEW)
        elif any(len(p.isr) < 3 for p in topics["a"]):
            topics = {"a": [replace(p, isr=p.replicas) for p in topics["a"]]}
        else:
            break
    assert sorted(rolled) == sorted(found), "each once"
    assert not made.active
