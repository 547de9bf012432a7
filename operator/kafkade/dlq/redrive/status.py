"""The status of a redrive, from its progress and from what it waits for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal

from kafkade.api.conditions import Outcome, condition, next_status, transition_events
from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Event, Key, Report, Resource
from kafkade.api.redrive import MAX_BUCKETS, MAX_FAILURES, MAX_PROGRESS, Counts, Phase
from kafkade.dlq.redrive.progress import Progress

REDRIVING = "Redriving"
"""Reason of a redrive that is at work."""

Retry = Literal["backoff"] | float | None


def fields(parts: Sequence[Progress]) -> dict[str, Any]:
    """What the status says of the progress of each topic; nothing while none is known, so that what was known stays."""
    if not parts:
        return {}
    progress = islice(chain.from_iterable(part.partitions for part in parts), MAX_PROGRESS)
    failures = islice(chain.from_iterable(part.failures for part in parts), MAX_FAILURES)
    lists = {
        "progress": [entry.model_dump(by_alias=True) for entry in progress],
        "histogram": _histogram(parts),
        "failures": [entry.model_dump(by_alias=True) for entry in failures],
    }
    return {"counts": counts(parts).model_dump(by_alias=True), **{name: found or None for name, found in lists.items()}}


def counts(parts: Sequence[Progress]) -> Counts:
    """The counts of all topics, added up."""
    return Counts(**{name: sum(getattr(part.counts, name) for part in parts) for name in Counts.model_fields})


def _histogram(parts: Sequence[Progress]) -> list[dict[str, Any]]:
    lines: Counter[tuple[str, str, str]] = Counter()
    for bucket in chain.from_iterable(part.histogram for part in parts):
        lines[bucket.error, bucket.origin, bucket.age] += bucket.records
    ordered = sorted(lines.items(), key=lambda line: (-line[1], line[0]))
    return [
        {"error": error, "origin": origin, "age": age, "records": records}
        for (error, origin, age), records in ordered[:MAX_BUCKETS]
    ]


def phase_of(resource: Resource) -> Phase | None:
    """The phase that the status says; None where nobody has looked at it, or what it says is none."""
    try:
        return Phase(resource.status.get("phase", ""))
    except ValueError:
        return None


def begun(resource: Resource) -> bool:
    """Whether it was written down that it begins: from then on something of it can be in Kafka."""
    return "started" in resource.status


def waits_for_redrive(resource: Resource, topic: str, other: Key, now: str, retry: float) -> Report:
    """Another redrive of the same dead-letter topic is not finished."""
    message = f"{other} puts dead letters of {topic} back; this one begins when that one has ended"
    outcome = Outcome.progressing("WaitingForRedrive", message)
    return _report(resource, outcome, _not_begun(resource), now, retry)


def waits_for_worker(resource: Resource, most: int, now: str, retry: float) -> Report:
    """As many redrives as may are at work."""
    message = f"{most} redrives are at work, which is as many as run at the same time"
    outcome = Outcome.progressing("WaitingForWorker", message)
    return _report(resource, outcome, _not_begun(resource), now, retry)


def troubled(
    resource: Resource, error: KafkadeError, parts: Sequence[Progress], now: str, retry: Retry, *, stalled: bool
) -> Report:
    """It cannot go on now, and nothing is lost. ``stalled``: until somebody changes something."""
    outcome = Outcome("False", reconciling=not stalled, stalled=stalled, reason=error.reason, message=error.message)
    return _report(resource, outcome, {**_not_begun(resource), **fields(parts)}, now, retry)


def held(resource: Resource, parts: Sequence[Progress], now: str, *, observe: bool) -> Report:
    """spec.paused, or managementPolicy Observe."""
    if observe:
        message = "managementPolicy is Observe: the redrive does not run; dryRun counts without writing"
        outcome = Outcome("False", reconciling=False, stalled=False, reason="Observed", message=message)
    else:
        message = f"spec.paused is true: nothing is put back{_so_far(resource, parts)}"
        outcome = Outcome("Unknown", reconciling=False, stalled=False, reason="Paused", message=message)
    return _report(resource, outcome, {**_not_begun(resource), **fields(parts)}, now, None)


def beginning(resource: Resource, topics: Mapping[str, str], now: str, retry: float) -> Report:
    """It is written down that it begins, and with which topics, by their ids, before anything is done."""
    outcome = Outcome.progressing("Redriving", f"begins with {_topics(list(topics))}")
    status = {"phase": Phase.RUNNING.value, "started": now, "topics": [*topics], "topicIds": [*topics.values()]}
    return _report(resource, outcome, status, now, retry)


def running(resource: Resource, parts: Sequence[Progress], now: str, retry: float) -> Report:
    """It is at work."""
    left = sum(max(0, entry.end - entry.next) for part in parts[-1:] for entry in part.partitions)
    waiting = next((part.waiting for part in parts if part.waiting), "")
    topics = len(resource.status.get("topics") or ())
    where = f"topic {len(parts)} of {topics}: " if topics > 1 else ""
    message = f"{_words(counts(parts), resource)}; {where}{waiting or f'{left} more to look at'}"
    status = {"phase": Phase.RUNNING.value, **fields(parts)}
    return _report(resource, Outcome.progressing("Redriving", message), status, now, retry)


def cancelling(resource: Resource, error: KafkadeError | None, now: str, retry: float) -> Report:
    """It is to stop, and has not yet; ``error``: what keeps it from finding out what is committed."""
    outcome = Outcome.progressing("Cancelling", "stops after the transaction that runs")
    if error is not None:
        outcome = Outcome("False", reconciling=True, stalled=False, reason=error.reason, message=error.message)
    return _report(resource, outcome, {"phase": Phase.CANCELLING.value}, now, retry)


def completed(resource: Resource, parts: Sequence[Progress], now: str, wakes: frozenset[Key]) -> Report:
    """Everything that was to be done is done and committed."""
    message = _words(counts(parts), resource)
    status = {"phase": Phase.COMPLETED.value, "finished": now, **fields(parts)}
    if not begun(resource):
        status |= {"started": now, "counts": Counts().model_dump(by_alias=True)}
        message = "there is no dead-letter topic"
    events = (Event("Normal", "Completed", message),)
    return _final(resource, Outcome.done(message, "Completed"), status, now, events, wakes)


def cancelled(resource: Resource, parts: Sequence[Progress], now: str, wakes: frozenset[Key]) -> Report:
    """It was stopped for good; what was put back stays put back."""
    message = f"spec.cancel is true: stopped{_so_far(resource, parts)}"
    status = {"phase": Phase.CANCELLED.value, "finished": now, **fields(parts)}
    events = (Event("Normal", "Cancelled", message),)
    return _final(resource, Outcome.done(message, "Cancelled"), status, now, events, wakes)


def failed(
    resource: Resource, error: KafkadeError, parts: Sequence[Progress], now: str, wakes: frozenset[Key]
) -> Report:
    """It can never go on: another redrive takes up where it stopped."""
    outcome = Outcome("False", reconciling=False, stalled=True, reason=error.reason, message=error.message)
    status = {"phase": Phase.FAILED.value, "finished": now, **fields(parts)}
    events = (Event("Warning", error.reason, error.message),)
    return _final(resource, outcome, status, now, events, wakes)


def finished(resource: Resource, now: str) -> dict[str, Any]:
    """The status of a redrive that was finished before: as it was, for the generation that it has now."""
    before = condition(resource.status, "Ready") or {}
    ready, reason, message = (str(before.get(name, "")) for name in ("status", "reason", "message"))
    if phase_of(resource) is Phase.FAILED:
        outcome = Outcome("False", reconciling=False, stalled=True, reason=reason, message=message)
    elif ready == "True":
        outcome = Outcome.done(message, reason)
    else:  # its cluster was away or did not let it in when somebody changed it
        known = Counts(**(resource.status.get("counts") or {}))
        outcome = Outcome.done(_words(known, resource), str(resource.status.get("phase")))
    return next_status(resource.status, resource.generation, outcome, now)


def _not_begun(resource: Resource) -> dict[str, str]:
    """A phase that says more than Pending stays."""
    return {} if begun(resource) else {"phase": Phase.PENDING.value}


def _final(
    resource: Resource,
    outcome: Outcome,
    status: Mapping[str, Any],
    now: str,
    events: tuple[Event, ...],
    wakes: frozenset[Key],
) -> Report:
    whole = next_status(resource.status, resource.generation, outcome, now, status)
    return Report(resource.key, whole, events, retry=0.05, wakes=wakes)


def _report(resource: Resource, outcome: Outcome, status: Mapping[str, Any], now: str, retry: Retry) -> Report:
    whole = next_status(resource.status, resource.generation, outcome, now, status)
    return Report(resource.key, whole, transition_events(resource.status, whole), retry)


def _so_far(resource: Resource, parts: Sequence[Progress]) -> str:
    known = counts(parts) if parts else Counts(**(resource.status.get("counts") or {}))
    return f" ({_words(known, resource)})" if begun(resource) else ""


def _words(found: Counts, resource: Resource) -> str:
    """The counts in a sentence; those that are 0 are left out, but for the first."""
    first = "would be put back" if resource.spec.get("dryRun") else "put back"
    others = {
        "skipped": found.skipped,
        "quarantined": found.quarantined,
        "failed": found.failed,
        "lost": found.lost,
    }
    return ", ".join([f"{found.moved} {first}", *(f"{number} {what}" for what, number in others.items() if number)])


def _topics(topics: Sequence[str]) -> str:
    return topics[0] if len(topics) == 1 else f"{len(topics)} dead-letter topics, {topics[0]} first"
