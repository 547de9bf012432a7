"""Protobuf data by a registry's schema, as what JSON knows (https://protobuf.dev/programming-guides/json/).

Between a record's frame and the message stands which message of the file it is: the number of indexes and the indexes,
from the outermost message inwards, as zigzag varints; the first message of the file is a single 0 (Confluent:
MessageIndexes.java).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import protoxy
from google.protobuf import json_format, message, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from kafkade.clients.protobuf import DEEPEST, ROOT, Refused, compile_texts, is_import_path
from kafkade.clients.registry_schemas import SchemaText
from kafkade.dlq.decode_errors import Undecodable


class ProtobufReader:
    """Reads messages of one schema."""

    def __init__(self, schema: SchemaText) -> None:
        """
        Raises:
            Undecodable: the schema does not compile.
        """
        files = _compiled(schema)
        self._root = files[ROOT]
        self._pool = DescriptorPool()
        added: set[str] = set()
        try:
            self._add(ROOT, files, added)
        except (TypeError, KeyError) as error:
            raise Undecodable(f"not a Protobuf schema: {error}") from error

    def _add(self, name: str, files: dict[str, FileDescriptorProto], added: set[str]) -> None:
        """A file after those that it imports."""
        if name not in added:
            added.add(name)
            for needed in files[name].dependency:
                self._add(needed, files, added)
            self._pool.Add(files[name])

    def read(self, data: bytes) -> Any:
        """
        Raises:
            Undecodable: no such message in the schema, or the data is not one.
        """
        indexes, rest = _indexes(data)
        try:
            found = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(self._name(indexes)))()
            found.ParseFromString(rest)
            return json_format.MessageToDict(found, preserving_proto_field_name=True, descriptor_pool=self._pool)
        except (message.DecodeError, json_format.Error, KeyError, TypeError, ValueError, RecursionError) as error:
            raise Undecodable(f"not Protobuf: {error}") from error

    def _name(self, indexes: list[int]) -> str:
        names = [self._root.package] if self._root.package else []
        level = self._root.message_type
        for index in indexes:
            if not 0 <= index < len(level):
                raise Undecodable(f"the schema has no message with the indexes {indexes}")
            names.append(level[index].name)
            level = level[index].nested_type
        return ".".join(names)


def _indexes(data: bytes) -> tuple[list[int], bytes]:
    numbers = _varints(data)
    count, at = next(numbers)
    if count == 0:
        return [0], data[at:]
    if not 0 < count <= DEEPEST:
        raise Undecodable(f"it begins with {count} message indexes")
    indexes = []
    for _ in range(count):
        index, at = next(numbers)
        indexes.append(index)
    return indexes, data[at:]


_LONGEST = 35
"""Bits that a varint of 32 bits takes at most, seven a byte."""


def _varints(data: bytes) -> Iterator[tuple[int, int]]:
    """Zigzag varints, each with the position after it."""
    number = shift = 0
    for position, byte in enumerate(data, start=1):
        if shift >= _LONGEST:
            raise Undecodable("its message indexes are no numbers of 32 bits")
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield (number >> 1) ^ -(number & 1), position
            number = shift = 0
    raise Undecodable("it ends within its message indexes")


def _compiled(schema: SchemaText) -> dict[str, FileDescriptorProto]:
    """The file and all that it imports, by name."""
    texts = {ROOT: schema.text}
    _collect(schema, texts)
    try:
        compiled = compile_texts(texts)
    except protoxy.ProtoxyError as error:
        raise Undecodable(f"not a Protobuf schema: {str(error).splitlines()[0]}") from error
    except Refused as error:
        raise Undecodable(f"not a Protobuf schema: {error}") from error
    # descriptors of the pool are made of this package's own classes, whichever the compiler gave
    return {name: FileDescriptorProto.FromString(file.SerializeToString()) for name, file in compiled.items()}


def _collect(schema: SchemaText, texts: dict[str, str]) -> None:
    for name, other in schema.references:
        if not is_import_path(name):
            raise Undecodable(f"its reference {name!r} is no relative import path")
        if name not in texts:
            texts[name] = other.text
            _collect(other, texts)
