"""What one redrive of one dead-letter topic is to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kafkade.api.patterns import Pattern, pattern
from kafkade.api.redrive import KafkaDLQRedriveSpec
from kafkade.dlq.redrive.filter import Filter

GROUP_PREFIX = "kafkade-redrive."


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Headers to leave out, by a pattern for their whole name, and headers to put at the end."""

    remove: Pattern | None = None
    add: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """Against records that keep coming back. ``quarantine``: where they go; None leaves them where they are."""

    max_redrives: int
    quarantine: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One run. ``uid`` names it for good: a run with the same uid goes on where that one stopped."""

    uid: str
    topic: str
    """The dead-letter topic."""
    topic_id: str | None = None
    """Kafka's id of it; None: of the topic that has the name when the run begins."""
    destination: str | None = None
    """One topic for all; None: each to the topic that its headers name."""
    filter: Filter = field(default_factory=Filter)
    rate_limit: int | None = None
    """Records a second, at the start."""
    max_records: int | None = None
    dry_run: bool = False
    headers: HeaderChanges = field(default_factory=HeaderChanges)
    guard: Guard | None = None

    @classmethod
    def of(cls, spec: KafkaDLQRedriveSpec, uid: str, topic: str, topic_id: str | None = None) -> Job:
        """The part of the redrive ``uid`` that is about the dead-letter topic ``topic``.

        Raises:
            InvalidSpec: a part of the filter cannot be used.
        """
        guard = spec.loop_guard
        quarantine = guard.quarantine_topic if guard is not None and guard.action == "Quarantine" else None
        return cls(
            uid=uid,
            topic=topic,
            topic_id=topic_id,
            destination=spec.destination.topic,
            filter=Filter.of(spec.filter),
            rate_limit=spec.rate_limit,
            max_records=spec.max_records,
            dry_run=spec.dry_run,
            headers=HeaderChanges(
                _any_of(spec.headers.remove), tuple((n, v.encode()) for n, v in spec.headers.add.items())
            ),
            guard=None if guard is None else Guard(guard.max_redrives, quarantine),
        )

    @property
    def group(self) -> str:
        """The consumer group that keeps this run's position and counts."""
        return GROUP_PREFIX + self.uid


def _any_of(patterns: list[str]) -> Pattern | None:
    """One expression for patterns with * and ?; other characters, brackets too, mean themselves."""
    if not patterns:
        return None
    parts = ("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in text) for text in patterns)
    return pattern("(?s)" + "|".join(f"(?:{part})" for part in parts))
