"""Schemas of a registry by the id that records carry, with all that they reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kafkade.clients.registry_http import RegistryTransport
from kafkade.clients.registry_model import Registered

_DEEPEST = 50
"""References of references that are followed; registries refuse circles, and this stops one that does not."""


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema's text and, by the names it calls them, the schemas that it references."""

    text: str
    schema_type: str = "AVRO"
    references: tuple[tuple[str, SchemaText], ...] = ()


class RegistrySchemas:
    """Asks a registry for schemas. Methods raise as those of RegistryClient."""

    def __init__(self, transport: RegistryTransport) -> None:
        self._http = transport

    def __repr__(self) -> str:
        return f"RegistrySchemas({', '.join(self._http.urls)})"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def by_id(self, schema_id: int) -> SchemaText:
        """The schema with this id.

        Raises:
            RegistryNotFound: there is none.
        """
        answer = await self._http.call("GET", f"/schemas/ids/{schema_id}", f"get schema {schema_id}")
        return await self._whole(answer, 0)

    async def _whole(self, answer: Any, depth: int) -> SchemaText:
        # the id and the version are not part of this answer in every registry, nor of interest here
        found = Registered.from_json({"version": 0, "id": 0, **answer})
        references = []
        for reference in (found.references or ()) if depth < _DEEPEST else ():
            path = f"/subjects/{quote(reference.subject, safe='')}/versions/{reference.version}"
            what = f"get subject {reference.subject} version {reference.version}"
            referenced = await self._http.call("GET", path, what, {"deleted": "true"})
            references.append((reference.name, await self._whole(referenced, depth + 1)))
        return SchemaText(found.schema, found.schema_type, tuple(references))
