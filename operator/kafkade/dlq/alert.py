"""The condition Alert of a policy: whether a limit of spec.alert is passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kafkade.api.common import seconds
from kafkade.api.conditions import condition
from kafkade.api.dlq import ALERT, Alert
from kafkade.api.objects import Event
from kafkade.dlq.depth import Depth

WITHIN_LIMITS = "WithinLimits"
REASONS = DEPTH, AGE, GROWTH = ("DepthExceeded", "AgeExceeded", "GrowthExceeded")


def passed(alert: Alert, depths: Mapping[str, Depth], growth: Mapping[str, float], now: str) -> tuple[str, str] | None:
    """The reason and the message of the first limit that is passed: depth, then age, then growth; None when none is.

    ``growth``: records a minute by dead-letter topic. ``now``: RFC 3339.
    """
    found: list[tuple[str, str]] = []
    deep = [(d.waiting, t) for t, d in depths.items() if alert.depth is not None and d.waiting > alert.depth]
    if deep:
        count, topic = max(deep)
        found.append((DEPTH, f"{count} dead letters wait in {topic}, the limit is {alert.depth}{_more(deep)}"))
    limit = None if alert.age is None else seconds(alert.age)
    moment = datetime.fromisoformat(now).timestamp()
    old = [
        (moment - d.oldest / 1000, t)
        for t, d in depths.items()
        if limit is not None and d.oldest is not None and moment - d.oldest / 1000 > limit
    ]
    if old:
        _, topic = max(old)
        since = iso(depths[topic].oldest or 0)
        found.append((AGE, f"the oldest dead letter in {topic} is from {since}, the limit is {alert.age}{_more(old)}"))
    fast = [
        (rate, t)
        for t, rate in growth.items()
        if alert.growth_per_minute is not None and rate > alert.growth_per_minute
    ]
    if fast:
        _, topic = max(fast)
        found.append(
            (
                GROWTH,
                f"dead letters come to {topic} faster than the limit of {alert.growth_per_minute} a minute{_more(fast)}",
            )
        )
    return found[0] if found else None


def _more(hits: Sequence[object]) -> str:
    return f"; {len(hits) - 1} more topics are over it" if len(hits) > 1 else ""


def iso(milliseconds: int) -> str:
    """A record's timestamp as Kubernetes writes times: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def alert_condition(
    before: Mapping[str, Any], generation: int, found: tuple[str, str] | None, now: str
) -> dict[str, Any]:
    """The condition as it goes into status; its message is kept while the same limit stays passed, so that a number that
    moves costs no write."""
    status = "True" if found else "False"
    reason, message = found or (WITHIN_LIMITS, "no limit of spec.alert is passed")
    old = condition(before, ALERT)
    same = old is not None and (old["status"], old["reason"]) == (status, reason)
    return {
        "type": ALERT,
        "status": status,
        "reason": reason,
        "message": old["message"] if old is not None and same and old["observedGeneration"] == generation else message,
        "observedGeneration": generation,
        "lastTransitionTime": old["lastTransitionTime"] if old is not None and old["status"] == status else now,
    }


def alert_events(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Event, ...]:
    """An Event when a limit begins to be passed, and one when none is any more."""
    old = condition(before, ALERT)
    was = old is not None and old["status"] == "True"
    if after["status"] == "True" and (not was or (old or {})["reason"] != after["reason"]):
        return (Event("Warning", after["reason"], after["message"]),)
    if after["status"] == "False" and was:
        return (Event("Normal", WITHIN_LIMITS, after["message"]),)
    return ()
