"""Keys and values of records for people: by a schema registry's schemas, as JSON, as text, or as hex. Never raises.

What is framed as Confluent's serializers do it (a zero byte, the schema's id in four bytes, then the data) is decoded by
that schema. What cannot be decoded is shown as far as it can be, and ``note`` says why.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kafkade.api.errors import (
    KafkadeError,
    RegistryAuthenticationFailed,
    RegistryNotFound,
    RegistryUnreachable,
)
from kafkade.clients.registry_schemas import SchemaText
from kafkade.dlq.decode_avro import AvroReader
from kafkade.dlq.decode_errors import Undecodable
from kafkade.dlq.decode_protobuf import ProtobufReader

Schemas = Callable[[int], SchemaText]
"""Gives the schema with an id, or raises a RegistryError."""

_Reader = Callable[[bytes], Any]
_FRAME = 5
_MOST_KEPT = 1000
"""Schemas that are remembered: ids in what is no frame at all would fill the memory."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A key or a value. ``value`` is made of what JSON knows; ``note``: why it is not shown better."""

    format: str
    """null, text, json, avro, json-schema, protobuf or hex."""
    value: Any
    note: str | None = None
    schema_id: int | None = None

    @property
    def text(self) -> str:
        """On one line, as far as ``value`` is: text as it is, everything else as JSON."""
        if self.value is None and self.format == "null":
            return ""
        return self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False)


class Decoder:
    """Remembers schemas by their ids. ``schemas`` None: there is no registry. ``most``: bytes of the longest that is decoded."""

    def __init__(self, schemas: Schemas | None = None, *, most: int | None = None) -> None:
        self._schemas = schemas
        self._most = most
        self._readers: dict[int, tuple[str, _Reader] | str] = {}
        self.trouble: KafkadeError | None = None
        """Why the registry cannot be asked; it is not asked again then."""

    def decode(self, data: bytes | None) -> Decoded:
        """``data`` in the best form that can be had."""
        if data is None:
            return Decoded("null", None)
        if self._most is not None and len(data) > self._most:
            return _raw(data, f"its {len(data):,} bytes are too many to be decoded")
        if len(data) < _FRAME or data[0] != 0:
            return _plain(data)
        schema_id = int.from_bytes(data[1:_FRAME], "big")
        if self._schemas is None:
            return _plain(data, f"perhaps of schema {schema_id}, with no registry to ask")
        if self.trouble is not None:
            return _plain(data, f"of schema {schema_id}, and the registry cannot be asked")
        found = self._reader(schema_id)
        if isinstance(found, str):
            return _plain(data, found)
        form, reader = found
        try:
            return Decoded(form, reader(data[_FRAME:]), schema_id=schema_id)
        except Undecodable as error:
            return _plain(data, f"does not fit schema {schema_id}: {error}")

    def _reader(self, schema_id: int) -> tuple[str, _Reader] | str:
        """The name of the format and a reader, or why there is none."""
        found = self._readers.get(schema_id)
        if found is None:
            found = self._new_reader(schema_id)
            if len(self._readers) < _MOST_KEPT:
                self._readers[schema_id] = found
        return found

    def _new_reader(self, schema_id: int) -> tuple[str, _Reader] | str:
        assert self._schemas is not None  # noqa: S101 -- asked before
        try:
            schema = self._schemas(schema_id)
            match schema.schema_type:
                case "AVRO":
                    return "avro", AvroReader(schema).read
                case "JSON":
                    return "json-schema", _json
                case "PROTOBUF":
                    return "protobuf", ProtobufReader(schema).read
                case other:
                    return f"schema {schema_id} is of type {other}, which kafkade cannot decode"
        except RegistryNotFound:
            return f"no schema {schema_id} in the registry"
        except (RegistryUnreachable, RegistryAuthenticationFailed) as error:
            self.trouble = error
            return f"of schema {schema_id}, and the registry cannot be asked"
        except KafkadeError as error:
            return error.message
        except Undecodable as error:
            return f"schema {schema_id} cannot be used: {error}"


def as_text(data: bytes) -> str | None:
    """UTF-8 that people can read, or None."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c in "\t\n\r" for c in text) else None


def _raw(data: bytes, note: str | None) -> Decoded:
    text = as_text(data)
    return Decoded("hex", data.hex(), note) if text is None else Decoded("text", text, note)


def _plain(data: bytes, note: str | None = None) -> Decoded:
    found = _raw(data, note)
    if found.format == "text" and found.value.lstrip()[:1] in ("{", "["):
        try:
            return Decoded("json", _json(data), note)
        except Undecodable:
            pass
    return found


def _json(data: bytes) -> Any:
    """JSON that says the same when it is written again.

    Raises:
        Undecodable: it is none, or a name stands twice in an object, or a number is beyond what a float holds.
    """
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"not JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond what a float holds")
    return number
