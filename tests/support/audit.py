"""What was written to the API server, as its audit log has it."""

from __future__ import annotations

from datetime import UTC, datetime

from kafkade.devstack.audit import AuditEvent
from kafkade.devstack.kubernetes import ControlPlane

OPERATOR = "system:serviceaccount:kafkade-system:kafkade"


def moment() -> str:
    """Now, as the audit log has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def writes(control_plane: ControlPlane, user: str = OPERATOR, *, since: str = "", **fields: str) -> list[AuditEvent]:
    """A user's writes so far, in order; ``fields`` of the audit event that must be so.

    ``since``: a moment that none of them was received before. A number of those so far is no such mark: the log has a write
    after its effect, and the last one may be missing in it still.
    """
    return [
        event
        for event in control_plane.audit_events()
        if event.user == user
        and event.is_write
        and event.time >= since
        and all(getattr(event, k) == v for k, v in fields.items())
    ]
