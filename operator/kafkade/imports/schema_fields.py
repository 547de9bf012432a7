"""What several tools write alike of a schema."""

from __future__ import annotations

from typing import Any

from kafkade.imports.fields import Fields


def references(spec: Fields) -> list[dict[str, Any]]:
    """spec.references: name, subject and version."""
    found = []
    for item in spec.items("references"):
        given = {"name": item.required("name"), "subject": item.required("subject"), "version": item.integer("version")}
        item.rest()
        found.append({name: value for name, value in given.items() if value is not None})
    return found
