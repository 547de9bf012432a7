"""Which topics and subjects are meant. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kafkade.api.errors import InvalidSpec
from kafkade.api.policy import INTERNAL_TOPICS

_STREAMS = re.compile(r".+-(KSTREAM|KTABLE|KCOGROUP)-.+-(changelog|repartition|topic)")
"""What Kafka Streams makes and deletes by itself, by the names that it gives where the application gives none."""
_REGISTRY = frozenset({"_schemas", "_schema_encoders"})


@dataclass(frozen=True, slots=True)
class Selection:
    """Names that some pattern of ``include`` fits (none: every name) and none of ``exclude``."""

    include: tuple[re.Pattern[str], ...] = ()
    exclude: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str], option: str) -> Selection:
        """From patterns: with * and ?, or a regular expression between slashes. ``option``: what took the first ones.

        Raises:
            InvalidSpec: one is no regular expression.
        """
        return cls(
            tuple(_compiled(text, option) for text in include), tuple(_compiled(text, "--exclude") for text in exclude)
        )

    def __contains__(self, name: str) -> bool:
        included = not self.include or any(p.fullmatch(name) for p in self.include)
        return included and not any(p.fullmatch(name) for p in self.exclude)


def _compiled(text: str, option: str) -> re.Pattern[str]:
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        try:
            return re.compile(text[1:-1])
        except re.error as error:
            raise InvalidSpec(f"{option} {text}: not a regular expression: {error}") from error
    return re.compile(fnmatch.translate(text))


def internal(name: str) -> bool:
    """Whether a topic is not people's own: Kafka's, a registry's, a Kafka distribution's, or one that Kafka Streams keeps."""
    if name in INTERNAL_TOPICS or name in _REGISTRY or name.startswith(("__", "_confluent", "_redpanda")):
        return True
    return _STREAMS.fullmatch(name) is not None
