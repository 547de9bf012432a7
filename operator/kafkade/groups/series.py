"""From what was read of groups and logs to the series that Prometheus is told: by group and topic, and bounded. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

from kafkade.clients.group_model import GroupKind, GroupListing, LogRange, TopicPartition
from kafkade.groups.lag import GroupLag, PartitionLag

Pair = tuple[str, str]
"""Group and topic."""

OTHERS: Pair = ("*", "*")
"""Stands for all pairs that have no series of their own. No topic can have this name."""

OWN_GROUPS = ("kafkade-dlq.", "kafkade-redrive.")
"""Prefixes of groups that nobody consumes with: what was put back is kept in their offsets."""

T = TypeVar("T")


class Lag(NamedTuple):
    """How far behind: records of all partitions together, seconds of the one that is behind most. None: not known."""

    records: int
    seconds: float | None


class Messages(NamedTuple):
    """Records of a topic: all that were ever written, and those of them that retention (or DeleteRecords) took."""

    written: int
    expired: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a cluster. ``left_out``: how much has no series, by what it is."""

    lag: Mapping[Pair, Lag]
    messages: Mapping[str, Messages]
    groups: Mapping[str, int]
    """How many groups there are by state."""
    left_out: Mapping[str, int]
    duration: float = 0.0
    """Seconds that reading it took."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which groups and topics are wanted, None for all, and how many may have series."""

    groups: tuple[str, ...] | None
    topics: tuple[str, ...] | None
    most: int

    def wants_group(self, listing: GroupListing) -> bool:
        """Whether its lag is told. Share groups commit no offsets; Connect's workers are groups without any."""
        if listing.kind is GroupKind.SHARE or listing.name.startswith(OWN_GROUPS):
            return False
        return listing.protocol_type in ("", "consumer", "streams") and _matches(self.groups, listing.name)

    def wants_topic(self, name: str) -> bool:
        """Whether it is told of; internal topics only where a pattern names them."""
        return _matches(self.topics, name) and (self.topics is not None or not name.startswith("__"))


def _matches(patterns: tuple[str, ...] | None, name: str) -> bool:
    return patterns is None or _expression(patterns).fullmatch(name) is not None


@lru_cache(maxsize=64)
def _expression(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """All of them as one, made once: thousands of names are held against it at each look."""
    # brackets are themselves here, as in every other pattern of kafkade's
    texts = [fnmatch.translate(pattern.replace("[", "[[]")) for pattern in patterns]
    return re.compile("|".join(texts) or "(?!)")


def bounded(known: Collection[T], before: Collection[T], most: int, rank: Callable[[T], object]) -> list[T]:
    """At most so many: who was told of before stays, so that no series comes and goes; then by ``rank``, least first."""
    if len(known) <= most:
        return list(known)
    kept = [each for each in before if each in known][:most]
    there = set(kept)
    new = sorted((each for each in known if each not in there), key=rank)  # type: ignore[arg-type]
    return kept + new[: most - len(kept)]


def groups_to_read(listings: Mapping[str, GroupListing], bounds: Bounds, before: Collection[str]) -> list[str]:
    """The groups whose offsets are asked for: those with members first."""
    wanted = {name: listing for name, listing in listings.items() if bounds.wants_group(listing)}
    return bounded(wanted, before, bounds.most, lambda name: (wanted[name].state in ("Empty", "Dead"), name))


def states(listings: Iterable[GroupListing]) -> dict[str, int]:
    """How many groups there are by state; brokers before 2.6 do not tell it."""
    return dict(Counter(listing.state or "Unknown" for listing in listings))


def lag_by_pair(groups: Iterable[GroupLag], bounds: Bounds) -> tuple[dict[Pair, Lag], int]:
    """Lag by group and topic, and how many pairs have none that is known: a part of it would look too good."""
    found: dict[Pair, Lag] = {}
    unknown = 0
    for group in groups:
        by_topic: dict[str, list[PartitionLag]] = defaultdict(list)
        for partition in group.partitions:
            by_topic[partition.topic].append(partition)
        for topic, partitions in by_topic.items():
            if not bounds.wants_topic(topic):
                continue
            records = [p.records for p in partitions if p.records is not None]
            if len(records) < len(partitions):
                unknown += 1
                continue
            seconds = [p.seconds for p in partitions if p.seconds is not None]
            found[group.group, topic] = Lag(sum(records), max(seconds) if len(seconds) == len(partitions) else None)
    return found, unknown


def with_others(lag: Mapping[Pair, Lag], told: Collection[Pair]) -> dict[Pair, Lag]:
    """The pairs that are told of, and all others as one, if there are any."""
    own = {pair: lag[pair] for pair in told}
    rest = [found for pair, found in lag.items() if pair not in own]
    if not rest:
        return own
    seconds = [found.seconds for found in rest if found.seconds is not None]
    return own | {OTHERS: Lag(sum(found.records for found in rest), max(seconds, default=None))}


def messages(
    topics: Mapping[str, int], ranges: Mapping[TopicPartition, LogRange], told: Sequence[str]
) -> dict[str, Messages]:
    """By topic, where the logs of all its partitions are known: counters must not lose a part."""
    found = {}
    for name in told:
        logs = [ranges.get((name, number)) for number in range(topics[name])]
        if all(log is not None for log in logs):
            found[name] = Messages(sum(log.end for log in logs if log), sum(log.start for log in logs if log))
    return found
