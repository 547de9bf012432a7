"""What must hold after a transition: all that a fresh install of the same spec comes to, but for what has a history by design.

Each exception stands in ``_HISTORY`` with its reason; nothing else may differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.kubernetes import condition, current
from support.places import ROOT

Object = dict[str, Any]

_ROW = re.compile(r"^\| `([A-Za-z]+)` \|", re.MULTILINE)
REASONS = frozenset(_ROW.findall((ROOT / "docs/reference/reasons.md").read_text()))
"""Those that are documented."""

_ON_THE_WAY = frozenset(
    {"", "WaitingForTopics", "Redriving", "WaitingForRedrive", "WaitingForWorker", "Cancelling", "Reassigning"}
)
_NOT_ITSELF = frozenset({"Paused", "Observed"})

_HISTORY: Mapping[str, Mapping[str, str]] = {
    "KafkaTopic": {
        "PartitionShrinkRefused": "Kafka cannot take partitions away: what was declared before stays, and fewer are refused",
    },
    "KafkaSchema": {
        "IncompatibleSchema": "a new version must fit those before it; a fresh subject has none",
    },
    "KafkaDLQPolicy": {
        "TopicConflict": "a dead-letter topic that left the policy stays in Kafka as it is",
        "PartitionShrinkRefused": "as for any topic",
    },
    "KafkaDLQRedrive": {
        "Completed": "a run that has ended stays ended: nothing begins it anew, and another one takes up where it stopped",
        "Cancelled": "the same",
    },
}
"""Reasons that a resource with a past may have where a fresh one is Ready, by kind."""

_AS_FAR_AS_IT_GOES = frozenset({"KafkaDLQPolicy"})
"""A policy keeps its topics and its ConfigMap when a share group of it cannot be kept: then as a fresh one does."""

_ALL_VERSIONS = ("versions",)
"""What a subject has of its past."""

_OF_THE_PAST: Mapping[str, frozenset[str]] = {
    # ids are Kafka's and the registry's; a topic that once had more partitions keeps them
    "KafkaTopic": frozenset({"topicId", "partitions"}),
    # a text that was registered before keeps its version and its id
    "KafkaSchema": frozenset(
        {
            *("id", "version", "registeredVersion"),
            # some texts have the resource's name in them
            "schemaHash",
        }
    ),
    "KafkaDLQPolicy": frozenset(),
    "KafkaServiceBinding": frozenset(),
    # times of the run, and ids of its topics
    "KafkaDLQRedrive": frozenset({"started", "finished", "topicIds"}),
    # how many topics there are depends on the moment
    "KafkaCluster": frozenset({"topics", "partitions", "counts", "underReplicatedPartitions", "brokers", "drift"}),
}
"""Fields of a status that are not compared."""


@dataclass(slots=True)
class Seen:
    """A resource and what it has outside of Kubernetes."""

    name: str
    object: Object
    outside: Object = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Of Ready."""
        return str(condition(self.object)["reason"])

    @property
    def is_ready(self) -> bool:
        """Whether Ready is True."""
        return str(condition(self.object)["status"]) == "True"


def settled(obj: Object | None) -> bool:
    """Whether the operator has said of this generation what it comes to."""
    return obj is not None and current(obj) and condition(obj)["reason"] not in _ON_THE_WAY


def counted(cluster: Object) -> Object:
    """What a KafkaCluster's status counts."""
    return {name: cluster["status"].get(name) for name in _OF_THE_PAST["KafkaCluster"]}


def is_whole(walker: Seen, twin: Seen) -> bool:
    """Whether the two are compared whole: both came to what they declare, and nothing is only watched."""
    watched = walker.reason in _NOT_ITSELF or walker.object["spec"].get("managementPolicy") == "Observe"
    return walker.is_ready and walker.reason == twin.reason == "Reconciled" and not watched


def problems(kind: str, before: Object, walker: Seen, twin: Seen) -> list[str]:
    """What does not hold. ``before``: what the walker had outside before this transition."""
    found = [*_told(walker), *_told(twin)]
    if walker.reason in _NOT_ITSELF or walker.object["spec"].get("managementPolicy") == "Observe":
        # nothing is to be changed while it is so, whatever a fresh one would find
        return found + _unchanged(before, walker)
    if walker.reason in _HISTORY.get(kind, {}):
        return found + _unchanged(before, walker)
    if walker.reason != twin.reason:
        return [*found, f"is {_said(walker)}, and a fresh one is {_said(twin)}"]
    mine, fresh = _normal(walker.outside, walker), _normal(twin.outside, twin)
    for name in _ALL_VERSIONS:
        mine.pop(name, None), fresh.pop(name, None)
    if not walker.is_ready:
        if kind in _AS_FAR_AS_IT_GOES and mine == fresh:
            return found
        return found + (_unchanged(before, walker) if _final(walker) else [])
    if kind == "KafkaTopic" and _kept_partitions(walker, mine, fresh):
        mine["partitions"] = fresh["partitions"]
    if kind == "KafkaDLQPolicy" and "partitions" not in walker.object["spec"].get("deadLetterTopics", {}):
        _forget_partitions(mine, fresh)
    if mine != fresh:
        found.append(f"has {_difference(mine, fresh)} outside")
    mine, fresh = (_status(kind, seen) for seen in (walker, twin))
    if mine != fresh:
        found.append(f"has {_difference(mine, fresh)} in its status")
    return found


def _forget_partitions(mine: Object, fresh: Object) -> None:
    """Those of dead-letter topics, where there are more than a fresh one has: Kafka cannot take partitions away.

    A number that is declared, and smaller, is refused.
    """
    for name, spec in mine["topics"].items():
        other = fresh["topics"].get(name, {})
        if spec.get("partitions", 0) > other.get("partitions", 0):
            spec["partitions"] = other.get("partitions")


def _kept_partitions(walker: Seen, mine: Object, fresh: Object) -> bool:
    """Kafka cannot take partitions away; and a spec that says nothing of them leaves them as they are, once the topic is there."""
    return "partitions" not in walker.object["spec"] or mine.get("partitions", 0) > fresh.get("partitions", 0)


def _told(seen: Seen) -> list[str]:
    ready = condition(seen.object)
    found = []
    if ready["reason"] not in REASONS:
        found.append(f"has the reason {ready['reason']!r}, which is not documented")
    if not ready["message"] or "Traceback" in ready["message"] or len(ready["message"]) > 4_000:
        found.append(f"has the message {ready['message'][:200]!r}")
    annotations = seen.object["metadata"].get("annotations") or {}
    if annotations:
        found.append(f"has the annotations {sorted(annotations)}")
    return found


def _final(seen: Seen) -> bool:
    return str(condition(seen.object, "Stalled")["status"]) == "True"


def _unchanged(before: Object, walker: Seen) -> list[str]:
    after = walker.outside
    if "versions" in after:
        # which version a spec means changes with it; what the registry has does not
        before, after = ({name: state.get(name) for name in _ALL_VERSIONS} for state in (before, after) if state)
    if before and after != before:
        return [f"is {_said(walker)}, and yet {_difference(after, before)} changed outside"]
    return []


def _said(seen: Seen) -> str:
    ready = condition(seen.object)
    return f"{ready['reason']} ({ready['message'][:200]})"


def _status(kind: str, seen: Seen) -> Object:
    status = {
        k: v for k, v in seen.object["status"].items() if k not in _OF_THE_PAST[kind] and k != "observedGeneration"
    }
    if kind == "KafkaSchema":
        # no registry brings an older text back as its newest version: that the newest is another one is told as drift
        left = [item for item in status.pop("drift", ()) if item["field"] != "latest"]
        status |= {"drift": left} if left else {}
    for item in status["conditions"]:
        for name in ("lastTransitionTime", "observedGeneration"):
            item.pop(name, None)
        # what was done to come there is another thing: created, altered, found
        item.pop("message", None)
    return _normal(status, seen)


def _normal(value: Object, seen: Seen) -> Object:
    """With the resource's own name out of it."""
    made: Object = json.loads(json.dumps(value, sort_keys=True).replace(seen.name, "ME"))
    return made


def _difference(mine: Object, fresh: Object) -> str:
    keys = sorted(k for k in mine.keys() | fresh.keys() if mine.get(k) != fresh.get(k))
    return "; ".join(f"{k}: {str(mine.get(k))[:300]} in place of {str(fresh.get(k))[:300]}" for k in keys)
