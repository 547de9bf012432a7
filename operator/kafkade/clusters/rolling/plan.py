"""Which one pod may be deleted now, or why none may. Pure.

A pod goes only when nothing else is away (every pod of every StatefulSet exists and is Ready, every broker is up), and when
without its node

- every partition that it has a replica of keeps as many in-sync replicas as min.insync.replicas asks for, and
- the controllers that are caught up are a majority of those that vote.

One exception: an outdated pod that is not Ready goes first, since that is how a bad configuration is mended; and when its
broker serves nothing, whatever else there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kafkade.api.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    InvalidSpec,
    KafkadeError,
    NotSupportedByCluster,
    RollingBlocked,
    RollingStopped,
)
from kafkade.clients.model import Partition, Quorum, Replication
from kafkade.clusters.rolling.pods import Pod, StatefulSet

LAG = 2000
"""Milliseconds that a controller may be behind the active one: the default of controller.quorum.fetch.timeout.ms, after
which it would call for an election."""

_NAMED = 3
"""Topics that a message names."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``active``: a roll is on, and ``message`` says how it stands. ``delete``: the pod that may go now.

    ``away``: the pod that everything waits for. ``error``: why it does not go on before somebody changes something.
    ``unknown``: a StatefulSet's controller has not looked at its newest spec; look again soon.
    """

    active: bool
    message: str = ""
    delete: Pod | None = None
    away: Pod | None = None
    error: KafkadeError | None = None
    unknown: bool = False


def needs_kafka(sets: Sequence[StatefulSet]) -> bool:
    """Whether it depends on Kafka what is to be done: there is something to roll, and no pod is away."""
    clear = all(s.known and s.on_delete for s in sets) and _overlap(sets) is None
    return clear and bool(_outdated(sets)) and _pending(sets) is None


def plan(sets: Sequence[StatefulSet], kafka: Replication | KafkadeError | None, *, was_active: bool) -> Decision:
    """``kafka``: None where :func:`needs_kafka` is False, or the error that kept it from being seen.

    ``was_active``: a roll was on at the last look, and is not over before its last pod is back.
    """
    outdated, pending = _outdated(sets), _pending(sets)
    error = _overlap(sets) or _rolls_itself(sets)
    if error is not None:
        return Decision(active=bool(outdated), message=error.message, error=error)
    if not all(s.known for s in sets):
        return Decision(active=was_active, message="waits for the StatefulSet controller", unknown=True)
    if not outdated and (pending is None or not was_active):
        return Decision(active=False)
    if pending is not None:
        return _awaited(pending)
    if kafka is None or isinstance(kafka, KafkadeError):
        return _blind(kafka)
    return _choice(sets, kafka)


def _outdated(sets: Iterable[StatefulSet]) -> list[Pod]:
    return [pod for s in sets for pod in s.outdated]


def _pending(sets: Iterable[StatefulSet]) -> Pod | None:
    """A pod that is away or on its way back; those that are not outdated and have trouble first."""
    pods = [
        pod
        for s in sets
        for pod in s.pods
        if pod.uid is None or pod.terminating or (not pod.ready and pod.revision == s.revision)
    ]
    return min(pods, key=lambda pod: pod.trouble is None or pod.terminating, default=None)


def _overlap(sets: Sequence[StatefulSet]) -> KafkadeError | None:
    owners: dict[int, Pod] = {}
    for pod in (pod for s in sets for pod in s.pods):
        other = owners.setdefault(pod.node, pod)
        if other is not pod:
            return InvalidSpec(
                f"spec.rolling.statefulSets: pods {other.name} and {pod.name} would both be node {pod.node};"
                " correct firstNodeId"
            )
    return None


def _rolls_itself(sets: Iterable[StatefulSet]) -> KafkadeError | None:
    for s in sets:
        if not s.on_delete:
            return RollingBlocked(
                f"StatefulSet {s.name} rolls its pods itself, without a look at Kafka: set its"
                " spec.updateStrategy.type to OnDelete, or take it out of spec.rolling"
            )
    return None


def _awaited(pod: Pod) -> Decision:
    if pod.trouble is not None and not pod.terminating:
        message = (
            f"pod {pod} does not become Ready: {pod.trouble}. No other pod is deleted; look at its log"
            f" (kubectl logs {pod.name}), then change the StatefulSet's template, and the pod is replaced first"
        )
        return Decision(True, message, away=pod, error=RollingStopped(message))
    if pod.terminating:
        return Decision(True, f"pod {pod} shuts down", away=pod)
    return Decision(True, f"pod {pod} {'is made anew' if pod.uid is None else 'starts'}", away=pod)


def _blind(error: KafkadeError | None) -> Decision:
    """Nothing is done about what cannot be seen."""
    if isinstance(error, AuthenticationFailed | AuthorizationFailed | NotSupportedByCluster):
        return Decision(True, error.message, error=error)
    return Decision(True, "waits until every broker and the active controller can be asked")


def _choice(sets: Sequence[StatefulSet], kafka: Replication) -> Decision:
    """All pods are there, and those that are not Ready are outdated."""
    ill = [pod for pod in _outdated(sets) if not pod.ready]
    for pod in ill:
        if _serves_nothing(pod, kafka):
            return Decision(True, f"pod {pod} is outdated and serves nothing: it is replaced first", delete=pod)
    if len(ill) > 1:
        return Decision(True, f"waits for pod {ill[0]}, which is outdated and not Ready while its node is in use")
    blocked = _blocked(_outdated(sets), kafka)
    if blocked is not None:
        return Decision(True, blocked.message, error=blocked)
    missing = _missing(sets, kafka)
    if missing is not None:
        return Decision(True, missing)
    waits = ""
    for pod in ill or _candidates(sets, kafka):
        why = _held_back(pod, kafka)
        if why is None:
            return Decision(True, f"pod {pod} is replaced", delete=pod)
        waits = waits or f"pod {pod} waits for {why}"
    return Decision(True, waits)


def _serves_nothing(pod: Pod, kafka: Replication) -> bool:
    """Whether nothing gets worse without the node: no partition counts on it, and no majority of controllers.

    A broker that is down stays the in-sync replica of partitions that have no other one. They are offline with or without it.
    """
    up = pod.node in kafka.brokers
    counted_on = up and any(pod.node in p.isr for partitions in kafka.topics.values() for p in partitions)
    spared = pod.node not in _caught_up(kafka.quorum) or _majority_without(pod.node, kafka.quorum)
    return not counted_on and spared


def _blocked(outdated: Sequence[Pod], kafka: Replication) -> KafkadeError | None:
    nodes = {pod.node for pod in outdated}
    topics = []
    for name, partitions in kafka.topics.items():
        needed = kafka.min_isr[name]
        tight = [p for p in partitions if nodes & set(p.replicas) and len(p.replicas) - 1 < needed]
        if tight:
            least = min(len(p.replicas) for p in tight)
            topics.append(f"{name} (replicas: {least}, min.insync.replicas: {needed})")
    if topics:
        return RollingBlocked(
            f"no pod is deleted, since topics have no replica to spare: {_listed(topics)}; raise their replication factor,"
            f" lower min.insync.replicas, or delete them. Or accept that they stop for a while, and delete the pod by hand:"
            f" kubectl delete pod {outdated[0].name}"
        )
    voters = {voter.id for voter in kafka.quorum.voters}
    if nodes & voters and 2 * (len(voters) - 1) <= len(voters):
        return RollingBlocked(
            f"no pod is deleted, since controllers are {len(voters)}, and a majority needs all of them; run three, or accept"
            f" that Kafka stops for a while, and delete the pod by hand: kubectl delete pod {outdated[0].name}"
        )
    return None


def _missing(sets: Iterable[StatefulSet], kafka: Replication) -> str | None:
    """Why not all nodes are at work, although all pods are Ready."""
    voters = {voter.id for voter in kafka.quorum.voters}
    for s in sets:
        brokers = _has_brokers(s, kafka)
        for pod in s.pods:
            if pod.node in kafka.brokers or (not brokers and pod.node in voters):
                continue
            if brokers:
                return f"waits until the broker of pod {pod} is registered"
            return (
                f"waits: pod {pod} is Ready, and Kafka knows neither a broker nor a controller with this node.id;"
                f" check firstNodeId of {s.name} in spec.rolling"
            )
    if kafka.quorum.leader is None:
        return "waits until the controllers have elected an active one"
    return None


def _has_brokers(s: StatefulSet, kafka: Replication) -> bool:
    """Whether the nodes of a StatefulSet are brokers, and not only controllers."""
    nodes = {pod.node for pod in s.pods}
    return bool(nodes & kafka.brokers) or any(
        nodes & set(p.replicas) for partitions in kafka.topics.values() for p in partitions
    )


def _candidates(sets: Sequence[StatefulSet], kafka: Replication) -> Sequence[Pod]:
    """Whose turn it is: brokers before those that are only controllers, the active controller last of all."""
    leader = kafka.quorum.leader
    for of_brokers in (True, False):
        for s in sets:
            found = [pod for pod in s.outdated if pod.node != leader]
            if found and _has_brokers(s, kafka) is of_brokers:
                return found
    return [pod for s in sets for pod in s.outdated]


def _held_back(pod: Pod, kafka: Replication) -> str | None:
    """What a pod waits for; None: it may go."""
    short = [
        name
        for name, partitions in kafka.topics.items()
        if any(_short(p, pod.node, kafka.min_isr[name], kafka) for p in partitions)
    ]
    if short:
        return f"in-sync replicas of {_listed(short)}"
    voters = {voter.id for voter in kafka.quorum.voters}
    if pod.node in voters and not _majority_without(pod.node, kafka.quorum):
        return "controllers to catch up with the active one"
    return None


def _short(partition: Partition, node: int, needed: int, kafka: Replication) -> bool:
    """Whether a partition of this node would fall under min.insync.replicas without it, or is there already."""
    left = set(partition.isr) & kafka.brokers - {node}
    return node in partition.replicas and len(left) < needed


def _caught_up(quorum: Quorum) -> set[int]:
    return {voter.id for voter in quorum.voters if voter.behind is not None and voter.behind <= LAG}


def _majority_without(node: int, quorum: Quorum) -> bool:
    return 2 * len(_caught_up(quorum) - {node}) > len(quorum.voters)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
