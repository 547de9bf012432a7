"""Checks of a group that consumes topics: who is in it, what it has, how fast it is, what it could not process. Pure.

The facts are of two looks some seconds apart: what moved in between shows who works and who stands still.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import Group, GroupKind, GroupListing, TopicPartition
from kafkade.diagnose.finding import Diagnosis, Figure, Finding, Severity, many, rate, some, span
from kafkade.groups.lag import GroupLag, PartitionLag
from kafkade.groups.series import OWN_GROUPS

_REBALANCING = frozenset({"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"})
_SHORT = 5.0
"""Seconds between two looks that tell nothing of who commits every five seconds, as consumers do by themselves."""

_SKEW = 0.8
_MUCH_OF_RETENTION = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much: seconds that a record waits, and dead letters of all records in the last hour (a share)."""

    lag_seconds: float = 60.0
    error_rate: float = 0.01


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A dead-letter topic of a topic that is consumed: records of the last hour, there and in the source."""

    topic: str
    source: str
    last_hour: int
    source_last_hour: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a topic's records, as the application itself counted it. ``when``: ``within 10 s``."""

    topic: str
    processed: int
    failed: int
    retried: int
    when: str


@dataclass(frozen=True, slots=True)
class ConsumerFacts:
    """What was seen of a group.

    ``listing``: None where there is no such group. ``near``: groups that are called almost so. ``before`` and ``after``: its
    lag at two looks, ``window`` seconds apart. ``partitions``: by topic that is subscribed to or was committed for, how many
    it has. ``retention``: seconds that records of a topic are kept, where that is bounded. ``settings``: the group's own
    timeouts, where brokers have them (KIP-848). ``stable``: where the first transaction that is open begins, of partitions where
    records wait. ``letters``: dead-letter topics that are there.
    ``unread``: what could not be read, and why. ``outcomes``: what the application counted, where it is asked itself.
    """

    group: str
    listing: GroupListing | None
    described: Group | None = None
    again: Group | None = None
    before: GroupLag = field(default_factory=lambda: GroupLag("", ()))
    after: GroupLag = field(default_factory=lambda: GroupLag("", ()))
    window: float = 0.0
    partitions: Mapping[str, int] = field(default_factory=dict)
    retention: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    letters: tuple[DeadLetters, ...] = ()
    letters_wanted: tuple[str, ...] = ()
    unread: Mapping[str, KafkadeError] = field(default_factory=dict)
    near: tuple[str, ...] = ()
    stable: Mapping[TopicPartition, int] = field(default_factory=dict)
    outcomes: tuple[Outcomes, ...] = ()

    @property
    def members(self) -> int | None:
        """How many; None where that is not told."""
        return None if self.described is None or self.described.members is None else len(self.described.members)

    @property
    def subject(self) -> str:
        return f"group {self.group}"


def diagnose(facts: ConsumerFacts, limits: Limits) -> Diagnosis:
    """All that is found of a group."""
    return Diagnosis.of(facts.subject, list(_findings(facts, limits)))


def _findings(facts: ConsumerFacts, limits: Limits) -> Iterator[Finding]:
    if facts.listing is None:
        yield _missing(facts)
        return
    if facts.group.startswith(OWN_GROUPS):
        yield _own(facts, facts.listing)
        return
    yield _kind(facts, facts.listing)
    yield from _state(facts)
    yield from _assignment(facts)
    yield from _positions(facts)
    yield from _lag(facts, limits)
    yield from _stuck(facts)
    yield from _skew(facts, limits)
    yield from _rate(facts, limits)
    yield from _retention(facts)
    yield from _errors(facts, limits)
    for what, error in facts.unread.items():
        yield Finding("unread", Severity.UNKNOWN, what, "could not be read", (), error.message, "")


def _missing(facts: ConsumerFacts) -> Finding:
    near = f" Groups that are called almost so: {some(list(facts.near))}." if facts.near else ""
    return Finding(
        "group",
        Severity.PROBLEM,
        facts.subject,
        "there is no such group",
        (),
        "the name is another (group.id of the application), no consumer ever connected, or it was away for longer than"
        " the brokers keep offsets (offsets.retention.minutes, seven days by default); or this user may not describe it",
        f"look at group.id in the application's settings, and at the right Describe on the group.{near}",
    )


def _own(facts: ConsumerFacts, listing: GroupListing) -> Finding:
    ledger, _ = OWN_GROUPS
    keeps = (
        f"what was put back of dead-letter topic {facts.group.removeprefix(ledger)}"
        if facts.group.startswith(ledger)
        else "how far a KafkaDLQRedrive is; it goes when that is finished"
    )
    return Finding(
        "kind",
        Severity.OK,
        facts.subject,
        f"kafkade's own: nobody consumes with it; its offsets keep {keeps}",
        (f"state {listing.state}", "leave it: without it, records that were put back are put back a second time"),
        figures={"kind": listing.kind.value, "state": listing.state},
    )


_KINDS = {
    GroupKind.CLASSIC: "classic protocol",
    GroupKind.CONSUMER: "the protocol of KIP-848 (group.protocol=consumer)",
    GroupKind.SHARE: "a share group (KIP-932)",
    GroupKind.STREAMS: "a Streams group (KIP-1071)",
    GroupKind.OTHER: "a kind of group that this kafkade does not know",
}


def _kind(facts: ConsumerFacts, listing: GroupListing) -> Finding:
    words = _KINDS[listing.kind]
    figures = {"kind": listing.kind.value, "state": listing.state, "members": facts.members}
    if listing.kind is GroupKind.SHARE:
        return Finding(
            "kind",
            Severity.UNKNOWN,
            facts.subject,
            f"{words}: its members share partitions and commit no offsets",
            (f"state {listing.state}, {_members(facts)}",),
            "brokers keep a state for each record of a share group instead of an offset, so lag, rates and assignment are"
            " not looked at",
            f"kafka-share-groups.sh --describe --group {facts.group} shows its start offsets",
            figures,
        )
    if listing.kind in (GroupKind.STREAMS, GroupKind.OTHER):
        return Finding(
            "kind",
            Severity.UNKNOWN,
            facts.subject,
            f"{words}: lag is looked at, members and assignment are not",
            (f"state {listing.state}",),
            "its members have tasks, not partitions" if listing.kind is GroupKind.STREAMS else "",
            f"kafka-streams-groups.sh --describe --group {facts.group} --members shows them"
            if listing.kind is GroupKind.STREAMS
            else "",
            figures,
        )
    assignor = facts.described.assignor if facts.described is not None else ""
    evidence = [f"state {listing.state}, {_members(facts)}" + (f", assignor {assignor}" if assignor else "")]
    if facts.settings:
        evidence.append(", ".join(f"{key}={value}" for key, value in sorted(facts.settings.items())))
    if listing.protocol_type not in ("", "consumer"):
        words += f", of {listing.protocol_type}"
    return Finding("kind", Severity.OK, facts.subject, words, tuple(evidence), figures=figures)


def _members(facts: ConsumerFacts) -> str:
    count = facts.members
    return "members not known" if count is None else f"{count} member{'' if count == 1 else 's'}"


def _state(facts: ConsumerFacts) -> Iterator[Finding]:
    described, lag = facts.described, facts.after.records
    if described is None or described.members is None or described.kind is GroupKind.SHARE:
        return
    if not described.members:
        waiting = lag > 0
        yield Finding(
            "members",
            Severity.PROBLEM if waiting else Severity.WARNING,
            facts.subject,
            "nobody consumes: the group has no member"
            + (f", and {many(lag, 'record waits', 'records wait')}" if waiting else ""),
            (f"state {described.state}, 0 members, lag {lag}",),
            "the application is not running, cannot log in, or its consumers use another group.id or assign() instead of"
            " subscribe()",
            "start the application, and look in its log for the group's name and errors of authorization",
            {"members": 0, "lag": lag},
        )
        return
    if described.state in _REBALANCING:
        still = facts.again is not None and facts.again.state in _REBALANCING
        yield Finding(
            "rebalance",
            Severity.PROBLEM if still else Severity.WARNING,
            facts.subject,
            f"the group rebalances ({described.state})" + (f", still so after {span(facts.window)}" if still else ""),
            (f"state {described.state}, then {facts.again.state if facts.again else 'not known'}",),
            "members come and go: a deployment, a crash, processing that takes longer than max.poll.interval.ms, or"
            " heartbeats that come later than session.timeout.ms",
            "look in the applications' logs for 'poll timeout' and 'rebalance'; lower max.poll.records or raise"
            " max.poll.interval.ms where processing is slow; group.instance.id or KIP-848 makes restarts cheap",
            {"state": described.state},
        )
    elif facts.again is not None and facts.again.members is not None:
        gone = {m.id for m in described.members} ^ {m.id for m in facts.again.members}
        if gone:
            yield Finding(
                "rebalance",
                Severity.WARNING,
                facts.subject,
                f"{many(len(gone), 'member')} came or went within {span(facts.window)}",
                (f"{len(described.members)} members, then {len(facts.again.members)}",),
                "a deployment, or consumers that crash and come back",
                "look in the applications' logs; restarts of pods (kubectl get pods) show crashes",
                {"changed": len(gone)},
            )


def _assignment(facts: ConsumerFacts) -> Iterator[Finding]:
    described = facts.described
    if described is None or not described.members or described.kind is GroupKind.SHARE:
        return
    if described.state in _REBALANCING or described.protocol_type not in ("", "consumer"):
        return
    counts = {member.id: len(member.assigned) for member in described.members}
    names = {member.id: f"{member.client_id} ({member.host})" for member in described.members}
    taken = {key for member in described.members for key in member.assigned}
    topics = {topic for member in described.members for topic in member.subscribed} or {topic for topic, _ in taken}
    every = {(topic, number) for topic in topics for number in range(facts.partitions.get(topic, 0))}
    free = sorted(every - taken)
    if free:
        yield Finding(
            "assignment",
            Severity.PROBLEM,
            facts.subject,
            f"{len(free)} of {len(every)} partitions have no consumer",
            (f"nobody has {some([_name(key) for key in free])}",),
            "a member uses assign() instead of subscribe(), or a rebalance did not end well: partitions were added a moment"
            " ago, or an assignor leaves some out",
            "restart the members one by one; new partitions are seen within metadata.max.age.ms (five minutes)",
            {"free": len(free), "partitions": len(every)},
        )
    idle = [names[id_] for id_, count in counts.items() if count == 0]
    if idle:
        yield Finding(
            "idle-members",
            Severity.WARNING,
            facts.subject,
            f"{len(idle)} of {len(counts)} members have no partition",
            (f"{len(counts)} members, {len(every)} partitions", f"idle: {some(idle)}"),
            "a partition has one consumer of a group at most, so members beyond the number of partitions only stand by",
            "run fewer members, or add partitions (spec.partitions of the KafkaTopic; keys then go to other partitions)",
            {"idle": len(idle), "members": len(counts), "partitions": len(every)},
        )
    most, least = max(counts.values()), min(count for count in counts.values() if count) if any(counts.values()) else 0
    if most - least > 1 and most >= 2 * least:
        busiest = max(counts, key=lambda id_: counts[id_])
        yield Finding(
            "assignment-skew",
            Severity.WARNING,
            facts.subject,
            f"partitions are shared out unevenly: one member has {most}, another {least}",
            (f"{names[busiest]} has {most} of {len(taken)}",),
            "the range assignor gives the first members one partition more of every topic; or members subscribe to"
            " different topics",
            "set partition.assignment.strategy to the cooperative sticky assignor, or use group.protocol=consumer",
            {"most": most, "least": least},
        )
    if not free and not idle:
        yield Finding(
            "assignment",
            Severity.OK,
            facts.subject,
            f"{many(len(every), 'partition has', 'partitions have')} a consumer each",
            (f"{many(len(counts), 'member')} with {most if least == most else f'{least} to {most}'} of them",),
            figures={"partitions": len(every), "members": len(counts)},
        )


def _name(key: TopicPartition) -> str:
    return f"{key[0]}/{key[1]}"


def _positions(facts: ConsumerFacts) -> Iterator[Finding]:
    """Offsets that do not point into their log."""
    lost = [p for p in facts.after.partitions if p.lost]
    if lost:
        count = sum(p.lost for p in lost)
        yield Finding(
            "lost-records",
            Severity.PROBLEM,
            facts.subject,
            f"{many(count, 'record was', 'records were')} deleted before the group had read them",
            tuple(_offsets(p) for p in lost[:5]),
            "retention (retention.ms, retention.bytes) or DeleteRecords took records that the group had yet to read",
            "keep records for longer than the group can be away or behind (spec.config retention.ms of the KafkaTopic);"
            " where the group goes on now is what its auto.offset.reset says",
            {"records": count, "partitions": len(lost)},
        )
    ahead = [
        p for p in facts.after.partitions if p.committed is not None and p.log is not None and p.committed > p.log.end
    ]
    if ahead:
        yield Finding(
            "offset-ahead",
            Severity.PROBLEM,
            facts.subject,
            f"at {many(len(ahead), 'partition')} the committed offset is beyond the log's end",
            tuple(_offsets(p) for p in ahead[:5]),
            "the topic was deleted and made anew, or an unclean leader election lost records",
            "reset the offsets: kafka-consumer-groups.sh --reset-offsets --to-earliest --execute",
            {"partitions": len(ahead)},
        )
    new = [p for p in facts.after.partitions if p.committed is None and p.log is not None and p.log.end > p.log.start]
    if new:
        yield Finding(
            "no-offset",
            Severity.WARNING,
            facts.subject,
            f"nothing was ever committed for {many(len(new), 'partition that has', 'partitions that have')} records",
            (some([_name(p.key) for p in new]),),
            "the consumer has not finished its first records, commits nothing (enable.auto.commit=false without a commit), or"
            " commits elsewhere",
            "see that the application commits; until it does, a restart begins where auto.offset.reset says",
            {"partitions": len(new)},
        )


def _offsets(p: PartitionLag) -> str:
    log = p.log
    where = "not known" if log is None else f"{log.start} to {log.end}"
    return f"{_name(p.key)}: committed {p.committed}, log {where}"


def _lag(facts: ConsumerFacts, limits: Limits) -> Iterator[Finding]:
    known = [p for p in facts.after.partitions if p.records is not None]
    if not known:
        return
    lag, before, seconds = facts.after.records, facts.before.records, facts.after.seconds
    worst = sorted(known, key=lambda p: (p.seconds or 0.0, p.records or 0), reverse=True)[:3]
    evidence = [
        f"lag {lag} records" + (f", {before} records {span(facts.window)} ago" if facts.window else ""),
        *(
            f"{_name(p.key)}: {p.records} records, "
            + ("for a time that is not known" if p.seconds is None else f"the oldest for {span(p.seconds)}")
            for p in worst
            if p.records
        ),
    ]
    figures = {"records": lag, "recordsBefore": before, "seconds": seconds}
    late = seconds is not None and seconds > limits.lag_seconds
    if not late:
        says = (
            "nothing waits"
            if lag == 0
            else f"{many(lag, 'record waits', 'records wait')}, for less than {span(limits.lag_seconds)}"
        )
        if seconds is None and lag:
            says = f"{many(lag, 'record waits', 'records wait')}; for how long is not known: not readable, or without timestamp"
        yield Finding("lag", Severity.OK, facts.subject, says, tuple(evidence), figures=figures)
        return
    shrinks = lag < before
    yield Finding(
        "lag",
        Severity.WARNING if shrinks else Severity.PROBLEM,
        facts.subject,
        f"records wait for {span(seconds or 0.0)}, and the lag {'shrinks' if shrinks else 'does not shrink'}",
        tuple(evidence),
        "the group was away or too slow for a while, and catches up"
        if shrinks
        else "consumers are slower than producers, stand still, or are not there",
        "wait; processing-rate says how long it takes"
        if shrinks
        else "see the findings on members, stuck partitions and the processing rate",
        figures,
    )


def _moves(facts: ConsumerFacts) -> Iterator[tuple[PartitionLag, PartitionLag]]:
    """Partitions that both looks know, with offsets and log."""
    before = {p.key: p for p in facts.before.partitions}
    for now in facts.after.partitions:
        then = before.get(now.key)
        if then is not None and None not in (then.committed, now.committed) and then.log and now.log:
            yield then, now


def _stuck(facts: ConsumerFacts) -> Iterator[Finding]:
    """Partitions where nothing was committed though records wait; control records alone are no records."""
    if not facts.members or facts.window < _SHORT:
        return
    owners = {
        key: f"{member.client_id} ({member.host})"
        for member in (facts.described.members or () if facts.described else ())
        for key in member.assigned
    }
    moved, still = 0, []
    for then, now in _moves(facts):
        if now.committed != then.committed:
            moved += 1
        elif then.records and now.seconds != 0.0 and (now.seconds is None or now.seconds > facts.window):
            still.append(now)
    held = [p for p in still if p.log and (p.committed or 0) >= facts.stable.get(p.key, p.log.end)]
    if held:
        yield _held(facts, held)
    still = [p for p in still if p not in held]
    if not still:
        return
    evidence = [
        f"{_name(p.key)}: committed {p.committed} for {span(facts.window)}, {p.records} records wait,"
        f" consumer {owners.get(p.key, 'not known')}"
        for p in still[:5]
    ]
    yield Finding(
        "stuck-partitions",
        Severity.PROBLEM,
        facts.subject,
        many(len(still), "partition stands still", "partitions stand still") + (", others go on" if moved else ""),
        tuple(evidence),
        "a record that cannot be processed and is tried again and again, a consumer that hangs or has paused the partition,"
        " or one that does not commit",
        f"look at the record: its offset is {still[0].committed} of {_name(still[0].key)}; send what cannot be"
        " processed to a dead-letter topic (a KafkaDLQPolicy makes one); take a thread dump of a consumer that hangs",
        {"partitions": len(still), "moving": moved},
    )


def _held(facts: ConsumerFacts, held: list[PartitionLag]) -> Finding:
    """Consumers with read_committed, which Streams and exactly-once applications are, read up to an open transaction."""
    first = held[0]
    return Finding(
        "open-transaction",
        Severity.PROBLEM,
        facts.subject,
        f"a transaction that is open holds up {many(len(held), 'partition')}: what is behind it cannot be read yet",
        tuple(
            f"{_name(p.key)}: committed {p.committed}, open from {facts.stable[p.key]} on,"
            f" {many(p.records or 0, 'record waits', 'records wait')}"
            for p in held[:5]
        ),
        "a transactional producer has begun a transaction and does not end it: it works for long, hangs, or crashed and"
        " transaction.timeout.ms is not over",
        f"kafka-transactions.sh describe-producers --topic {first.topic} --partition {first.partition} shows whose it is;"
        " restart that producer; kafka-transactions.sh find-hanging and abort end one that nobody owns",
        {"partitions": len(held)},
    )


def _skew(facts: ConsumerFacts, limits: Limits) -> Iterator[Finding]:
    behind = [p for p in facts.after.partitions if p.records]
    total = facts.after.records
    if len(facts.after.partitions) < 3 or not behind or (facts.after.seconds or 0.0) <= limits.lag_seconds:
        return
    worst = max(behind, key=lambda p: p.records or 0)
    share = (worst.records or 0) / total
    if share >= _SKEW:
        yield Finding(
            "lag-skew",
            Severity.WARNING,
            facts.subject,
            f"{share:.0%} of the lag is at one partition",
            (f"{_name(worst.key)}: {worst.records} of {total}",),
            "many records have the same key, or this partition's consumer is slower than the others",
            f"kafkade diagnose producer {worst.topic} shows how keys are spread",
            {"share": share, "topic": worst.topic, "partition": worst.partition},
        )


def _rate(facts: ConsumerFacts, limits: Limits) -> Iterator[Finding]:
    """What was committed and what came between the two looks. A short look, or a short wait, proves little."""
    moves = list(_moves(facts))
    if not moves or facts.window <= 0:
        return
    done = sum((now.committed or 0) - (then.committed or 0) for then, now in moves) / facts.window
    came = sum(now.log.end - then.log.end for then, now in moves if now.log and then.log) / facts.window
    lag = facts.after.records
    figures = {"processedPerSecond": done, "arrivedPerSecond": came, "window": facts.window, "lag": lag}
    evidence = [f"{rate(done)} committed, {rate(came)} arrived, over {span(facts.window)}"]
    if done < 0:
        yield Finding(
            "processing-rate",
            Severity.WARNING,
            facts.subject,
            "committed offsets went back",
            tuple(evidence),
            "somebody reset the offsets, or two applications use the same group.id and assign()",
            "see who else uses this group.id",
            figures,
        )
        return
    waits = facts.after.seconds != 0.0 and lag > 0
    if facts.window < _SHORT:
        evidence.append(
            f"a window under {span(_SHORT)} shows little: consumers commit every five seconds by themselves"
        )
    if waits and done <= came and facts.members != 0 and (facts.after.seconds or 0.0) > facts.window:
        sure = facts.window >= _SHORT and (facts.after.seconds or 0.0) > limits.lag_seconds
        yield Finding(
            "processing-rate",
            Severity.PROBLEM if sure else Severity.WARNING,
            facts.subject,
            f"nothing was processed within {span(facts.window)}, though records wait"
            if done == 0
            else "records come as fast as they are processed or faster, so the lag stays",
            tuple(evidence),
            "processing is too slow for what comes: calls to others (databases, HTTP) for each record, too few consumers, or"
            " one that stands still",
            "run more members, up to the number of partitions; process in batches; raise fetch.min.bytes and"
            " max.poll.records where processing is quick",
            figures,
        )
        return
    if waits and done > came:
        left = lag / (done - came)
        figures["catchUpSeconds"] = left
        evidence.append(f"at this rate the {lag} records that wait are processed in {span(left)}")
    yield Finding(
        "processing-rate",
        Severity.OK,
        facts.subject,
        f"{rate(done)} are processed, {rate(came)} arrive",
        tuple(evidence),
        figures=figures,
    )


def _retention(facts: ConsumerFacts) -> Iterator[Finding]:
    late: dict[str, float] = {}
    for p in facts.after.partitions:
        kept = facts.retention.get(p.topic)
        if kept and p.seconds is not None and p.seconds > _MUCH_OF_RETENTION * kept:
            late[p.topic] = max(late.get(p.topic, 0.0), p.seconds)
    for topic, seconds in late.items():
        kept = facts.retention[topic]
        yield Finding(
            "retention",
            Severity.PROBLEM,
            facts.subject,
            f"records of {topic} will be deleted before they are read",
            (f"the oldest waits for {span(seconds)}, and records are kept for {span(kept)} (retention.ms)",),
            "the group is further behind than half the time that records are kept",
            "keep records for longer until the group has caught up (spec.config retention.ms of the KafkaTopic)",
            {"topic": topic, "seconds": seconds, "retentionSeconds": kept},
        )


def _errors(facts: ConsumerFacts, limits: Limits) -> Iterator[Finding]:
    for outcome in facts.outcomes:
        yield _outcome(outcome, limits)
    if not facts.letters:
        if facts.letters_wanted and not facts.outcomes:
            yield Finding(
                "error-rate",
                Severity.UNKNOWN,
                facts.subject,
                "how many records fail is not known: there is no dead-letter topic",
                (f"looked for {some(list(facts.letters_wanted))}",),
                "Kafka does not know what a consumer could not process; dead letters tell it",
                "a KafkaDLQPolicy makes dead-letter topics; --dlq names one that is called otherwise",
            )
        return
    for found in facts.letters:
        share = found.last_hour / found.source_last_hour if found.source_last_hour else None
        bad = found.last_hour > 0 and (share is None or share > limits.error_rate)
        told = "" if share is None else f", {share:.1%} of the records of {found.source}"
        yield Finding(
            "error-rate",
            Severity.PROBLEM if bad else Severity.OK,
            f"topic {found.topic}",
            f"{many(found.last_hour, 'dead letter')} in the last hour{told}",
            (f"{found.source}: {found.source_last_hour} records in the last hour",),
            "consumers (of this group or another one) could not process these records" if bad else "",
            f"kafkade dlq stats {found.topic} counts them by error; kafkade dlq peek {found.topic} shows them"
            if bad
            else "",
            {"deadLetters": found.last_hour, "records": found.source_last_hour, "share": share},
        )


def _outcome(found: Outcomes, limits: Limits) -> Finding:
    total = found.processed + found.failed
    share = found.failed / total if total else 0.0
    bad = share > limits.error_rate
    figures: dict[str, Figure] = {
        "processed": found.processed,
        "failed": found.failed,
        "retried": found.retried,
        "share": share,
    }
    return Finding(
        "error-rate",
        Severity.PROBLEM if bad else Severity.OK,
        f"topic {found.topic}",
        f"{share:.1%} of the records could not be processed {found.when}",
        (f"{found.processed} processed, {found.failed} failed, {found.retried} tried again",),
        "the handler raised an error for them, or they could not be read" if bad else "",
        "look for the errors in the application's log; kafkade dlq peek shows dead letters" if bad else "",
        figures,
    )


def topics_of(facts: Group | None, lag: GroupLag) -> list[str]:
    """Topics that a group subscribes to, has partitions of, or has committed for."""
    names: Counter[str] = Counter(p.topic for p in lag.partitions)
    for member in (facts.members or ()) if facts is not None else ():
        names.update(member.subscribed)
        names.update(topic for topic, _ in member.assigned)
    return sorted(names)
