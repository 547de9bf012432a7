"""What a plan is made of: steps are values that can be printed, compared and executed, by the operator and by the CLI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkade.api.errors import KafkadeError
from kafkade.api.objects import Event


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. Each kind's steps are subclasses that carry what executing them needs."""

    @property
    def verb(self) -> str:
        """What it does, for people: create, set, add partitions, delete."""
        raise NotImplementedError

    @property
    def change(self) -> str:
        """Old and new, for people: ``retention.ms: 604800000 -> 86400000``."""
        raise NotImplementedError

    @property
    def destructive(self) -> bool:
        """Whether records, topics or subjects go away for good."""
        return False


def settings_change(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> str:
    """Settings that change, for people: ``retention.ms: default -> 86400000``. Nothing: the default is in its place."""
    return ", ".join(
        f"{key}: {old.get(key) or 'default'} -> {'default' if value is None else value}"
        for key, value in sorted(new.items())
    )


@dataclass(frozen=True, slots=True)
class DriftFound:
    """A difference that no change of a spec explains."""

    field: str
    expected: str
    found: str

    def as_status(self, *, repaired: bool) -> dict[str, object]:
        """The status entry (api.common.Drift)."""
        return {"field": self.field, "expected": self.expected, "found": self.found, "repaired": repaired}


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps for one resource, or the error that keeps it from having any. An empty plan: as declared."""

    steps: tuple[Step, ...] = ()
    error: KafkadeError | None = None
    drift: tuple[DriftFound, ...] = ()
    events: tuple[Event, ...] = field(default=())
