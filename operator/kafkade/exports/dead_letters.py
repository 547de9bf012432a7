"""KafkaDLQPolicies, guessed from the names of topics: ``orders.dlq`` beside ``orders`` holds the dead letters of orders. Pure.

A guess never changes a topic: a policy is only for topics that it would make exactly as they are. What it would make otherwise
gets a KafkaTopic, and no policy names it: a policy that is applied first would make a KafkaTopic of the same name, and turn the
exported one, once the two are merged, into its own.
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
    MAX_HEADROOM,
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
from kafkade.local.admission import faults
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
    found = Guessed()
    for pair in _pairs(known, suffixes):
        spec = _spec(pair, known, target, found.exported.notes)
        if spec is not None:
            groups[json.dumps(spec, sort_keys=True)].append(pair)
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


def _spec(pair: _Pair, known: Mapping[str, TopicFacts], target: Target, notes: list[str]) -> dict[str, Any] | None:
    """The policy's spec but for its topics; None where none would make the dead-letter topic exactly as it is.

    It has retry topics only if all of them are as it would make them.
    """
    spec: dict[str, Any] = {}
    if pair.suffix != DEFAULT_SUFFIX:
        spec["suffix"] = pair.suffix
    template = _template(known[pair.source], known[pair.dead_letters])
    if template is None:
        return None
    if template:
        spec["deadLetterTopics"] = template
    if _others(pair, spec, known, target) != []:
        notes.append(f"topic {pair.dead_letters}: no policy keeps it, since none would make it as it is")
        return None
    if not pair.retries:
        return spec
    retry: dict[str, Any] = {"strategy": "RetryTopics", "maxAttempts": pair.retries + 1}
    if pair.retry_suffix != DEFAULT_RETRY_SUFFIX:
        retry["suffix"] = pair.retry_suffix
    others = _others(pair, {**spec, "retry": retry}, known, target)
    if others == []:
        return {**spec, "retry": retry}
    named = ", ".join(others or ("them",))
    notes.append(
        f"topic {pair.source}: spec.retry of its policy is left out, since it would make {named} otherwise than as they are;"
        " its retry topics are KafkaTopics"
    )
    return spec


def _whole(spec: Mapping[str, Any], pairs: Sequence[_Pair], target: Target) -> dict[str, Any]:
    return {"clusterRef": dict(target.cluster_ref), "topics": [pair.source for pair in pairs], **spec}


def _children(pair: _Pair, spec: KafkaDLQPolicySpec, known: Mapping[str, TopicFacts], target: Target) -> list[Child]:
    """The KafkaTopics that a policy with this spec makes for the pair."""
    source = known[pair.source]
    assert source.description is not None  # noqa: S101 -- the caller saw it
    facts = SourceFacts(len(source.description.partitions), number(_value(source, MAX_MESSAGE_BYTES)))
    return children(target.namespace, spec, source_topics(pair.source, spec), facts, {})


def _others(pair: _Pair, spec: Mapping[str, Any], known: Mapping[str, TopicFacts], target: Target) -> list[str] | None:
    """The topics that a policy would make otherwise than they are; None: there can be no such policy."""
    whole = _whole(spec, (pair,), target)
    if faults(Key(DLQ_POLICY, target.namespace, _NAME), whole):
        return None
    made = _children(pair, KafkaDLQPolicySpec.model_validate(whole), known, target)
    return [child.topic for child in made if not _as_it_is(child, known[child.topic])]


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
    """max.message.bytes by its distance from the source's; as a setting where it is smaller, or further away than can be said."""
    text = _value(dead_letters, MAX_MESSAGE_BYTES)
    ours, theirs = number(text), number(_value(source, MAX_MESSAGE_BYTES))
    if text is None or ours is None or theirs is None:
        return {}
    if ours < theirs or ours - theirs > MAX_HEADROOM:
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
    whole = _whole(spec, pairs, target)
    parsed = KafkaDLQPolicySpec.model_validate(whole)
    for pair in pairs:
        for child in _children(pair, parsed, known, target):
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
    if not own_settings(facts)[0].keys() <= child.spec["config"].keys():
        return False
    return all(same(key, _value(facts, key), value) for key, value in child.spec["config"].items())
