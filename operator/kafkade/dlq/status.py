"""From what was planned, done and counted to the one report of a policy. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafkade.api.conditions import Outcome, next_status, transition_events
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import CONFLICT_RETRY, Report, Resource
from kafkade.dlq.act import Acted
from kafkade.dlq.alert import alert_condition, alert_events, iso
from kafkade.dlq.depth import Depth
from kafkade.dlq.plan import WAITING, Entry, Kept, PolicyPlan
from kafkade.dlq.share.plan import GroupEntry, GroupPlan, Leaving

NO_GROUPS = GroupPlan()

Letters = tuple[Depth, float | None]
"""A dead-letter topic's depth, and records a minute that come to it, once that was measured."""

NOTICEABLE, FASTER = 0.1, 0.5
"""Part of a depth, and of a growth, that it must change by to be worth a write of the status; to and from 0 always is."""

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
    groups: GroupPlan = NO_GROUPS,
    settings: Mapping[str, Mapping[str, str]] = {},
    growth: Mapping[str, float] = {},
    former_config_maps: Sequence[str] = (),
) -> Report:
    """The whole status.

    ``counted``: whether the depths are known this time. ``growth``: records a minute by dead-letter topic. ``groups``: share
    groups as they stand now; ``settings``: what kafkade has set on each. ``former_config_maps``: those that are still to be
    taken away.
    """
    letters = {topic: (found, growth.get(topic)) for topic, found in depths.items()}
    topics = [_topic(entry, done, letters, resource.status) for entry in plan.entries]
    shares = [_group(entry, settings, letters, resource.status) for entry in groups.entries]
    shares += [_left(gone, settings) for gone in groups.leaving if all(gone.group != e.group for e in groups.entries)]
    fields: dict[str, Any] = {
        "matched": len(topics),
        "topics": topics or None,
        "shareGroups": shares or None,
        "configMap": config_map,
        "formerConfigMaps": list(former_config_maps) or None,
    }
    fields |= _total([*topics, *shares])
    errors = [_error(entry, done) for entry in plan.entries]
    errors += [entry.error for entry in groups.entries] + [gone.error for gone in groups.leaving]
    error = done.error or next((e for e in errors if e is not None), None)
    if error is not None:
        status = next_status(resource.status, resource.generation, Outcome.failed(error), now, fields)
        retry: Any = "backoff" if error.retryable else None
    else:
        outcome = _outcome(plan, groups, observe_only=observe_only)
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


def _topic(entry: Entry, done: Acted, letters: Mapping[str, Letters], before: Mapping[str, Any]) -> dict[str, Any]:
    error = _error(entry, done)
    shown: dict[str, Any] = {
        "topic": entry.topics.topic,
        "deadLetterTopic": entry.topics.dead_letter_topic,
        "ready": entry.ready and error is None,
    }
    if entry.topics.retry_topics:
        shown["retryTopics"] = list(entry.topics.retry_topics)
    shown |= _why(entry, error)
    known: Mapping[str, Any] = next((t for t in before.get("topics") or () if t.get("topic") == entry.topics.topic), {})
    return shown | _letters(letters.get(entry.topics.dead_letter_topic), known)


def _group(
    entry: GroupEntry,
    settings: Mapping[str, Mapping[str, str]],
    letters: Mapping[str, Letters],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "group": entry.group,
        "deadLetterTopic": entry.dead_letter_topic,
        "ready": entry.ready,
        **(_why(entry, entry.error) or _differs(entry)),
    }
    if own := settings.get(entry.group):
        shown["config"] = dict(own)
    if entry.refused:
        return shown  # how much is in a topic that may be somebody else's is not said, nor what was said of it before
    known: Mapping[str, Any] = next((g for g in before.get("shareGroups") or () if g.get("group") == entry.group), {})
    return shown | _letters(letters.get(entry.dead_letter_topic), known)


def _differs(entry: GroupEntry) -> dict[str, Any]:
    """The settings that are not as declared, where nothing was or could be written."""
    if not entry.changes:
        return {}
    values = ((key, entry.found[key].value or "empty", new) for key, new in sorted(entry.changes.items()))
    message = "; ".join(f"{key} is {old}, declared {new or 'nothing'}" for key, old, new in values)
    return {"reason": WAITING, "message": message}


def _left(gone: Leaving, settings: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A group that left the policy and whose settings are not taken back yet."""
    shown: dict[str, Any] = {"group": gone.group, "deadLetterTopic": gone.dead_letter_topic, "ready": False}
    if gone.error is not None:
        shown |= {"reason": gone.error.reason, "message": gone.error.message}
    return shown | {"config": dict(settings.get(gone.group, {}))}


def _why(entry: Kept, error: KafkadeError | None) -> dict[str, Any]:
    """Why an entry is not ready."""
    if error is not None:
        return {"reason": error.reason, "message": error.message}
    if entry.waits is not None:
        return {"reason": entry.reason, "message": entry.waits}
    if not entry.finished:
        return {"reason": WAITING, "message": "its topics are being made"}
    return {}


def _letters(found: Letters | None, known: Mapping[str, Any]) -> dict[str, Any]:
    """Depth, oldest and growth as they are, or as they were written last while they changed too little to be worth a write."""
    if found is None or _settled(known, *found):
        return {name: known[name] for name in ("depth", "oldest", "growthPerMinute") if name in known}
    depth, growth = found
    shown: dict[str, Any] = {"depth": depth.waiting}
    if depth.oldest is not None:
        shown["oldest"] = iso(depth.oldest)
    if growth is not None:
        shown["growthPerMinute"] = round(growth)
    return shown


def _settled(known: Mapping[str, Any], depth: Depth, growth: float | None) -> bool:
    """Whether what was written last is still good enough. That nothing comes is not worth being said for the first time."""
    told = known.get("depth")
    if not isinstance(told, int) or _changed(told, depth.waiting, NOTICEABLE):
        return False
    return growth is None or not _changed(known.get("growthPerMinute", 0), round(growth), FASTER)


def _changed(told: int, found: int, noticeable: float) -> bool:
    return found != told and abs(found - told) >= noticeable * told


def _total(topics: list[dict[str, Any]]) -> dict[str, Any]:
    # share groups can have one dead-letter topic together
    counted = {t["deadLetterTopic"]: t for t in topics}.values()
    counts = [t["depth"] for t in counted if "depth" in t]
    oldest = [t["oldest"] for t in counted if "oldest" in t]
    growth = [t["growthPerMinute"] for t in counted if "growthPerMinute" in t]
    return {
        "depth": sum(counts) if counts else None,
        "oldest": min(oldest, default=None),
        "growthPerMinute": sum(growth) if growth else None,
    }


def _outcome(plan: PolicyPlan, groups: GroupPlan, *, observe_only: bool) -> Outcome:
    behind: list[tuple[Kept, str, str]] = [
        (entry, entry.topics.dead_letter_topic, f"topics of {entry.topics.topic} are being made")
        for entry in plan.entries
        if not entry.ready
    ]
    behind += [
        (entry, f"share group {entry.group}", f"share group {entry.group} is being set up")
        for entry in groups.entries
        if not entry.ready
    ]
    if observe_only:
        if behind or plan.leaving:
            listed = ", ".join(shown for _, shown, _ in behind) or "KafkaTopics that left the policy"
            message = f"not as declared: {listed}; managementPolicy is Observe, so nothing is changed"
            return Outcome("False", reconciling=False, stalled=False, reason="Observed", message=message)
        return Outcome.done(f"{_summary(plan, groups)}; managementPolicy is Observe", "Observed")
    if behind:
        # what only somebody's hands can change comes first
        first, _, progress = min(behind, key=lambda item: not item[0].stalled)
        message = (first.waits or progress) + (f" (and {len(behind) - 1} more)" if len(behind) > 1 else "")
        if first.stalled:
            return Outcome("False", reconciling=False, stalled=True, reason=first.reason or WAITING, message=message)
        return Outcome.progressing(first.reason or WAITING, message)
    return Outcome.done(_summary(plan, groups))


def _summary(plan: PolicyPlan, groups: GroupPlan) -> str:
    topics, shares = len(plan.entries), len(groups.entries)
    if not topics and not shares:
        return "no topic matches"
    told = [f"{topics} topic{'' if topics == 1 else 's'} with dead-letter topics"] if topics else []
    told += [f"{shares} share group{'' if shares == 1 else 's'} with a dead-letter topic"] if shares else []
    return ", ".join(told)
