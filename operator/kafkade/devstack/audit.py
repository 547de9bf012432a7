"""Reads the API server's audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class AuditEvent:
    """One request that the API server has answered."""

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    stage: str
    user_agent: str
    time: str

    @property
    def is_write(self) -> bool:
        """Whether it was to change something (it may have been refused: see ``code``)."""
        return self.verb in WRITES

    @classmethod
    def parse(cls, line: str) -> AuditEvent:
        event: dict[str, Any] = json.loads(line)
        about = event.get("objectRef", {})
        return cls(
            user=event["user"].get("username", ""),
            verb=event["verb"],
            group=about.get("apiGroup", ""),
            resource=about.get("resource", ""),
            subresource=about.get("subresource", ""),
            namespace=about.get("namespace", ""),
            name=about.get("name", ""),
            code=event.get("responseStatus", {}).get("code", 0),
            stage=event["stage"],
            user_agent=event.get("userAgent", ""),
            time=event["requestReceivedTimestamp"],
        )


def read(log: Path) -> Iterator[AuditEvent]:
    """The events of a log so far, in order."""
    if not log.exists():
        return
    with log.open() as lines:
        for line in lines:
            # the server may be in the middle of writing the last one
            if line.endswith("\n"):
                yield AuditEvent.parse(line)
