"""The fields of each kind, as its CRD's structural schema has them: a new field is here without anybody's doing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kafkade.api.crd import structural
from kafkade.api.kinds import KINDS

Schema = Mapping[str, Any]

ITEM, VALUE = "[]", "{}"
"""Steps of a path: into a list's item, and into the value of a map."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a spec. ``path`` as in ``config``, ``topics.[]``, ``retry.backoff.initial``, ``headers.add.{}``."""

    kind: str
    steps: tuple[str, ...]
    schema: Schema = field(repr=False, compare=False, hash=False)

    @property
    def path(self) -> str:
        """Its steps with dots between them."""
        return ".".join(self.steps)

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


@cache
def spec_schema(kind: str) -> Schema:
    """The structural schema of a kind's spec."""
    return structural(KINDS[kind].spec)


@cache
def fields_of(kind: str) -> tuple[Field, ...]:
    """All fields of a kind's spec, objects and what is in them."""
    return tuple(Field(kind, steps, schema) for steps, schema in _walk(spec_schema(kind), ()) if steps)


def _walk(schema: Schema, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Schema]]:
    yield steps, schema
    for name, inner in schema.get("properties", {}).items():
        yield from _walk(inner, (*steps, name))
    for word, step in (("items", ITEM), ("additionalProperties", VALUE)):
        if isinstance(schema.get(word), Mapping):
            yield from _walk(schema[word], (*steps, step))
