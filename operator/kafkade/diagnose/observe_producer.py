"""Facts about what producers write to a topic. Nothing is written, and no group is joined."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import LogRange, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.clients.kafka_batches import Batch
from kafkade.clients.kafka_mover_model import Record
from kafkade.clients.kafka_records import RecordReader
from kafkade.diagnose.client_metrics import ClientMetrics
from kafkade.diagnose.looking import Progress, known, last_hour, unless
from kafkade.diagnose.observe_topic import described
from kafkade.diagnose.producer import Keys, ProducerFacts

_PARTITION_BYTES = 1_048_576
"""Of batches that are looked at of each partition."""

_READ = 2_000
"""Records that are read in whole, of all partitions."""

_TURN = 1.0
_HEADER = 61
"""Bytes of a batch before its records."""

_SETTINGS = ("max.message.bytes", "message.timestamp.type", "min.insync.replicas", "compression.type")


async def observe(
    kafka: KafkaAdmin,
    reader: RecordReader,
    name: str,
    *,
    records: int,
    window: float,
    client: ClientMetrics | None,
    progress: Progress,
) -> ProducerFacts:
    """Look at the newest ``records`` of each partition, and watch for ``window`` seconds what comes.

    Raises:
        UnknownTopic: there is no such topic. Other KafkaErrors as everywhere.
    """
    topic = await described(kafka, name)
    unread: dict[str, KafkadeError] = {}
    ranges: dict[TopicPartition, LogRange] = {}
    for key, log in (await kafka.log_ranges([(name, n) for n in range(len(topic.partitions))])).items():
        if isinstance(log, KafkadeError):
            unread[f"{key[0]}/{key[1]}"] = log
        else:
            ranges[key] = log
    newest = {key: LogRange(max(log.start, log.end - records), log.end) for key, log in ranges.items()}
    found: dict[int, list[Batch]] = {}
    for (_, number), batches in (await kafka.batches(newest, partition_bytes=_PARTITION_BYTES)).items():
        if isinstance(batches, KafkadeError):
            unread["records"] = batches
        else:
            found[number] = batches
    recent = await last_hour(kafka, ranges)
    settings = known((await kafka.topic_configs([name]))[name], "settings", unread) or {}
    contents = await unless(asyncio.to_thread(_contents, reader, name, found), "records", unread)
    plain, packed, keys = contents or (0, 0, Keys())
    # where logs end by now: what was written while all this was read would count as late
    ends = {key: log.end for key, log in (await kafka.log_ranges(ranges)).items() if isinstance(log, LogRange)}
    delays = await _watch(kafka, ends, window, progress)
    return ProducerFacts(
        topic,
        found,
        plain,
        packed,
        keys,
        {number: records_there for (_, number), records_there in recent.items()},
        {key: settings[key].value or "" for key in _SETTINGS if key in settings},
        delays,
        window,
        client,
        round(time.time() * 1000),
        unread,
    )


def _contents(reader: RecordReader, topic: str, found: Mapping[int, Sequence[Batch]]) -> tuple[int, int, Keys]:
    """Bytes of the newest batches before compression and after it, and their keys.

    A batch counts only where all its records were read: those of transactions that were aborted are not.
    """
    with_records = {n: [b for b in batches if not b.control and b.records] for n, batches in found.items()}
    each = max(1, _READ // max(1, sum(bool(batches) for batches in with_records.values())))
    chosen: dict[int, list[Batch]] = {}
    for number, batches in with_records.items():
        taken = 0
        for batch in reversed(batches):
            if taken and taken + batch.records > each:
                break
            chosen.setdefault(number, []).append(batch)
            taken += batch.records
    ranges = {n: (batches[-1].base_offset, batches[0].last_offset + 1) for n, batches in chosen.items()}
    sizes: dict[int, dict[int, int]] = {}
    keys: Counter[bytes] = Counter()
    count = 0
    for record in reader.read(topic, ranges):
        count += 1
        sizes.setdefault(record.partition, {})[record.offset] = plain_size(record)
        if record.key is not None:
            keys[record.key] += 1
    plain = packed = 0
    for number, batches in chosen.items():
        for batch in batches:
            there = [
                has
                for offset in range(batch.base_offset, batch.last_offset + 1)
                if (has := sizes.get(number, {}).get(offset)) is not None
            ]
            if len(there) == batch.records:
                plain += _HEADER + sum(there)
                packed += batch.size
    keyed = keys.total()
    ((hottest, times),) = keys.most_common(1) or [(b"", 0)]
    shown = hottest[:40].decode(errors="backslashreplace")
    return plain, packed, Keys(count, keyed, len(keys), times / keyed if keyed else 0.0, shown)


def plain_size(record: Record) -> int:
    """Bytes of a record in a batch that is not compressed (format 2), but for the length of its deltas: 1 and 2 taken."""
    key, value = record.key or b"", record.value or b""
    body = 1 + 2 + 1 + _varint(len(key)) + len(key) + _varint(len(value)) + len(value) + _varint(len(record.headers))
    for name, content in record.headers:
        body += _varint(len(name.encode())) + len(name.encode()) + _varint(len(content or b"")) + len(content or b"")
    return _varint(body) + body


def _varint(number: int) -> int:
    """Bytes that a length takes: seven bits each, zigzag."""
    return max(1, ((number * 2).bit_length() + 6) // 7)


async def _watch(
    kafka: KafkaAdmin, ends: Mapping[TopicPartition, int], window: float, progress: Progress
) -> list[float]:
    """Seconds from the newest timestamp of a batch until it was read, of batches that come meanwhile."""
    delays: list[float] = []
    offsets = dict(ends)
    started = time.monotonic()
    while offsets and (passed := time.monotonic() - started) < window:
        progress(passed)
        arrived = await kafka.arrivals(offsets, min(_TURN, window - passed))
        for key, batch, at in arrived:
            offsets[key] = max(offsets[key], batch.last_offset + 1)
            if not batch.control and not batch.append_time and batch.max_timestamp >= 0:
                delays.append(max(0.0, at - batch.max_timestamp / 1000))
    return delays
