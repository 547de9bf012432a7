"""Local parse of a schema text, so that a mistake is named with its place before anything is asked of the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import InvalidSchema
from kafkade.schemas import parse_avro, parse_json, parse_protobuf
from kafkade.schemas.source import Source


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed schema. ``model`` is the type's own: an Avro schema, a JsonDocument or Descriptors.

    None where the schema imports what only the registry has at hand; then it alone can judge.
    """

    schema_type: str
    model: Any


def parse(source: Source) -> Parsed:
    """``source`` as its type.

    Raises:
        InvalidSchema: says where (line and column, or the path of the field) and what is wrong.
    """
    match source.schema_type:
        case "AVRO":
            return Parsed("AVRO", parse_avro.parse(source))
        case "JSON":
            return Parsed("JSON", parse_json.parse(source))
        case "PROTOBUF":
            return Parsed("PROTOBUF", parse_protobuf.parse(source))
        case other:
            raise InvalidSchema(f"schema type {other} is not known; it is AVRO, JSON or PROTOBUF")
