"""Checks of a cluster: brokers, controllers, partitions, leaders, disks and defaults that are risky. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError
from kafkade.clients.kafka_disks import LogDir
from kafkade.clients.model import ClusterDescription, ConfigEntry, Quorum, TopicDescription
from kafkade.diagnose.finding import Diagnosis, Finding, Severity, many, size, some

_WARN_FULL, _FULL = 0.75, 0.90
_BEHIND = 10_000
"""Milliseconds that a controller may lag."""

_IMBALANCE = 0.2


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What was seen of a cluster.

    ``quorum``: None without KRaft, or where it may not be asked. ``min_isr``: by topic, where it may be read. ``configs``: of
    each broker that could be asked. ``disks``: None where they may not be looked at. ``versions``: by node id.
    """

    cluster: ClusterDescription
    topics: Mapping[str, TopicDescription]
    min_isr: Mapping[str, int] = field(default_factory=dict)
    quorum: Quorum | None = None
    configs: Mapping[int, Mapping[str, ConfigEntry]] = field(default_factory=dict)
    disks: tuple[LogDir, ...] | None = None
    versions: Mapping[int, str] = field(default_factory=dict)
    features: Mapping[str, int | str] = field(default_factory=dict)
    unread: Mapping[str, KafkadeError] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"cluster {self.cluster.cluster_id}"

    @property
    def up(self) -> frozenset[int]:
        """Node ids of the brokers that are up."""
        return frozenset(broker.id for broker in self.cluster.brokers)


def diagnose(facts: ClusterFacts) -> Diagnosis:
    """All that is found of a cluster."""
    return Diagnosis.of(facts.subject, list(_findings(facts)))


def _findings(facts: ClusterFacts) -> Iterator[Finding]:
    yield from _brokers(facts)
    yield from _controllers(facts)
    yield from _partitions(facts)
    yield from _leaders(facts)
    yield from _disks(facts)
    yield from _defaults(facts)
    yield from _single(facts)
    yield from _versions(facts)
    for what, error in facts.unread.items():
        yield Finding("unread", Severity.UNKNOWN, what, "could not be looked at", (), error.message, "")


def _brokers(facts: ClusterFacts) -> Iterator[Finding]:
    known = {id_ for topic in facts.topics.values() for p in topic.partitions for id_ in p.replicas}
    away = sorted(known - facts.up)
    names = [f"{b.id} at {b.host}:{b.port}" + (f" in rack {b.rack}" if b.rack else "") for b in facts.cluster.brokers]
    figures = {"brokers": len(facts.up), "away": len(away)}
    if away:
        yield Finding(
            "brokers",
            Severity.PROBLEM,
            facts.subject,
            f"{many(len(away), 'broker that has replicas is', 'brokers that have replicas are')} not up:"
            f" {some([str(id_) for id_ in away])}",
            (f"up: {some(names)}",),
            "they were stopped, have crashed, or cannot reach the controllers",
            "look at their pods and logs; a broker that is gone for good needs its replicas moved away"
            " (kafka-reassign-partitions.sh)",
            figures,
        )
    else:
        yield Finding(
            "brokers",
            Severity.OK,
            facts.subject,
            f"{many(len(facts.up), 'broker is', 'brokers are')} up, none is away",
            tuple(names),
            figures=figures,
        )
    racks = Counter(broker.rack for broker in facts.cluster.brokers)
    if len(racks) > 1 and None in racks:
        yield Finding(
            "racks",
            Severity.WARNING,
            facts.subject,
            f"{many(racks[None], 'broker has', 'brokers have')} no rack, others have: replicas are not spread over racks",
            (some(names),),
            "broker.rack is not set on all",
            "set broker.rack on every broker, or on none",
        )


def _controllers(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.quorum is None:
        if facts.cluster.controller is None and "quorum" not in facts.unread:
            yield Finding(
                "controller",
                Severity.PROBLEM,
                facts.subject,
                "no controller is active",
                (),
                "none is elected",
                "look at logs",
            )
        return
    quorum = facts.quorum
    voters = ", ".join(
        f"{v.id}: "
        + ("not known" if v.behind is None else "active" if v.id == quorum.leader else f"{v.behind} ms behind")
        for v in quorum.voters
    )
    late = [v.id for v in quorum.voters if v.id != quorum.leader and (v.behind is None or v.behind > _BEHIND)]
    figures = {"voters": len(quorum.voters), "late": len(late), "active": quorum.leader}
    if quorum.leader is None:
        yield Finding(
            "controllers",
            Severity.PROBLEM,
            facts.subject,
            "no controller is active: topics cannot be made, and leaders do not change when brokers go",
            (voters,),
            "fewer than half of the controllers can reach each other",
            "bring the controllers back",
            figures,
        )
    elif late:
        rest = len(quorum.voters) - len(late)
        needed = len(quorum.voters) // 2 + 1
        yield Finding(
            "controllers",
            Severity.PROBLEM if rest <= needed else Severity.WARNING,
            facts.subject,
            f"{len(late)} of {len(quorum.voters)} controllers are away or behind"
            + ("; when one more goes, there is no majority" if rest <= needed else ""),
            (voters,),
            "they were stopped, have crashed, or are too slow",
            "look at their pods and logs",
            figures,
        )
    elif len(quorum.voters) in (1, 2):
        yield Finding(
            "controllers",
            Severity.WARNING,
            facts.subject,
            f"{len(quorum.voters)} controller{'s' if len(quorum.voters) == 2 else ''}: when one is away, there is none active",
            (voters,),
            "a majority of controllers must be up, and that is all of them here",
            "run three",
            figures,
        )
    else:
        yield Finding(
            "controllers", Severity.OK, facts.subject, f"{len(quorum.voters)} controllers", (voters,), figures=figures
        )


def _partitions(facts: ClusterFacts) -> Iterator[Finding]:
    offline, under, below, at = [], [], [], []
    count = 0
    for name, topic in sorted(facts.topics.items()):
        least = facts.min_isr.get(name)
        for number, p in enumerate(topic.partitions):
            count += 1
            key = f"{name}/{number}"
            if p.leader is None:
                offline.append(key)
            if len(p.isr) < len(p.replicas):
                under.append(key)
            if least is not None and len(p.isr) < least:
                below.append(key)
            elif least is not None and len(p.isr) == least and len(p.replicas) > 1 and len(p.isr) < len(p.replicas):
                at.append(key)
    away = "brokers are away, or were a moment ago"
    for check, keys, severity, says, cause, remedy in (
        (
            "offline-partitions",
            offline,
            Severity.PROBLEM,
            "are offline: they can be neither read nor written",
            "no in-sync replica is up",
            "bring the brokers back that have them",
        ),
        (
            "under-min-isr",
            below,
            Severity.PROBLEM,
            "have fewer replicas in sync than min.insync.replicas: producers with acks=all are refused",
            away,
            "bring the brokers back; kafkade diagnose topic shows one topic's replicas and settings",
        ),
        (
            "at-min-isr",
            at,
            Severity.WARNING,
            "have just as many replicas in sync as min.insync.replicas: with one less, producers are refused",
            away,
            "restart no other broker before they are in sync again",
        ),
        (
            "under-replicated",
            under,
            Severity.WARNING,
            "have replicas that are not in sync",
            "brokers are away, just came back, or are too slow (disk, network)",
            "see that all brokers are up; one that just started catches up by itself",
        ),
    ):
        if keys:
            yield Finding(
                check,
                severity,
                facts.subject,
                f"{len(keys)} of {count} partitions {says}",
                (some(keys),),
                cause,
                remedy,
                {"partitions": len(keys)},
            )
    if not (offline or under or below):
        yield Finding(
            "partitions",
            Severity.OK,
            facts.subject,
            f"all {count} partitions of {len(facts.topics)} topics have a leader and all replicas in sync",
            figures={"partitions": count, "topics": len(facts.topics)},
        )


def _leaders(facts: ClusterFacts) -> Iterator[Finding]:
    parts = [p for topic in facts.topics.values() for p in topic.partitions if p.leader is not None and p.replicas]
    if len(facts.up) < 2 or not parts:
        return
    away = sum(p.leader != p.replicas[0] for p in parts)
    counts = Counter(p.leader for p in parts)
    each = ", ".join(f"broker {id_}: {counts.get(id_, 0)}" for id_ in sorted(facts.up))
    share = away / len(parts)
    figures = {"notPreferred": away, "partitions": len(parts)}
    idle = [id_ for id_ in facts.up if not any(id_ in p.replicas for p in parts)]
    if share > _IMBALANCE and away > 1:
        yield Finding(
            "leaders",
            Severity.WARNING,
            facts.subject,
            f"{away} of {len(parts)} partitions are led by another broker than the preferred one, so load is uneven",
            (each,),
            "brokers were away, and leaders did not go back yet (auto.leader.rebalance.enable, every five minutes)",
            "kafka-leader-election.sh --election-type preferred --all-topic-partitions puts them back at once",
            figures,
        )
    elif idle:
        yield Finding(
            "leaders",
            Severity.WARNING,
            facts.subject,
            f"{many(len(idle), 'broker has', 'brokers have')} no replica: {some([str(id_) for id_ in sorted(idle)])}",
            (each,),
            "Kafka gives new brokers new topics only",
            "move replicas to them (kafka-reassign-partitions.sh)",
            figures,
        )
    else:
        yield Finding("leaders", Severity.OK, facts.subject, "leaders are where they belong", (each,), figures=figures)


def _disks(facts: ClusterFacts) -> Iterator[Finding]:
    for disk in facts.disks or ():
        subject = f"broker {disk.broker}, {disk.path}"
        used = sum(disk.replicas.values())
        if disk.error is not None:
            yield Finding(
                "disk",
                Severity.PROBLEM,
                subject,
                "the log folder cannot be used",
                (disk.error,),
                "the disk failed, is full or is not writable",
                "look at the broker's log; replace the disk, and start the broker again",
            )
            continue
        if not disk.total or disk.usable is None:
            yield Finding("disk", Severity.OK, subject, f"{size(used)} of records", figures={"logBytes": used})
            continue
        full = 1 - disk.usable / disk.total
        figures = {"logBytes": used, "total": disk.total, "usable": disk.usable, "full": full}
        says = f"{full:.0%} of the disk is used: {size(disk.usable)} of {size(disk.total)} are free"
        bad = full >= _WARN_FULL
        yield Finding(
            "disk",
            Severity.PROBLEM if full >= _FULL else Severity.WARNING if bad else Severity.OK,
            subject,
            says,
            (f"{size(used)} of that are records",),
            "records come faster than retention takes them away, or something else fills the disk" if bad else "",
            "lower retention.ms or retention.bytes of the largest topics, or enlarge the volume: a full disk stops the broker"
            if bad
            else "",
            figures,
        )


@dataclass(frozen=True, slots=True)
class _Risk:
    """A default that is risky with one of ``values``.

    ``says`` may name how many ``brokers`` its value is. ``least``: brokers that it takes to have it better.
    """

    key: str
    values: tuple[str, ...]
    says: str
    better: str
    least: int = 1


_RISKS = (
    _Risk(
        "auto.create.topics.enable",
        ("true",),
        "a client that mistypes a name makes a topic, with the brokers' defaults",
        "false",
    ),
    _Risk(
        "unclean.leader.election.enable",
        ("true",),
        "a replica that lacks records can become the leader: acknowledged records can be lost",
        "false",
    ),
    *(
        _Risk(key, ("1", "2"), "what is made by it is on {brokers} only", "3", 3)
        for key in (
            "default.replication.factor",
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
        )
    ),
    _Risk(
        "min.insync.replicas",
        ("1",),
        "a record is acknowledged though only one broker has it, for topics that do not say otherwise",
        "2",
        3,
    ),
)


def _defaults(facts: ClusterFacts) -> Iterator[Finding]:
    """Defaults that hold for topics which do not say otherwise."""
    if facts.configs:
        safe = Finding("defaults", Severity.OK, facts.subject, "the brokers' defaults are safe")
        yield from list(_risky(facts)) or [safe]


def _risky(facts: ClusterFacts) -> Iterator[Finding]:
    for risk in _RISKS:
        values = {id_: configs[risk.key].value for id_, configs in facts.configs.items() if risk.key in configs}
        brokers = sorted(id_ for id_, value in values.items() if value in risk.values)
        if not brokers or len(facts.up) < risk.least:
            continue
        value = values[brokers[0]]
        says = risk.says.format(brokers=f"{value} broker{'s' if value == '2' else ''}")
        yield Finding(
            "defaults",
            Severity.WARNING,
            facts.subject,
            f"{risk.key}={value}: {says}",
            (f"broker {some([str(id_) for id_ in brokers])}",),
            f"{risk.key} is so by Kafka's default, or in server.properties",
            f"set {risk.key}={risk.better} (spec.brokerConfig of the KafkaCluster where it is dynamic, server.properties"
            " otherwise)",
            {"setting": risk.key},
        )


def _single(facts: ClusterFacts) -> Iterator[Finding]:
    if len(facts.up) < 2:
        return
    names = sorted(name for name, t in facts.topics.items() if any(len(p.replicas) == 1 for p in t.partitions))
    if names:
        yield Finding(
            "replication-factor",
            Severity.WARNING,
            facts.subject,
            f"{many(len(names), 'topic has', 'topics have')} one replica only: when its broker is away, they are",
            (some(names),),
            "they were made with replication factor 1, the brokers' default",
            "set spec.replicationFactor of their KafkaTopics to 3",
            {"topics": len(names)},
        )


def _versions(facts: ClusterFacts) -> Iterator[Finding]:
    names = sorted(set(facts.versions.values()))
    levels = ", ".join(f"{key} {value}" for key, value in sorted(facts.features.items()))
    evidence = tuple(
        line
        for line in (
            ", ".join(f"broker {id_}: {v} or newer" for id_, v in sorted(facts.versions.items())),
            f"features: {levels}" if levels else "",
        )
        if line
    )
    if len(names) > 1:
        yield Finding(
            "versions",
            Severity.WARNING,
            facts.subject,
            f"brokers are of different versions: {', '.join(names)}",
            evidence,
            "an upgrade is under way, or stopped half-way",
            "finish the upgrade before features are raised (kafka-features.sh upgrade)",
        )
    elif names:
        yield Finding(
            "versions", Severity.OK, facts.subject, f"all brokers are of one version, {names[0]} or newer", evidence
        )
