"""What several tools write alike of a schema."""

from __future__ import annotations

from typing import Any

from kafkade.imports.fields import Fields
from kafkade.imports.model import Include


def references(spec: Fields) -> list[dict[str, Any]]:
    """spec.references: name, subject and version."""
    found = []
    for item in spec.items("references"):
        given = {"name": item.required("name"), "subject": item.required("subject"), "version": item.integer("version")}
        item.rest()
        found.append({name: value for name, value in given.items() if value is not None})
    return found


def text_of(file: str, fields: Fields, name: str, include: Include) -> str | None:
    """The text of a file that the field ``name`` names; where it cannot be read, that is a problem."""
    text = include(fields.document.file, file)
    if text is None:
        told = "cannot be read: it must be below the manifest's folder, or the one that kafkade is called in"
        fields.refuse(name, f"{file} {told}")
    return text
