"""Is a schema compatible with the versions before it, under one of the registry's seven levels? A local answer with reasons.

The registry's own verdict stands above it; this one explains, and is the gate where the registry still checks by another level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kafkade.api.schema import Compatibility
from kafkade.schemas import compat_avro, compat_json, compat_protobuf
from kafkade.schemas.findings import Direction, Violation
from kafkade.schemas.parse import Parsed

_DIRECTIONS: dict[str, tuple[Literal["backward", "forward"], ...]] = {
    "NONE": (),
    "BACKWARD": ("backward",),
    "FORWARD": ("forward",),
    "FULL": ("backward", "forward"),
}


def is_transitive(level: Compatibility) -> bool:
    """Whether a level asks about all versions, not only the latest."""
    return level.value.endswith("_TRANSITIVE")


def violations(level: Compatibility, new: Parsed, old: Sequence[tuple[int | str, Parsed]]) -> tuple[Violation, ...]:
    """What ``new`` breaks towards ``old`` ((version, schema), oldest first), the latest version's clashes first.

    Schemas without a model (they import what only the registry has) are passed over.
    """
    directions = _DIRECTIONS[level.value.removesuffix("_TRANSITIVE")]
    considered = list(reversed(old)) if is_transitive(level) else list(old[-1:])
    found: list[Violation] = []
    for version, before in considered:
        for kind in directions:
            found += _between(new, before, Direction(kind, version))
    return tuple(dict.fromkeys(found))


def _between(new: Parsed, before: Parsed, direction: Direction) -> list[Violation]:
    if new.schema_type != before.schema_type:
        rule = f"the subject's schemas are {before.schema_type}, this one is {new.schema_type}: {direction.breaks}"
        return [Violation("schemaType", rule, "keep the type, or use another subject")]
    if new.model is None or before.model is None:
        return []
    reader, writer = (new.model, before.model) if direction.kind == "backward" else (before.model, new.model)
    match new.schema_type:
        case "AVRO":
            return compat_avro.violations(reader, writer, direction)
        case "JSON":
            return compat_json.violations(reader, writer, direction)
        case _:
            return compat_protobuf.violations(reader, writer, direction)
