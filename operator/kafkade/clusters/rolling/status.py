"""From what was seen and done to what a KafkaCluster's report says of its roll. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Event
from kafkade.clusters.rolling.plan import Decision
from kafkade.clusters.rolling.pods import Pod, StatefulSet

POLL = 2.0
"""Seconds between two looks while pods are being rolled."""

BLOCKED_POLL = 5.0
"""The same while somebody must change something first."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """``status``: status.rolling, None where no roll is on. ``message``: how it stands, in the words of the condition.

    ``error``: why it does not go on. ``retry``: seconds until the next look; None: as for anything else.
    """

    status: Mapping[str, Any] | None = None
    message: str = ""
    error: KafkadeError | None = None
    events: tuple[Event, ...] = ()
    retry: float | None = None


NOTHING = Rolled()


def failed(error: KafkadeError, before: Mapping[str, Any] | None) -> Rolled:
    """Nothing could be seen of the pods; what was last told of them stays."""
    return Rolled(before, error=error)


def rolled(
    sets: Sequence[StatefulSet], decision: Decision, deleted: Pod | None, *, was_active: bool, observe_only: bool
) -> Rolled:
    """``deleted``: the pod that was deleted just now."""
    if not decision.active:
        retry = POLL if decision.unknown and not observe_only else None
        over = was_active and decision.error is None
        return Rolled(error=decision.error, events=_over(sets) if over else (), retry=retry)
    message, away = decision.message, decision.away
    events: tuple[Event, ...] = ()
    if decision.delete is not None and observe_only:
        message = f"pod {decision.delete} would be the next to go"
    if deleted is not None:
        message, away, events = f"pod {deleted} shuts down", deleted, (_begun(sets, deleted),)
    status: dict[str, Any] = {
        "statefulSets": [
            {"name": s.name, "updateRevision": s.revision, "updated": s.updated, "replicas": len(s.pods)} for s in sets
        ],
        "message": message,
    }
    if away is not None:
        status["pod"] = away.name
    retry = None if observe_only else POLL if decision.error is None else BLOCKED_POLL
    done, of = sum(s.updated for s in sets), sum(len(s.pods) for s in sets)
    return Rolled(
        status, f"rolling, {done} of {of} pods are of the newest revision: {message}", decision.error, events, retry
    )


def _begun(sets: Sequence[StatefulSet], pod: Pod) -> Event:
    newest = next(s.revision for s in sets if any(p.name == pod.name for p in s.pods))
    return Event("Normal", "RollingPod", f"pod {pod} was deleted, to be {newest} in place of {pod.revision}")


def _over(sets: Sequence[StatefulSet]) -> tuple[Event, ...]:
    number = sum(len(s.pods) for s in sets)
    return (Event("Normal", "Rolled", f"all {number} pods are of the newest revision and Ready"),)
