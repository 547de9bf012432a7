"""A schema's text together with the texts that it references."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A schema and, by the names it calls them, the schemas that it references (with their own references)."""

    text: str
    schema_type: str = "AVRO"
    references: tuple[tuple[str, Source], ...] = ()

    def dependencies(self) -> Iterator[tuple[str, Source]]:
        """Everything referenced, directly or not, each name once, what is needed first comes first."""
        seen: set[str] = set()
        yield from self._dependencies(seen)

    def _dependencies(self, seen: set[str]) -> Iterator[tuple[str, Source]]:
        for name, source in self.references:
            if name not in seen:
                seen.add(name)
                yield from source._dependencies(seen)
                yield name, source
