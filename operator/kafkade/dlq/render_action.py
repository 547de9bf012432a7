"""What software does that has one setting for all errors and cannot tell classes of exceptions apart."""

from __future__ import annotations

from kafkade.api.dlq import ErrorAction, KafkaDLQPolicySpec

_KEEPS = frozenset({ErrorAction.RETRY, ErrorAction.DEAD_LETTER})


def one_action(spec: KafkaDLQPolicySpec) -> ErrorAction:
    """DEAD_LETTER, SKIP or STOP for every failure that is left after retries.

    It loses no record that the policy keeps: DEAD_LETTER when any exception leads to a dead letter, SKIP only when all
    are skipped, else STOP.
    """
    actions = _actions(spec)
    if actions & _KEEPS:
        return ErrorAction.DEAD_LETTER
    return ErrorAction.SKIP if actions == {ErrorAction.SKIP} else ErrorAction.STOP


def retries(spec: KafkaDLQPolicySpec) -> bool:
    """Whether anything is tried again at all."""
    return spec.retry.max_attempts > 1 and ErrorAction.RETRY in _actions(spec)


def _actions(spec: KafkaDLQPolicySpec) -> frozenset[ErrorAction]:
    return frozenset({spec.default_action, *(route.action for route in spec.routes)})
