"""KafkaDLQPolicies, guessed from the names of topics: ``orders.dlq`` beside ``orders`` holds the dead letters of orders. Pure.

A guess never changes a topic: what the policy would want otherwise than it is gets a KafkaTopic of its own, which a policy
leaves alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafkade.api.dlq import (
    DEFAULT_HEADROOM,
    DEFAULT_RETENTION,
    DEFAULT_RETRY_SUFFIX,
    DEFAULT_SUFFIX,
    KafkaDLQPolicySpec,
)
from kafkade.api.errors import KafkadeError
from kafkade.api.kinds import DLQ_POLICY
from kafkade.api.objects import Key
from kafkade.api.policy import DLQ_SUFFIX
from kafkade.api.values import number
from kafkade.dlq.backoff import milliseconds
from kafkade.dlq.desired import Child, SourceFacts, children
from kafkade.dlq.naming import source_topics
from kafkade.dlq.observe import MAX_MESSAGE_BYTES
from kafkade.exports.model import Exported, Target
from kafkade.exports.topics import own_settings, replication_factor
from kafkade.local.object_names import object_names
from kafkade.local.writing import Draft, setting
from kafkade.topics.observe import TopicFacts
from kafkade.topics.settings import same

SUFFIXES = (DEFAULT_SUFFIX, "-dlq", "_dlq", ".DLQ", "-DLQ", "_DLQ", "-dlt", ".dlt", "_dlt", ".DLT", "-DLT", "_DLT")
"""What names of dead-letter topics end in: kafkade's own way and the usual others. Spring for Apache Kafka: -dlt, before 3.0 .DLT."""
_RETRY_SUFFIXES = (DEFAULT_RETRY_SUFFIX, "-retry-", "_retry_", "-retry.", ".retry-")
_MOST_TOPICS = 256
"""Topics that one policy may name."""
_MOST_ATTEMPTS = 100
_NAME = "dead-letters"
_CLEANUP, _RETENTION = "cleanup.policy", "retention.ms"
_EXACT = 10**15
"""Milliseconds above which a duration is no longer exact."""
_GUESSED = (
    "Guessed from the names of topics, which stay as they are. What applications do with records that fail is yours to say:",
    "spec.retry, spec.routes, spec.defaultAction; and spec.alert, when to call for help.",
)


@dataclass(slots=True)
class Guessed:
    """Policies, and which topics they keep, so that no KafkaTopic is written for these."""

    exported: Exported = field(default_factory=Exported)
    kept: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Names of the KafkaTopics that the policies will make."""


@dataclass(frozen=True, slots=True)
class _Pair:
    source: str
    dead_letters: str
    suffix: str
    retry_suffix: str
    retries: int


def guess(facts: Mapping[str, TopicFacts | KafkadeError], suffixes: Sequence[str], target: Target) -> Guessed:
    """Policies for the topics that have dead-letter topics by their names. ``suffixes``: in the order in which they count."""
    known = {name: f for name, f in facts.items() if isinstance(f, TopicFacts) and f.description is not None}
    groups: dict[str, list[_Pair]] = defaultdict(list)
    for pair in _pairs(known, suffixes):
        spec = _spec(pair, known)
        if spec is not None:
            groups[json.dumps(spec, sort_keys=True)].append(pair)
    found = Guessed()
    parts = [
        (json.loads(text), pairs[start : start + _MOST_TOPICS])
        for text, pairs in groups.items()
        for start in range(0, len(pairs), _MOST_TOPICS)
    ]
    parts.sort(key=lambda part: (-len(part[1]), part[1][0].source))
    first = [f"{_NAME}-{pairs[0].source}" for _, pairs in parts[1:]]
    names = [_NAME, *object_names(first).values()]
    for name, (spec, pairs) in zip(names, parts, strict=False):
        _take(Key(DLQ_POLICY, target.namespace, name), spec, pairs, known, target, found)
    if found.kept:
        count = len(found.exported.drafts)
        found.exported.notes.append(
            f"{len(found.kept)} topics are taken for dead-letter and retry topics by their names, and kept by"
            f" {count} KafkaDLQPolic{'y' if count == 1 else 'ies'} (--no-dead-letters exports them as any other topic)"
        )
    return found


def _pairs(known: Mapping[str, TopicFacts], suffixes: Sequence[str]) -> list[_Pair]:
    """Sources and their dead-letter topics; what has such a name itself is no source."""
    own = re.compile("|".join([*(rf".+{re.escape(s)}" for s in (*suffixes, DLQ_SUFFIX)), *_retry_patterns()]))
    found = []
    for source in sorted(known):
        if own.fullmatch(source):
            continue
        suffix = next((s for s in suffixes if f"{source}{s}" in known), None)
        if suffix is None:
            continue
        retry_suffix, retries = _retries(source, known)
        found.append(_Pair(source, f"{source}{suffix}", suffix, retry_suffix, retries))
    return found


def _retry_patterns() -> list[str]:
    return [rf".+{re.escape(suffix)}[0-9]+" for suffix in _RETRY_SUFFIXES]


def _retries(source: str, known: Collection[str]) -> tuple[str, int]:
    """How retry topics are named, and how many there are, counted from 1 as a policy names them."""
    for suffix in _RETRY_SUFFIXES:
        count = 0
        while count < _MOST_ATTEMPTS - 1 and f"{source}{suffix}{count + 1}" in known:
            count += 1
        if count:
            return suffix, count
    return DEFAULT_RETRY_SUFFIX, 0


def _spec(pair: _Pair, known: Mapping[str, TopicFacts]) -> dict[str, Any] | None:
    """The policy's spec but for its topics; None where a setting of the dead-letter topic cannot be read."""
    spec: dict[str, Any] = {}
    if pair.suffix != DEFAULT_SUFFIX:
        spec["suffix"] = pair.suffix
    template = _template(known[pair.source], known[pair.dead_letters])
    if template is None:
        return None
    if template:
        spec["deadLetterTopics"] = template
    if pair.retries:
        spec["retry"] = {"strategy": "RetryTopics", "maxAttempts": pair.retries + 1}
        if pair.retry_suffix != DEFAULT_RETRY_SUFFIX:
            spec["retry"]["suffix"] = pair.retry_suffix
    return spec


def _template(source: TopicFacts, dead_letters: TopicFacts) -> dict[str, Any] | None:
    """spec.deadLetterTopics that describes this topic exactly."""
    assert source.description is not None  # noqa: S101 -- the caller saw it
    assert dead_letters.description is not None  # noqa: S101 -- the caller saw it
    cleanup, retention = (_value(dead_letters, key) for key in (_CLEANUP, _RETENTION))
    if cleanup is None or retention is None:
        return None
    template: dict[str, Any] = {}
    if len(dead_letters.description.partitions) != len(source.description.partitions):
        template["partitions"] = len(dead_letters.description.partitions)
    factor = replication_factor(dead_letters)
    if factor is not None:
        template["replicationFactor"] = factor
    config = dict(own_settings(dead_letters)[0])
    for handled in (_CLEANUP, _RETENTION, MAX_MESSAGE_BYTES):
        config.pop(handled, None)
    if not same(_CLEANUP, cleanup, "delete"):
        config[_CLEANUP] = cleanup
    kept = number(retention)
    if kept is None or not 0 <= kept < _EXACT:
        config[_RETENTION] = retention
    elif kept != milliseconds(DEFAULT_RETENTION):
        template["retention"] = _duration(kept)
    config |= _limit(source, dead_letters, template)
    if config:
        template["config"] = {name: setting(value) for name, value in sorted(config.items())}
    return template


def _limit(source: TopicFacts, dead_letters: TopicFacts, template: dict[str, Any]) -> dict[str, str]:
    """max.message.bytes by its distance from the source's; as a setting where it is the smaller one."""
    text = _value(dead_letters, MAX_MESSAGE_BYTES)
    ours, theirs = number(text), number(_value(source, MAX_MESSAGE_BYTES))
    if text is None or ours is None or theirs is None:
        return {}
    if ours < theirs:
        return {MAX_MESSAGE_BYTES: text}
    if ours - theirs != DEFAULT_HEADROOM:
        template["maxMessageBytesHeadroom"] = ours - theirs
    return {}


def _value(facts: TopicFacts, key: str) -> str | None:
    entry = facts.configs.get(key)
    return None if entry is None else entry.value


def _duration(kept: int) -> str:
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if kept % size == 0:
            return f"{kept // size}{unit}"
    return f"{kept}ms"


def _take(
    key: Key,
    spec: Mapping[str, Any],
    pairs: Sequence[_Pair],
    known: Mapping[str, TopicFacts],
    target: Target,
    found: Guessed,
) -> None:
    whole = {"clusterRef": dict(target.cluster_ref), "topics": [pair.source for pair in pairs], **spec}
    parsed = KafkaDLQPolicySpec.model_validate(whole)
    for pair in pairs:
        source = known[pair.source]
        assert source.description is not None  # noqa: S101 -- the caller saw it
        facts = SourceFacts(len(source.description.partitions), number(_value(source, MAX_MESSAGE_BYTES)))
        for child in children(key.namespace, parsed, source_topics(pair.source, parsed), facts, {}):
            if _as_it_is(child, known[child.topic]):
                found.exported.notes += [f"topic {child.topic}: {note}" for note in own_settings(known[child.topic])[1]]
                found.kept.add(child.topic)
                found.names.add(child.key.name)
    found.exported.drafts.append(Draft(key, whole, comment=_GUESSED))


def _as_it_is(child: Child, facts: TopicFacts) -> bool:
    """Whether the KafkaTopic that the policy would make describes the topic that is there."""
    assert facts.description is not None  # noqa: S101 -- the caller saw it
    if child.spec["partitions"] != len(facts.description.partitions):
        return False
    if child.spec.get("replicationFactor") not in (None, replication_factor(facts)):
        return False
    return all(same(key, _value(facts, key), value) for key, value in child.spec["config"].items())
