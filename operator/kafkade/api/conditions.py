"""One helper for the conditions Ready, Reconciling and Stalled, as kstatus reads them.

kstatus (sigs.k8s.io/cli-utils): observedGeneration behind, or Reconciling=True, means in progress; Stalled=True means
failed; Ready=True means current. Every condition carries observedGeneration; lastTransitionTime moves only when the
status (True, False, Unknown) does. observedGeneration advances on failure too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Event
from kafkade.api.text import visible

ConditionStatus = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconcile came to, in the words of the conditions."""

    ready: ConditionStatus
    reconciling: bool
    stalled: bool
    reason: str
    message: str

    @classmethod
    def done(cls, message: str, reason: str = "Reconciled") -> Outcome:
        """Everything is as declared."""
        return cls("True", reconciling=False, stalled=False, reason=reason, message=message)

    @classmethod
    def progressing(cls, reason: str, message: str, *, ready: bool = False) -> Outcome:
        """Work goes on without hands; ``ready`` when the resource serves meanwhile."""
        return cls("True" if ready else "False", reconciling=True, stalled=False, reason=reason, message=message)

    @classmethod
    def paused(cls) -> Outcome:
        """spec.paused: nothing is observed or changed."""
        return cls(
            "Unknown", False, False, "Paused", "spec.paused is true: kafkade neither checks nor changes anything here"
        )

    @classmethod
    def failed(cls, error: KafkadeError) -> Outcome:
        """Retryable errors keep Reconciling=True; the others are Stalled until somebody changes something."""
        return cls("False", error.retryable, not error.retryable, error.reason, error.message)


def conditions(old: Sequence[Mapping[str, Any]], generation: int, outcome: Outcome, now: str) -> list[dict[str, Any]]:
    """The three conditions for ``outcome``, with lastTransitionTime kept from ``old`` where the status did not move.

    ``now`` is RFC 3339 in UTC, whole seconds. Calling it again with its own answer gives an equal list.
    """
    before = {c.get("type"): c for c in old}
    wanted: tuple[tuple[str, str], ...] = (
        ("Ready", outcome.ready),
        ("Reconciling", "True" if outcome.reconciling else "False"),
        ("Stalled", "True" if outcome.stalled else "False"),
    )
    result, message = [], visible(outcome.message)
    for kind, status in wanted:
        previous = before.get(kind)
        kept = previous is not None and previous.get("status") == status
        result.append(
            {
                "type": kind,
                "status": status,
                "reason": outcome.reason,
                "message": message,
                "observedGeneration": generation,
                "lastTransitionTime": previous["lastTransitionTime"] if previous and kept else now,
            }
        )
    return result


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of that type in a status, or None."""
    for item in status.get("conditions") or ():
        if item.get("type") == kind:
            return dict(item)
    return None


def next_status(
    old: Mapping[str, Any], generation: int, outcome: Outcome, now: str, fields: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A whole status: ``fields`` over what ``old`` holds, observedGeneration, and the conditions of ``outcome``.

    A field given as None is taken out. Equal input gives an equal status, so "unchanged" is ``==``.
    """
    status = {k: v for k, v in old.items() if k not in ("conditions", "observedGeneration")}
    for name, value in (fields or {}).items():
        if value is None:
            status.pop(name, None)
        else:
            status[name] = value
    status["observedGeneration"] = generation
    status["conditions"] = conditions(old.get("conditions") or (), generation, outcome, now)
    return status


def transition_events(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Event, ...]:
    """The Event that a change of the Ready condition deserves: a failure, another failure, or the recovery from one.

    The way from nothing to Ready posts none: the condition says it, and an Event would be one more write a resource.
    """
    before, after = condition(old, "Ready"), condition(new, "Ready")
    if after is None or (before and (before["status"], before["reason"]) == (after["status"], after["reason"])):
        return ()
    if after["status"] == "False" and not (_is_true(new, "Reconciling") and after["reason"] in QUIET_REASONS):
        return (Event("Warning", after["reason"], after["message"]),)
    if after["status"] == "True" and before is not None and before["status"] == "False":
        return (Event("Normal", "Recovered", after["message"]),)
    return ()


QUIET_REASONS = frozenset(
    {
        *("Reassigning", "ReferenceNotReady", "Redriving", "Cancelling", "WaitingForRedrive", "WaitingForWorker"),
        "MakingUser",
    }
)
"""Reasons of ordinary progress, not worth a Warning."""


def _is_true(status: Mapping[str, Any], kind: str) -> bool:
    found = condition(status, kind)
    return found is not None and found["status"] == "True"
