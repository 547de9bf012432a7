"""Reads groups with their lag: for all groups of a look together, few requests to each broker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import LogRange, NextRecord, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.groups.lag import GroupLag, Known, partition_lag, read_from

K = TypeVar("K")
V = TypeVar("V")
Clock = Callable[[], float]

MOST_PLACES = 4
"""In a partition, that are read at a look of one who looks again and again: each is a Fetch more in the one worker that a
cluster has."""


@dataclass(frozen=True, slots=True)
class Lags:
    """Lag by group, at ``now`` (milliseconds since 1970).

    ``errors``: groups whose offsets may not be read. ``logs``: partitions whose log's ends are not known, and why; it counts
    for no group.
    """

    now: int
    groups: Mapping[str, GroupLag] = field(default_factory=dict)
    errors: Mapping[str, KafkadeError] = field(default_factory=dict)
    logs: Mapping[TopicPartition, KafkadeError] = field(default_factory=dict)


async def lags(
    kafka: KafkaAdmin,
    groups: Collection[str],
    *,
    also: Mapping[str, Collection[TopicPartition]] | None = None,
    known: Known | None = None,
    clock: Clock = time.time,
) -> Lags:
    """How far each of the ``groups`` is behind at every partition that it has committed an offset for.

    Offsets are read before the ends of logs, so that none is ahead of its log. ``also``: partitions of a group that are to be
    in the answer though it has committed nothing there (those assigned to a member). ``known``: of one who looks again and
    again: what a look leaves out, the next ones read. Without it, all times are read. One that is missing for want of the
    right to read the topic is None in the answer.

    Raises:
        KafkaError: there was no answer at all.
    """
    committed, errors = _parted(await kafka.group_offsets(groups))
    wanted = {
        group: dict.fromkeys((also or {}).get(group, ()), None) | {key: found.offset for key, found in offsets.items()}
        for group, offsets in committed.items()
    }
    ranges, unknown = _parted(await kafka.log_ranges({key for offsets in wanted.values() for key in offsets}))
    now = round(clock() * 1000)
    found = await _next_records(kafka, wanted, ranges, known, now)
    return Lags(
        now,
        {
            group: GroupLag(
                group,
                tuple(
                    partition_lag(key, offset, ranges.get(key), _found(found, key, offset, ranges), now)
                    for key, offset in sorted(offsets.items())
                ),
            )
            for group, offsets in wanted.items()
        },
        errors,
        unknown,
    )


def _found(
    found: Mapping[tuple[TopicPartition, int], NextRecord],
    key: TopicPartition,
    offset: int | None,
    ranges: Mapping[TopicPartition, LogRange],
) -> NextRecord | None:
    if offset is None or key not in ranges:
        return None
    return found.get((key, read_from(offset, ranges[key])))


async def _next_records(
    kafka: KafkaAdmin,
    wanted: Mapping[str, Mapping[TopicPartition, int | None]],
    ranges: Mapping[TopicPartition, LogRange],
    known: Known | None,
    now: int,
) -> dict[tuple[TopicPartition, int], NextRecord]:
    """What stands where each group goes on, by partition and offset: known already, or read from the log."""
    places: dict[TopicPartition, set[int]] = {}
    for offsets in wanted.values():
        for key, offset in offsets.items():
            log = ranges.get(key)
            if offset is not None and log is not None and offset < log.end:
                places.setdefault(key, set()).add(read_from(offset, log))
    most = None if known is None else MOST_PLACES
    known = known or Known()
    known.look(ranges, places)
    known.ends(ranges, now)
    found = {}
    asked: list[dict[TopicPartition, int]] = []
    for key, offsets_there in places.items():
        unknown = []
        for offset in sorted(offsets_there):
            answer = known.next_record(key, offset, ranges[key])
            if answer is None:
                unknown.append(offset)
            else:
                found[key, offset] = answer
        # a Fetch takes a partition once: groups that are at several places of one go into several
        for number, offset in enumerate(_some(unknown, most)):
            if number == len(asked):
                asked.append({})
            asked[number][key] = offset
    for offsets_of in asked:
        for key, answer in (await kafka.next_records(offsets_of)).items():
            found[key, offsets_of[key]] = answer
            known.read(key, offsets_of[key], answer)
    return found


def _some(offsets: list[int], most: int | None) -> list[int]:
    """Of those that rise, the first, where records wait longest; and any others, so that each has its turn."""
    if most is None or len(offsets) <= most:
        return offsets
    return [offsets[0], *random.sample(offsets[1:], most - 1)]  # nobody is to guess it


def _parted(answers: Mapping[K, V | KafkadeError]) -> tuple[dict[K, V], dict[K, KafkadeError]]:
    """What was answered, and what was not."""
    errors = {key: answer for key, answer in answers.items() if isinstance(answer, KafkadeError)}
    return {key: answer for key, answer in answers.items() if not isinstance(answer, KafkadeError)}, errors
