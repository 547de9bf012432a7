"""Schemas of a registry by the id that records carry, with all that they reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kafkade.api.errors import RegistryRequestFailed
from kafkade.clients.registry_http import RegistryTransport
from kafkade.clients.registry_model import Registered

_MOST = 200
"""Schemas that one needs; this stops a registry that answers more, each of which would be a request."""


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
        found = await self._http.call("GET", f"/schemas/ids/{schema_id}", f"get schema {schema_id}", read=_text)
        return await self._whole(found, {})

    async def _whole(self, found: Registered, asked: dict[tuple[str, int], SchemaText | None]) -> SchemaText:
        """``asked``: what was asked for already; None while what it references is."""
        references = []
        for reference in found.references or ():
            key = (reference.subject, reference.version)
            if key not in asked:
                if len(asked) >= _MOST:
                    raise RegistryRequestFailed(f"{reference.subject}: more than {_MOST} schemas are behind one")
                asked[key] = None
                path = f"/subjects/{quote(reference.subject, safe='')}/versions/{reference.version}"
                what = f"get subject {reference.subject} version {reference.version}"
                referenced = await self._http.call("GET", path, what, {"deleted": "true"}, read=_text)
                asked[key] = await self._whole(referenced, asked)
            text = asked[key]
            if text is None:
                raise RegistryRequestFailed(f"{reference}: the schema references itself by others")
            references.append((reference.name, text))
        return SchemaText(found.schema, found.schema_type, tuple(references))


def _text(answer: Any) -> Registered:
    """The id and the version are not part of this answer in every registry, nor of interest here."""
    return Registered.from_json({**answer, "version": 0, "id": 0})
