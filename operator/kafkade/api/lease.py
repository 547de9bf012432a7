"""A Lease of coordination.k8s.io/v1, by which operators agree on who acts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

LEASE_API = "coordination.k8s.io/v1"

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?P<namespace>{_LABEL})/(?P<name>{_LABEL}(\.{_LABEL})*)")


class LeaseName(NamedTuple):
    """Which Lease."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> LeaseName:
        """A name from ``NAMESPACE/NAME``.

        Raises:
            ValueError: it is something else.
        """
        found = _NAME.fullmatch(text)
        if found is None or len(found["name"]) > 253:
            raise ValueError(f"{text!r} is not a namespace and the name of a Lease: for example kafkade-system/kafkade")
        return cls(found["namespace"], found["name"])


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as the API server has it, or as it shall have it.

    Times are RFC 3339 with microseconds, by the clock of whoever wrote them: for people to read, and for nothing else.
    """

    name: LeaseName
    holder: str = ""
    """Empty: nobody."""
    duration: int = 0
    """Seconds that others have to wait after a renewal before they may take it; 0: not said."""
    acquired: str | None = None
    renewed: str | None = None
    transitions: int = 0
    """How often it went from one holder to another."""
    uid: str = ""
    version: str = ""
    """metadata.resourceVersion; each write that changes anything changes it."""
    rest: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The object as it was read, for what is not kafkade's in it."""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Lease:
        """As the API server wrote it."""
        meta, spec = body["metadata"], body.get("spec") or {}
        return cls(
            name=LeaseName(meta["namespace"], meta["name"]),
            holder=spec.get("holderIdentity") or "",
            duration=spec.get("leaseDurationSeconds") or 0,
            acquired=spec.get("acquireTime"),
            renewed=spec.get("renewTime"),
            transitions=spec.get("leaseTransitions") or 0,
            uid=meta.get("uid", ""),
            version=meta.get("resourceVersion", ""),
            rest=body,
        )

    def body(self) -> dict[str, Any]:
        """To be created, or put in the place of the one that was read, and of no later one."""
        meta = {**self.rest.get("metadata", {}), "namespace": self.name.namespace, "name": self.name.name}
        if self.version:
            meta["resourceVersion"] = self.version
        spec = {
            **(self.rest.get("spec") or {}),
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self.duration,
            "acquireTime": self.acquired,
            "renewTime": self.renewed,
            "leaseTransitions": self.transitions,
        }
        return {"apiVersion": LEASE_API, "kind": "Lease", "metadata": meta, "spec": spec}

    def held_by(self, holder: str, duration: int, now: str) -> Lease:
        """The same, taken or renewed by ``holder`` at ``now``."""
        if holder == self.holder:
            return replace(self, duration=duration, renewed=now)
        transitions = self.transitions + (1 if self.version else 0)
        return replace(self, holder=holder, duration=duration, acquired=now, renewed=now, transitions=transitions)

    def released(self, now: str) -> Lease:
        """The same, held by nobody: whoever comes next may take it at once."""
        return replace(self, holder="", duration=1, renewed=now)
