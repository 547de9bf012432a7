"""Checks of a topic: its replicas, leaders, sizes, settings, and who consumes it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError
from kafkade.clients.model import ConfigEntry, ConfigSource, TopicDescription
from kafkade.diagnose.finding import Diagnosis, Finding, Severity, many, size, some, span
from kafkade.groups.lag import GroupLag

MIN_ISR, RETENTION_MS, RETENTION_BYTES, UNCLEAN = (
    "min.insync.replicas",
    "retention.ms",
    "retention.bytes",
    "unclean.leader.election.enable",
)
CLEANUP = "cleanup.policy"

_SKEW = 2.0
_SMALL = 10 * 1024 * 1024
"""Bytes of the largest partition under which nobody cares how evenly records are spread."""

_NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class ConsumerOf(GroupLag):
    """A group that has committed offsets of the topic, at the topic's partitions."""

    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What was seen of a topic.

    ``brokers``: node ids of those that are up. ``sizes``: bytes by partition, of the replica that has most; empty where disks
    may not be looked at. ``records``: by partition, from the log's start to its end. ``oldest``: milliseconds since 1970 of
    the first record, by partition. ``now``: milliseconds since 1970. ``consumers``: None where groups may not be listed.
    """

    topic: TopicDescription
    brokers: frozenset[int]
    configs: Mapping[str, ConfigEntry]
    sizes: Mapping[int, int] = field(default_factory=dict)
    records: Mapping[int, int] = field(default_factory=dict)
    oldest: Mapping[int, int] = field(default_factory=dict)
    now: int = 0
    consumers: tuple[ConsumerOf, ...] | None = ()
    unread: Mapping[str, KafkadeError] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"topic {self.topic.name}"

    @property
    def factor(self) -> int:
        """The least of all partitions."""
        return min((len(p.replicas) for p in self.topic.partitions), default=0)

    def number(self, key: str) -> int | None:
        """A setting that is a number; None where it is not known."""
        value = self.configs[key].value if key in self.configs else None
        return int(value) if value is not None and value.lstrip("-").isdigit() else None


def diagnose(facts: TopicFacts, max_lag_seconds: float) -> Diagnosis:
    """All that is found of a topic."""
    return Diagnosis.of(facts.subject, list(_findings(facts, max_lag_seconds)))


def _findings(facts: TopicFacts, max_lag_seconds: float) -> Iterator[Finding]:
    yield from _availability(facts)
    yield from _replicas(facts)
    yield from _min_isr(facts)
    yield from _leaders(facts)
    yield from _sizes(facts)
    yield from _retention(facts)
    yield _settings(facts)
    yield from _consumers(facts, max_lag_seconds)
    for what, error in facts.unread.items():
        yield Finding("unread", Severity.UNKNOWN, what, "could not be looked at", (), error.message, "")


def _availability(facts: TopicFacts) -> Iterator[Finding]:
    parts = list(enumerate(facts.topic.partitions))
    offline = [str(n) for n, p in parts if p.leader is None]
    missing = sorted({id_ for _, p in parts for id_ in p.replicas} - facts.brokers)
    away = f"brokers that are not up: {some([str(id_) for id_ in missing])}" if missing else ""
    if offline:
        yield Finding(
            "offline",
            Severity.PROBLEM,
            facts.subject,
            f"{len(offline)} of {len(parts)} partitions are offline: they can be neither read nor written",
            (f"partitions {some(offline)}", *([away] if away else [])),
            "no in-sync replica is up",
            "bring the brokers back; kafkade diagnose cluster shows which are away",
            {"partitions": len(offline)},
        )
    under = [(n, p) for n, p in parts if p.leader is not None and len(p.isr) < len(p.replicas)]
    if under:
        yield Finding(
            "under-replicated",
            Severity.WARNING,
            facts.subject,
            f"{len(under)} of {len(parts)} partitions have replicas that are not in sync",
            (
                *(f"partition {n}: {len(p.isr)} of {len(p.replicas)} in sync ({list(p.isr)})" for n, p in under[:5]),
                *([away] if away else []),
            ),
            "a broker is away, just came back, or is too slow (disk, network)",
            "see that all brokers are up; a broker that just started catches up by itself",
            {"partitions": len(under)},
        )
    if not offline and not under:
        yield Finding(
            "replicas",
            Severity.OK,
            facts.subject,
            f"all {len(parts)} partitions have a leader, and all replicas are in sync",
            figures={"partitions": len(parts)},
        )


def _replicas(facts: TopicFacts) -> Iterator[Finding]:
    factor = facts.factor
    if factor == 1:
        alone = len(facts.brokers) == 1
        yield Finding(
            "replication-factor",
            Severity.WARNING,
            facts.subject,
            "each record is on one broker only: when it is away, the topic is; when its disk is lost, the records are",
            (f"replication factor 1, {len(facts.brokers)} brokers",),
            "the cluster has one broker" if alone else "the topic was made with replication factor 1",
            "add brokers, then raise it"
            if alone
            else "set spec.replicationFactor of the KafkaTopic to 3 (kafkade moves replicas)",
            {"factor": 1, "brokers": len(facts.brokers)},
        )
    else:
        yield Finding(
            "replication-factor",
            Severity.OK,
            facts.subject,
            f"each record is on {factor} brokers",
            figures={"factor": factor, "brokers": len(facts.brokers)},
        )


def _min_isr(facts: TopicFacts) -> Iterator[Finding]:
    least, factor = facts.number(MIN_ISR), facts.factor
    if least is None or factor == 0:
        return
    figures = {"minIsr": least, "factor": factor}
    below = [str(n) for n, p in enumerate(facts.topic.partitions) if len(p.isr) < least]
    evidence = f"{MIN_ISR}={least}, replication factor {factor}"
    if below:
        yield Finding(
            "min-isr",
            Severity.PROBLEM,
            facts.subject,
            f"{many(len(below), 'partition refuses', 'partitions refuse')} records of producers with acks=all (NOT_ENOUGH_REPLICAS)",
            (evidence, f"partitions {some(below)} have fewer replicas in sync"),
            f"{MIN_ISR} is above the replication factor" if least > factor else "brokers are away or too slow",
            f"lower {MIN_ISR}, or raise the replication factor" if least > factor else "bring the brokers back",
            figures,
        )
    elif factor > 1 and least == factor:
        yield Finding(
            "min-isr",
            Severity.WARNING,
            facts.subject,
            "no broker can be away: producers with acks=all are refused as soon as one restarts",
            (evidence,),
            f"{MIN_ISR} is as high as the replication factor",
            f"set {MIN_ISR} to {factor - 1}" + (", or add replicas" if factor == 2 else ""),
            figures,
        )
    elif factor >= 3 and least == 1:
        yield Finding(
            "min-isr",
            Severity.WARNING,
            facts.subject,
            "a record is acknowledged though only one broker has it: acks=all protects nothing when others are away",
            (evidence,),
            f"{MIN_ISR} is 1, as it is by default",
            f"set {MIN_ISR} to 2 (spec.config of the KafkaTopic)",
            figures,
        )
    else:
        yield Finding("min-isr", Severity.OK, facts.subject, evidence, figures=figures)
    if facts.configs.get(UNCLEAN) is not None and facts.configs[UNCLEAN].value == "true":
        yield Finding(
            "unclean-election",
            Severity.WARNING,
            facts.subject,
            "a replica that lacks records can become the leader: acknowledged records can be lost",
            (f"{UNCLEAN}=true ({facts.configs[UNCLEAN].source.value})",),
            "availability was put above records",
            f"set {UNCLEAN} to false, unless lost records do not matter here",
        )


def _leaders(facts: TopicFacts) -> Iterator[Finding]:
    parts = facts.topic.partitions
    away = [n for n, p in enumerate(parts) if p.leader is not None and p.replicas and p.leader != p.replicas[0]]
    counts = Counter(p.leader for p in parts if p.leader is not None)
    holders = {id_ for p in parts for id_ in p.replicas} & facts.brokers
    each = ", ".join(f"broker {id_}: {counts.get(id_, 0)}" for id_ in sorted(holders))
    figures = {"notPreferred": len(away), "partitions": len(parts)}
    if len(away) > 1 and len(away) * 5 > len(parts):
        yield Finding(
            "leaders",
            Severity.WARNING,
            facts.subject,
            f"{len(away)} of {len(parts)} partitions are led by another broker than the preferred one",
            (each,),
            "brokers were away, and leaders did not go back yet (auto.leader.rebalance.enable, every five minutes)",
            "kafka-leader-election.sh --election-type preferred --topic … puts them back at once",
            figures,
        )
    elif (
        len(holders) > 1
        and len(parts) >= len(holders)
        and max(counts.values(), default=0) >= 2 * (min(counts.get(id_, 0) for id_ in holders) + 1)
    ):
        yield Finding(
            "leaders",
            Severity.WARNING,
            facts.subject,
            "leaders are spread unevenly over the brokers, so their load is too",
            (each,),
            "replicas were placed so",
            "move replicas (kafka-reassign-partitions.sh)",
            figures,
        )
    else:
        yield Finding("leaders", Severity.OK, facts.subject, "leaders are spread evenly", (each,), figures=figures)


def _sizes(facts: TopicFacts) -> Iterator[Finding]:
    if len(facts.sizes) < 2:
        return
    largest = max(facts.sizes, key=lambda n: facts.sizes[n])
    mean = sum(facts.sizes.values()) / len(facts.sizes)
    total = sum(facts.sizes.values())
    figures = {"bytes": total, "largest": facts.sizes[largest], "mean": mean}
    evidence = (f"{size(total)} in {len(facts.sizes)} partitions, {size(mean)} each on average",)
    if facts.sizes[largest] >= _SMALL and facts.sizes[largest] > _SKEW * mean:
        yield Finding(
            "partition-skew",
            Severity.WARNING,
            facts.subject,
            f"partition {largest} is {facts.sizes[largest] / mean:.1f} times as large as the mean",
            (*evidence, f"partition {largest}: {size(facts.sizes[largest])}"),
            "some keys have far more records than others, or a producer chooses partitions itself",
            f"kafkade diagnose producer {facts.topic.name} shows how keys are spread",
            figures,
        )
    else:
        yield Finding(
            "partition-skew", Severity.OK, facts.subject, "partitions are of like size", evidence, figures=figures
        )


def _retention(facts: TopicFacts) -> Iterator[Finding]:
    """By size, records can go long before their time; and what is never deleted grows."""
    policy = facts.configs[CLEANUP].value or "" if CLEANUP in facts.configs else ""
    if "delete" not in policy:
        return
    kept_ms, kept_bytes = facts.number(RETENTION_MS), facts.number(RETENTION_BYTES)
    if kept_ms is None or kept_bytes is None:
        return
    age = max(((facts.now - first) / 1000 for first in facts.oldest.values() if first >= 0), default=None)
    total = sum(facts.sizes.values())
    figures = {"retentionMs": kept_ms, "retentionBytes": kept_bytes, "oldestSeconds": age, "bytes": total or None}
    evidence = [
        f"kept for {'ever' if kept_ms < 0 else span(kept_ms / 1000)}"
        + ("" if kept_bytes < 0 else f", at most {size(kept_bytes)} a partition"),
    ]
    if age is not None:
        evidence.append(f"the oldest record is {span(age)} old" + (f", all are {size(total)}" if total else ""))
    full = [n for n, has in facts.sizes.items() if 0 < kept_bytes <= has / _NEARLY]
    if full and kept_ms > 0 and age is not None and age < kept_ms / 1000 * 0.5:
        yield Finding(
            "retention",
            Severity.WARNING,
            facts.subject,
            f"records go by size long before their time: after {span(age)}, not {span(kept_ms / 1000)}",
            tuple(evidence),
            f"{many(len(full), 'partition has', 'partitions have')} reached {RETENTION_BYTES}",
            f"raise {RETENTION_BYTES}, or see that no consumer is away for longer",
            figures,
        )
    elif kept_ms < 0 and kept_bytes < 0:
        yield Finding(
            "retention",
            Severity.WARNING,
            facts.subject,
            "records are never deleted: the topic grows until the disks are full",
            tuple(evidence),
            f"{RETENTION_MS} and {RETENTION_BYTES} are both -1",
            f"bound one of the two, or compact ({CLEANUP}=compact) where only the newest record of a key counts",
            figures,
        )
    else:
        yield Finding("retention", Severity.OK, facts.subject, "retention is bounded", tuple(evidence), figures=figures)


def _settings(facts: TopicFacts) -> Finding:
    own = {key: entry.value for key, entry in facts.configs.items() if entry.source is ConfigSource.TOPIC}
    return Finding(
        "settings",
        Severity.OK,
        facts.subject,
        many(len(own), "setting is the topic's own", "settings are the topic's own")
        if own
        else "all settings are the brokers'",
        tuple(f"{key}={value}" for key, value in sorted(own.items())),
        figures=dict(own),
    )


def _consumers(facts: TopicFacts, max_lag_seconds: float) -> Iterator[Finding]:
    if facts.consumers is None:
        return
    if not facts.consumers:
        yield Finding(
            "consumers",
            Severity.OK,
            facts.subject,
            "no group has committed offsets of it",
            ("share groups, and consumers without a group, are not seen here",),
            figures={"groups": 0},
        )
    for found in facts.consumers:
        late = found.seconds is not None and found.seconds > max_lag_seconds
        empty = found.state == "Empty"
        told = "" if not found.records or found.seconds is None else f", the oldest for {span(found.seconds)}"
        if found.unknown:
            told += f", without {many(found.unknown, 'partition')} where it is not known"
        yield Finding(
            "consumers",
            Severity.PROBLEM if late else Severity.UNKNOWN if found.unknown else Severity.OK,
            f"group {found.group}",
            f"lag {many(found.records, 'record')}{told}" + (", and no member" if empty else ""),
            (f"{found.kind}, state {found.state}",) if found.state else (),
            "the group is behind, or nobody runs it any more" if late else "",
            f"kafkade diagnose consumer {found.group}; where it is not used any more, delete it"
            f" (kafka-consumer-groups.sh --delete --group {found.group})"
            if late
            else "",
            {"group": found.group, "records": found.records, "seconds": found.seconds, "state": found.state},
        )
