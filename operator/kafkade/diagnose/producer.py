"""Checks of what producers write to a topic: batches, compression, failures, latency, and how keys are spread. Pure.

The facts are the newest record batches as they lie in the log, records that came while it was watched, and a producer's own
metrics where they are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from kafkade.api.errors import KafkadeError
from kafkade.clients.kafka_batches import Batch
from kafkade.clients.model import TopicDescription
from kafkade.diagnose.client_metrics import ClientMetrics
from kafkade.diagnose.finding import Diagnosis, Figure, Finding, Severity, many, size, some, span

_SMALL_BATCH = 1024
"""Bytes of a batch under which its header of 61 bytes and the request for it cost more than they should."""

_ALONE = 1.5
"""Records of a batch under which producers send them one by one."""

_IN_VAIN = 0.91
"""Bytes after compression of those before it from which on it saves next to nothing: 1.1 to 1."""

_HOT, _SKEW = 0.5, 3.0
_NEARLY = 0.8
_ENOUGH = 20
"""Records or batches under which nothing is said of how they are spread."""

_DAY = 86_400.0
_FUTURE = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much: seconds from a record's timestamp until it can be read, and the share that fails."""

    latency_seconds: float = 1.0
    failure_rate: float = 0.01


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of the records that were read: how many records have one, how many differ, and the share of the commonest."""

    records: int = 0
    keyed: int = 0
    distinct: int = 0
    hottest: float = 0.0
    hottest_key: str = ""


@dataclass(frozen=True, slots=True)
class ProducerFacts:
    """What was seen of a topic's records.

    ``batches``: the newest ones by partition, control batches among them. ``plain`` and ``packed``: bytes of some of them,
    before compression and as they lie there; 0 where no record could be read. ``delays``: seconds from a batch's newest timestamp until it
    was read, of those that came within ``window`` seconds. ``last_hour``: records by partition. ``settings``: the topic's, by
    name. ``now``: milliseconds since 1970.
    """

    topic: TopicDescription
    batches: Mapping[int, Sequence[Batch]]
    plain: int = 0
    packed: int = 0
    keys: Keys = field(default_factory=Keys)
    last_hour: Mapping[int, int] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    delays: Sequence[float] = ()
    window: float = 0.0
    client: ClientMetrics | None = None
    now: int = 0
    unread: Mapping[str, KafkadeError] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"topic {self.topic.name}"

    @property
    def data(self) -> list[Batch]:
        """Batches with records."""
        return [b for batches in self.batches.values() for b in batches if not b.control and b.records > 0]


def diagnose(facts: ProducerFacts, limits: Limits) -> Diagnosis:
    """All that is found of a topic's producers."""
    return Diagnosis.of(facts.subject, list(_findings(facts, limits)))


def _findings(facts: ProducerFacts, limits: Limits) -> Iterator[Finding]:
    client = facts.client
    if not facts.data:
        if "records" not in facts.unread:  # which is said below
            yield Finding(
                "records",
                Severity.UNKNOWN,
                facts.subject,
                "there are no records to look at",
                (),
                "nothing was written, or retention took it",
                "look again once producers have written",
            )
        if client is not None and client.batch_bytes is not None:
            yield _batch_size(facts)
        if client is not None and client.compressed is not None:
            yield _compressed(facts, client.client, client.compressed)
    else:
        yield _batch_size(facts)
        yield _compression(facts)
        yield from _large(facts)
        yield from _times(facts)
        yield from _spread(facts)
        yield _idempotence(facts)
    yield from _failures(facts, limits)
    yield from _latency(facts, limits)
    yield from _client(facts)
    yield _durability(facts)
    for what, error in facts.unread.items():
        yield Finding("unread", Severity.UNKNOWN, what, "could not be read", (), error.message, "")


def _batch_size(facts: ProducerFacts) -> Finding:
    """Of the batches in the log; of those that the producer tells of, where none of these can be read."""
    data, client = facts.data, facts.client
    evidence = []
    if data:
        number, records = len(data), float(sum(b.records for b in data))
        each, mean = records / number, sum(b.size for b in data) / number
        evidence.append(
            f"{number} batches with {records:.0f} records: {each:.1f} records and {size(mean)} each on average"
        )
        spans = [(b.max_timestamp - b.first_timestamp) / 1000 for b in data if not b.append_time]
        if spans and each > 1:
            evidence.append(f"{span(sum(spans) / len(spans))} from the first record of a batch to its last, on average")
    else:
        assert client is not None  # noqa: S101 -- _findings looked
        number, each, mean = client.batches or _ENOUGH, client.batch_records or 1.0, client.batch_bytes or 0.0
        records = number * each
    if client is not None and client.batch_bytes is not None:
        count = "" if client.batch_records is None else f", {client.batch_records:.1f} records"
        evidence.append(f"{client.client}: {size(client.batch_bytes)}{count} a batch")
    busy = sum(facts.last_hour.values()) > 3600
    figures = {"batches": number, "records": round(records), "recordsPerBatch": each, "bytesPerBatch": mean}
    alone = each < _ALONE and number >= _ENOUGH
    if alone or (mean < _SMALL_BATCH and busy):
        return Finding(
            "batch-size",
            Severity.WARNING,
            facts.subject,
            f"batches are small: {each:.1f} records, {size(mean)}",
            tuple(evidence),
            "linger.ms is 0 or the producer flushes after each record, so every record is a request of its own",
            "set linger.ms to 5 or more (Kafka 4's default), do not wait for each record before the next is sent, and leave"
            " batch.size at 16384 or raise it",
            figures,
        )
    return Finding(
        "batch-size",
        Severity.OK,
        facts.subject,
        f"{each:.1f} records and {size(mean)} a batch",
        tuple(evidence),
        figures=figures,
    )


def _compression(facts: ProducerFacts) -> Finding:
    data, client = facts.data, facts.client
    codecs = Counter(b.codec for b in data)
    share = codecs.get("none", 0) / len(data)
    evidence = [", ".join(f"{codec}: {count} batches" for codec, count in codecs.most_common())]
    ratio = facts.plain / facts.packed if facts.packed and facts.plain else None
    if ratio is not None:
        evidence.append(f"{size(facts.plain)} of records lie in {size(facts.packed)}: {ratio:.1f} to 1")
    if client is not None and client.compressed is not None:
        evidence.append(f"{client.client}: compressed to {client.compressed:.0%}")
    figures: dict[str, Figure] = {"uncompressedShare": share, "ratio": ratio}
    figures.update({f"batches.{codec}": count for codec, count in codecs.items()})
    plain = facts.plain or sum(b.size for b in data)
    mean = plain / max(1, len(data))
    if share > 0.5 and len(data) >= _ENOUGH and mean >= _SMALL_BATCH:
        return Finding(
            "compression",
            Severity.WARNING,
            facts.subject,
            f"{share:.0%} of the batches are not compressed",
            tuple(evidence),
            "compression.type of the producers is none, as it is by default",
            "set compression.type=zstd or lz4 in the producers: text such as JSON becomes a fourth, on disks and networks",
            figures,
        )
    if ratio is not None and share < 0.5 and ratio < 1.1 and len(data) >= _ENOUGH:
        return Finding(
            "compression",
            Severity.WARNING,
            facts.subject,
            f"compression saves next to nothing: {ratio:.2f} to 1",
            tuple(evidence),
            "batches are too small to be compressed, or records are encrypted or compressed already",
            "let batches grow (linger.ms, batch.size), or do without compression",
            figures,
        )
    says = f"compressed {ratio:.1f} to 1" if ratio is not None and share < 1 else f"{evidence[0]}"
    return Finding("compression", Severity.OK, facts.subject, says, tuple(evidence), figures=figures)


def _compressed(facts: ProducerFacts, client: str, share: float) -> Finding:
    """Compression as the producer tells of it."""
    figures: dict[str, Figure] = {"compressed": share}
    evidence = (f"{client}: compressed to {share:.0%}",)
    if share < _IN_VAIN:
        return Finding(
            "compression", Severity.OK, facts.subject, f"compressed {1 / share:.1f} to 1", evidence, figures=figures
        )
    return Finding(
        "compression",
        Severity.WARNING,
        facts.subject,
        "batches are not compressed, or it saves next to nothing",
        evidence,
        "compression.type is none, batches are too small to be compressed, or records are encrypted or compressed already",
        "set compression.type=zstd or lz4 and let batches grow (linger.ms, batch.size)",
        figures,
    )


def _large(facts: ProducerFacts) -> Iterator[Finding]:
    limit = facts.settings.get("max.message.bytes")
    if limit is None or not limit.isdigit():
        return
    largest = max(b.size for b in facts.data)
    if largest >= _NEARLY * int(limit):
        yield Finding(
            "record-size",
            Severity.WARNING,
            facts.subject,
            f"the largest batch has {largest / int(limit):.0%} of max.message.bytes",
            (f"{size(largest)} of {size(int(limit))}",),
            "records are large, or batch.size is close to the limit",
            "raise max.message.bytes of the topic (and max.request.size of producers) before records are refused, or keep"
            " large contents elsewhere and send where they are",
            {"largest": largest, "limit": int(limit)},
        )


def _times(facts: ProducerFacts) -> Iterator[Finding]:
    made = [b for b in facts.data if not b.append_time]
    if any(b.max_timestamp < 0 for b in made):
        yield Finding(
            "timestamps",
            Severity.WARNING,
            facts.subject,
            "records have no timestamp: retention by time and lag in seconds do not work",
            (),
            "the producers set -1, or are very old",
            "leave the timestamp to the producer's client, or set message.timestamp.type=LogAppendTime",
        )
    ahead = [b for b in made if (b.max_timestamp - facts.now) / 1000 > _FUTURE]
    if ahead:
        most = max((b.max_timestamp - facts.now) / 1000 for b in ahead)
        yield Finding(
            "timestamps",
            Severity.PROBLEM,
            facts.subject,
            f"records have timestamps in the future, up to {span(most)} ahead: retention keeps their segments until then",
            (f"{len(ahead)} of {len(made)} batches",),
            "a producer's clock is wrong, or it sets timestamps itself (in seconds or microseconds, in place of milliseconds)",
            "correct the clock or the code; message.timestamp.after.max.ms refuses such records",
            {"batches": len(ahead), "secondsAhead": most},
        )


def _spread(facts: ProducerFacts) -> Iterator[Finding]:
    """Of the last hour, or of what was sampled where there is too little of that."""
    counts = dict(facts.last_hour)
    when = "in the last hour"
    if sum(counts.values()) < _ENOUGH:
        counts = {n: sum(b.records for b in batches if not b.control) for n, batches in facts.batches.items()}
        when = "of the newest"
    total, keys = sum(counts.values()), facts.keys
    if len(counts) < 2 or total < _ENOUGH:
        return
    busiest = max(counts, key=lambda n: counts[n])
    mean = total / len(counts)
    keyed = f"{keys.keyed} of {keys.records} records have a key, {keys.distinct} keys differ" if keys.records else ""
    evidence = [f"partition {busiest} has {counts[busiest]} of {total} records {when}, {mean:.0f} would be even"]
    evidence += [keyed] if keyed else []
    figures: dict[str, Figure] = {
        "records": total,
        "busiest": busiest,
        "busiestShare": counts[busiest] / total,
        "hottestKeyShare": keys.hottest,
    }
    hot = keys.keyed >= _ENOUGH and keys.hottest >= _HOT
    if counts[busiest] > min(_SKEW, len(counts) * 0.9) * mean or (hot and keys.distinct > 1):
        if hot:
            evidence.append(f"{keys.hottest:.0%} of the keys are {keys.hottest_key!r}")
        yield Finding(
            "key-skew",
            Severity.WARNING,
            facts.subject,
            f"records are spread unevenly: {counts[busiest] / total:.0%} go to one of {len(counts)} partitions",
            tuple(evidence),
            "one key has most of the records"
            if hot
            else "few keys have most of the records, or a producer chooses partitions",
            "choose a key with more values (an order's id in place of a customer's), or send without a key where order does not"
            " matter",
            figures,
        )
    else:
        yield Finding(
            "key-skew", Severity.OK, facts.subject, "records are spread evenly", tuple(evidence), figures=figures
        )


def _idempotence(facts: ProducerFacts) -> Finding:
    data = facts.data
    without = sum(b.producer_id < 0 for b in data)
    transactional = sum(b.transactional for b in data)
    producers = {b.producer_id for b in data if b.producer_id >= 0}
    evidence = (
        f"{many(len(producers), 'idempotent producer')}, {transactional} of {len(data)} batches in transactions,"
        f" {without} of producers that are not idempotent",
    )
    figures: dict[str, Figure] = {"notIdempotent": without, "transactional": transactional, "producers": len(producers)}
    if without * 2 > len(data):
        return Finding(
            "idempotence",
            Severity.WARNING,
            facts.subject,
            "producers are not idempotent: a request that is repeated can write records twice or out of order",
            evidence,
            "enable.idempotence is false, as it is by default in librdkafka and before Kafka 3",
            "set enable.idempotence=true (it implies acks=all)",
            figures,
        )
    return Finding("idempotence", Severity.OK, facts.subject, "producers are idempotent", evidence, figures=figures)


def _failures(facts: ProducerFacts, limits: Limits) -> Iterator[Finding]:
    ends = [b for batches in facts.batches.values() for b in batches if b.control]
    aborted = sum(b.aborts for b in ends)
    client = facts.client
    evidence = []
    if ends:
        evidence.append(f"{aborted} of {len(ends)} transactions were aborted (counted by partition)")
    figures: dict[str, Figure] = {"transactions": len(ends), "aborted": aborted}
    if client is not None and client.failed is not None:
        figures["failed"] = client.failed
        evidence.append(f"{client.client}: {client.failed:.2%} failed")
    if client is not None and client.retried is not None:
        figures["retried"] = client.retried
        evidence.append(f"{client.client}: {client.retried:.2%} were sent again")
    failed = client.failed if client is not None else None
    share = aborted / len(ends) if ends else 0.0
    if failed is not None and failed > limits.failure_rate:
        yield Finding(
            "failure-rate",
            Severity.PROBLEM,
            facts.subject,
            f"{failed:.1%} of what the producer sends fails",
            tuple(evidence),
            "brokers refuse records (size, ACLs, too few in-sync replicas), or do not answer within delivery.timeout.ms",
            "look in the producer's log for the error; kafkade diagnose topic and cluster show what brokers lack",
            figures,
        )
    elif share > limits.failure_rate and aborted > 1:
        yield Finding(
            "failure-rate",
            Severity.WARNING,
            facts.subject,
            f"{share:.0%} of the transactions were aborted",
            tuple(evidence),
            "the producer's work failed and it took its records back, or it was away for longer than transaction.timeout.ms",
            "look in the producer's log for aborted transactions and fencing",
            figures,
        )
    elif client is not None and client.retried is not None and client.retried > 5 * limits.failure_rate:
        yield Finding(
            "failure-rate",
            Severity.WARNING,
            facts.subject,
            f"{client.retried:.1%} of what the producer sends is sent again",
            tuple(evidence),
            "leaders change, requests time out, or too few replicas are in sync",
            "kafkade diagnose cluster shows whether brokers are away",
            figures,
        )
    elif failed is not None or ends:
        yield Finding(
            "failure-rate", Severity.OK, facts.subject, "next to nothing fails", tuple(evidence), figures=figures
        )
    else:
        yield Finding(
            "failure-rate",
            Severity.UNKNOWN,
            facts.subject,
            "how much fails is not known: what brokers refused is not in the log",
            (),
            "only the producer knows it",
            "--client-metrics FILE takes its metrics: librdkafka's statistics, or Java's by name",
        )


def _latency(facts: ProducerFacts, limits: Limits) -> Iterator[Finding]:
    client = facts.client
    evidence: list[str] = []
    figures: dict[str, Figure] = {"seen": len(facts.delays)}
    high = None
    if facts.delays:
        middle, high = percentiles(facts.delays)
        figures |= {"p50": middle, "p95": high}
        evidence.append(
            f"{len(facts.delays)} batches came within {span(facts.window)}: from timestamp to reader {span(middle)} (median),"
            f" {span(high)} (95th percentile)"
        )
    if client is not None and client.latency is not None:
        figures["request"] = client.latency
        longest = "" if client.latency_high is None else f", up to {span(client.latency_high)}"
        evidence.append(f"{client.client}: {span(client.latency)} a request on average{longest}")
    if client is not None and client.queued is not None:
        figures["queued"] = client.queued
        evidence.append(f"{client.client}: records wait {span(client.queued)} in the client")
    worst = max((x for x in (high, client.latency if client else None) if x is not None), default=None)
    append = facts.settings.get("message.timestamp.type") == "LogAppendTime"
    if worst is None:
        why = (
            "timestamps are the brokers' (LogAppendTime), and tell nothing of the producer"
            if append and facts.data
            else f"no record came within {span(facts.window)}"
            if facts.window
            else "nobody watched for records that come"
        )
        yield Finding(
            "latency",
            Severity.UNKNOWN,
            facts.subject,
            "how long records take is not known",
            (),
            why,
            "watch for longer (--sample), or give the producer's metrics (--client-metrics FILE)",
            figures,
        )
    elif worst > _DAY and facts.delays:
        yield Finding(
            "latency",
            Severity.UNKNOWN,
            facts.subject,
            "records that come now are old: what happened then is written now, or copied",
            tuple(evidence),
            "the producer sets timestamps itself",
            "give the producer's metrics (--client-metrics FILE)",
            figures,
        )
    elif worst > limits.latency_seconds:
        yield Finding(
            "latency",
            Severity.PROBLEM,
            facts.subject,
            f"records take {span(worst)} until they can be read",
            tuple(evidence),
            "records wait in the client (linger.ms, a full queue, retries), brokers answer slowly (disk, replicas with acks=all),"
            " or clocks differ",
            "lower linger.ms; look at the brokers' disks and networks (kafkade diagnose cluster); compare clocks",
            figures,
        )
    else:
        yield Finding(
            "latency",
            Severity.OK,
            facts.subject,
            f"records can be read after {span(worst)}",
            tuple(evidence),
            figures=figures,
        )


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median, and the 95th percentile."""
    if len(values) == 1:
        return values[0], values[0]
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


def _client(facts: ProducerFacts) -> Iterator[Finding]:
    client = facts.client
    if client is None:
        return
    if client.throttled:
        yield Finding(
            "throttled",
            Severity.WARNING,
            facts.subject,
            f"brokers hold the producer back for {span(client.throttled)} a request",
            (client.client,),
            "it sends more than its quota (producer_byte_rate)",
            "raise the quota, or send less",
            {"seconds": client.throttled},
        )
    if client.full is not None and client.full > _NEARLY:
        yield Finding(
            "queue-full",
            Severity.PROBLEM,
            facts.subject,
            f"the producer's queue is full ({client.full:.0%}): it writes faster than brokers take it",
            (client.client,),
            "brokers are slow or away, or the queue is too small for bursts",
            "look at failure-rate and latency; raise buffer.memory (queue.buffering.max.messages in librdkafka)",
            {"full": client.full},
        )


def _durability(facts: ProducerFacts) -> Finding:
    least = facts.settings.get("min.insync.replicas")
    factor = min((len(p.replicas) for p in facts.topic.partitions), default=0)
    evidence = (f"min.insync.replicas={least}, replication factor {factor}",)
    below = [
        str(n) for n, p in enumerate(facts.topic.partitions) if least and least.isdigit() and len(p.isr) < int(least)
    ]
    if below:
        return Finding(
            "durability",
            Severity.PROBLEM,
            facts.subject,
            f"{many(len(below), 'partition refuses', 'partitions refuse')} records of producers with acks=all (NOT_ENOUGH_REPLICAS)",
            (*evidence, f"partitions {some(below)}"),
            "fewer replicas are in sync than min.insync.replicas",
            f"kafkade diagnose topic {facts.topic.name} shows why",
            {"partitions": len(below)},
        )
    if least == "1" and factor > 1:
        return Finding(
            "durability",
            Severity.WARNING,
            facts.subject,
            "acks=all is as good as acks=1: one replica in sync is enough",
            evidence,
            "min.insync.replicas is 1",
            "set min.insync.replicas to 2 (spec.config of the KafkaTopic)",
        )
    return Finding("durability", Severity.OK, facts.subject, "all partitions take records with acks=all", evidence)
