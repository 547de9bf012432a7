"""Avro data by the schema that it was written with, as what JSON knows."""

from __future__ import annotations

import datetime
import decimal
import io
import json
import math
import struct
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import avro.errors
import avro.io
import avro.name
import avro.schema

from kafkade.clients.registry_schemas import SchemaText
from kafkade.dlq.decode_errors import Undecodable

_FAILURES = (
    *(avro.errors.AvroException, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    *(struct.error, MemoryError),
)
"""The package answers malformed data and schemas with many of Python's own errors."""


_LONGEST_DECIMAL = 1000
"""Bytes of a decimal's number. The package adds them up one by one, in time that grows with their square."""


_VALUES, _VALUES_A_BYTE = 100_000, 4
"""How many values data may have: so many, and more for each of its bytes. A null takes no byte, so that nine bytes can be an
array of ten million of them, which is where the package ends."""


class _DatumReader(avro.io.DatumReader):
    def __init__(self, schema: Any, length: int) -> None:
        super().__init__(schema)
        self._left = _VALUES + _VALUES_A_BYTE * length

    def read_data(self, writers_schema: Any, readers_schema: Any, decoder: Any) -> object:
        self._left -= 1
        if self._left < 0:
            raise Undecodable("it has too many values for its length")
        return super().read_data(writers_schema, readers_schema, decoder)


class _BinaryDecoder(avro.io.BinaryDecoder):
    def read_decimal_from_fixed(self, precision: int, scale: int, size: int) -> decimal.Decimal:
        if size > _LONGEST_DECIMAL:
            raise ValueError(f"a decimal of {size} bytes")
        found: decimal.Decimal = super().read_decimal_from_fixed(precision, scale, size)
        return found


class AvroReader:
    """Reads data of one schema.

    Dates, times and decimals are text; bytes are text with a character for each byte, as in Avro's own JSON; numbers
    that JSON does not have (NaN, Infinity) are text.
    """

    def __init__(self, schema: SchemaText) -> None:
        """
        Raises:
            Undecodable: the schema does not parse.
        """
        self._source = schema
        self._schema = _parsed(schema, logical=True)

    def read(self, data: bytes) -> Any:
        """
        Raises:
            Undecodable: the data does not fit the schema.
        """
        try:
            return _read(self._schema, data)
        except (OverflowError, ValueError):
            # a date that Python does not know, a decimal that is too long; without their meaning they can still be shown
            schema = _parsed(self._source, logical=False)
        try:
            return _read(schema, data)
        except (OverflowError, ValueError) as error:
            raise Undecodable(f"not Avro: {error}") from error


def _read(schema: Any, data: bytes) -> Any:
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
            value = _DatumReader(schema, len(data)).read(_BinaryDecoder(stream))
        plain = _plain(value)
    except (UnicodeDecodeError, avro.errors.AvroException) as error:
        raise Undecodable(f"not Avro: {error}") from error
    except (OverflowError, ValueError):
        raise
    except _FAILURES as error:
        raise Undecodable(f"not Avro: {error or type(error).__name__}") from error
    if left := len(data) - stream.tell():
        raise Undecodable(f"{left} bytes are left after it")
    return plain


def _parsed(source: SchemaText, *, logical: bool) -> Any:
    names = avro.name.Names()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
            for text in _dependencies(source, set()):
                _make(json.loads(text), names, logical)
            return _make(json.loads(source.text), names, logical)
    except _FAILURES as error:
        raise Undecodable(f"not an Avro schema: {error or type(error).__name__}") from error


def _dependencies(source: SchemaText, seen: set[str]) -> Iterator[str]:
    """Texts of what is referenced, directly or not, what is needed first comes first."""
    for name, other in source.references:
        if name not in seen:
            seen.add(name)
            yield from _dependencies(other, seen)
            yield other.text


def _make(node: Any, names: Any, logical: bool) -> Any:
    node = node if logical else _without_logical_types(node)
    if isinstance(node, str):
        # the package looks names up only inside of another type
        array: Any = avro.schema.make_avsc_object({"type": "array", "items": node}, names)
        return array.items
    return avro.schema.make_avsc_object(node, names)


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _without_logical_types(part) for name, part in node.items() if name != "logicalType"}
    return [_without_logical_types(part) for part in node] if isinstance(node, list) else node


def _plain(value: Any) -> Any:
    """A value of the package as what JSON knows."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return value.decode("iso-8859-1")
        case Mapping():
            return {str(name): _plain(part) for name, part in value.items()}
        case list():
            return [_plain(part) for part in value]
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)
