"""Values of a policy that its modules hand to each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceTopics:
    """A source topic of a policy with the topics that belong to it."""

    topic: str
    """The source topic."""
    dead_letter_topic: str
    """Where its dead letters go."""
    retry_topics: tuple[str, ...] = ()
    """One for each attempt after the first, in their order; empty where records are tried again in place."""
