"""The .proto text of a class that protoc made, by the descriptor that the class has: its whole file, without comments and services.

The text is compiled again, and its descriptor is compared with the one that it was made of: nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import protoxy
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.text_encoding import CEscape

from kafkade.clients.protobuf import ROOT, Refused, compile_texts
from kafkade.service.errors import ServiceError

_BUILT_IN = "google/protobuf/"
"""Imports that every registry and compiler brings along."""

_INDENT = "  "
_SCALARS = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in FieldDescriptorProto.Type.items()
    if name not in ("TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP")
}
_LABELS = {FieldDescriptorProto.LABEL_OPTIONAL: "optional ", FieldDescriptorProto.LABEL_REQUIRED: "required "}
_MOST, _MOST_OF_ENUM = 2**29, 2**31 - 1
"""Behind the greatest number of a field; the greatest one of an enumeration's value."""


def proto_text(kind: Any) -> str:
    """The text of the file that a class comes from, always the same for the same file.

    Raises:
        ServiceError: the file imports others than Google's own, or has something that is not written here, such as extensions
            and custom options; says what.
    """
    file = FileDescriptorProto()
    kind.DESCRIPTOR.file.CopyToProto(file)
    text = "\n".join(_File(file).lines()) + "\n"
    try:
        compiled = compile_texts({ROOT: text})[ROOT]
    except (protoxy.ProtoxyError, Refused) as error:
        raise ServiceError(f"{file.name}: the text made of its descriptor does not compile: {error}") from error
    if _essence(compiled) != _essence(file):
        raise ServiceError(f"{file.name} has custom options, or something else that cannot be told from its descriptor")
    return text


def _essence(file: FileDescriptorProto) -> FileDescriptorProto:
    """A file without what is no part of a schema, and with what goes without saying unsaid."""
    made = FileDescriptorProto()
    made.CopyFrom(file)
    for name in ("name", "service", "source_code_info"):
        made.ClearField(name)
    if made.syntax == "proto2":
        made.ClearField("syntax")
    for message in _messages(made.message_type):
        for field in message.field:
            if field.json_name == json_name(field.name):
                field.ClearField("json_name")
    return made


def _messages(messages: Iterable[DescriptorProto]) -> Iterator[DescriptorProto]:
    """These and all within them."""
    for message in messages:
        yield message
        yield from _messages(message.nested_type)


def json_name(name: str) -> str:
    """A field's name in JSON where no option says another."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


class _File:
    """A file that is written."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._proto3 = file.syntax == "proto3"
        # names that are found before those of the file and of other packages
        self._near = {name for message in file.message_type for name in _within(message)}
        self._own = {*(m.name for m in file.message_type), *(e.name for e in file.enum_type)}

    def lines(self) -> Iterator[str]:
        """The whole text."""
        file = self._file
        if file.syntax not in ("", "proto2", "proto3"):
            raise self._cannot(f"its syntax is {file.syntax}")
        if file.extension or any(message.extension for message in _messages(file.message_type)):
            raise self._cannot("it has extensions")
        yield f'syntax = "{file.syntax or "proto2"}";'
        if file.package:
            yield f"\npackage {file.package};"
        if file.dependency:
            yield ""
        for number, name in enumerate(file.dependency):
            if not name.startswith(_BUILT_IN):
                raise self._cannot(f"it imports {name}, which would be a subject of its own")
            yield f"import {'public ' if number in file.public_dependency else ''}{_text(name)};"
        options = list(self._options(file.options, "the file"))
        if options:
            yield ""
        yield from (f"option {name} = {value};" for name, value in options)
        for message in file.message_type:
            yield ""
            yield from self._message(message, "")
        for enum in file.enum_type:
            yield ""
            yield from self._enum(enum, "")

    def _cannot(self, why: str) -> ServiceError:
        return ServiceError(f"{self._file.name}: {why}: give the KafkaSchema its .proto file")

    def _message(self, message: DescriptorProto, indent: str) -> Iterator[str]:
        yield f"{indent}message {message.name} {{"
        inner = indent + _INDENT
        for name, value in self._options(message.options, message.name):
            yield f"{inner}option {name} = {value};"
        yield from _reserved(message.reserved_range, message.reserved_name, inner, _MOST - 1, 1)
        if message.extension_range:
            yield f"{inner}extensions {_ranges(message.extension_range, _MOST - 1, 1)};"
        for enum in message.enum_type:
            yield from self._enum(enum, inner)
        # maps have a type of their own, whose place among the others counts: a record's frame has the number of its type
        fields = _Fields(message)
        for nested in message.nested_type:
            if nested.options.map_entry:
                yield from self._fields(fields, inner, until=f".{nested.name}")
            else:
                yield from self._message(nested, inner)
        yield from self._fields(fields, inner)
        yield f"{indent}}}"

    def _fields(self, fields: _Fields, indent: str, until: str | None = None) -> Iterator[str]:
        """Those that were not written yet, up to the map that has a type ending so."""
        while (field := fields.take()) is not None:
            if field.HasField("oneof_index") and not field.proto3_optional:
                oneof = fields.message.oneof_decl[field.oneof_index]
                yield f"{indent}oneof {oneof.name} {{"
                for name, value in self._options(oneof.options, oneof.name):
                    yield f"{indent}{_INDENT}option {name} = {value};"
                yield f"{indent}{_INDENT}{self._field(field, '', fields.message)}"
                while (other := fields.peek()) is not None and other.oneof_index == field.oneof_index:
                    if not other.HasField("oneof_index"):
                        break
                    fields.take()
                    yield f"{indent}{_INDENT}{self._field(other, '', fields.message)}"
                yield f"{indent}}}"
                continue
            yield f"{indent}{self._field(field, self._label(field), fields.message)}"
            if until is not None and field.type_name.endswith(until):
                return

    def _label(self, field: FieldDescriptorProto) -> str:
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            return "repeated "
        return _LABELS[field.label] if field.proto3_optional or not self._proto3 else ""

    def _field(self, field: FieldDescriptorProto, label: str, message: DescriptorProto) -> str:
        kind = self._kind(field)
        if label == "repeated " and field.type == FieldDescriptorProto.TYPE_MESSAGE:
            for nested in message.nested_type:
                if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
                    kind, label = f"map<{self._kind(nested.field[0])}, {self._kind(nested.field[1])}>", ""
        options = [] if not field.HasField("default_value") else [("default", _default(field))]
        if field.HasField("json_name") and field.json_name != json_name(field.name):
            options.append(("json_name", _text(field.json_name)))
        options += self._options(field.options, field.name)
        return f"{label}{kind} {field.name} = {field.number}{_bracketed(options)};"

    def _kind(self, field: FieldDescriptorProto) -> str:
        if field.type == FieldDescriptorProto.TYPE_GROUP:
            raise self._cannot(f"{field.name} is a group")
        return _SCALARS.get(field.type) or self._type(field.type_name)

    def _type(self, name: str) -> str:
        """A type's name as short as it can be: without the package, unless something nearer begins with the same word."""
        package = self._file.package
        full = name.removeprefix(".")
        short = full.removeprefix(f"{package}.") if package else full
        first, near = short.partition(".")[0], self._near
        if short == full:
            near = {*near, *self._own, *package.split(".")[1:]} if first not in self._own else near
        return name if first in near else short

    def _enum(self, enum: EnumDescriptorProto, indent: str) -> Iterator[str]:
        yield f"{indent}enum {enum.name} {{"
        inner = indent + _INDENT
        for name, value in self._options(enum.options, enum.name):
            yield f"{inner}option {name} = {value};"
        yield from _reserved(enum.reserved_range, enum.reserved_name, inner, _MOST_OF_ENUM, 0)
        for one in enum.value:
            yield f"{inner}{one.name} = {one.number}{_bracketed(self._options(one.options, one.name))};"
        yield f"{indent}}}"

    def _options(self, options: Any, where: str) -> Iterator[tuple[str, str]]:
        """What is said of something, but for what maps are made of."""
        for field, value in options.ListFields():
            if field.is_extension or field.type == FieldDescriptor.TYPE_MESSAGE or isinstance(value, (list, tuple)):
                raise self._cannot(f"{where} has the option {field.name}")
            if field.type == FieldDescriptor.TYPE_ENUM:
                yield field.name, field.enum_type.values_by_number[value].name
            elif field.type == FieldDescriptor.TYPE_BOOL:
                yield field.name, "true" if value else "false"
            else:
                yield field.name, _text(value) if isinstance(value, str) else str(value)


class _Fields:
    """The fields of a message, one after the other."""

    def __init__(self, message: DescriptorProto) -> None:
        self.message = message
        self._next = 0

    def peek(self) -> FieldDescriptorProto | None:
        """The next one."""
        fields: Sequence[FieldDescriptorProto] = self.message.field
        return fields[self._next] if self._next < len(fields) else None

    def take(self) -> FieldDescriptorProto | None:
        """The next one, which is behind us then."""
        found = self.peek()
        self._next += 1
        return found


def _within(message: DescriptorProto) -> Iterator[str]:
    """The names of the types in a message."""
    for enum in message.enum_type:
        yield enum.name
    for nested in message.nested_type:
        yield nested.name
        yield from _within(nested)


def _bracketed(options: Iterable[tuple[str, str]]) -> str:
    told = ", ".join(f"{name} = {value}" for name, value in options)
    return f" [{told}]" if told else ""


def _reserved(ranges: Sequence[Any], names: Sequence[str], indent: str, most: int, behind: int) -> Iterator[str]:
    if ranges:
        yield f"{indent}reserved {_ranges(ranges, most, behind)};"
    if names:
        yield f"{indent}reserved {', '.join(map(_text, names))};"


def _ranges(ranges: Sequence[Any], most: int, behind: int) -> str:
    """``behind``: 1 where the end of a range is not in it."""
    told = []
    for one in ranges:
        last = one.end - behind
        told.append(str(one.start) if one.start == last else f"{one.start} to {'max' if last == most else last}")
    return ", ".join(told)


def _default(field: FieldDescriptorProto) -> str:
    if field.type == FieldDescriptorProto.TYPE_STRING:
        return _text(field.default_value)
    # of bytes it is written as in a text already
    return f'"{field.default_value}"' if field.type == FieldDescriptorProto.TYPE_BYTES else field.default_value


def _text(value: str) -> str:
    return f'"{CEscape(value.encode(), as_utf8=False)}"'
