"""Record batches as they lie in a log: their headers, and what stands next at an offset.

confluent_kafka hands out records only; how they were batched and compressed stands in the batches (KIP-98, magic 2),
which a Fetch brings as they are. Blocking: called in :class:`kafkade.clients.kafka_python.KafkaPython`'s worker thread.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import errors as foreign
from kafka.protocol.consumer import FetchRequest

from kafkade.clients.group_model import LogRange, NextRecord, TopicPartition
from kafkade.clients.kafka_groups import by_topic, leaders_of

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH_FROM = 12
"""Bytes before the part of a batch that its length counts: base offset and the length itself."""

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_MAGIC = 2

PARTITION_BYTES = 65_536
"""Asked of each partition at first: batches are 16 KiB mostly. Of a larger one a broker sends nothing, if others come first."""

ANSWER_BYTES = 4_194_304
"""Asked of each broker at a time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The header of a record batch. Times in milliseconds since 1970; ``size`` in bytes, as it lies in the log."""

    base_offset: int
    last_offset: int
    size: int
    records: int
    codec: str
    first_timestamp: int
    max_timestamp: int
    append_time: bool
    """Whether the timestamps are those of the broker (LogAppendTime)."""
    transactional: bool
    control: bool
    producer_id: int
    """-1 where the producer is not idempotent."""
    aborts: bool = False
    """A control batch that ends a transaction whose records do not count."""


def batches(data: bytes | memoryview | None) -> Iterator[tuple[Batch, memoryview]]:
    """The whole batches in what a Fetch brought, each with its records as they lie there; old formats are left out."""
    view = memoryview(data or b"")
    at = 0
    while len(view) - at >= _LENGTH_FROM:
        base, length = struct.unpack_from(">qi", view, at)
        end = at + _LENGTH_FROM + length
        if length <= 0 or end > len(view):
            return
        if length >= _HEADER.size - _LENGTH_FROM and view[at + 16] == _MAGIC:
            fields = _HEADER.unpack_from(view, at)
            attributes, last_delta, first, latest, producer = fields[5:10]
            codec = attributes & _CODEC
            payload = view[at + _HEADER.size : end]
            yield (
                Batch(
                    base,
                    base + last_delta,
                    end - at,
                    fields[12],
                    CODECS[codec] if codec < len(CODECS) else str(codec),
                    latest if attributes & _APPEND_TIME else first,
                    latest,
                    bool(attributes & _APPEND_TIME),
                    bool(attributes & _TRANSACTIONAL),
                    bool(attributes & _CONTROL),
                    producer,
                    bool(attributes & _CONTROL) and _aborts(payload),
                ),
                payload,
            )
        at = end


def _aborts(payload: memoryview) -> bool:
    """A control record's key is a version and a type: 0 for an abort. Lengths in these small records take a byte each."""
    key_at = 5  # length, attributes, timestamp's delta, offset's delta, length of the key
    return len(payload) >= key_at + 4 and bytes(payload[key_at + 2 : key_at + 4]) == b"\0\0"


def next_record(data: bytes | memoryview | None, offset: int) -> NextRecord:
    """What stands at ``offset`` or after it, by the headers alone.

    A batch that begins before ``offset`` tells the times of its first and its newest record only; in between, time is
    taken to pass evenly. A producer fills a batch within linger.ms, so that is off by milliseconds. Pure.
    """
    seen = offset
    for batch, _ in batches(data):
        if batch.last_offset < offset:
            continue
        seen = batch.last_offset + 1
        if batch.control or batch.records == 0:
            continue
        passed = max(0, offset - batch.base_offset)
        span = batch.max_timestamp - batch.first_timestamp
        share = passed / max(1, batch.last_offset - batch.base_offset)
        return NextRecord(batch.first_timestamp + round(span * share), seen)
    return NextRecord(None, seen)


def next_records(client: Any, offsets: Mapping[TopicPartition, int], rounds: int) -> dict[TopicPartition, NextRecord]:
    """The first record at or after each offset.

    One Fetch a round of each leader. A partition is missing in the answer where it cannot be read, its offset is not
    there (any more), or ``rounds`` were too few.
    """
    return dict(client._manager.run(_next_records, client._manager, offsets, rounds))


async def _next_records(
    manager: Any, offsets: Mapping[TopicPartition, int], rounds: int
) -> dict[TopicPartition, NextRecord]:
    found: dict[TopicPartition, NextRecord] = {}
    left = dict(offsets)
    for turn in range(rounds):
        each = min(ANSWER_BYTES, PARTITION_BYTES * 4**turn)
        answers = await fetch(manager, left, partition_bytes=each, answer_bytes=ANSWER_BYTES)
        for key, data in answers.items():
            if isinstance(data, int):
                del left[key]
                continue
            answer = next_record(data, left[key])
            if answer.timestamp is not None:
                found[key] = answer
                del left[key]
            elif answer.seen > left[key]:
                found[key] = answer  # control records so far; there may be more behind them
                left[key] = answer.seen
        # what came to nothing was behind others that filled the answer: it goes first now
        left = dict(sorted(left.items(), key=lambda item: item[0] in found))
        if not left:
            break
    return found


def read_batches(
    client: Any, ranges: Mapping[TopicPartition, LogRange], partition_bytes: int
) -> dict[TopicPartition, list[Batch] | int]:
    """The batches from each range's start to its end, as far as ``partition_bytes`` of each partition go.

    The protocol's error code in place of those of a partition that cannot be read.
    """
    return dict(client._manager.run(_read_batches, client._manager, ranges, partition_bytes))


async def _read_batches(
    manager: Any, ranges: Mapping[TopicPartition, LogRange], partition_bytes: int
) -> dict[TopicPartition, list[Batch] | int]:
    found: dict[TopicPartition, list[Batch]] = {key: [] for key in ranges}
    left = {key: log.start for key, log in ranges.items() if log.start < log.end}
    taken: dict[TopicPartition, int] = dict.fromkeys(ranges, 0)
    errors: dict[TopicPartition, int] = {}
    fruitless = 0
    while left and fruitless <= len(ranges):
        answers = await fetch(manager, left, partition_bytes=ANSWER_BYTES // 4, answer_bytes=ANSWER_BYTES)
        came = False
        for key, data in answers.items():
            if isinstance(data, int):
                errors[key] = data
                del left[key]
                continue
            for batch, _ in batches(data):
                if batch.last_offset >= left[key]:
                    found[key].append(batch)
                    taken[key] += batch.size
                    left[key] = batch.last_offset + 1
                    came = True
            if left[key] >= ranges[key].end or taken[key] >= partition_bytes:
                del left[key]
        left = dict(sorted(left.items(), key=lambda item: taken[item[0]]))
        fruitless = 0 if came else fruitless + 1
    return {**found, **errors}


def arrivals(
    client: Any, offsets: Mapping[TopicPartition, int], seconds: float
) -> list[tuple[TopicPartition, Batch, float]]:
    """Batches that come to partitions from these offsets on, each with the time (as time.time) at which it was received."""
    return list(client._manager.run(_arrivals, client._manager, offsets, seconds))


async def _arrivals(
    manager: Any, offsets: Mapping[TopicPartition, int], seconds: float
) -> list[tuple[TopicPartition, Batch, float]]:
    leaders, _ = await leaders_of(manager, offsets)
    until = time.monotonic() + seconds
    futures = [
        manager.call_soon(_arrivals_at, manager, leader, {key: offsets[key] for key in keys}, until)
        for leader, keys in leaders.items()
    ]
    return [arrived for future in futures for arrived in await future]


async def _arrivals_at(
    manager: Any, leader: int, offsets: dict[TopicPartition, int], until: float
) -> list[tuple[TopicPartition, Batch, float]]:
    """Of one leader, which answers as soon as something is there."""
    found: list[tuple[TopicPartition, Batch, float]] = []
    while (rest := until - time.monotonic()) > 0:
        wait = max(1, round(rest * 1000))
        response = await manager.send(
            _fetch(list(offsets), offsets, PARTITION_BYTES, ANSWER_BYTES, wait), node_id=leader
        )
        at = time.time()
        for topic in response.responses:
            for partition in topic.partitions:
                key = (topic.topic, partition.partition_index)
                for batch, _ in batches(partition.records if partition.error_code == 0 else None):
                    if batch.last_offset >= offsets[key]:
                        found.append((key, batch, at))
                        offsets[key] = batch.last_offset + 1
        if response.error_code != 0 or any(p.error_code != 0 for t in response.responses for p in t.partitions):
            await manager._net.sleep(
                max(0.0, until - time.monotonic())
            )  # it would be answered at once, again and again
    return found


async def fetch(
    manager: Any, offsets: Mapping[TopicPartition, int], *, partition_bytes: int, answer_bytes: int
) -> dict[TopicPartition, bytes | int]:
    """One Fetch of each leader, without waiting for more; the error code of a partition that cannot be read there."""
    leaders, errors = await leaders_of(manager, offsets)
    futures = [
        manager.send(_fetch(leader_of, offsets, partition_bytes, answer_bytes), node_id=leader)
        for leader, leader_of in leaders.items()
    ]
    answers: dict[TopicPartition, bytes | int] = dict(errors)
    for future in futures:
        response = await future
        if response.error_code != 0:
            raise foreign.for_code(response.error_code)()
        for topic in response.responses:
            for partition in topic.partitions:
                records = partition.error_code or bytes(partition.records or b"")
                answers[topic.topic, partition.partition_index] = records
    return answers


def _fetch(
    partitions: list[TopicPartition], offsets: Mapping[TopicPartition, int], each: int, most: int, wait: int = 0
) -> Any:
    """``wait``: milliseconds that the broker may wait for a record to come."""
    topic = FetchRequest.FetchTopic
    return FetchRequest(
        max_wait_ms=wait,
        min_bytes=min(wait, 1),
        max_bytes=most,
        isolation_level=0,
        topics=[
            topic(
                topic=name,
                partitions=[
                    topic.FetchPartition(partition=number, fetch_offset=offsets[name, number], partition_max_bytes=each)
                    for number in numbers
                ],
            )
            for name, numbers in by_topic(partitions).items()
        ],
        # version 10 is the first that zstd comes through; 13 names topics by their ids
        min_version=10,
        max_version=12,
    )
