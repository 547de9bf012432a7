"""What is known of topic settings beyond what a broker tells: how values compare, removed keys, nearest names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from kafkade.api.values import same_value

_LISTS = frozenset({"cleanup.policy"})
"""LIST settings whose order means nothing."""

REMOVED = {
    "message.format.version": "removed in Kafka 4.0: take it out, every record has the v2 format",
    "message.timestamp.difference.max.ms": "removed in Kafka 4.0: use message.timestamp.before.max.ms and"
    " message.timestamp.after.max.ms",
    "message.downconversion.enable": "removed in Kafka 4.0: take it out, old fetch versions are gone",
}
"""Topic settings that newer brokers refuse (apache/kafka docs, upgrade notes of 4.0; KIP-724, KIP-937)."""

KNOWN = frozenset(
    """cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level
    delete.retention.ms errors.deadletterqueue.group.enable file.delete.delay.ms flush.messages flush.ms
    follower.replication.throttled.replicas index.interval.bytes leader.replication.throttled.replicas
    local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes
    message.timestamp.after.max.ms message.timestamp.before.max.ms message.timestamp.type min.cleanable.dirty.ratio
    min.compaction.lag.ms min.insync.replicas preallocate remote.copy.disable remote.log.copy.disable
    remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms segment.bytes segment.index.bytes
    segment.jitter.ms segment.ms unclean.leader.election.enable""".split()
)
"""Topic settings of Kafka 3.5 to 4.4, only to name the nearest one where no topic exists to ask the broker about."""


def same(key: str, left: str | None, right: str | None) -> bool:
    """Whether two spellings of a topic setting mean the same (api.values.same_value); nothing is not something."""
    if left is None or right is None:
        return left == right
    return same_value(left, right, unordered=key in _LISTS)


def unknown_key_message(key: str, known: Collection[str] = KNOWN, who: str = "the brokers know") -> str:
    """What to say of a setting that is not known: removed and by what it was replaced, or the nearest."""
    if key in REMOVED:
        return f"config {key}: {REMOVED[key]}"
    # brokers' own names of their defaults have a prefix: log.retention.ms
    plain = key.removeprefix("log.")
    near = [plain] if plain in known else difflib.get_close_matches(plain, sorted(known), n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "see Kafka's topic settings for the names"
    return f"config {key}: {who} no such topic setting; {hint}"


def undeclared(config: Mapping[str, str], known: Collection[str]) -> list[str]:
    """Keys of ``config`` that are not in ``known``, sorted."""
    return sorted(key for key in config if key not in known)
