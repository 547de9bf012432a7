"""What was written to the API server, as its audit log has it."""

from __future__ import annotations

from kafkade.devstack.audit import AuditEvent
from kafkade.devstack.kubernetes import ControlPlane

OPERATOR = "system:serviceaccount:kafkade-system:kafkade"


def writes(control_plane: ControlPlane, user: str = OPERATOR, **fields: str) -> list[AuditEvent]:
    """A user's writes so far, in order; ``fields`` of the audit event that must be so."""
    return [
        event
        for event in control_plane.audit_events()
        if event.user == user and event.is_write and all(getattr(event, k) == v for k, v in fields.items())
    ]
