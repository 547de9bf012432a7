"""From what was planned, done and counted to the one report of a policy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkade.api.conditions import Outcome, next_status, transition_events
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import CONFLICT_RETRY, Report, Resource
from kafkade.dlq.act import Acted
from kafkade.dlq.alert import alert_condition, alert_events, iso
from kafkade.dlq.depth import Depth
from kafkade.dlq.plan import WAITING, Entry, PolicyPlan

NOTICEABLE = 0.1
"""Part of a depth that it must change by to be worth a write of the status; to and from 0 always is."""

CHILDREN_POLL = 2.0
"""Seconds until KafkaTopics that were just made are looked at again, besides their own reports."""


def failed(resource: Resource, error: KafkadeError, now: str, fields: Mapping[str, Any] | None = None) -> Report:
    """The report of a policy that is not kept; what was known of it stays in status."""
    status = next_status(resource.status, resource.generation, Outcome.failed(error), now, fields)
    return Report(
        resource.key,
        _with_alert(resource, status, None),
        transition_events(resource.status, status),
        retry="backoff" if error.retryable else None,
    )


def report(
    resource: Resource,
    plan: PolicyPlan,
    done: Acted,
    depths: Mapping[str, Depth],
    alert: tuple[str, str] | None,
    config_map: str,
    now: str,
    *,
    counted: bool,
    observe_only: bool,
) -> Report:
    """The whole status; ``counted``: whether the depths are known this time."""
    topics = [_topic(entry, done, depths, resource.status) for entry in plan.entries]
    fields: dict[str, Any] = {"matched": len(topics), "topics": topics or None, "configMap": config_map}
    fields |= _total(topics)
    error = done.error or next((e for entry in plan.entries if (e := _error(entry, done))), None)
    if error is not None:
        status = next_status(resource.status, resource.generation, Outcome.failed(error), now, fields)
        retry: Any = "backoff" if error.retryable else None
    else:
        outcome = _outcome(plan, observe_only=observe_only)
        status = next_status(resource.status, resource.generation, outcome, now, fields)
        retry = CHILDREN_POLL if outcome.reconciling else None
    if done.in_deletion:
        retry = "backoff"
    if done.conflict:
        retry = CONFLICT_RETRY
    condition = alert_condition(resource.status, resource.generation, alert, now) if counted else None
    status = _with_alert(resource, status, condition)
    events = (*done.events, *transition_events(resource.status, status))
    if condition is not None:
        events = (*events, *alert_events(resource.status, condition))
    return Report(resource.key, status, events, retry)


def _with_alert(resource: Resource, status: dict[str, Any], alert: dict[str, Any] | None) -> dict[str, Any]:
    """The fourth condition; the one of before where nothing could be counted."""
    known = [c for c in resource.status.get("conditions") or () if c.get("type") == "Alert"]
    return {**status, "conditions": [*status["conditions"], *([alert] if alert is not None else known)]}


def _error(entry: Entry, done: Acted) -> KafkadeError | None:
    return entry.error or done.errors.get(entry.topics.topic)


def _topic(entry: Entry, done: Acted, depths: Mapping[str, Depth], before: Mapping[str, Any]) -> dict[str, Any]:
    error = _error(entry, done)
    shown: dict[str, Any] = {
        "topic": entry.topics.topic,
        "deadLetterTopic": entry.topics.dead_letter_topic,
        "ready": entry.ready and error is None,
    }
    if entry.topics.retry_topics:
        shown["retryTopics"] = list(entry.topics.retry_topics)
    if error is not None:
        shown |= {"reason": error.reason, "message": error.message}
    elif entry.waits is not None:
        shown |= {"reason": entry.reason, "message": entry.waits}
    elif not entry.ready:
        shown |= {"reason": WAITING, "message": "its topics are being made"}
    known: Mapping[str, Any] = next((t for t in before.get("topics") or () if t.get("topic") == entry.topics.topic), {})
    found = depths.get(entry.topics.dead_letter_topic)
    if found is None:
        shown |= {name: known[name] for name in ("depth", "oldest") if name in known}
    else:
        shown |= _settled(known, found)
    return shown


def _settled(known: Mapping[str, Any], found: Depth) -> dict[str, Any]:
    """The depth as it is, or as it was written last while it changed too little to be worth a write."""
    told = known.get("depth")
    if isinstance(told, int) and told and found.waiting and abs(found.waiting - told) < NOTICEABLE * told:
        return {name: known[name] for name in ("depth", "oldest") if name in known}
    return {"depth": found.waiting} | ({} if found.oldest is None else {"oldest": iso(found.oldest)})


def _total(topics: list[dict[str, Any]]) -> dict[str, Any]:
    counts = [t["depth"] for t in topics if "depth" in t]
    oldest = [t["oldest"] for t in topics if "oldest" in t]
    return {"depth": sum(counts) if counts else None, "oldest": min(oldest, default=None)}


def _outcome(plan: PolicyPlan, *, observe_only: bool) -> Outcome:
    waiting = [entry for entry in plan.entries if not entry.ready]
    if observe_only:
        if waiting or plan.leaving:
            listed = ", ".join(e.topics.dead_letter_topic for e in waiting) or "KafkaTopics that left the policy"
            message = f"not as declared: {listed}; managementPolicy is Observe, so nothing is changed"
            return Outcome("False", reconciling=False, stalled=False, reason="Observed", message=message)
        return Outcome.done(f"{_summary(plan)}; managementPolicy is Observe", "Observed")
    if waiting:
        # what only somebody's hands can change comes first
        first = min(waiting, key=lambda entry: not entry.stalled)
        why = first.waits or f"topics of {first.topics.topic} are being made"
        message = why + (f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else "")
        if first.stalled:
            return Outcome("False", reconciling=False, stalled=True, reason=first.reason or WAITING, message=message)
        return Outcome.progressing(first.reason or WAITING, message)
    return Outcome.done(_summary(plan))


def _summary(plan: PolicyPlan) -> str:
    count = len(plan.entries)
    if not count:
        return "no topic matches"
    return f"{count} topic{'' if count == 1 else 's'} with dead-letter topics"
