"""Facts about a group: two looks at it, with some seconds between them."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from kafkade.api.errors import KafkadeError
from kafkade.clients.group_model import Group, GroupKind, LogRange, TopicPartition
from kafkade.clients.kafka import KafkaAdmin
from kafkade.diagnose.consumer import ConsumerFacts, DeadLetters, topics_of
from kafkade.diagnose.looking import Progress, known, last_hour
from kafkade.diagnose.topic import CLEANUP, RETENTION_MS
from kafkade.groups.lag import GroupLag
from kafkade.groups.observe import Lags, lags
from kafkade.groups.series import OWN_GROUPS

_STEP = 0.25
_TIMEOUTS = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms")


async def observe(
    kafka: KafkaAdmin, group: str, *, window: float, suffix: str, letters: Sequence[str], progress: Progress
) -> ConsumerFacts:
    """Look, wait for ``window`` seconds, and look again. ``letters``: dead-letter topics that are named otherwise.

    Raises:
        KafkaError: no answer at all, or groups may not be listed.
    """
    listed = await kafka.list_groups()
    listing = listed.get(group)
    if listing is None:
        return ConsumerFacts(group, None, near=tuple(difflib.get_close_matches(group, listed, 3, 0.6)))
    if group.startswith(OWN_GROUPS):
        return ConsumerFacts(group, listing)
    unread: dict[str, KafkadeError] = {}
    described = known((await kafka.describe_groups({group: listing.kind})).get(group), f"group {group}", unread)
    assigned = _assigned(described)
    started = time.monotonic()
    before = _lag(await lags(kafka, [group], also={group: assigned}), group, unread)
    await _wait(window if before.partitions else 0.0, progress)
    after = _lag(await lags(kafka, [group], also={group: assigned}), group, unread)
    passed = time.monotonic() - started
    again = known((await kafka.describe_groups({group: listing.kind})).get(group), f"group {group}", unread)
    topics = topics_of(described, after)
    counts = await kafka.topics()
    settings = {}
    if listing.kind is GroupKind.CONSUMER:
        own = (await kafka.group_configs([group]))[group]
        if not isinstance(own, KafkadeError):
            settings = {key: own[key].value or "" for key in _TIMEOUTS if key in own}
    names = {topic: f"{topic}{suffix}" for topic in topics if not topic.endswith(suffix)}
    return ConsumerFacts(
        group,
        listing,
        described,
        again,
        before,
        after,
        passed,
        {topic: counts[topic] for topic in topics if topic in counts},
        await _retention(kafka, [topic for topic in topics if topic in counts]),
        settings,
        await _letters(kafka, counts, names, letters, topics),
        tuple(letters or names.values()),
        unread,
        stable=await kafka.stable_ends([p.key for p in after.partitions if p.records]),
    )


def _assigned(group: Group | None) -> Collection[TopicPartition]:
    if group is None or group.kind is GroupKind.SHARE:
        return ()
    return {key for member in group.members or () for key in member.assigned}


def _lag(found: Lags, group: str, unread: dict[str, KafkadeError]) -> GroupLag:
    if group in found.errors:
        unread[f"offsets of group {group}"] = found.errors[group]
    for (topic, partition), error in found.logs.items():
        unread[f"{topic}/{partition}"] = error
    return found.groups.get(group, GroupLag(group, ()))


async def _wait(window: float, progress: Progress) -> None:
    started = time.monotonic()
    while (passed := time.monotonic() - started) < window:
        progress(passed)
        await asyncio.sleep(min(_STEP, window - passed))


async def _retention(kafka: KafkaAdmin, topics: list[str]) -> dict[str, float]:
    """Seconds that records are kept; nothing for a topic that is only compacted, or keeps all."""
    found = {}
    for name, configs in (await kafka.topic_configs(topics)).items():
        if isinstance(configs, KafkadeError) or RETENTION_MS not in configs:
            continue
        kept = int(configs[RETENTION_MS].value or -1)
        deletes = CLEANUP not in configs or "delete" in (configs[CLEANUP].value or "")
        if kept > 0 and deletes:
            found[name] = kept / 1000
    return found


async def _letters(
    kafka: KafkaAdmin,
    counts: Mapping[str, int],
    by_name: Mapping[str, str],
    named: Sequence[str],
    topics: Sequence[str],
) -> tuple[DeadLetters, ...]:
    """Dead letters of the last hour, beside the records of the topics that they come from."""
    pairs = [(name, [topic for topic in topics if topic != name]) for name in named if name in counts]
    pairs += [] if named else [(name, [topic]) for topic, name in by_name.items() if name in counts]
    wanted = {(t, n) for name, sources in pairs for t in (name, *sources) for n in range(counts.get(t, 0))}
    ranges = {key: log for key, log in (await kafka.log_ranges(wanted)).items() if isinstance(log, LogRange)}
    recent: Counter[str] = Counter()
    for (topic, _), number in (await last_hour(kafka, ranges)).items():
        recent[topic] += number
    return tuple(
        DeadLetters(
            name,
            sources[0] if len(sources) == 1 else "its sources",
            recent[name],
            sum(recent[source] for source in sources),
        )
        for name, sources in pairs
    )
