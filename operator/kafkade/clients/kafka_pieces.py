"""Large answers of Kafka, read piece by piece: what kafka-python makes of one of 10,000 topics is tens of MiB at once.

Bytes become objects by kafka-python's own code, one element of the answer's list after the other, when it is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from kafka import errors as foreign
from kafka.protocol.admin import DescribeConfigsRequest
from kafka.protocol.api_header import RequestHeader
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.schemas.fields.codecs import Int32, UnsignedVarInt32


class Pieces:
    """An answer whose list is read while it is iterated over; the fields before the list are attributes."""

    def __init__(self, response: Any, data: Any) -> None:
        """``response``: the class of the answer and its version; ``data``: the bytes behind the header, as kafka-python has them."""
        version = response._class_version
        flexible = response.flexible_version_q(version)
        how = {"version": version, "compact": flexible, "tagged": flexible}
        for field in response._struct.untagged_fields(version):
            if field.is_struct_array() and field.name in _LISTS:
                break
            setattr(self, field.name, field.decode(data, **how))
        self._decode = field.array_of.compiled_decode_from(**how)
        self._count = UnsignedVarInt32.decode(data) - 1 if flexible else Int32.decode(data)
        self._data, self._begin = data, data.tell()

    def __getattr__(self, name: str) -> Any:
        """For the type checker: fields are set by their names."""
        raise AttributeError(name)

    def __iter__(self) -> Iterator[Any]:
        data, position = memoryview(self._data), self._begin
        for _ in range(self._count):
            try:
                piece, position = self._decode(data, position)
            except (ValueError, LookupError, struct.error) as error:
                raise foreign.KafkaProtocolError(f"an answer cannot be read: {error!r}") from error
            yield piece


_LISTS = frozenset({"topics", "results"})
"""The lists, by the names of their fields, that grow with what was asked for."""


class _Reader:
    """Stands where kafka-python asks for the class of an answer."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def parse_header(self, data: Any) -> Any:
        return self._response.parse_header(data)

    def decode(self, data: Any) -> Pieces:
        return Pieces(self._response, data)


class _Header(RequestHeader, init=False):  # type: ignore[misc, call-arg]
    def get_response_class(self) -> _Reader:
        return _Reader(super().get_response_class())


class MetadataInPieces(MetadataRequest, init=False):  # type: ignore[misc, call-arg]
    """Metadata whose answer is read topic by topic."""

    header_class = _Header


class ConfigsInPieces(DescribeConfigsRequest, init=False):  # type: ignore[misc, call-arg]
    """DescribeConfigs whose answer is read resource by resource."""

    header_class = _Header
